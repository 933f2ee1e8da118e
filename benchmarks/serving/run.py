"""What serving is judged by, as ratios in one run with a real server over loopback.

Usage: python benchmarks/serving/run.py [--quick]

Takes about three minutes; absolute times on a shared machine do not hold.
"""

from __future__ import annotations

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
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

os.environ["KERAS_BACKEND"] = "jax"

import first_design  # noqa: E402
import httpx  # noqa: E402
import pandas as pd  # noqa: E402
import psutil  # noqa: E402

import forecasting  # noqa: E402
import options  # noqa: E402
import prepare  # noqa: E402
from tickgraph.market.sources.sample import SampleSource  # noqa: E402
from tickgraph.market.store import PriceStore  # noqa: E402
from tickgraph.model.training_config import HORIZONS  # noqa: E402
from tickgraph.model.universe_state import universe_state  # noqa: E402
from tickgraph.pipeline.train import train_symbols  # noqa: E402
from tickgraph.registry.default_universe import default_universe  # noqa: E402
from tickgraph.registry.registry import ModelRegistry  # noqa: E402

TOKEN = "a-token-for-benchmarks"  # noqa: S105
ADMIN = {"authorization": f"Bearer {TOKEN}"}
CONNECTIONS = 8


@dataclass(frozen=True)
class Scale:
    """How much of everything: symbols of the sample (None is all), models, rounds, users."""

    symbols: int | None = None
    models: int = 479
    rounds: int = 7
    round_seconds: float = 2
    users: int = 100
    thought_seconds: float = 1
    user_seconds: float = 40


QUICK = Scale(
    symbols=2, models=4, rounds=1, round_seconds=0.2, users=5, thought_seconds=0.1, user_seconds=0.5
)


def line(text: str, value: str, ratio: float | None = None, wanted: str = "") -> None:
    print(f"{text:<60}{value:>12}" + (f"{ratio:>9.2f}  {wanted}" if ratio is not None else ""), flush=True)


@contextmanager
def server(
    models: Path, prices: Path, *, quick: bool, **variables: str
) -> Iterator[tuple[httpx.Client, subprocess.Popen, float]]:
    """The service in a process of its own; gives a client, the process, and seconds from start to ready."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "BENCHMARK_PORT": str(port),
        "TICKGRAPH_MODELS_DIR": str(models),
        "TICKGRAPH_PRICES_DIR": str(prices),
        "TICKGRAPH_SERVE__ADMIN_TOKEN": TOKEN,
        "TICKGRAPH_SERVE__REQUEST_SECONDS": "100",  # for the request that loads every model, on a busy machine
        **variables,
    }
    if quick:
        environment["TICKGRAPH_TRAINING"] = json.dumps(options.QUICK_TRAINING)
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, HERE / "app.py"], env=environment, stderr=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
            while process.poll() is None:
                try:
                    if client.get("/health/ready").status_code == 200:
                        break
                except httpx.ConnectError:
                    time.sleep(0.01)
            yield client, process, time.perf_counter() - started
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def hammer(
    client: httpx.Client, paths: list[str], connections: int, seconds: float, thought: float = 0
) -> dict[str, float]:
    """Load the server from a process of its own."""
    words = [client.base_url.port, connections, seconds, thought, *paths]
    done = subprocess.run(
        [sys.executable, HERE / "hammer.py", *map(str, words)], stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout)


def as_fast_as_answers_come(
    client: httpx.Client, scale: Scale, *paths: str, connections: int = CONNECTIONS
) -> dict[str, float]:
    found = hammer(client, list(paths), connections, scale.round_seconds)
    if found["failures"]:
        raise RuntimeError(f"{found['failures']} of {found['requests']} requests for {paths[0]} failed")
    return found


def priced(client: httpx.Client, symbols: list[str]) -> list[str]:
    """Requests at prices 1 % above the last close, as a caller's are; one far from it costs a note, and more time."""
    closes = [client.get(f"/forecast/{symbol}").raise_for_status().json()["last_close"] for symbol in symbols]
    return [
        f"/forecast/{symbol}?price={1.01 * close:.2f}" for symbol, close in zip(symbols, closes, strict=True)
    ]


