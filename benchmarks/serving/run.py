"""What serving is judged by, as ratios in one run with a real server over loopback.

Usage: python benchmarks/serving/run.py

Needs the extra "bench" (Locust). Takes about five minutes; absolute times on a shared machine do not hold.
"""

from __future__ import annotations

import csv
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

os.environ["KERAS_BACKEND"] = "jax"

import first_design  # noqa: E402
import httpx  # noqa: E402
import numpy as np  # noqa: E402
import psutil  # noqa: E402

import prepare  # noqa: E402
from tickgraph.market.sources.sample import SampleSource  # noqa: E402
from tickgraph.market.store import PriceStore  # noqa: E402
from tickgraph.model.weights import weight_shapes  # noqa: E402
from tickgraph.pipeline.train import train_symbols  # noqa: E402
from tickgraph.registry.registry import ModelRegistry  # noqa: E402

TOKEN = "a-token-for-benchmarks"  # noqa: S105
ADMIN = {"authorization": f"Bearer {TOKEN}"}
MODELS = 479
CONNECTIONS = 8
ROUNDS = 7
ROUND_SECONDS = 2
USERS = 100
USER_SECONDS = 40


def line(text: str, value: str, ratio: float | None = None, wanted: str = "") -> None:
    print(f"{text:<60}{value:>12}" + (f"{ratio:>9.2f}  {wanted}" if ratio is not None else ""), flush=True)


@contextmanager
def server(models: Path, prices: Path) -> Iterator[tuple[httpx.Client, subprocess.Popen, float]]:
    """The service in a process of its own; gives a client, the process, and seconds from start to ready."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "BENCHMARK_PORT": str(port),
        "TICKGRAPH_MODELS_DIR": str(models),
        "TICKGRAPH_PRICES_DIR": str(prices),
        "TICKGRAPH_SERVE__ADMIN_TOKEN": TOKEN,
    }
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, HERE / "app.py"], env=environment, stderr=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
            while True:
                try:
                    if client.get("/health/ready").status_code == 200:
                        break
                except httpx.ConnectError:
                    time.sleep(0.01)
            yield client, process, time.perf_counter() - started
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def hammer(client: httpx.Client, *paths: str, connections: int = CONNECTIONS) -> dict[str, float]:
    words = [client.base_url.port, connections, ROUND_SECONDS, *paths]
    done = subprocess.run(
        [sys.executable, HERE / "hammer.py", *map(str, words)], stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout)


def side_by_side(client: httpx.Client, symbols: list[str]) -> float:
    """The warm forecast beside the constant body, in turns, so that a busy moment hits both; gives seconds of one."""
    warm = [f"/forecast/{symbol}?price={100 + number}" for number, symbol in enumerate(symbols)]
    rounds = [(hammer(client, "/constant"), hammer(client, *warm)) for _ in range(ROUNDS)]
    constant, forecast = (
        {key: median(one[side][key] for one in rounds) for key in rounds[0][0]} for side in (0, 1)
    )
    print(
        f"\nas fast as answers come, {CONNECTIONS} connections, one worker, median of {ROUNDS} rounds in turns"
    )
    for name, one in (
        ("constant body of the same size", constant),
        ("warm GET /forecast/{symbol}?price=", forecast),
    ):
        line(f"  {name}: requests per second", f"{one['rate']:,.0f}")
        line("      p50, p99", f"{one['p50'] * 1e3:.2f}, {one['p99'] * 1e3:.2f} ms")
    line(
        "  requests per second, forecast / constant",
        "",
        forecast["rate"] / constant["rate"],
        "(at least 0.6)",
    )
    line("  p99, forecast / constant", "", forecast["p99"] / constant["p99"], "(under 4)")
    every = [hammer(client, "/forecast/all", connections=1) for _ in range(3)]
    single = [hammer(client, warm[0], connections=1) for _ in range(3)]
    one, all_of_them = (median(round_["p50"] for round_ in rounds) for rounds in (single, every))
    print("\none client")
    line("  one forecast", f"{one * 1e3:.2f} ms")
    line(
        f"  /forecast/all, {len(symbols)} symbols",
        f"{all_of_them * 1e3:.2f} ms",
        all_of_them / one,
        "(under 10)",
    )
    return one


def first_requests(client: httpx.Client, symbols: list[str], warm: float) -> float:
    """The first request for each model on disk: after everything was forgotten, prices too."""
    client.post("/admin/cache/clear", headers=ADMIN)
    seconds = []
    for symbol in symbols:
        started = time.perf_counter()
        client.get(f"/forecast/{symbol}").raise_for_status()
        seconds.append(time.perf_counter() - started)
    print("\nfirst request for a model on disk, over the warm one")
    line("  the very first: prices are read, too", f"{(seconds[0] - warm) * 1e3:.1f} ms", None)
    line(
        f"  median, largest of the {len(seconds) - 1} after it",
        f"{(median(seconds[1:]) - warm) * 1e3:.1f}, {(max(seconds[1:]) - warm) * 1e3:.1f} ms",
    )
    line("  largest of all / 50 ms", "", (max(seconds) - warm) / 0.05, "(under 1)")
    return median(seconds)


def metric(client: httpx.Client, name: str) -> float:
    text = client.get("/metrics").text
    return sum(
        float(row.split()[-1]) for row in text.splitlines() if row.startswith((name + "{", name + " "))
    )


def users(client: httpx.Client, symbols: list[str], folder: Path, name: str) -> dict[str, float]:
    """100 Locust users for a while; gives what they met."""
    environment = {**os.environ, "BENCHMARK_SYMBOLS": ",".join(symbols)}
    before = metric(client, "gnn_cache_hits_total"), metric(client, "gnn_cache_misses_total")
    command = ["locust", "-f", HERE / "users.py", "--headless", "--host", str(client.base_url)]
    command += ["-u", str(USERS), "-r", str(USERS), "-t", f"{USER_SECONDS}s", "--csv", folder / name]
    command += ["--only-summary", "--reset-stats", "--loglevel", "ERROR"]
    running = subprocess.Popen(
        [sys.executable, "-m", *command],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    jobs = []
    if name == "retrain":
        time.sleep(5)
        began = time.perf_counter()
        for symbol in symbols:
            jobs.append(
                client.post(f"/admin/retrain/{symbol}", headers=ADMIN).raise_for_status().json()["id"]
            )
        while {client.get(f"/admin/jobs/{job}", headers=ADMIN).json()["state"] for job in jobs} != {"done"}:
            time.sleep(0.5)
        took = time.perf_counter() - began
    running.wait()
    with (folder / f"{name}_stats.csv").open() as file:
        row = next(row for row in csv.DictReader(file) if row["Name"] == "Aggregated")
    hits, misses = (
        metric(client, f"gnn_cache_{kind}_total") - was
        for kind, was in zip(("hits", "misses"), before, strict=True)
    )
    return {
        "requests": float(row["Request Count"]),
        "failures": float(row["Failure Count"]),
        "p50": float(row["50%"]),
        "p95": float(row["95%"]),
        "p99": float(row["99%"]),
        "hits": hits / (hits + misses),
        "retrain": took if jobs else 0.0,
    }


def crowd(client: httpx.Client, symbols: list[str], folder: Path) -> None:
    quiet = users(client, symbols, folder, "quiet")
    busy = users(client, symbols, folder, "retrain")
    print(f"\n{USERS} Locust users, 1 s of thought, {len(symbols)} symbols, {USER_SECONDS} s each (whole ms)")
    for name, one in (("quiet", quiet), (f"while all are retrained ({busy['retrain']:.0f} s)", busy)):
        line(f"  {name}: requests, failures", f"{one['requests']:.0f}, {one['failures']:.0f}")
        line("      p50, p95, p99", f"{one['p50']:.0f}, {one['p95']:.0f}, {one['p99']:.0f} ms")
    line("  quiet p95 / 25 ms", "", quiet["p95"] / 25, "(under 1)")
    line("  hit rate, quiet", f"{quiet['hits']:.2%}", None)
    line("  p99, retraining / quiet", "", busy["p99"] / quiet["p99"], "(under 4)")


def publish_many(registry: ModelRegistry, sample: SampleSource, root: Path) -> None:
    """479 models with prices, each a real one's under another name."""
    many, symbols = ModelRegistry(root / "models"), registry.symbols()
    models = [registry.load(symbol, weight_shapes) for symbol in symbols]
    bars, store = sample.fetch(sample.symbols()).bars, PriceStore(root / "prices")
    store.write("sample", bars)
    own = dict(tuple(bars.groupby("symbol")))
    for number in range(MODELS):
        model = models[number % len(models)]
        name = "Z" + np.base_repr(number, 36).rjust(3, "0")
        many.publish(model.metadata.model_copy(update={"symbol": name}), model.weights, model.correlation)
        store.write("sample", own[model.symbol].assign(symbol=name))


