"""A real Prometheus for tests, on loopback, and the files that deploy/ has for one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

DEPLOY = Path(__file__).parents[1] / "deploy"
CONFIG = DEPLOY / "prometheus" / "prometheus.yml"
RULES = DEPLOY / "prometheus" / "tickgraph.rules.yml"

EVERY = "1s"  # between two scrapes, and two evaluations of the rules

REQUIRED = "TICKGRAPH_TESTS_NEED_PROMETHEUS" in os.environ  # read before conftest forgets such variables


def program(name: str) -> str:
    """Where ``prometheus`` or ``promtool`` is; without it CI fails, and elsewhere the test is skipped."""
    found = shutil.which(name)
    if found is None:
        said = f"{name} is not installed: apt-get install prometheus"
        pytest.fail(said) if REQUIRED else pytest.skip(said)
    return found


@dataclass
class Prometheus:
    """A running Prometheus."""

    url: str
    http: httpx.Client

    def data(self, path: str, **words: str) -> Any:
        """What a route of its API gives; fails with its own words where that is an error."""
        answer = self.http.get(f"/api/v1/{path}", params=words).json()
        assert answer["status"] == "success", (words, answer.get("error"))
        return answer["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Series of an expression now."""
        found = self.data("query", query=expression)
        return found["result"] if found["resultType"] == "vector" else [found["result"]]

    def query_range(self, expression: str, seconds: int = 30) -> list[dict[str, Any]]:
        """Series of an expression over the last seconds, one point for each, as a graph asks for them."""
        now = time.time()
        words = {"start": f"{now - seconds}", "end": f"{now}", "step": "1"}
        return self.data("query_range", query=expression, **words)["result"]


@contextmanager
def prometheus(folder: Path, address: str) -> Iterator[Prometheus]:
    """Prometheus with the configuration and the rules of deploy/, of which only addresses and times are others."""
    binary = program("prometheus")
    config = yaml.safe_load(CONFIG.read_text())
    config["global"] |= {"scrape_interval": EVERY, "evaluation_interval": EVERY, "scrape_timeout": EVERY}
    config["scrape_configs"][0]["static_configs"] = [{"targets": [address]}]
    folder.mkdir()
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    shutil.copy(RULES, folder)
    flags = ["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address=127.0.0.1:0"]
    started = subprocess.Popen([binary, *flags], stderr=subprocess.PIPE, text=True, cwd=folder)
    log: list[str] = []
    known, at = threading.Event(), []

    def read() -> None:
        for line in started.stderr:
            log.append(line.rstrip())
            if found := re.search(r'[Ll]istening on"? "?address"?="?127\.0\.0\.1:(\d+)', line):
                at.append(f"http://127.0.0.1:{found[1]}")
                known.set()
        known.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        assert known.wait(60), log
        assert at, "\n".join(log)
        with httpx.Client(base_url=at[0], timeout=30, trust_env=False) as http:
            until(lambda: http.get("/-/ready").status_code == 200, "getting ready")
            yield Prometheus(at[0], http)
    finally:
        started.terminate()
        try:
            started.wait(30)
        except subprocess.TimeoutExpired:
            started.kill()
        reader.join(30)
        started.stderr.close()


def until(condition: Callable[[], Any], what: str, seconds: float = 30) -> Any:
    """Poll for what another process does; fails with ``what`` when it never happens."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what} did not happen within {seconds} s")