def side_by_side(client: httpx.Client, symbols: list[str], scale: Scale) -> float:
    """The warm forecast beside the constant body, in turns, so that a busy moment hits both; gives seconds of one."""
    warm = priced(client, symbols)
    rounds = [
        (as_fast_as_answers_come(client, scale, "/constant"), as_fast_as_answers_come(client, scale, *warm))
        for _ in range(scale.rounds)
    ]
    constant, forecast = (
        {key: median(one[side][key] for one in rounds) for key in rounds[0][0]} for side in (0, 1)
    )
    print(
        f"\nas fast as answers come, {CONNECTIONS} connections, one worker, median of {scale.rounds} rounds in turns"
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
        "(at least 0.7)",
    )
    line("  p99, forecast / constant", "", forecast["p99"] / constant["p99"], "(under 4)")
    turns = [
        [
            as_fast_as_answers_come(client, scale, path, connections=1)["p50"]
            for path in (warm[0], "/forecast/all")
        ]
        for _ in range(scale.rounds)
    ]
    one, all_of_them = (median(seconds) for seconds in zip(*turns, strict=True))
    print("\none client")
    line("  one forecast", f"{one * 1e3:.2f} ms")
    line(
        f"  /forecast/all, {len(symbols)} symbols",
        f"{all_of_them * 1e3:.2f} ms",
        all_of_them / one,
        "(under 8)",
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


def crowd_for_a_while(
    client: httpx.Client, symbols: list[str], scale: Scale, *, retrained: bool
) -> dict[str, float]:
    """Users who think between two requests; while they do, every model may be trained again."""
    before = [metric(client, f"gnn_cache_{kind}_total") for kind in ("hits", "misses")]
    with ThreadPoolExecutor() as pool:
        crowd = pool.submit(
            hammer, client, priced(client, symbols), scale.users, scale.user_seconds, scale.thought_seconds
        )
        took = retrain(client, symbols, after=scale.user_seconds / 8) if retrained else 0.0
        found = crowd.result()
    hits, misses = (
        metric(client, f"gnn_cache_{kind}_total") - was
        for kind, was in zip(("hits", "misses"), before, strict=True)
    )
    return {**found, "hits": hits / (hits + misses), "retraining": took}


def retrain(client: httpx.Client, symbols: list[str], after: float) -> float:
    """Have every model trained again; seconds that it took."""
    time.sleep(after)
    began = time.perf_counter()
    jobs = [
        client.post(f"/admin/retrain/{symbol}", headers=ADMIN).raise_for_status().json()["id"]
        for symbol in symbols
    ]
    for job in jobs:
        while (state := client.get(f"/admin/jobs/{job}", headers=ADMIN).json()["state"]) != "done":
            if state == "failed":
                raise RuntimeError(f"job {job} failed")
            time.sleep(0.1)
    return time.perf_counter() - began


def crowd(client: httpx.Client, symbols: list[str], scale: Scale) -> None:
    quiet = crowd_for_a_while(client, symbols, scale, retrained=False)
    busy = crowd_for_a_while(client, symbols, scale, retrained=True)
    print(
        f"\n{scale.users} users, {scale.thought_seconds:g} s of thought, {len(symbols)} symbols, "
        f"{scale.user_seconds:g} s each"
    )
    for name, one in (("quiet", quiet), (f"while all are retrained ({busy['retraining']:.0f} s)", busy)):
        line(f"  {name}: requests, failures", f"{one['requests']:.0f}, {one['failures']:.0f}")
        line(
            "      p50, p95, p99",
            ", ".join(f"{one[key] * 1e3:.1f}" for key in ("p50", "p95", "p99")) + " ms",
        )
    line("  quiet p95 / 25 ms", "", quiet["p95"] / 0.025, "(under 1)")
    line("  hit rate, quiet", f"{quiet['hits']:.2%}", None)
    line("  p99, retraining / quiet", "", busy["p99"] / quiet["p99"], "(under 4)")


def many_models(
    registry: ModelRegistry, sample: SampleSource, root: Path, count: int, *, quick: bool
) -> None:
    forecasting.publish_many(registry, root / "models", count)
    store, own = (
        PriceStore(root / "prices"),
        dict(tuple(sample.fetch(sample.symbols()).bars.groupby("symbol"))),
    )
    store.write("sample", pd.concat(own.values()))
    many = ModelRegistry(root / "models")
    for number, name in enumerate(many.symbols()):
        model = registry.symbols()[number % len(registry.symbols())]
        store.write("sample", own[model].assign(symbol=name))
    everyone = store.panel("sample", store.symbols("sample"))
    many.universe.publish_state(universe_state(everyone, HORIZONS))
    print(f"\n{count} models on disk")
    with server(root / "models", root / "prices", quick=quick) as (client, process, seconds):
        loaded = client.get("/health/ready").json()["models_in_memory"]
        line("  process start to ready / 5 s", f"{seconds:.2f} s", seconds / 5, "(under 1)")
        line("  models loaded by then", f"{loaded}")
        client.get("/forecast/Z000").raise_for_status()
        before = psutil.Process(process.pid).memory_info().rss
        answered = len(client.get("/forecast/all").raise_for_status().json()["forecasts"])
        after = psutil.Process(process.pid).memory_info().rss
        each = (after - before) / (answered - 1)
        line(
            f"  memory per model served, {answered} of them / 0.4 MB",
            f"{each / 1e3:.0f} KB",
            each / 4e5,
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
    started, quick = time.perf_counter(), options.parser(__doc__).parse_args().quick
    scale = QUICK if quick else Scale()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as folder:
        root, sample, panel = Path(folder), SampleSource(), prepare.sample_panel()
        symbols = list(panel.symbols[: scale.symbols])
        registry = ModelRegistry(root / "models")
        registry.universe.publish_fit(default_universe())
        train_symbols(panel, symbols, registry, config=options.training_config(quick))
        PriceStore(root / "prices").update(sample, sample.symbols())
        with server(registry.root, root / "prices", quick=quick) as (client, _, _):
            client.get("/forecast/all").raise_for_status()
            warm = side_by_side(client, symbols, scale)
            cold = first_requests(client, symbols, warm)
            crowd(client, symbols, scale)
        many_models(registry, sample, root / "many", scale.models, quick=quick)
        first = ModelRegistry(root / "first")
        config = options.training_config(quick, architecture=prepare.FIRST_DESIGN)
        train_symbols(panel, symbols, first, config=config)
        against_the_first_design(first, panel, symbols, warm, cold)
    print(f"\n{time.perf_counter() - started:.0f} s in all", file=sys.stderr)


if __name__ == "__main__":
    main()
