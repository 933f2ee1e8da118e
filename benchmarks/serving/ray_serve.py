"""Two plain workers against two replicas of Ray Serve with model multiplexing, on the same requests: ratios of one run.

Usage: python benchmarks/serving/ray_serve.py [--quick]

It needs Ray Serve, which nothing else here does: pip install -c constraints.txt -e ".[bench,ray]" "ray[serve]". Without
it the plain workers alone are measured. Takes about two minutes; absolute times on a shared machine do not hold.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import NamedTuple

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent))

os.environ["KERAS_BACKEND"] = "jax"

import httpx  # noqa: E402
import pandas as pd  # noqa: E402
import psutil  # noqa: E402

import forecasting  # noqa: E402
import options  # noqa: E402
import prepare  # noqa: E402
from run import hammer, line  # noqa: E402
from tickgraph.market.sources.sample import SampleSource  # noqa: E402
from tickgraph.market.store import PriceStore  # noqa: E402
from tickgraph.pipeline.train import train_symbols  # noqa: E402
from tickgraph.registry.default_universe import default_universe  # noqa: E402
from tickgraph.registry.registry import ModelRegistry  # noqa: E402

WORKERS = 2
CONNECTIONS = 8


class Scale(NamedTuple):
    """How much of everything; one request in ``every`` of the mixed ones is for a symbol that was not asked for yet."""

    symbols: int | None
    models: int
    rounds: int
    round_seconds: float
    mixed: int
    every: int = 20


WHOLE = Scale(symbols=None, models=160, rounds=5, round_seconds=2, mixed=1600)
QUICK = Scale(symbols=2, models=6, rounds=1, round_seconds=0.2, mixed=40)


@dataclass(frozen=True)
class Figures:
    """What was measured of one service: seconds, requests a second, bytes."""

    start: float
    first: dict[str, float]
    mixed: dict[str, float]
    warm: dict[str, float]
    memory: float


def plain(port: int, models: Path, prices: Path) -> subprocess.Popen[str]:
    """``tickgraph serve`` with two workers."""
    words = ["serve", "--port", str(port), "--workers", str(WORKERS)]
    folders = ["--models-dir", str(models), "--prices-dir", str(prices)]
    return subprocess.Popen(
        [sys.executable, "-m", "tickgraph", *words, *folders],
        env={**os.environ, "TICKGRAPH_SERVE__TRAIN_ON_DEMAND": "false"},
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def ray_serve(port: int, models: Path, prices: Path) -> subprocess.Popen[str]:
    """Ray Serve with two replicas."""
    words = [str(HERE / "ray_app.py"), str(port), str(WORKERS), str(models), str(prices)]
    ray = {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_raylet_start_wait_time_s": "120",  # a busy machine takes longer than the default 30 s
        "RAY_worker_niceness": str(os.nice(0)),  # else Ray's processes give way to the client
    }
    return subprocess.Popen(
        [sys.executable, *words],
        env={**os.environ, **ray},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def asked_for(symbol: str) -> str:
    """A request for a symbol, which Ray Serve finds its model by."""
    return f"/forecast/{symbol}?price=130.25 serve_multiplexed_model_id: {symbol}"


@contextmanager
def running(start, models: Path, prices: Path, symbol: str) -> Iterator[tuple[httpx.Client, int, float]]:
    """A service that answers; gives a client, the id of its process, and seconds until it answered."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    path, header = asked_for(symbol).split(" ", 1)
    headers = dict([header.split(": ", 1)])
    began = time.perf_counter()
    process = start(port, models, prices)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
            while process.poll() is None and time.perf_counter() < began + 300:
                try:
                    if client.get(path, headers=headers).status_code == 200:
                        break
                except httpx.TransportError:
                    time.sleep(0.02)
            took = time.perf_counter() - began
            client.get(path, headers=headers).raise_for_status()
            yield client, process.pid, took
    finally:
        process.stdin.close()
        if start is plain:
            process.terminate()
        process.wait(120)


def mixed_requests(symbols: list[str], count: int, every: int) -> list[str]:
    """The same draw for every service: symbols asked for already, and regularly one that was not."""
    drawn, fresh = random.Random(20221230), iter(symbols)  # noqa: S311
    known, asked = [next(fresh)], []
    for number in range(count):
        new = next(fresh, None) if number % every == 0 else None
        known += [new] if new else []
        asked.append(asked_for(new or drawn.choice(known)))
    return asked


def family(process: int) -> list[psutil.Process]:
    """A process and all that it started."""
    parent = psutil.Process(process)
    return [parent, *parent.children(recursive=True)]


def memory_of(process: int) -> float:
    """Bytes of a service; a page that several of its processes share counts in parts."""
    return sum(one.memory_full_info().pss for one in family(process) if one.is_running())


