"""A real Ray cluster on this machine, in a process of its own: a head that fits nothing, and two nodes of one core.

Run as a script it prints the address and the processes of the second node, and lives as long as its standard input.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

FAST_DETECTION = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 300,
    "health_check_timeout_ms": 1000,
    "health_check_failure_threshold": 3,
}


@dataclass(frozen=True)
class RealRay:
    address: str
    doomed: int  # the second node's raylet, which its workers do not outlive

    def kill_a_node(self) -> None:
        os.kill(self.doomed, signal.SIGKILL)


@contextmanager
def real_ray() -> Iterator[RealRay]:
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0"}
    with subprocess.Popen(
        [sys.executable, Path(__file__)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            for line in process.stdout:
                if line.startswith("{"):
                    yield RealRay(**json.loads(line))
                    break
            else:
                raise RuntimeError("Ray did not start")
        finally:
            process.stdin.close()


def main() -> None:
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "_system_config": FAST_DETECTION})
    cluster.add_node(num_cpus=1)
    doomed = cluster.add_node(num_cpus=1)
    raylet = doomed.all_processes["raylet"][0].process.pid
    print(json.dumps({"address": cluster.address, "doomed": raylet}), flush=True)
    sys.stdin.read()
    cluster.shutdown()


if __name__ == "__main__":
    main()
