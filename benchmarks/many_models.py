"""Services with few and with many models, each a process of its own, asked in turns over HTTP."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import psutil

import options
from resampled_market import Resampled
from sized import MANY, copy_models
from tickgraph.market.spelling import Symbol
from tickgraph.market.store import PriceStore
from tickgraph.model.choice import choose
from tickgraph.model.training_config import TrainingConfig
from tickgraph.model.universe_state import universe_state
from tickgraph.pipeline.train import train_symbols
from tickgraph.registry.default_universe import default_universe
from tickgraph.registry.registry import ModelRegistry

TRAINED, SESSIONS = 8, 1_200
ROUNDS, REQUESTS = 5, 4_000
QUICK_ROUNDS, QUICK_REQUESTS = 1, 50
TOGETHER = 100
"""Symbols of one request of those that come first."""
IDLE_SECONDS = 10.0


@dataclass(frozen=True)
class Figures:
    """Of one service: seconds until ready, milliseconds of requests, per cent of a core, MB."""

    start: float
    first: float
    median: float
    p99: float
    p999: float
    chain: float
    idle: float
    megabytes: float
    peak: float


def measure(sizes: Sequence[int], prices: str | None, *, quick: bool) -> dict[int, Figures]:
    """Make a market of the largest size, serve the first symbols of each size, and ask."""
    source = Resampled(prices, max(sizes))
    source.name = "files"  # one that a service can be told
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as running:
        root = Path(folder)
        prepare(root, source, sizes, options.training_config(quick))
        services = {size: running.enter_context(service(root, source.name, size)) for size in sizes}
        firsts = {size: first_requests(one, source.names[:size]) for size, one in services.items()}
        rounds, requests = (QUICK_ROUNDS, QUICK_REQUESTS) if quick else (ROUNDS, REQUESTS)
        generator = np.random.default_rng(0)
        times: dict[int, list[float]] = {size: [] for size in sizes}
        for _ in range(rounds):
            for size, one in services.items():
                asked = [source.names[place] for place in generator.integers(size, size=requests)]
                times[size] += one.times([f"/forecast/{name}?price=130" for name in asked])
        chains = {
            size: chain_times(one, source, size, 20 if quick else 200) for size, one in services.items()
        }
        idle = {size: one.share_of_a_core(0.5 if quick else IDLE_SECONDS) for size, one in services.items()}
        return {
            size: Figures(
                one.start,
                firsts[size],
                *(float(value) for value in 1e3 * np.quantile(times[size], [0.5, 0.99, 0.999])),
                chains[size],
                idle[size],
                one.process.memory_info().rss / 1e6,
                one.peak(),
            )
            for size, one in services.items()
        }


def prepare(root: Path, source: Resampled, sizes: Sequence[int], config: TrainingConfig) -> None:
    """Store prices of all symbols, train some, and publish the others under a folder of models for each size."""
    store = PriceStore(root / "prices")
    # Shorter histories than there are, and not looked at again: what an update costs is measured elsewhere.
    first = source.days[-SESSIONS]
    names = tuple(map(Symbol, source.names))
    for start in range(0, len(names), 250):
        store.write(source.name, source.fetch(names[start : start + 250], first).bars)
    panel = store.panel(source.name, names)
    choices = choose(panel, names, config)
    peers = {symbol: choice.peers or () for symbol, choice in choices.items()}
    pool = names[: max(min(sizes), 2 * TRAINED)]
    for size in sizes:
        registry = ModelRegistry(root / f"models-{size}")
        registry.universe.publish_fit(default_universe())
        own = names[: min(TRAINED, size)]
        train_symbols(panel.select(pool), own, registry, config=config, pool=pool)
        registry.universe.publish_state(universe_state(panel, config.horizons))
        copy_models(registry, names[:size], peers)


@dataclass
class Service:
    """A service that runs, and a client of it."""

    client: httpx.Client
    process: psutil.Process
    start: float

    def times(self, paths: Sequence[str]) -> list[float]:
        """Seconds of each request, one after another."""
        seconds = []
        for path in paths:
            began = time.perf_counter()
            answer = self.client.get(path)
            seconds.append(time.perf_counter() - began)
            if answer.status_code != 200:
                raise SystemExit(f"{path}: {answer.text[:300]}")
        return seconds

    def share_of_a_core(self, seconds: float) -> float:
        """Per cent of a core while nobody asks."""
        before = sum(self.process.cpu_times()[:2])
        time.sleep(seconds)
        return 100 * (sum(self.process.cpu_times()[:2]) - before) / seconds

    def peak(self) -> float:
        """MB that the process had at most."""
        status = Path(f"/proc/{self.process.pid}/status").read_text("ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) / 1e3


@contextlib.contextmanager
def service(root: Path, source: str, size: int) -> Iterator[Service]:
    """Serve the models of a size."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "TICKGRAPH_MODELS_DIR": str(root / f"models-{size}"),
        "TICKGRAPH_PRICES_DIR": str(root / "prices"),
        "TICKGRAPH_OPERATIONS_DIR": str(root / f"state-{size}"),
        "TICKGRAPH_SOURCE": source,
        "TICKGRAPH_SOURCE_PATH": str(root),
        **{f"TICKGRAPH_SERVE__{name.upper()}": str(value) for name, value in MANY.items()},
        "TICKGRAPH_SERVE__PORT": str(port),
    }
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "tickgraph", "serve"], env=environment, stderr=subprocess.DEVNULL, cwd=root
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=600) as client:
            while process.poll() is None:
                with contextlib.suppress(httpx.ConnectError):
                    if client.get("/health/ready").status_code == 200:
                        break
                time.sleep(0.01)
            if process.poll() is not None:
                raise SystemExit("the service ended before it was ready")
            yield Service(client, psutil.Process(process.pid), time.perf_counter() - began)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def first_requests(one: Service, names: Sequence[str]) -> float:
    """Milliseconds a model of the first requests, some symbols at once."""
    began = time.perf_counter()
    for start in range(0, len(names), TOGETHER):
        answer = one.client.get("/forecast", params={"symbols": ",".join(names[start : start + TOGETHER])})
        if answer.status_code != 200 or answer.json()["failures"]:
            raise SystemExit(answer.text[-500:])
    return 1e3 * (time.perf_counter() - began) / len(names)


def chain_times(one: Service, source: Resampled, size: int, requests: int) -> float:
    """Median milliseconds of a symbol's first chain, of symbols all over the market."""
    names = [source.names[place] for place in np.unique(np.linspace(0, size - 1, requests).astype(int))]
    fan = one.client.get(f"/forecast/{names[0]}/fan").json()
    expiries = [step["expiry"] for step in fan["path"]][4::8][:8]
    strikes = np.linspace(0.8, 1.2, 100)
    seconds = []
    for name in names:
        close = one.client.get(f"/forecast/{name}").json()["last_close"]
        body = {"expiries": expiries, "strikes": (strikes * close).tolist()}
        began = time.perf_counter()
        answer = one.client.post(f"/forecast/{name}/chain", json=body)
        seconds.append(time.perf_counter() - began)
        if answer.status_code != 200:
            raise SystemExit(answer.text[:500])
    return 1e3 * float(np.median(seconds))
