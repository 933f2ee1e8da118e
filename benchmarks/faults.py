"""What faults cost: python benchmarks/faults.py [--quick | --former FOLDER]

Two services on addresses of their own serve one bucket, and a client asks each without a pause. A fault is made on the
first host and lasts for some seconds, in which a model is published. Printed are the requests that failed on either
host, the slowest answer, how long after the end of the fault the first host served the new model, and how long any host
still missed the storage or Redis. Intervals are the product's defaults. In the quick form they are the tests', which
are shorter.

The storage is the tests' S3 server. Redis is Debian's, and counts every request for a rate limit. ``--former`` names
the sources of another release, which is ``src`` of a checkout. Its service then serves what this release publishes, and
the other way round.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import options

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import made_storage
from made_cluster import MODELS, PRICES, SYMBOLS, made_cluster
from real_host import Asking, Host
from real_redis import RedisServer
from real_service import until

DEFAULTS = {
    "TICKGRAPH_STORAGE__TIMEOUT_SECONDS": "5",
    "TICKGRAPH_STORAGE__RETRIES": "2",
    "TICKGRAPH_STORAGE__POLL_SECONDS": "10",
    "TICKGRAPH_STORAGE__RETRY_SECONDS": "5",
    "TICKGRAPH_SERVE__POLL_SECONDS": "1",
    "TICKGRAPH_SHARED__RETRY_SECONDS": "5",
}

RATE = {"TICKGRAPH_SERVE__RATE_LIMIT": "1000000/second"}  # so that each request asks Redis

Fault = Callable[[SimpleNamespace], contextlib.AbstractContextManager[object]]


@contextlib.contextmanager
def cut(cluster: SimpleNamespace, line: str = "storage") -> Iterator[None]:
    cluster.hosts["a"].lines[line].cut()
    yield
    cluster.hosts["a"].lines[line].mend()


@contextlib.contextmanager
def silent(cluster: SimpleNamespace, line: str = "storage") -> Iterator[None]:
    cluster.hosts["a"].lines[line].silence()
    yield
    cluster.hosts["a"].lines[line].mend()


@contextlib.contextmanager
def slow(cluster: SimpleNamespace) -> Iterator[None]:
    cluster.hosts["a"].lines["storage"].slow(0.5)
    yield
    cluster.hosts["a"].lines["storage"].mend()


@contextlib.contextmanager
def full_disk(cluster: SimpleNamespace) -> Iterator[None]:
    if cluster.disk.refused is None:
        cluster.disk.fill()
    yield
    if cluster.disk.refused is None:
        cluster.disk.free()


FAULTS: dict[str, Fault] = {
    "no fault": lambda cluster: contextlib.nullcontext(),
    "line to the storage cut": cut,
    "line to the storage silent": silent,
    "line to the storage slow, 0.5 s a piece": slow,
    "disk full": full_disk,
    "process paused": lambda cluster: cluster.a.paused(),
    "line to the clients cut": lambda cluster: cut(cluster, "clients"),
}
REDIS_FAULTS: dict[str, Fault] = {
    "line to Redis cut": lambda cluster: cut(cluster, "redis"),
    "line to Redis silent": lambda cluster: silent(cluster, "redis"),
}


def measure(cluster: SimpleNamespace, what: str, fault: Fault, seconds: float, factor: float) -> None:
    asking = Asking()
    pause = threading.Event()
    with asking.of(cluster.services, SYMBOLS):
        with fault(cluster):
            pause.wait(seconds / 2)
            newest = cluster.truth.publish("AAPL", factor)
            pause.wait(seconds / 2)
        ended = time.perf_counter()
        until(lambda: cluster.a.forecast("AAPL")["generation"] == newest, "the newest model", 120)
        back = time.perf_counter() - ended
        until(lambda: cluster.b.forecast("AAPL")["generation"] == newest, "the newest model", 120)
        until(lambda: is_united(cluster), "contact with every partner", 120)
        united = time.perf_counter() - ended
    cluster.truth.must_be(asking.said())
    said = "   ".join(
        f"{name}: {asking.failed[name]:>5,} of {asking.asked[name]:>6,} failed, "
        f"slowest {1e3 * asking.slowest[name]:>6.0f} ms"
        for name in cluster.services
    )
    print(f"  {what:<42}{said}   back after {back:5.2f} s, alone for {united:5.2f} s", flush=True)


def is_united(cluster: SimpleNamespace) -> bool:
    """Whether neither host misses the storage or Redis."""
    answers = [service.ready()[1] for service in cluster.services.values()]
    return all(answer["storage_away"] is None and answer["shared_away"] is None for answer in answers)


@contextlib.contextmanager
def redis_killed(redis: RedisServer) -> Iterator[None]:
    redis.kill()
    yield
    redis.start()


def upgrade(folder: Path, storage: made_storage.Storage, former: Path) -> None:
    """Let each release serve what the other publishes, in a bucket."""
    with made_cluster(storage, folder) as cluster:
        refresh = (
            "refresh",
            "--force",
            "--no-update",
            "--no-retrain",
            "--models",
            MODELS,
            "--prices-dir",
            PRICES,
        )
        old = {"PYTHONPATH": str(former.resolve())}
        host = Host("former", 21, folder, storage, **old)
        with host.serving(MODELS, PRICES) as served:
            asking = Asking()
            with asking.of({**cluster.services, "former": served}, SYMBOLS):
                for release, changes in (("this", {}), ("the former", old), ("this", {})):
                    code, _, err = cluster.hosts["c"].run(*refresh, **changes)
                    if code:
                        raise SystemExit(err)
                    cluster.truth.remember()
                    for service in (*cluster.services.values(), served):
                        for symbol in SYMBOLS:
                            newest = cluster.truth.registry.generation(symbol)
                            until(
                                lambda: service.forecast(symbol)["generation"] == newest,  # noqa: B023
                                "the newest model",
                            )
                    print(f"  {release} release publishes, and services of both serve it", flush=True)
            cluster.truth.must_be(asking.said())
            print(f"  requests, failures {sum(asking.asked.values()):,}, {sum(asking.failed.values())}")


def measure_all(folder: Path, storage: made_storage.Storage, *, quick: bool) -> None:
    seconds, settings = (0.5, RATE) if quick else (20.0, RATE | DEFAULTS)
    faults, redis = dict(FAULTS), None
    if shutil.which("redis-server"):
        redis = RedisServer(folder)
        redis.start()
        faults |= REDIS_FAULTS | {"Redis killed": lambda _: redis_killed(redis)}
    else:
        print("redis-server is not installed: its faults are not measured")
    try:
        partner = (redis.host, redis.port) if redis else None
        with made_cluster(storage, folder, partner, **settings) as cluster:
            print(f"faults on host a for {seconds:g} s, and what its clients and those of host b see")
            for place, (what, fault) in enumerate(faults.items()):
                measure(cluster, what, fault, seconds, 1.1 if place % 2 else 0.9)
    finally:
        if redis:
            redis.kill()


def main() -> None:
    wanted = options.parser(__doc__)
    wanted.add_argument("--former", type=Path, metavar="FOLDER", help="sources of another release")
    asked = wanted.parse_args()
    storage = made_storage.Storage()
    try:
        with tempfile.TemporaryDirectory() as name:
            if asked.former:
                upgrade(Path(name), storage, asked.former)
                return
            measure_all(Path(name), storage, quick=asked.quick)
    finally:
        storage.stop()


if __name__ == "__main__":
    main()
