"""Freshness and live quality of everything, gathered for an operator's glance."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

import numpy as np

from tickgraph.errors import StorageError, reason_of, text_of
from tickgraph.market.calendar import is_future, last_completed_session, session_closes, sessions_behind
from tickgraph.market.spelling import Symbol
from tickgraph.market.store import PriceStore
from tickgraph.operations.horizon_scoring import in_words
from tickgraph.operations.leader import leader_in_words
from tickgraph.operations.records import LiveQuality, RefreshRun, RunLog, read_quality
from tickgraph.operations.scoring import live_quality
from tickgraph.operations.symbol_status import WORST_FIRST, SymbolStatus, status_of
from tickgraph.operations.timetable import DEFAULT, Schedule, Timetable, schedule_at
from tickgraph.operations.universe_status import UniverseStatus, universe_statuses
from tickgraph.registry.metadata import ModelMetadata
from tickgraph.registry.registry import ModelRegistry
from tickgraph.wording import listed


@dataclass(frozen=True)
class SourceStatus:
    """Stored prices of one source: how many symbols, their newest session, and how many sessions that is behind."""

    symbols: int
    last_session: date | None
    sessions_behind: int | None


@dataclass(frozen=True)
class Overview:
    """How things stand at a moment.

    Attributes
    ----------
    at
        The moment.
    sources, symbols
        By name; symbols worst first.
    last_run, schedule, lease
        Newest run of refresh, the due moments before and after, and who refreshes now.
    quality
        Live quality; None where nothing was forecast.
    universe
        The universe's fit and its state of the day, by source.
    problems
        Faults that concern no single symbol.
    """

    at: datetime
    sources: dict[str, SourceStatus]
    symbols: dict[str, SymbolStatus]
    last_run: RefreshRun | None
    schedule: Schedule
    lease: str | None
    quality: LiveQuality | None
    universe: dict[str, UniverseStatus] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @property
    def is_well(self) -> bool:
        """Whether nothing is stale, failed or out of its band."""
        return not self.problems and all(one.state == "ok" for one in self.symbols.values())


def overview(
    registry: ModelRegistry,
    store: PriceStore,
    operations_dir: Path,
    source: str,
    now: datetime,
    timetable: Timetable = DEFAULT,
    shared_away: str | None = None,
) -> Overview:
    """Gather how things stand; what is damaged is reported as such.

    A price or a model is stale if it lacks what the last due refresh should have brought. So nothing is stale on an
    evening after the close, until the next morning's refresh was due.

    Parameters
    ----------
    registry, store
        Models and stored prices.
    operations_dir
        Folder of operations.
    source
        Source of symbols without a model.
    now
        Aware.
    timetable
        When a refresh is due.
    shared_away
        Why the Redis server that hosts share does not answer; None if it does, or where there is none.

    Raises
    ------
    StorageError
        A folder cannot be listed.
    """
    runs = RunLog(operations_dir)
    schedule, last_run = schedule_at(runs, now, timetable), runs.latest()
    quality, unscored = _quality(operations_dir, store, registry, now)
    models: dict[str, ModelMetadata | str] = {
        symbol: _model(registry, symbol) for symbol in registry.symbols()
    }
    sources = {
        symbol: model.data_stats.source if isinstance(model, ModelMetadata) else source
        for symbol, model in models.items()
    }
    sources |= {symbol: source for symbol in (quality.symbols if quality else {}) if symbol not in models}
    last = {name: _last_sessions(store, name) for name in sorted({source, *sources.values()})}
    symbols = []
    for symbol, own in sources.items():
        try:
            status = status_of(symbol, models.get(symbol), own, last[own].get(symbol), quality, schedule, now)
        except Exception as error:  # noqa: BLE001  where a status cannot be found out, that is the status
            problems = (reason_of(symbol, error),)
            status = SymbolStatus(symbol, "failed", problems, own, None, None, None, None, None)
        symbols.append(status)
    readable = [model for model in models.values() if isinstance(model, ModelMetadata)]
    universe = universe_statuses(registry, readable, last, schedule.last_due)
    symbols.sort(key=lambda one: (WORST_FIRST.index(one.state), one.symbol))
    return Overview(
        at=now,
        sources={name: _source(days.values(), now) for name, days in last.items()},
        symbols={one.symbol: one for one in symbols},
        last_run=last_run,
        schedule=schedule,
        lease=leader_in_words(registry, operations_dir),
        quality=quality,
        universe=universe,
        problems=(
            *schedule.missed,
            *unscored,
            *_problems_of_horizons(quality),
            *_problems_of_models(registry, bool(models)),
            *([shared_away] if shared_away is not None else ()),
            *([f"prices may not be the newest: {store.away}"] if store.away is not None else ()),
            *(text for one in universe.values() for text in one.problems),
            *(_problems_of_run(last_run, now) if last_run else ()),
        ),
    )


def _problems_of_horizons(quality: LiveQuality | None) -> list[str]:
    horizons = quality.horizons if quality else {}
    return [
        f"{text}. Look for bad prices, tickgraph prices check; after a shock of the market: tickgraph refresh --full"
        for ahead, figures in horizons.items()
        for text in in_words(ahead, figures)
    ]


def _problems_of_models(registry: ModelRegistry, has_any: bool) -> list[str]:
    problems = []
    if registry.away is not None:
        problems.append(f"models may not be the newest: {registry.away}")
    if not has_any:
        problems.append(f"no trained model in {registry.place}. Run: tickgraph train --symbols TIER_1")
    if lost := registry.without_metadata():
        problems.append(
            f"{listed(lost)}: the metadata is lost, the other files are there. Restore it, or train again"
        )
    return problems


def _problems_of_run(run: RefreshRun, now: datetime) -> list[str]:
    problems = []
    if run.state == "interrupted":
        problems.append(f"the last refresh ({run.id}) was interrupted")
    if run.state == "failed":
        failed = sorted(symbol for symbol, one in run.symbols.items() if one.errors)
        why = f": {run.error}" if run.error else f" for {', '.join(failed[:10]) or 'some symbols'}"
        problems.append(f"the last refresh ({run.id}) failed{why}")
    if is_future(run.started_at, now):
        problems.append(
            f"the last refresh ({run.id}) began in the future, on {run.started_at:%Y-%m-%d %H:%M} UTC: a "
            "clock was wrong. The next refresh mends it"
        )
    return problems


def _model(registry: ModelRegistry, symbol: Symbol) -> ModelMetadata | str:
    try:
        metadata = registry.verified(symbol)
        registry.must_be_of_the_exchange(metadata)
    except Exception as error:  # noqa: BLE001  foreseen or not, it fails this symbol
        return text_of(symbol, error)
    return metadata


def _quality(
    operations_dir: Path, store: PriceStore, registry: ModelRegistry, now: datetime
) -> tuple[LiveQuality | None, list[str]]:
    """Give what the last refresh scored; where sessions have ended since, what it would score now; and why not."""
    kept = read_quality(operations_dir)
    if kept is not None and is_future(kept.computed_at, now):
        kept = None
    closed = session_closes(np.array([last_completed_session(now)]))[0].item()
    if kept is not None and kept.computed_at.replace(tzinfo=None) >= closed:
        return kept, []
    try:
        scored = live_quality(operations_dir, store, registry, now)
    except Exception as error:  # noqa: BLE001  nothing that was logged may hide how models and prices stand
        return kept, [f"live quality cannot be scored: {text_of('the journal', error)}"]
    return (scored if scored.panel.forecasts else kept), []


def _last_sessions(store: PriceStore, source: str) -> dict[str, date | str]:
    """Last stored session by symbol; a text where it cannot be read."""
    last: dict[str, date | str] = {}
    for symbol in store.symbols(source):
        try:
            last[symbol] = store.stored(source, symbol).last
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001  foreseen or not, it fails this symbol
            last[symbol] = text_of(symbol, error)
    return last


def _source(last: Iterable[date | str], now: datetime) -> SourceStatus:
    every = list(last)
    newest = max((day for day in every if isinstance(day, date)), default=None)
    return SourceStatus(len(every), newest, None if newest is None else sessions_behind(newest, now))
