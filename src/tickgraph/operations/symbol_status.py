"""How one symbol stands: its prices, its model, its live forecasts, and what is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from tickgraph.market.calendar import is_future, last_completed_session, sessions_behind
from tickgraph.operations.due import future_faults
from tickgraph.operations.records import LiveFigures, LiveQuality
from tickgraph.operations.timetable import Schedule
from tickgraph.registry.freshness import MODEL_AGE
from tickgraph.registry.metadata import ModelMetadata

State = Literal["failed", "out of band", "stale", "ok"]
WORST_FIRST: tuple[State, ...] = ("failed", "out of band", "stale", "ok")


@dataclass(frozen=True)
class SymbolStatus:
    """One symbol; null is what it lacks, or what cannot be read.

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


def status_of(
    symbol: str,
    model: ModelMetadata | str | None,
    source: str,
    last: date | str | None,
    quality: LiveQuality | None,
    schedule: Schedule,
    now: datetime,
) -> SymbolStatus:
    """Judge one symbol; ``model`` and ``last`` are texts where they cannot be read, and None where there is nothing."""
    faults: dict[State, list[str]] = {state: [] for state in WORST_FIRST}
    stored = last if isinstance(last, date) else None
    if isinstance(last, str):
        faults["failed"].append(last)
    elif last is None:
        faults["failed"].append(f"no prices are stored from {source}")
    elif missing := sessions_behind(last, schedule.last_due):
        faults["stale"].append(f"prices end on {last}: {missing} sessions are missing")
    metadata = model if isinstance(model, ModelMetadata) else None
    if isinstance(model, str):
        faults["failed"].append(model)
    if metadata is not None:
        faults["stale"] += _staleness(metadata, stored, schedule.last_due, now)
    is_newer = metadata is not None and quality is not None and metadata.training_date > quality.computed_at
    if quality and symbol in quality.flagged and not is_newer:
        faults["out of band"].append(quality.flagged[symbol])
    return SymbolStatus(
        symbol=symbol,
        state=next((state for state in WORST_FIRST if faults[state]), "ok"),
        problems=tuple(text for state in WORST_FIRST for text in faults[state]),
        source=source,
        last_session=stored,
        sessions_behind=None if stored is None else sessions_behind(stored, now),
        trained_at=metadata.training_date if metadata else None,
        correlations_as_of=metadata.correlations.as_of if metadata else None,
        live=quality.symbols.get(symbol) if quality else None,
    )


def _staleness(metadata: ModelMetadata, stored: date | None, due: datetime, now: datetime) -> list[str]:
    """Say what of a model the refresh that was last due should have brought, or what is of the future."""
    texts = [f"it was {fault}. The next refresh trains it again" for fault in future_faults(metadata, now)]
    if due - metadata.training_date > MODEL_AGE:
        texts.append(f"its model is of {metadata.training_date:%Y-%m-%d}, over seven days old")
    expected = last_completed_session(due).astype(date)
    if metadata.correlations.as_of < (min(expected, stored) if stored else expected):
        texts.append(f"its correlations are of {metadata.correlations.as_of}")
    computed_at = metadata.correlations.computed_at
    if computed_at is not None and is_future(computed_at, now):
        texts.append(
            f"its correlations were computed in the future, on {computed_at:%Y-%m-%d %H:%M} UTC. The next refresh "
            "computes them again"
        )
    return texts
