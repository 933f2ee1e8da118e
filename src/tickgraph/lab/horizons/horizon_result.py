"""The result of an evaluation by horizon, as it stands in evaluation.json."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict

from tickgraph.lab.compared import Kind
from tickgraph.model.training_config import TrainingConfig
from tickgraph.registry.evaluation_record import Figure, SymbolHorizon

Measure = Literal["qlike", "crps", "brier"]
"""Losses that forecasters are compared by; lower is better."""
Verdict = Literal["met", "missed"]


class _Result(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class HorizonFigures(_Result):
    """Figures of one forecaster over the next ``horizon`` sessions; intervals are 95 % by block bootstrap."""

    horizon: int
    qlike: Figure
    """Of the range variance over the horizon, mean over symbols and sessions."""
    crps: Figure
    """Of the log return over the horizon, a log return."""
    pinball: Figure
    """Mean pinball loss over seven quantiles, a log return."""
    brier: Figure
    """Brier score of P(return > strike), mean over the strikes."""
    brier_by_strike: dict[str, float]
    """By the strike's distance in standard deviations."""
    coverage: dict[str, Figure]
    """Share of returns inside the central interval, by level (``"0.8"``, ``"0.95"``)."""
    width: dict[str, float]
    """Mean width of the interval, a log return."""
    coverage_by_year: dict[str, dict[str, float]]
    """The same by year of the forecast, then by level."""
    qlike_by_year: dict[str, float]
    """Mean QLIKE by year of the forecast."""
    pit: list[float]
    """Histogram of the probability integral transform: shares in 20 equal bins, 0.05 each where it is calibrated."""
    in_confidence_set: dict[Measure, float]
    """p-value in the model confidence set (Hansen, Lunde & Nason 2011); above 0.1 the 90 % set holds the forecaster."""


class HorizonForecasterResult(_Result):
    """All figures of one forecaster."""

    name: str
    kind: Kind
    description: str
    horizons: list[HorizonFigures]
    by_symbol: dict[str, dict[str, SymbolHorizon]] = {}
    """By symbol and horizon; of models."""
    seconds: float
    """Time it took to fit and forecast, the whole walk."""


class HorizonComparison(_Result):
    """Losses of two forecasters on the same symbols and sessions."""

    first: str
    second: str
    horizon: int
    measure: Measure
    ratio: Figure
    """Mean loss of the first over that of the second; below 1 the first is better."""
    p_value: float
    """Two-sided, of the test of Diebold & Mariano 1995 on each session's mean difference over symbols, with a
    Newey-West variance whose lag is the horizon less one, or more."""
    p_value_long: float
    """The same with a lag of three horizons, which calls fewer differences significant that are none."""
    conclusion: str
    """One sentence: better, worse or not told apart."""


class HorizonTarget(_Result):
    """What was asked of the product's model, and what came."""

    wanted: str
    """In words."""
    horizon: int
    measured: Figure
    """A ratio of losses, a coverage, or a p-value in the model confidence set."""
    bound: float
    verdict: Verdict
    """By the figure itself, and by the p-value where one was asked for; the interval says how sure it is."""


class HorizonEvaluation(_Result):
    """An evaluation by horizon."""

    horizons: list[int]
    first_session: date
    """The first forecast was made after its close."""
    last_session: date
    sessions: dict[str, int]
    """Sessions whose variance was judged, by horizon."""
    origins: dict[str, int]
    """Sessions whose distribution was judged, by horizon."""
    forecasts: dict[str, int]
    """Symbols times sessions whose variance was judged, by horizon."""
    settings: dict[str, str | int | float | bool]
    training: TrainingConfig | None = None
    """How the network was fitted, with all horizons; null where its models forecast the next return alone."""
    bar: dict[str, str]
    """The own HAR that is best at each horizon, which the graph has to beat."""
    forecasters: list[HorizonForecasterResult]
    comparisons: list[HorizonComparison]
    targets: list[HorizonTarget] = []
    findings: list[str] = []
    """What the figures say, in sentences made from them."""

    def figures(self, forecaster: str | None, horizon: int) -> HorizonFigures | None:
        """Figures of a forecaster over a horizon; None where there are none."""
        found = (own for each in self.forecasters if each.name == forecaster for own in each.horizons)
        return next((own for own in found if own.horizon == horizon), None)

    def against(self, benchmark: str | None, measure: Measure) -> list[HorizonComparison]:
        """Comparisons with a benchmark; None is the bar of each horizon."""
        return [
            own
            for own in self.comparisons
            if own.measure == measure and own.second == (benchmark or self.bar.get(str(own.horizon)))
        ]
