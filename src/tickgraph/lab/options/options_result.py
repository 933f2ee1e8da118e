"""The results on touched levels and on strategies, as they stand in evaluation.json."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, ConfigDict

from tickgraph.lab.compared import Kind
from tickgraph.lab.horizons.horizon_result import HorizonTarget, Verdict
from tickgraph.registry.evaluation_record import Figure


class _Result(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class TouchDecile(_Result):
    """Levels whose probability of a touch was said to be within one tenth."""

    lower: float
    upper: float
    levels: int
    """How many."""
    said: float
    """Mean probability that was said of them."""
    came: float
    """Share that was touched."""
    error: Figure
    """What came less what was said, with its 95 % interval."""


class TouchHorizon(_Result):
    """Figures of one method up to ``horizon`` sessions ahead."""

    horizon: int
    levels: int
    """Levels that were judged."""
    brier: Figure
    """Brier score of the probability of a touch."""
    brier_ratio: Figure | None
    """Of the product over this method, on the levels that both judged: below 1 the product is better."""
    p_value: float | None
    """Two-sided, of no difference between the two (Diebold & Mariano 1995)."""
    deciles: list[TouchDecile]
    """By tenths of the probability that was said; empty ones are left out."""


class TouchMethodResult(_Result):
    """All figures of one method."""

    name: str
    kind: Kind
    description: str
    horizons: list[TouchHorizon]


class TouchTarget(_Result):
    """What was asked of the product, and what came."""

    wanted: str
    measured: Figure
    verdict: Verdict


class TouchEvaluation(_Result):
    """An evaluation of the probability that a level is touched."""

    horizons: list[int]
    distances: list[float]
    """Of levels from the close, in standard deviations over the horizon, of the last 60 sessions."""
    first_session: date
    """The first levels were judged after its close."""
    last_session: date
    settings: dict[str, str | int | float | bool]
    methods: list[TouchMethodResult]
    targets: list[TouchTarget] = []
    findings: list[str] = []
    """What the figures say, in sentences made from them."""

    def figures(self, method: str, horizon: int) -> TouchHorizon | None:
        """Figures of a method up to a horizon; None where there are none."""
        found = (own for each in self.methods if each.name == method for own in each.horizons)
        return next((own for own in found if own.horizon == horizon), None)


class ProfitBin(_Result):
    """Strategies of one band of stated probabilities, and how many of them made a profit."""

    stated: float
    """Mean probability of profit that was stated."""
    came: Figure
    """Share that made a profit."""
    strategies: int


class StrategyHorizon(_Result):
    """Figures of one strategy that expires after ``horizon`` sessions; intervals are 95 % by block bootstrap."""

    horizon: int
    sessions: int
    """Sessions on which it was entered."""
    strategies: int
    """How often it was entered: symbols times sessions."""
    stated: float
    """Mean probability of profit that was stated."""
    came: Figure
    """Share that made a profit of a cent or more."""
    difference: Figure
    """``came`` less ``stated``."""
    stated_lognormal: float
    """Mean probability of the same profit under the log-normal with 20 sessions' volatility."""
    brier: Figure
    """Brier score of the stated probability."""
    brier_ratio: Figure
    """Brier score over that of the log-normal; below 1 is better."""
    expected_profit: float
    """Mean profit that was stated, as a share of the price of the stock."""
    mean_profit: Figure
    """Mean profit that came, as a share of the price of the stock."""
    deciles: list[ProfitBin]
    """Ten bands of stated probabilities that hold as many strategies each, as far as probabilities differ."""
    by_year: dict[str, ProfitBin]
    """The same by year of entry; its shares have no interval."""


class StrategyResult(_Result):
    """All figures of one strategy, or of all of them together."""

    name: str
    description: str
    horizons: list[StrategyHorizon]


class StrategyEvaluation(_Result):
    """An evaluation of strategies: does the stated probability of profit come true."""

    horizons: list[int]
    forecaster: str
    """Whose distribution states the probabilities."""
    pricing: str
    """Whose prices the options are traded at."""
    first_session: date
    """The first strategy was entered at its close."""
    last_session: date
    settings: dict[str, str | int | float | bool]
    strategies: list[StrategyResult]
    targets: list[HorizonTarget] = []
    findings: list[str] = []
    """What the figures say, in sentences made from them."""
