"""All of a forecast that does not depend on the request's price: computed once per model and prices."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from tickgraph.market.panel import PricePanel
from tickgraph.model.calibration import PredictiveDistribution
from tickgraph.model.measures import LEVELS
from tickgraph.registry import freshness
from tickgraph.serving.served import ServedModel


@dataclass(frozen=True)
class PriceContext:
    """Where an answer's prices end and come from; ``provider`` is who gave the source the target's prices."""

    as_of: np.datetime64
    last_close: float
    source: str
    provider: str

    @classmethod
    def of(cls, panel: PricePanel, symbol: str) -> PriceContext:
        """Read the last row of a panel that ends at the symbol's last session."""
        close = float(panel.close[-1, panel.column(symbol)])
        return cls(panel.sessions[-1], close, panel.source, panel.provider(symbol))


@dataclass(frozen=True)
class Prepared:
    """A predictive distribution, and what it was computed from.

    Attributes
    ----------
    symbol, distribution, prices
        Whose it is, and the prices it starts from.
    model
        None means momentum.
    recomputed
        Why the stored correlations were not used: ``session``, ``age`` or None where they were.
    absent
        Peers without complete prices at the last session: nodes that the graph had to do without.
    lineage
        Of the prices it is valid for.
    calibration_sessions
        Sessions behind intervals and probabilities.
    intervals
        (level, lower, upper) in log return.
    probability_up
        Probability of a rise.
    said
        Fields of answers that no price changes, by what they depend on besides.
    """

    symbol: str
    distribution: PredictiveDistribution
    prices: PriceContext
    model: ServedModel | None
    recomputed: str | None
    absent: tuple[str, ...]
    lineage: object
    calibration_sessions: int
    intervals: tuple[tuple[float, float, float], ...] = field(init=False)
    probability_up: float = field(init=False)
    said: dict[tuple[int, bool], dict[str, Any]] = field(init=False, default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        intervals = tuple((level, *self.distribution.interval(level)) for level in LEVELS)
        object.__setattr__(self, "intervals", intervals)
        object.__setattr__(self, "probability_up", self.distribution.probability_above(0.0))

    def holds(self, model: ServedModel | None, panel: PricePanel, now: datetime) -> bool:
        """Whether computing again from this model and these prices would give the same."""
        if self.model is not model or self.lineage is not panel.lineage:
            return False
        return self.fresh(now)

    def fresh(self, now: datetime) -> bool:
        """Whether its correlations may still be used."""
        return self.model is None or self.recomputed is not None or is_recent(self.model, now)


def is_recent(model: ServedModel, now: datetime) -> bool:
    """Whether a model's stored correlations were computed in the last 24 hours."""
    return freshness.is_recent(model.correlation_at, now)


def staleness(model: ServedModel, session: np.datetime64, now: datetime) -> str | None:
    """Why a model's stored correlations are not fresh at a session; None if they are."""
    return freshness.staleness(model.correlation_as_of, model.correlation_at, session, now)
