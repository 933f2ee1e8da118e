"""How the universe's fit and its state of the day stand, by source of prices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from tickgraph.errors import TickgraphError
from tickgraph.market.calendar import last_completed_session
from tickgraph.market.ends import ends_of
from tickgraph.pipeline.describe import qlike_by_horizon
from tickgraph.pipeline.state_of_the_day import horizons_by_source
from tickgraph.registry.metadata import ModelMetadata
from tickgraph.registry.registry import ModelRegistry
from tickgraph.registry.training_record import HorizonQlike


@dataclass(frozen=True)
class UniverseStatus:
    """What models of a source are drawn to and hear; null is what is not there, or cannot be read.

    Attributes
    ----------
    version, symbols, last_session
        Of the published fit.
    qlike
        Its held-out QLIKE by horizon, beside its baselines.
    state_session
        Session of the state of the day.
    problems
        What is wrong.
    """

    version: str | None = None
    symbols: int | None = None
    last_session: date | None = None
    qlike: Mapping[str, HorizonQlike] | None = None
    state_session: date | None = None
    problems: tuple[str, ...] = ()


def universe_statuses(
    registry: ModelRegistry,
    models: Iterable[ModelMetadata],
    last: Mapping[str, Mapping[str, date | str]],
    due: datetime,
) -> dict[str, UniverseStatus]:
    """Look at the fit and the state of every source that has either, or has models that need them.

    Parameters
    ----------
    registry
        Where they are published.
    models
        Those that can be read.
    last
        Last stored session by source and symbol; a text where it cannot be read.
    due
        When a refresh was last due: what it should have brought and is missing is a problem.
    """
    needed = horizons_by_source(models)
    expected = last_completed_session(due).astype(date)
    return {
        source: _status(registry, source, source in needed, _common(last.get(source, {}), expected))
        for source in sorted({*needed, *registry.universe.sources()})
    }


def _common(last: Mapping[str, date | str], expected: date) -> date | None:
    """Session that a state should be of: most stored symbols reach it, and the last due refresh knew it."""
    common = ends_of({symbol: day for symbol, day in last.items() if isinstance(day, date)}).common
    return None if common is None else min(common, expected)


def _status(registry: ModelRegistry, source: str, is_needed: bool, session: date | None) -> UniverseStatus:
    problems = []
    fit = state = None
    try:
        fit = registry.universe.fit(source)
    except TickgraphError as error:
        problems.append(str(error))
    try:
        state = registry.universe.state(source)
    except TickgraphError as error:
        problems.append(str(error))
    else:
        if is_needed and session and (state is None or state.session.astype(date) < session):
            known = f"is of {state.session}" if state else "is missing"
            problems.append(
                f"the state of the universe of {source!r} {known}, and prices reach {session}: forecasts hear of their "
                "own peers alone. Run: tickgraph refresh"
            )
    return UniverseStatus(
        version=fit.version if fit else None,
        symbols=len(fit.symbols) if fit else None,
        last_session=fit.last_session.astype(date) if fit else None,
        qlike=qlike_by_horizon(fit) if fit else None,
        state_session=state.session.astype(date) if state else None,
        problems=tuple(problems),
    )
