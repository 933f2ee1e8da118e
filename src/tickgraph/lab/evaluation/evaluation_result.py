"""The result of an evaluation, as it is written to JSON and read by the report."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from tickgraph.lab.compared import Kind
from tickgraph.lab.horizons.horizon_result import HorizonEvaluation
from tickgraph.lab.options.options_result import StrategyEvaluation, TouchEvaluation
from tickgraph.registry.evaluation_record import Figure

Estimate = Figure
"""A figure with its 95 % block-bootstrap interval, as a model's metadata has it."""


class _Result(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Accuracy(_Result):
    """Figures of the point forecast; null where it is constant or nothing was measured."""

    sessions: int
    """Sessions in which at least two symbols were forecast."""
    forecasts: int
    """Symbol-sessions."""
    ic: Estimate | None = None
    """Mean over sessions of the cross-sectional Pearson correlation of forecast and realised return."""
    rank_ic: Estimate | None = None
    """The same with Spearman's."""
    icir: Estimate | None = None
    """Mean of the daily IC over its standard deviation."""
    hit_rate: Estimate | None = None
    """Share of moves whose sign was forecast right; sessions without a move and zero forecasts are left out."""
    mse: Estimate | None = None
    r2_vs_zero: Estimate | None = None
    """1 - MSE / MSE of forecasting zero; negative where forecasting nothing would have been better."""
    precision_at_k: Estimate | None = None
    """Share of the k highest forecasts of each session whose return was not negative."""
    k: int


class Portfolio(_Result):
    """A daily rebalanced, equally weighted portfolio; Sharpe ratios are per year (252 sessions in New York)."""

    sharpe_gross: Estimate | None = None
    sharpe_net: Estimate | None = None
    """After costs."""
    annual_return_net: float | None = None
    turnover: float | None = None
    """Mean share of the portfolio's value traded a session, buys and sells each counted: 0 to 2 a leg."""
    deflated_sharpe: float | None = None
    """Probability that the true net Sharpe ratio is positive, given how many variants were tried
    (Bailey & López de Prado 2014)."""


class ReliabilityBin(_Result):
    """Forecasts of one band of probability, and how often the event came."""

    predicted: float
    observed: float
    count: int


class Distribution(_Result):
    """Figures of the predictive distribution."""

    coverage: dict[str, Estimate]
    """Share of returns inside the central interval, by level (``"0.8"``, ``"0.95"``)."""
    width: dict[str, float]
    """Mean width of the interval, a log return."""
    pinball: Estimate
    """Mean pinball loss over the quantiles forecast, a log return."""
    brier: Estimate
    """Brier score of the probability of a rise."""
    brier_base: Estimate
    """Brier score of forecasting one half."""
    reliability: list[ReliabilityBin]
    """Probability of a rise against how often it rose, in tenths that hold forecasts."""
    calibration_error: float
    """Mean absolute difference of the two, weighted by count."""
    strike_reliability: list[ReliabilityBin]
    """The same over all strikes of all sessions."""
    strike_calibration_error: float


class StrikeScore(_Result):
    """Brier score of P(close > strike) at one distance, beside the log-normal with trailing volatility."""

    distance: float
    """log(strike / close)."""
    brier: Estimate
    brier_lognormal: Estimate
    difference: Estimate
    """Ours minus the log-normal's; below 0 is better. The interval is of paired sessions."""


class Slice(_Result):
    """The same figures on a part of the sessions or symbols."""

    by: Literal["year", "sector", "regime", "symbol"]
    name: str
    sessions: int
    symbols: int
    ic: Estimate | None = None
    rank_ic: Estimate | None = None
    hit_rate: Estimate | None = None
    r2_vs_zero: Estimate | None = None
    coverage: dict[str, Estimate] = {}


class DailyIC(_Result):
    """IC of each session, for the cumulative plot; null where a session had no spread."""

    sessions: list[date]
    ic: list[float | None]


class ForecasterResult(_Result):
    """All figures of one forecaster."""

    name: str
    kind: Kind
    description: str
    accuracy: Accuracy
    long: Portfolio
    long_short: Portfolio
    distribution: Distribution | None = None
    strikes: list[StrikeScore] = []
    slices: list[Slice] = []
    daily: DailyIC
    seconds: float
    """Time it took to train and forecast, all windows."""


class Comparison(_Result):
    """Paired difference of two forecasters on the same sessions."""

    first: str
    second: str
    metric: Literal["ic", "rank_ic", "squared_error"]
    difference: Estimate
    """first - second; for squared_error, relative to the error of forecasting zero."""
    conclusion: str
    """One sentence: better, worse or not told apart."""


class RealityCheck(_Result):
    """Whether the best of all forecasters beats the benchmark once the search is accounted for.

    Hansen's test for superior predictive ability (2005), with White's reality check (2000) as its upper
    p-value, on daily squared errors.
    """

    benchmark: str
    best: str
    variants: int
    p_value: float
    p_value_white: float


class Window(_Result):
    """One step of the walk: trained on sessions up to ``train_last``, forecasts made from ``test_first`` on."""

    train_first: date
    train_last: date
    embargo: int
    """Sessions between the last target seen in training and the first forecast."""
    test_first: date
    test_last: date
    symbols: int


class Evaluation(_Result):
    """A whole evaluation: of the next return (``forecasters``; empty where it was not evaluated), and other parts."""

    created: datetime
    version: str
    """Of tickgraph."""
    source: str
    """Where the prices came from."""
    data_version: str
    survivorship: str
    """What the choice of symbols does to the figures."""
    symbols: list[str]
    left_out: dict[str, str] = {}
    """Symbols asked for and not evaluated, with the reason."""
    settings: dict[str, str | int | float | bool]
    cost_basis_points: float
    """Per dollar traded."""
    windows: list[Window]
    forecasters: list[ForecasterResult]
    comparisons: list[Comparison]
    reality_check: RealityCheck | None = None
    findings: list[str] = []
    """What the figures say, in sentences made from them."""
    horizons: HorizonEvaluation | None = None
    """How far prices move over the next h sessions: variance and distribution. Null where it was not evaluated."""
    touch: TouchEvaluation | None = None
    """Whether levels are touched as often as was said. Null where it was not evaluated."""
    strategies: StrategyEvaluation | None = None
    """Whether stated probabilities of profit come true. Null where it was not evaluated."""
