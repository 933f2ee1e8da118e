"""Models in a folder and on object storage: python benchmarks/object_storage.py [--quick | --wait MILLISECONDS]

The storage is the tests' S3 server, over loopback: its own time is that of a server in Python, and no network is in it.
``--wait`` makes it wait before each answer, as a real one does: Amazon's S3 takes some 10 to 50 ms. What counts is
how many requests an operation makes, and that a copy costs none.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import options

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import made_storage
from tickgraph.market.panel import PricePanel
from tickgraph.market.sources.sample import SampleSource
from tickgraph.model.weights import weight_shapes
from tickgraph.pipeline.train import train_symbols
from tickgraph.registry.registry import ModelRegistry

SYMBOL = "AAPL"


def fastest(call: Callable[[], object], times: int) -> float:
    """Seconds of the fastest of several calls: others may use this machine."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return min(taken)


def line(what: str, seconds: float, against: float, requests: dict[str, int]) -> None:
    asked = ", ".join(f"{count} {kind}" for kind, count in sorted(requests.items())) or "none"
    print(f"  {what:<44}{1e3 * seconds:>10.3f} ms {seconds / against:>8.2f} x   requests: {asked}")


def main() -> None:
    wanted = options.parser(__doc__)
    wanted.add_argument(
        "--wait", type=float, default=0.0, metavar="MS", help="before each answer of the storage"
    )
    asked = wanted.parse_args()
    times = 3 if asked.quick else 50
    storage = made_storage.Storage()
    os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"] = "benchmark", "benchmark"
    pause = threading.Event()
    if asked.wait:
        storage.fault = lambda method, path: pause.wait(asked.wait / 1e3) or None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        local = ModelRegistry(folder / "models")
        source = SampleSource()
        panel = PricePanel.from_bars(source.fetch(source.symbols()).bars, source.name)
        train_symbols(panel, (SYMBOL,), local, config=options.training_config(True, horizons=()))
        model = local.load(SYMBOL, weight_shapes)

        def publish(registry: ModelRegistry) -> None:
            registry.publish(model.metadata, model.weights, model.correlation)

        def load(registry: ModelRegistry) -> None:
            registry.load(SYMBOL, weight_shapes)

        publisher = ModelRegistry(storage.place(folder / "publisher", poll_seconds=600))
        warm = ModelRegistry(storage.place(folder / "warm", poll_seconds=600))
        publish(publisher)
        load(warm)
        counter = iter(range(10**6))

        def cold() -> None:
            load(ModelRegistry(storage.place(folder / f"cold{next(counter)}")))

        def checked() -> None:
            warm._shelf.origin._answers.clear()
            warm.generation(SYMBOL)

        def look() -> None:
            warm._shelf.origin._listings.clear()
            warm.symbols()

        def section(
            title: str, in_folder: Callable[[], object], rows: dict[str, Callable[[], object]]
        ) -> None:
            print(title)
            against = fastest(in_folder, times)
            line("in a folder", against, against, {})
            for what, call in rows.items():
                storage.counted()
                call()
                requests = storage.counted()
                line(what, fastest(call, times), against, requests)

        section("publish a model", lambda: publish(local), {"on object storage": lambda: publish(publisher)})
        section(
            "load and verify a model",
            lambda: load(local),
            {"from a copy that is current": lambda: load(warm), "from object storage, no copy": cold},
        )
        section(
            "look whether there is a newer one",
            lambda: local.generation(SYMBOL),
            {
                "of a copy that is current": lambda: warm.generation(SYMBOL),
                "one that asks the storage": checked,
                "a list of all models": look,
            },
        )
    storage.stop()


if __name__ == "__main__":
    main()
