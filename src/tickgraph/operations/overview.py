"""Freshness and live quality of everything, gathered for an operator's glance."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from tickgraph.errors import StorageError, TickgraphError, reason_of
from tickgraph.market.calendar import is_future, last_completed_session, session_closes, sessions_behind
from tickgraph.market.store import PriceStore
from tickgraph.operations.due import future_faults
from tickgraph.operations.lease import lease_in_words
from tickgraph.operations.records import LiveFigures, LiveQuality, RefreshRun, RunLog, read_quality
from tickgraph.operations.scoring import live_quality
from tickgraph.operations.timetable import DEFAULT, Schedule, Timetable, schedule_at
from tickgraph.registry.metadata import ModelMetadata
from tickgraph.registry.registry import ModelRegistry
from tickgraph.serving.session_clock import MODEL_AGE
from tickgraph.wording import listed

State = Literal["failed", "out of band", "stale", "ok"]
WORST_FIRST: tuple[State, ...] = ("failed", "out of band", "stale", "ok")


@dataclass(frozen=True)
class SourceStatus:
    """Stored prices of one source: how many symbols, their newest session, and how many sessions that is behind."""

    symbols: int
    last_session: date | None
    sessions_behind: int | None


@dataclass(frozen=True)
class SymbolStatus:
    """One symbol; null is what it has not, or what cannot be read.

    Attributes
    ----------
    state, problems
        The worst of it in a word, and all of it in words.
    last_session, sessions_behind
        Of its stored prices.
    trained_at, correlations_as_of
        Of its model.
    live
        Of its forecasts.
    """

    symbol: str
    state: State
    problems: tuple[str, ...]
    source: str | None
    last_session: date | None
    sessions_behind: int | None
    trained_at: datetime | None
    correlations_as_of: date | None
    live: LiveFigures | None


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
        Newest run of refresh, where in the timetable we are, and who refreshes now.
    quality
        Live quality; None where nothing was forecast.
    problems
        What concerns no single symbol.
    """

    at: datetime
    sources: dict[str, SourceStatus]
    symbols: dict[str, SymbolStatus]
    last_run: RefreshRun | None
    schedule: Schedule
    lease: str | None
    quality: LiveQuality | None
    problems: tuple[str, ...] = ()

    @property
    def is_well(self) -> bool:
        """Whether nothing is stale, failed or out of its band."""
        return not self.problems and all(one.state == "ok" for one in self.symbols.values())


@dataclass
class _Faults:
    """What is wrong with a symbol, by how bad it is."""

    found: dict[State, list[str]] = field(default_factory=dict)

    def add(self, state: State, text: str) -> None:
        self.found.setdefault(state, []).append(text)

    @property
    def worst(self) -> State:
        return next((state for state in WORST_FIRST if state in self.found), "ok")

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(text for state in WORST_FIRST for text in self.found.get(state, ()))


