"""The same models by each engine: a thread per core, stacked calls, and a Ray cluster on this machine.

``python benchmarks/engines.py [--symbols 42] [--stack 16] [--quick]``. An accelerator takes what its memory holds.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tickgraph.market.sources import open_source
from tickgraph.market.store import PriceStore
from tickgraph.model.weights import weight_shapes
from tickgraph.pipeline.engines import LocalEngine, open_engine
from tickgraph.pipeline.engines.plan import Engine
from tickgraph.pipeline.gathering import gather_prices
from tickgraph.pipeline.train import train_symbols
from tickgraph.registry.registry import ModelRegistry


def main() -> None:
    """Train with each engine and print the times beside the first one's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=42)
    parser.add_argument("--stack", type=int, default=16)
    parser.add_argument("--quick", action="store_true", help="4 symbols in stacks of 2")
    asked = parser.parse_args()
    if asked.quick:
        asked.symbols, asked.stack = 4, 2
    engines: dict[str, Callable[[], Engine]] = {
        "ray, a process per core": lambda: open_engine("ray"),
        "a thread per core": LocalEngine,
        f"stacks of {asked.stack}": lambda: LocalEngine(stack=asked.stack),
    }
    with tempfile.TemporaryDirectory() as name:
        folder, source = Path(name), open_source("sample", None)
        wanted = source.symbols()[: asked.symbols]
        prices = gather_prices(PriceStore(folder / "prices"), source, wanted, source.symbols())
        seconds: dict[str, float] = {}
        for label, open_one in engines.items():
            started = time.perf_counter()
            registry = ModelRegistry(folder / label)
            report = train_symbols(
                prices.panel, prices.symbols, registry, pool=prices.pool, engine=open_one()
            )
            seconds[label] = time.perf_counter() - started
            if report.failed:
                raise SystemExit("\n".join(report.failed.values()))
        base = seconds["a thread per core"]
        print(f"{len(prices.symbols)} symbols, every horizon, from prices to published models")
        for label, taken in seconds.items():
            print(
                f"  {label:30} {taken:8.1f} s {taken / base:8.2f} x   weights apart {_apart(folder, label):.1e}"
            )


def _apart(folder: Path, label: str) -> float:
    one, other = ModelRegistry(folder / "a thread per core"), ModelRegistry(folder / label)
    apart = 0.0
    for symbol in one.symbols():
        ours, theirs = (registry.load(symbol, weight_shapes).weights for registry in (one, other))
        apart = max(apart, *(float(np.abs(value - theirs[path]).max()) for path, value in ours.items()))
    return apart


if __name__ == "__main__":
    main()
