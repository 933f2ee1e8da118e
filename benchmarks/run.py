"""Every figure the project is judged by, as ratios measured in one run: python benchmarks/run.py

Absolute times on a shared machine do not hold; ratios within one run mostly do. Takes about two minutes.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"

import forecasting
import prepare
import training
from tickgraph.market.sources.sample import SampleSource
from tickgraph.market.store import PriceStore
from tickgraph.pipeline.train import train_symbols
from tickgraph.registry.registry import ModelRegistry


def line(text: str, value: str, ratio: float | None = None, wanted: str = "") -> None:
    print(f"{text:<58}{value:>12}" + (f"{ratio:>9.1f} x  {wanted}" if ratio is not None else ""))


def main() -> None:
    started = time.perf_counter()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        panel = prepare.sample_panel()
        symbols, building = prepare.write_snapshots(panel, root / "snapshots.npz")
        line(f"snapshots of {symbols} symbols, 1,061 sessions", f"{building:.2f} s")
        results = training.run(root / "snapshots.npz")
        report_training(results, symbols)
        registry = ModelRegistry(root / "models")
        began = time.perf_counter()
        train_symbols(panel, panel.symbols, registry)
        line("\nthe same with snapshots, calibration and publishing", f"{time.perf_counter() - began:.1f} s")
        report_forecasting(registry, panel, root)
    print(f"\n{time.perf_counter() - started:.0f} s in all", file=sys.stderr)


def report_training(results: dict[str, dict[str, float]], symbols: int) -> None:
    ours = results["tickgraph"]
    wanted = {"keras-once": "(at least 2.5, aim 5)", "keras-new": "(at least 5, aim 10)"}
    for measure, title in (("wall", "wall time from process start"), ("training", "training alone")):
        print(f"\n{title}, {symbols} symbols")
        for name, text in training.CONTESTANTS.items():
            ratio = None if name == "tickgraph" else results[name][measure] / ours[measure]
            line(f"  {text}", f"{results[name][measure]:.2f} s", ratio, wanted.get(name, ""))
    print("\nwhere tickgraph's time goes")
    for part in ("import and read", "compile", "training"):
        line(f"  {part}", f"{ours[part]:.2f} s")
    line(
        "  start and end of the process",
        f"{ours['wall'] - sum(ours[p] for p in ('import and read', 'compile', 'training')):.2f} s",
    )
    work, rate = training.arithmetic(symbols), training.float_rate()
    floor = work / rate
    line(
        f"  arithmetic floor: {work / 1e12:.2f} TFLOP at {rate / 1e9:.0f} GFLOP/s",
        f"{floor:.2f} s",
        ours["training"] / floor,
        "of the floor",
    )
    losses = ", ".join(f"{name} {result['loss']:.4f}" for name, result in results.items())
    print(f"  mean final loss: {losses}")


def report_forecasting(registry: ModelRegistry, panel: object, root: Path) -> None:
    store = PriceStore(root / "prices")
    store.update(SampleSource(), SampleSource().symbols())
    times = forecasting.forecast_times(registry, panel, store)
    one, all_of_them = times["network, one"], times["network, all"]
    print("\nforecast inside the process, weights in memory")
    line("  keras.Model.predict, one graph", f"{times['keras predict, one'] * 1e3:.3f} ms")
    line(
        "  network, one graph",
        f"{one * 1e3:.3f} ms",
        times["keras predict, one"] / one,
        "faster (at least 8)",
    )
    line(
        f"  network, {times['symbols']} graphs",
        f"{all_of_them * 1e3:.3f} ms",
        all_of_them / one,
        "of one (under 12)",
    )
    whole, every = times["whole forecast, one"], times["whole forecast, all"]
    line(
        "  whole forecast, one: features, interval, provenance",
        f"{whole * 1e3:.3f} ms",
        times["keras predict, one"] / whole,
        "faster than predict alone",
    )
    line(
        f"  whole forecast, {times['symbols']} at once",
        f"{every * 1e3:.3f} ms",
        every / whole,
        "of one (under 12)",
    )
    loading = forecasting.loading_times(registry)
    print("\nloading a model")
    line("  keras load_weights, weights only", f"{loading['keras load_weights'] * 1e3:.2f} ms")
    line(
        "  registry load: three files, verified",
        f"{loading['registry load'] * 1e3:.2f} ms",
        loading["keras load_weights"] / loading["registry load"],
        "faster (at least 4)",
    )
    forecasting.publish_many(registry, root / "many")
    line(
        f"\nmemory per loaded model, over {forecasting.MODELS}",
        f"{forecasting.memory_per_model(root / 'many') / 1e3:.0f} KB",
        None,
    )


if __name__ == "__main__":
    main()