def overview(
    registry: ModelRegistry,
    store: PriceStore,
    operations_dir: Path,
    source: str,
    now: datetime,
    timetable: Timetable = DEFAULT,
) -> Overview:
    """Gather how things stand; what is damaged is reported as such.

    A price or a model is stale if it lacks what the last due refresh should have brought: on an evening after the
    close nothing is, until the next morning's refresh was due.

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
    served = quality.symbols if quality else {}
    sources = {
        symbol: found.data_stats.source if isinstance(found, ModelMetadata) else source
        for symbol, found in models.items()
    } | {symbol: source for symbol in served if symbol not in models}
    last = {name: _last_sessions(store, name) for name in sorted({source, *sources.values()})}
    every = [
        _judged(
            symbol,
            own,
            partial(_symbol, symbol, models.get(symbol), own, last[own].get(symbol), quality, schedule, now),
        )
        for symbol, own in sources.items()
    ]
    every.sort(key=lambda one: (WORST_FIRST.index(one.state), one.symbol))
    problems = [*schedule.missed, *unscored]
    if not models:
        problems.append(f"no trained model in {registry.root}. Run: tickgraph train --symbols TIER_1")
    if lost := registry.without_metadata():
        problems.append(
            f"{listed(lost)}: the metadata is lost, the other files are there. Restore it, or train again"
        )
    if last_run is not None and last_run.state in ("failed", "interrupted"):
        problems.append(f"the last refresh ({last_run.id}) {_ended(last_run)}")
    if last_run is not None and is_future(last_run.started_at, now):
        problems.append(
            f"the last refresh ({last_run.id}) began in the future, on {last_run.started_at:%Y-%m-%d %H:%M} UTC: a "
            "clock was wrong. The next refresh mends it"
        )
    return Overview(
        at=now,
        sources={name: _source(found.values(), now) for name, found in last.items()},
        symbols={one.symbol: one for one in every},
        last_run=last_run,
        schedule=schedule,
        lease=lease_in_words(operations_dir),
        quality=quality,
        problems=tuple(problems),
    )


def _judged(symbol: str, source: str, judge: Callable[[], SymbolStatus]) -> SymbolStatus:
    """Status of a symbol; where it cannot be found out, for whatever reason, that is its status."""
    try:
        return judge()
    except Exception as error:  # noqa: BLE001
        problems = (reason_of(symbol, error),)
        return SymbolStatus(symbol, "failed", problems, source, None, None, None, None, None)


def _symbol(
    symbol: str,
    model: ModelMetadata | str | None,
    source: str,
    last: date | str | None,
    quality: LiveQuality | None,
    schedule: Schedule,
    now: datetime,
) -> SymbolStatus:
    faults, due = _Faults(), schedule.last_due
    stored = last if isinstance(last, date) else None
    if isinstance(last, str):
        faults.add("failed", last)
    elif last is None:
        faults.add("failed", f"no prices are stored from {source}")
    elif missing := sessions_behind(last, due):
        faults.add("stale", f"prices end on {last}: {missing} sessions are missing")
    metadata = model if isinstance(model, ModelMetadata) else None
    if isinstance(model, str):
        faults.add("failed", model)
    elif metadata is not None:
        for fault in future_faults(metadata, now):
            faults.add("stale", f"it was {fault}. The next refresh trains it again")
        if due - metadata.training_date > MODEL_AGE:
            faults.add("stale", f"its model is of {metadata.training_date:%Y-%m-%d}, over seven days old")
        expected = last_completed_session(due).astype(date)
        if metadata.correlations.as_of < (min(expected, stored) if stored else expected):
            faults.add("stale", f"its correlations are of {metadata.correlations.as_of}")
        computed_at = metadata.correlations.computed_at
        if computed_at is not None and is_future(computed_at, now):
            faults.add(
                "stale",
                f"its correlations were computed in the future, on {computed_at:%Y-%m-%d %H:%M} UTC. The next refresh "
                "computes them again",
            )
    if quality and symbol in quality.flagged and not _is_newer(metadata, quality):
        faults.add("out of band", quality.flagged[symbol])
    return SymbolStatus(
        symbol=symbol,
        state=faults.worst,
        problems=faults.texts,
        source=source,
        last_session=stored,
        sessions_behind=None if stored is None else sessions_behind(stored, now),
        trained_at=metadata.training_date if metadata else None,
        correlations_as_of=metadata.correlations.as_of if metadata else None,
        live=quality.symbols.get(symbol) if quality else None,
    )


def _is_newer(model: ModelMetadata | None, quality: LiveQuality) -> bool:
    return model is not None and model.training_date > quality.computed_at


def _model(registry: ModelRegistry, symbol: str) -> ModelMetadata | str:
    try:
        found = registry.verified(symbol)
        registry.must_be_of_the_exchange(found)
    except Exception as error:  # noqa: BLE001  foreseen or not, it fails this symbol
        return _in_words(symbol, error)
    return found


def _in_words(symbol: str, error: Exception) -> str:
    return str(error) if isinstance(error, TickgraphError) else reason_of(symbol, error)


def _quality(
    operations_dir: Path, store: PriceStore, registry: ModelRegistry, now: datetime
) -> tuple[LiveQuality | None, list[str]]:
    """What the last refresh scored, or where sessions have ended since, what it would score now; and why not."""
    kept = read_quality(operations_dir)
    if kept is not None and is_future(kept.computed_at, now):
        kept = None
    closed = session_closes(np.array([last_completed_session(now)]))[0].item()
    if kept is not None and kept.computed_at.replace(tzinfo=None) >= closed:
        return kept, []
    try:
        found = live_quality(operations_dir, store, registry, now)
    except Exception as error:  # noqa: BLE001  nothing that was logged may hide how models and prices stand
        return kept, [f"live quality cannot be scored: {_in_words('the journal', error)}"]
    return (found if found.panel.forecasts else kept), []


def _last_sessions(store: PriceStore, source: str) -> dict[str, date | str]:
    try:
        return {stored.symbol: stored.last for stored in store.info(source)}
    except StorageError:
        raise
    except Exception:  # noqa: BLE001  one of them is damaged: it is found by reading each
        return {symbol: _last_session(store, source, symbol) for symbol in store.symbols(source)}


def _last_session(store: PriceStore, source: str, symbol: str) -> date | str:
    try:
        days = store.panel(source, (symbol,)).sessions
    except Exception as error:  # noqa: BLE001  foreseen or not, it fails this symbol
        return _in_words(symbol, error)
    return days[-1].item() if len(days) else f"The price file of {symbol} is empty."


def _source(found: Iterable[date | str], now: datetime) -> SourceStatus:
    every = list(found)
    last = max((day for day in every if isinstance(day, date)), default=None)
    return SourceStatus(len(every), last, None if last is None else sessions_behind(last, now))


def _ended(run: RefreshRun) -> str:
    if run.state == "interrupted":
        return "was interrupted"
    failed = sorted(symbol for symbol, one in run.symbols.items() if one.errors)
    return f"failed: {run.error}" if run.error else f"failed for {', '.join(failed[:10]) or 'some symbols'}"