def many_models(registry: ModelRegistry, sample: SampleSource, root: Path) -> None:
    publish_many(registry, sample, root)
    print(f"\n{MODELS} models on disk")
    with server(root / "models", root / "prices") as (client, process, seconds):
        loaded = client.get("/health/ready").json()["models_in_memory"]
        line("  process start to ready / 5 s", f"{seconds:.2f} s", seconds / 5, "(under 1)")
        line("  models loaded by then", f"{loaded}")
        client.get("/forecast/Z000").raise_for_status()
        before = psutil.Process(process.pid).memory_info().rss
        answered = len(client.get("/forecast/all").raise_for_status().json()["forecasts"])
        after = psutil.Process(process.pid).memory_info().rss
        each = (after - before) / (answered - 1)
        line(
            f"  memory per model served, {answered} of them / 1 MB",
            f"{each / 1e3:.0f} KB",
            each / 1e6,
            "(under 1)",
        )
        line("  memory of the process that serves them", f"{after / 1e6:.0f} MB")


def against_the_first_design(
    registry: ModelRegistry, panel, symbols: list[str], warm: float, cold: float
) -> None:
    theirs = first_design.times(registry, panel, symbols)
    print("\nthe first design run here, inside its process, against ours over HTTP (theirs / ours)")
    line(
        "  lru_cache and model.predict, from memory",
        f"{theirs['memory'] * 1e3:.1f} ms",
        theirs["memory"] / warm,
    )
    line(
        "  the same, first request: model from disk", f"{theirs['disk'] * 1e3:.1f} ms", theirs["disk"] / cold
    )
    line("  training on request", f"{theirs['training'] * 1e3:,.0f} ms", theirs["training"] / warm)


def main() -> None:
    started = time.perf_counter()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as folder:
        root, sample, panel = Path(folder), SampleSource(), prepare.sample_panel()
        registry = ModelRegistry(root / "models")
        train_symbols(panel, panel.symbols, registry)
        PriceStore(root / "prices").update(sample, sample.symbols())
        symbols = list(registry.symbols())
        with server(registry.root, root / "prices") as (client, _, _):
            client.get("/forecast/all").raise_for_status()
            warm = side_by_side(client, symbols)
            cold = first_requests(client, symbols, warm)
            crowd(client, symbols, root)
        many_models(registry, sample, root / "many")
        against_the_first_design(registry, panel, symbols, warm, cold)
    print(f"\n{time.perf_counter() - started:.0f} s in all", file=sys.stderr)


if __name__ == "__main__":
    main()