def worked(process: int) -> float:
    """Seconds of processor time that a service has taken."""
    return sum(sum(one.cpu_times()[:2]) for one in family(process) if one.is_running())


def load(client: httpx.Client, process: int, requests: list[str], seconds: float = 0) -> dict[str, float]:
    """Ask for each once, or all the time; with the service's processor time for one request."""
    before = worked(process)
    found = hammer(client, requests, CONNECTIONS, seconds)
    if found["failures"]:
        raise RuntimeError(f"{found['failures']} of {found['requests']} requests failed")
    return {**found, "cpu": (worked(process) - before) / found["requests"]}


def measure(start, models: Path, prices: Path, symbols: list[str], scale: Scale) -> Figures:
    """One service from its start: what is asked for first, a mix, what is in memory."""
    begun, *others = symbols
    half = len(others) // 2
    with running(start, models, prices, begun) as (client, process, started):
        first = load(client, process, [asked_for(symbol) for symbol in others[:half]])
        mixed = load(client, process, mixed_requests(others[half:], scale.mixed, scale.every))
        everyone = [asked_for(symbol) for symbol in symbols]
        for _ in range(3):  # so that both workers know all
            load(client, process, everyone)
        rounds = [load(client, process, everyone, scale.round_seconds) for _ in range(scale.rounds)]
        warm = {key: median(one[key] for one in rounds) for key in rounds[0]}
        return Figures(started, first, mixed, warm, memory_of(process))


def report(name: str, found: Figures) -> None:
    print(f"\n{name}")
    line("  start to the first answer", f"{found.start:.1f} s")
    for what, one in (
        (f"{found.first['requests']:.0f} models, each asked for once", found.first),
        (f"{found.mixed['requests']:.0f} requests, some for new models", found.mixed),
        ("all in memory", found.warm),
    ):
        line(f"  {what}: requests per second", f"{one['rate']:,.0f}")
        line("      p50, p99", f"{one['p50'] * 1e3:.2f}, {one['p99'] * 1e3:.2f} ms")
        line("      processor time for a request", f"{one['cpu'] * 1e3:.2f} ms")
    line("  memory of all its processes", f"{found.memory / 1e6:,.0f} MB")


def compare(ours: Figures, theirs: Figures) -> None:
    print("\nplain workers / Ray Serve")
    for what, one, other in (
        ("first answers of models", ours.first, theirs.first),
        ("a mix", ours.mixed, theirs.mixed),
        ("all in memory", ours.warm, theirs.warm),
    ):
        line(f"  requests per second, {what}", "", one["rate"] / other["rate"])
        line(f"  p99, {what}", "", one["p99"] / other["p99"])
        line(f"  processor time for a request, {what}", "", one["cpu"] / other["cpu"])
    line("  start to the first answer", "", ours.start / theirs.start)
    line("  memory", "", ours.memory / theirs.memory)


def publish(root: Path, scale: Scale, *, quick: bool) -> list[str]:
    """Models of real symbols, and each of them again under other names, with its prices; gives the names."""
    sample, panel = SampleSource(), prepare.sample_panel()
    real = ModelRegistry(root / "real")
    real.universe.publish_fit(default_universe())
    train_symbols(panel, list(panel.symbols[: scale.symbols]), real, config=options.training_config(quick))
    forecasting.publish_many(real, root / "models", scale.models)
    own = dict(tuple(sample.fetch(sample.symbols()).bars.groupby("symbol")))
    store, names = PriceStore(root / "prices"), ModelRegistry(root / "models").symbols()
    store.write("sample", pd.concat(own.values()))
    for name, model in zip(names, itertools.cycle(real.symbols()), strict=False):
        store.write("sample", own[model].assign(symbol=name))
    return list(names)


def has_ray_serve() -> bool:
    """Whether Ray is installed, and with it what Ray Serve needs."""
    return all(importlib.util.find_spec(name) for name in ("ray", "aiohttp_cors", "grpc", "uvicorn"))


def main() -> None:
    quick = options.parser(__doc__).parse_args().quick
    scale = QUICK if quick else WHOLE
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        os.environ["TICKGRAPH_OPERATIONS_DIR"] = str(root / "operations")
        symbols = publish(root, scale, quick=quick)
        print(
            f"{os.cpu_count()} cores, {WORKERS} workers or replicas, {len(symbols)} models, {CONNECTIONS} connections"
        )
        ours = measure(plain, root / "models", root / "prices", symbols, scale)
        report(f"tickgraph serve --workers {WORKERS}", ours)
        if has_ray_serve():
            theirs = measure(ray_serve, root / "models", root / "prices", symbols, scale)
            report(f"Ray Serve, {WORKERS} replicas, @serve.multiplexed", theirs)
            compare(ours, theirs)
        else:
            print("\nRay Serve is not installed: nothing to compare with")


if __name__ == "__main__":
    main()
