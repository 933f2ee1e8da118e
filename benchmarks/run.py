"""Every figure the project is judged by, as ratios measured in one run: python benchmarks/run.py [--quick]

Absolute times on a shared machine do not hold; ratios within one run mostly do. Takes about two minutes.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"

import forecasting
import options
import prepare
import training
from made_universe import Tiled
from tickgraph.market.panel import PricePanel
from tickgraph.market.sources.sample import SampleSource
from tickgraph.market.spelling import Symbol
from tickgraph.market.store import PriceStore
from tickgraph.model.training_config import TrainingConfig
from tickgraph.model.universe_fit import fit_universe
from tickgraph.pipeline.train import train_symbols
from tickgraph.registry.default_universe import default_universe
from tickgraph.registry.registry import ModelRegistry

NETWORKS: dict[str, dict[str, object]] = {"one session": {"horizons": ()}, "every horizon": {}}
"""Settings of the networks whose whole training is timed: the first is the measure, the last is the default."""


def line(text: str, value: str, ratio: float | None = None, wanted: str = "") -> None:
    print(f"{text:<58}{value:>12}" + (f"{ratio:>9.1f} x  {wanted}" if ratio is not None else ""))


def main() -> None:
    started, quick = time.perf_counter(), options.parser(__doc__).parse_args().quick
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        panel = prepare.sample_panel()
        symbols = panel.symbols[:2] if quick else panel.symbols
        compared = symbols[:1] if quick else symbols
        config = options.training_config(quick, architecture=prepare.FIRST_DESIGN)
        sessions, building = prepare.write_snapshots(panel, compared, config, root / "snapshots.npz")
        line(f"snapshots of {len(compared)} symbols, {sessions:,} sessions", f"{building:.2f} s")
        order = training.QUICK_ORDER if quick else training.ORDER
        results = training.run(root / "snapshots.npz", config, order)
        report_training(results, len(compared), config, products=200 if quick else 20_000)
        registry = report_whole_training(panel, symbols, root, quick)
        report_universe(quick)
        report_forecasting(registry, panel, root, quick)
    print(f"\n{time.perf_counter() - started:.0f} s in all", file=sys.stderr)


def report_whole_training(
    panel: PricePanel, symbols: Sequence[Symbol], root: Path, quick: bool
) -> ModelRegistry:
    """Train with everything around it, once for each network; gives the models of the default one."""
    print("\nwhole training: snapshots, training, calibration, publishing")
    seconds: list[float] = []
    for name, settings in NETWORKS.items():
        config = options.training_config(quick, **settings)
        registry = ModelRegistry(root / name)
        registry.universe.publish_fit(default_universe())  # the fit is timed apart
        began = time.perf_counter()
        for some in (symbols[:1], symbols):  # what is done only once, such as compiling, counts apart
            first, began = time.perf_counter() - began, time.perf_counter()
            train_symbols(panel, some, registry, config=config)
        seconds.append((time.perf_counter() - began) / len(symbols))
        ratio = seconds[-1] / seconds[0] if len(seconds) > 1 else None
        line(
            f"  {name}, a symbol (the first in {first:.1f} s)",
            f"{seconds[-1]:.3f} s",
            ratio,
            f"of {next(iter(NETWORKS))} (at most 2)",
        )
    return registry


def report_universe(quick: bool) -> None:
    """Time the fit of everyone together, which is made before the symbols are trained."""
    count, sessions = (6, 800) if quick else (forecasting.MODELS, 1600)
    source = Tiled(None, count, sessions, 0, shift=37)
    panel = PricePanel.from_bars(source.fetch(source.names).bars, source.name)
    began = time.perf_counter()
    fit_universe(panel, TrainingConfig())
    seconds = time.perf_counter() - began
    line(f"\nthe universe's fit, {count} symbols", f"{seconds:.1f} s", seconds / 30, "of 30 s (under 1)")


def report_training(
    results: dict[str, dict[str, float]], symbols: int, config: TrainingConfig, products: int
) -> None:
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
    work, rate = training.arithmetic(symbols, config), training.float_rate(config, products)
    floor = work / rate
    line(
        f"  arithmetic floor: {work / 1e12:.2f} TFLOP at {rate / 1e9:.0f} GFLOP/s",
        f"{floor:.2f} s",
        ours["training"] / floor,
        "of the floor",
    )
    losses = ", ".join(f"{name} {result['loss']:.4f}" for name, result in results.items())
    print(f"  mean final loss: {losses}")


def report_forecasting(registry: ModelRegistry, panel: PricePanel, root: Path, quick: bool) -> None:
    fewer, models = (50, 20) if quick else (1, forecasting.MODELS)
    store = PriceStore(root / "prices")
    store.update(SampleSource(), SampleSource().symbols())
    times = forecasting.forecast_times(registry, panel, store, fewer)
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
    loading = forecasting.loading_times(registry, fewer)
    print("\nloading a model")
    line("  keras load_weights, weights only", f"{loading['keras load_weights'] * 1e3:.2f} ms")
    line(
        "  registry load: three files, verified",
        f"{loading['registry load'] * 1e3:.2f} ms",
        loading["keras load_weights"] / loading["registry load"],
        "faster (at least 4)",
    )
    forecasting.publish_many(registry, root / "many", models)
    each = forecasting.memory_per_model(root / "many")
    line(
        f"\nmemory per loaded model, over {models}", f"{each / 1e3:.0f} KB", each / 4e5, "of 0.4 MB (under 1)"
    )


if __name__ == "__main__":
    main()
