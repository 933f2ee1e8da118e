"""The figures of a forecaster as people read them: name, format, null value, how to read it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from tickgraph.lab.evaluation.evaluation_result import Estimate, ForecasterResult, Slice
from tickgraph.lab.intervals import ends, leaves_out

MISSING = "–"
"""In place of a figure that was not measured or is not defined."""

COVERAGE_BAND = 0.02
"""Coverage further than this from its nominal level is marked."""


@dataclass(frozen=True)
class Metric:
    """How one figure is shown.

    Attributes
    ----------
    label
        Heading of its column, title of its axis.
    reading
        One sentence: what it is and which way is good.
    decimals
        Shown; of the percentage where ``percent``.
    percent
        A share, shown times 100.
    null
        Value that knowing nothing gives; an interval that holds it is marked.
    nominal
        Value that was promised; a figure off by more than :data:`COVERAGE_BAND` is marked.
    """

    label: str
    reading: str
    decimals: int = 2
    percent: bool = False
    null: float | None = None
    nominal: float | None = None

    @property
    def scale(self) -> float:
        """From the figure to what is shown."""
        return 100 if self.percent else 1


IC = Metric(
    "IC",
    "Mean daily correlation across symbols of forecast and realised return. 0 is no skill; 0.02 to 0.05 is "
    "what good daily equity signals reach.",
    decimals=4,
    null=0.0,
)
RANK_IC = Metric(
    "Rank IC", "The IC of ranks, which outliers cannot carry. 0 is no skill.", decimals=4, null=0.0
)
ICIR = Metric(
    "ICIR", "Mean of the daily IC over its standard deviation: how steady it is.", decimals=3, null=0.0
)
HIT_RATE = Metric(
    "Hit rate",
    "Share of moves whose sign was forecast right. 50 % is a coin; always saying up gets the share of rises, "
    "usually above 50 %.",
    decimals=1,
    percent=True,
    null=0.5,
)
R2 = Metric(
    "R² vs zero",
    "1 - MSE / MSE of forecasting zero. Below 0, forecasting nothing would have been better.",
    percent=True,
    null=0.0,
)
SHARPE = Metric(
    "Sharpe", "Mean over standard deviation of daily returns, per year (252 sessions in New York).", null=0.0
)
TURNOVER = Metric("Turnover", "Mean share of the portfolio traded a session, buys and sells each counted.")


def precision(k: int) -> Metric:
    """How precision@k is shown. It has no null value: chance is the share of rises, not one half."""
    return Metric(
        f"Precision@{k}",
        f"Share of the {k} highest forecasts of a session whose return was not negative. Compare it with the "
        "other rows: chance is the share of rises, not 50 %.",
        decimals=1,
        percent=True,
    )


def coverage(level: str) -> Metric:
    """How the coverage of a central interval is shown; ``level`` as the result writes it, such as ``"0.8"``."""
    nominal = float(level)
    return Metric(
        f"Coverage {nominal * 100:g} %",
        f"Share of returns inside the {nominal * 100:g} % interval. Below, the interval is too narrow; above, "
        "too wide.",
        decimals=1,
        percent=True,
        nominal=nominal,
    )


Column = tuple[Metric, Callable[[ForecasterResult], Estimate | float | None]]


def accuracy_columns(k: int) -> list[Column]:
    """Columns of the main table, for top-``k`` precision."""
    after_costs = "Sharpe ratio per year after costs of a daily rebalanced portfolio of"
    return [
        (IC, lambda f: f.accuracy.ic),
        (RANK_IC, lambda f: f.accuracy.rank_ic),
        (ICIR, lambda f: f.accuracy.icir),
        (HIT_RATE, lambda f: f.accuracy.hit_rate),
        (R2, lambda f: f.accuracy.r2_vs_zero),
        (precision(k), lambda f: f.accuracy.precision_at_k),
        (
            Metric(
                "Sharpe long",
                f"{after_costs} the highest forecasts. It holds the market's own rise.",
                null=0.0,
            ),
            lambda f: f.long.sharpe_net,
        ),
        (
            Metric("Sharpe long-short", f"{after_costs} the highest against the lowest forecasts.", null=0.0),
            lambda f: f.long_short.sharpe_net,
        ),
        (
            Metric("Turnover long-short", TURNOVER.reading + " 0 to 2 a leg."),
            lambda f: f.long_short.turnover,
        ),
    ]


def as_estimate(figure: Estimate | float | None) -> Estimate | None:
    """A bare number as an estimate without an interval."""
    return Estimate(value=figure) if isinstance(figure, (int, float)) else figure


def number(value: float | None, metric: Metric) -> str:
    """``0.0312`` or ``51.2 %`` with a true minus sign; :data:`MISSING` for none."""
    if value is None:
        return MISSING
    text = f"{value * metric.scale:,.{metric.decimals}f}"
    if text.startswith("-"):
        text = text[1:] if not text.strip("-0.,") else f"−{text[1:]}"
    return f"{text} %" if metric.percent else text


def interval(estimate: Estimate | None, metric: Metric) -> str:
    """``[−0.0010, 0.0312]``; empty where it was not resampled or is a point."""
    found = ends(estimate)
    if found is None or found[0] == found[1]:
        return ""
    low, high = (number(end, metric) for end in found)
    return f"[{low.removesuffix(' %')}, {high.removesuffix(' %')}]"


class Mark(NamedTuple):
    """A remark beside a figure."""

    kind: str
    """``null`` or ``off``: a class of the page's style sheet."""
    short: str
    text: str


def mark(estimate: Estimate | None, metric: Metric) -> Mark | None:
    """Mark of a figure that is not told apart from knowing nothing, or of coverage off its level."""
    if metric.null is not None and ends(estimate) is not None and not leaves_out(estimate, metric.null):
        null = f"{metric.null * 100:g} %" if metric.percent and metric.null else f"{metric.null:g}"
        return Mark("null", f"≈ {null}", f"not told apart from {null}")
    if metric.nominal is not None and estimate is not None and off_by_band(estimate.value, metric.nominal):
        return off_mark(COVERAGE_BAND)
    return None


def off_mark(within: float) -> Mark:
    """Mark of a figure that is off by more than it is held to."""
    points = f"{within * 100:g} points"
    return Mark("off", f"> {points} off", f"off by more than {points}")


def off_by_band(value: float, nominal: float) -> bool:
    """Whether coverage is further from its level than :data:`COVERAGE_BAND`, but for rounding of binary fractions."""
    return abs(value - nominal) > COVERAGE_BAND + 1e-12


def metric_attribute(part: Slice, key: str) -> Estimate | None:
    """Figure ``key`` of a slice: an attribute, or ``coverage:<level>``."""
    if key.startswith("coverage:"):
        return as_estimate(part.coverage.get(key.removeprefix("coverage:")))
    return as_estimate(getattr(part, key))
