"""A site's first, daily and idle refresh: python benchmarks/refresh.py [--quick | --symbols N --small] [prices.parquet]

Symbols are made up; their prices are real ones, of the file named or else of the bundled sample, repeated and scaled.
A first run trains every symbol; the next morning's run has one new session of each, and no model that is due; a third
one finds nothing to do. ``--small`` trains a small network for one epoch: what training costs is in
benchmarks/training.py, and here everything else is looked at. 500 symbols take about five minutes, 6,000 with
``--small`` about half an hour and 4 GB of memory.
"""

from __future__ import annotations

import os
import platform
import resource
import shutil
import tempfile
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import options
from made_universe import Tiled
from tickgraph.market.store import PriceStore
from tickgraph.model.training_config import TrainingConfig
from tickgraph.operations.overview import overview
from tickgraph.operations.refresh import refresh
from tickgraph.operations.scoring import live_quality
from tickgraph.operations.site import Site
from tickgraph.registry.registry import ModelRegistry
from tickgraph.serving.forecaster import Forecaster
from tickgraph.serving.journal import ForecastJournal

MORE, SHIFT = 10, 37
QUICK_SYMBOLS, QUICK_SESSIONS = 4, 420
SMALL = TrainingConfig(hidden_dim=4, epochs=1, sessions=300, min_sessions=200)


class Steps:
    """Time on the clock and of the processor that each step of a run took; what comes before the first is ``look``."""

    def __init__(self) -> None:
        self.seconds: dict[str, tuple[float, float]] = {}
        self._now = "look"
        self._began = time.perf_counter(), time.process_time()

    def __call__(self, event: str, _: str) -> None:
        if event.startswith("begin "):
            self.end(event.removeprefix("begin "))

    def end(self, following: str = "") -> None:
        wall, used = time.perf_counter(), time.process_time()
        before = self.seconds.get(self._now, (0.0, 0.0))
        self.seconds[self._now] = before[0] + wall - self._began[0], before[1] + used - self._began[1]
        self._now, self._began = following, (wall, used)


class Morning:
    """A clock that stands at 11:00 UTC of the morning after a source's newest session."""

    def __init__(self, source: Tiled) -> None:
        self._source = source

    def __call__(self) -> datetime:
        day = self._source.days[self._source.end - 1].item()
        return datetime(day.year, day.month, day.day, 11, tzinfo=UTC) + timedelta(days=1)


def run_once(title: str, site: Site, source: Tiled, **how: bool) -> float:
    steps, made = Steps(), source.seconds
    began = time.perf_counter()
    run = refresh(site, on_event=steps, **how)
    steps.end()
    took = time.perf_counter() - began
    print(f"\n{title}: {run.state}, {took:.1f} s")
    if run.error:
        print(f"  {run.error[:300]}")
    for step, (wall, used) in steps.seconds.items():
        print(f"  {step:<14}{wall:>9.1f} s   CPU {used:.1f} s")
    if source.seconds - made > 0.1:
        print(f"  {'(making up bars':<14}{source.seconds - made:>8.1f} s, in prices)")
    done = list(run.symbols.values())
    if run.dry_run:
        print(f"  {sum(one.correlations == 'planned' for one in done):,} correlations to be published")
        return took
    print(
        f"  {sum(one.sessions_added for one in done):,} sessions added, "
        f"{sum(one.correlations == 'published' for one in done):,} correlations published, "
        f"{sum(one.training == 'trained' for one in done):,} models trained"
    )
    why = Counter(reason.partition(":")[0] for one in done for reason in one.reasons)
    if why:
        print(f"  why: {', '.join(f'{reason} ({count:,})' for reason, count in why.most_common(5))}")
    return took


def main() -> None:
    parser = options.with_prices(__doc__)
    parser.add_argument("--symbols", type=int, default=500)
    parser.add_argument("--small", action="store_true", help="a small network, one epoch")
    asked = parser.parse_args()
    symbols, sessions = (QUICK_SYMBOLS, QUICK_SESSIONS) if asked.quick else (asked.symbols, 1500)
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; {symbols:,} symbols"
    )
    root = Path(tempfile.mkdtemp(prefix="refresh-"))
    try:
        training = SMALL if asked.small or asked.quick else None
        measure(root, Tiled(asked.prices, symbols, sessions, MORE, SHIFT), training)
    finally:
        shutil.rmtree(root)
    print(f"\nat most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GB of memory")


def measure(root: Path, source: Tiled, training: TrainingConfig | None) -> None:
    now = Morning(source)
    registry, store, state = (
        ModelRegistry(root / "models", now),
        PriceStore(root / "prices", now),
        root / "state",
    )
    site = Site(
        registry=registry,
        store=store,
        open_source=lambda _: source,
        source=source.name,
        operations_dir=state,
        training=training or TrainingConfig(),
        universe=source.names,
        now=now,
    )
    site = replace(site, quality=lambda: live_quality(state, store, registry, now()))
    first = run_once("first refresh, which trains everything", site, source)
    forecaster = Forecaster(
        registry,
        store,
        source=source.name,
        graph=site.training,
        now=now,
        journal=ForecastJournal(state / "journal", now),
    )
    began = time.perf_counter()
    served = forecaster.forecast_many(source.names)
    print(f"\nserving all of them once: {time.perf_counter() - began:.1f} s, {len(served.failures)} refused")
    forecaster.close()
    source.end += 1
    run_once("dry run of the next morning", site, source, dry_run=True)
    daily = run_once("refresh of the next morning", site, source)
    print(f"  training everything takes {first / daily:.1f} times as long")
    run_once("once more, with nothing to do", site, source)
    began = time.perf_counter()
    found = overview(registry, store, state, source.name, now())
    print(
        f"\nwhat `tickgraph status` gathers: {time.perf_counter() - began:.1f} s, {len(found.symbols):,} symbols"
    )
    records = sorted((state / "runs").iterdir())
    print(f"\nrecords of the runs: {', '.join(f'{path.stat().st_size / 1e3:,.0f} kB' for path in records)}")


if __name__ == "__main__":
    main()
