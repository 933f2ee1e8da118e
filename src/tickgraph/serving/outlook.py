"""A symbol's outlook: its predictive distribution, and what that was computed from.

An outlook depends on a model and on prices, and not on the price of a request. So it is computed once and kept for as
long as its model and its prices are the newest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np

from tickgraph.errors import TickgraphError, error_of
from tickgraph.market.dividends import DividendOutlook
from tickgraph.market.panel import PricePanel
from tickgraph.market.spelling import Symbol
from tickgraph.model.calibration import PredictiveDistribution
from tickgraph.model.horizon_distribution import TABLES, HorizonDistribution
from tickgraph.model.measures import LEVELS
from tickgraph.model.universe_state import UniverseState
from tickgraph.options.touch import TYPICAL_GAP, TouchDistribution
from tickgraph.registry.freshness import is_recent
from tickgraph.serving.loaded_model import LoadedModel

if TYPE_CHECKING:
    from tickgraph.serving.answer_json import PricedJson

PerDollarKey = tuple[int, bool, bool, str | None]
"""What an answer depends on besides outlook and price: sessions behind, an old model, one trained now, a refusal."""


T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Outlook:
    """A predictive distribution, and what it was computed from.

    Attributes
    ----------
    model
        None means momentum.
    as_of, last_close
        Last session of the symbol's prices, and its close in dollars.
    source, provider
        Where the prices come from, and who gave the source the symbol's prices.
    recomputed
        Why the model's own correlations were not used; None where they were.
    absent
        Peers without complete prices at the last session: the graph had to do without them.
    lineage
        Lineage of the prices that it is valid for.
    calibration_sessions
        Sessions behind intervals and probabilities.
    horizons
        The distribution over more sessions than one; None where momentum or a model of an earlier release answers.
    dividends
        What is expected to go ex, and is taken off in ``horizons``; None where there are no horizons.
    universe_heard
        Whether the variance network heard the whole universe or the model's nodes alone; None where it was not asked.
    state
        The universe's state that there was, whether it was used or not.
    gap
        Share of the symbol's sessions that never trade above, or never below, the close before.
    intervals
        (level, lower, upper) in log return.
    probability_up
        Probability of a rise.
    any_price
        Fields of forecasts for a price of one dollar, by what else they depend on.
    any_json, json_at_close
        The JSON of these fields with gaps for a request's prices, and that of the answer at the last close.
    """

    symbol: Symbol
    distribution: PredictiveDistribution
    model: LoadedModel | None
    as_of: np.datetime64
    last_close: float
    source: str
    provider: str
    lineage: object
    calibration_sessions: int
    recomputed: Literal["session", "age"] | None = None
    absent: tuple[Symbol, ...] = ()
    horizons: HorizonDistribution | None = None
    dividends: DividendOutlook | None = None
    universe_heard: bool | None = None
    state: UniverseState | None = None
    gap: float = TYPICAL_GAP
    intervals: tuple[tuple[float, float, float], ...] = field(init=False)
    probability_up: float = field(init=False)
    any_price: dict[PerDollarKey, dict[str, Any]] = field(init=False, default_factory=dict, repr=False)
    any_json: dict[PerDollarKey, PricedJson] = field(init=False, default_factory=dict, repr=False)
    json_at_close: dict[PerDollarKey, bytes] = field(init=False, default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        intervals = tuple((level, *self.distribution.interval(level)) for level in LEVELS)
        object.__setattr__(self, "intervals", intervals)
        object.__setattr__(self, "probability_up", self.distribution.probability_above(0.0))

    @property
    def one_session_or_more(self) -> HorizonDistribution:
        """The distribution over as many sessions as there are forecasts for, be it one."""
        return self.horizons or self._one_session

    @cached_property
    def _one_session(self) -> HorizonDistribution:
        return HorizonDistribution.of_one_session(self.distribution)

    @property
    def touch(self) -> TouchDistribution:
        """Probabilities of touching a level, over as many sessions."""
        return _touch(self.one_session_or_more, self.gap)

    def holds(
        self, model: LoadedModel | None, panel: PricePanel, state: UniverseState | None, now: datetime
    ) -> bool:
        """Whether computing again from this model, these prices and this state would give the same."""
        same_state = self.horizons is None or self.state is state
        return self.model is model and self.lineage is panel.lineage and same_state and self.is_fresh(now)

    def is_fresh(self, now: datetime) -> bool:
        """Whether its correlations may still be used."""
        return self.model is None or self.recomputed is not None or is_recent(self.model.correlation_at, now)


@lru_cache(maxsize=TABLES)
def _touch(distribution: HorizonDistribution, gap: float) -> TouchDistribution:
    """Keep what the last chains were made from, and not all that was ever asked for."""
    return TouchDistribution(distribution, gap)


@dataclass
class Outlooks:
    """Outlooks of several symbols, the error of each that has none, and those that were trained for it."""

    found: dict[Symbol, Outlook] = field(default_factory=dict)
    failures: dict[str, TickgraphError] = field(default_factory=dict)
    trained: set[Symbol] = field(default_factory=set)

    def alone(self, symbol: Symbol) -> Alone:
        """An error in here, foreseen or not, fails this symbol and no other."""
        return Alone(self.failures, symbol)

    def each(self, symbols: Iterable[Symbol], answer: Callable[[Outlook], T]) -> dict[str, T]:
        """Answer for each symbol that has an outlook; an answer that fails, fails alone."""
        answers: dict[str, T] = {}
        for symbol in symbols:
            if (outlook := self.found.get(symbol)) is not None:
                with self.alone(symbol):
                    answers[symbol] = answer(outlook)
        return answers


class Alone:
    """A context whose errors become one symbol's failure; as a class it costs less than as a generator."""

    def __init__(self, failures: dict[str, TickgraphError], symbol: Symbol) -> None:
        self._failures, self._symbol = failures, symbol

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, Exception):
            return False
        self._failures[self._symbol] = error_of(self._symbol, error)
        return True
