"""The section on predictive distributions: scores, reliability, coverage, strikes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Literal

import plotly.graph_objects as go

from tickgraph.lab.evaluation.evaluation_result import Evaluation, ForecasterResult
from tickgraph.lab.evaluation.html_report import tables
from tickgraph.lab.evaluation.html_report.figures import sliced
from tickgraph.lab.evaluation.html_report.parts import Part, Plot, Section
from tickgraph.lab.evaluation.html_report.style import (
    NEUTRAL,
    REFERENCE,
    add_legend,
    add_reliability_axes,
    empty_figure,
    styles,
    whiskers,
)
from tickgraph.lab.evaluation.metric_columns import COVERAGE_BAND, coverage, mark

SMALLEST_SHARE = 0.005
"""Bins that hold less of the forecasts are not drawn: a few forecasts show no frequency."""


def calibration_section(evaluation: Evaluation) -> Section:
    """The distributions; a section without parts where no forecaster has one."""
    every = evaluation.forecasters
    parts: list[Part] = []
    if any(f.distribution is not None for f in every):
        parts.append(tables.distribution_table(evaluation))
        parts += [
            _reliability(every, "rise", "Reliability of the probability of a rise"),
            _reliability(every, "strike", "Reliability of P(close > strike), all strikes"),
        ]
        parts += _coverage(every, "year", "Coverage by year") + _coverage(
            every, "regime", "Coverage by regime"
        )
    scored = [f for f in evaluation.forecasters if f.strikes]
    if scored:
        parts.append(
            Plot(
                "Strikes against the log-normal",
                "Brier score of P(close > strike) minus that of a log-normal with trailing volatility, by the "
                "strike's distance. Below 0 beats what a desk would use; whiskers that cross 0 are a draw.",
                "Mean difference: " + ", ".join(
                    f"{f.name} {sum(s.difference.value for s in f.strikes) / len(f.strikes):.5f}" for f in scored
                ),
                {"Strikes": strikes(evaluation.forecasters)},
            )
        )  # fmt: skip
    return Section("Intervals and probabilities", parts)


def _reliability(
    forecasters: Sequence[ForecasterResult], event: Literal["rise", "strike"], title: str
) -> Plot:
    errors = (
        (
            f.name,
            f.distribution.calibration_error if event == "rise" else f.distribution.strike_calibration_error,
        )
        for f in forecasters
        if f.distribution is not None
    )
    return Plot(
        title,
        "On the diagonal, what was called 55 % came 55 times in 100. Below it the forecast was too high, above it "
        "too low. Larger marks hold more forecasts; bins of less than 1 in 200 are not drawn.",
        "Calibration error: " + ", ".join(f"{name} {error * 100:.1f} points" for name, error in errors),
        {title: reliability(forecasters, event)},
    )


def _coverage(
    forecasters: Sequence[ForecasterResult], by: Literal["year", "regime"], title: str
) -> list[Part]:
    levels = sorted({v for f in forecasters for s in f.slices if s.by == by for v in s.coverage}, key=float)
    if not levels:
        return []
    outside = [
        f"{f.name} {s.name}, {coverage(level).label.lower()}: {s.coverage[level].value * 100:.1f} %"
        for f in forecasters
        for s in f.slices
        if s.by == by
        for level in levels
        if level in s.coverage and mark(s.coverage[level], coverage(level))
    ]
    return [
        Plot(
            title,
            "The dashed line is the promised level, the band 2 points to each side. Above it intervals were too "
            "wide, below too narrow.",
            "Outside the band: " + (", ".join(outside) if outside else "none") + ".",
            {
                f"{float(level) * 100:g} % interval": sliced_coverage(forecasters, by, level)
                for level in levels
            },
            choice="Level",
        )
    ]


def reliability(forecasters: Sequence[ForecasterResult], event: Literal["rise", "strike"]) -> go.Figure:
    """Observed frequency against forecast probability, a point per bin sized by its forecasts.

    Nearly all rises are forecast between 40 and 60 %, so the axes hold what was forecast, not 0 to 1.
    """
    look = styles(forecasters)
    figure = empty_figure(460)
    ends: list[float] = []
    for forecaster in forecasters:
        if forecaster.distribution is None:
            continue
        bins = (
            forecaster.distribution.reliability
            if event == "rise"
            else forecaster.distribution.strike_reliability
        )
        bins = [b for b in bins if b.count >= SMALLEST_SHARE * sum(other.count for other in bins)]
        if not bins:
            continue
        most = max(b.count for b in bins)
        style = look[forecaster.name]
        ends += [end * 100 for b in bins for end in (b.predicted, b.observed)]
        figure.add_scatter(
            x=[b.predicted * 100 for b in bins],
            y=[b.observed * 100 for b in bins],
            mode="lines+markers",
            line=style.line(1.5),
            # Area, not width, is what the eye compares.
            marker=style.marker([5 + 11 * (b.count / most) ** 0.5 for b in bins]),
            hovertext=[
                f"forecast {b.predicted * 100:.1f} %, came {b.observed * 100:.1f} % of {b.count:,} times"
                for b in bins
            ],
            hovertemplate="%{hovertext}<extra>%{fullData.name}</extra>",
            **style.trace(),
        )
    add_reliability_axes(figure, ends, ("Forecast probability, %", "How often it came, %"), "Perfect")
    return figure


def sliced_coverage(
    forecasters: Sequence[ForecasterResult], by: Literal["year", "regime", "sector"], level: str
) -> go.Figure:
    """Coverage of the central interval by part of the data, with the band of 2 points around its level."""
    figure = sliced(forecasters, by, f"coverage:{level}", coverage(level))
    ends = ((float(level) - COVERAGE_BAND) * 100, (float(level) + COVERAGE_BAND) * 100)
    axis = figure.layout.yaxis if by == "year" else figure.layout.xaxis
    low, high = axis.range or ends
    axis.range = [min(low, ends[0] - 1), max(high, min(ends[1] + 1, 100.5))]
    band = {"fillcolor": NEUTRAL, "opacity": 0.18, "line": {"width": 0}, "layer": "below"}
    if by == "year":
        figure.add_hrect(y0=ends[0], y1=ends[1], **band)
    else:
        figure.add_vrect(x0=ends[0], x1=ends[1], **band)
    return figure


def strikes(forecasters: Sequence[ForecasterResult]) -> go.Figure:
    """Brier score minus the log-normal's by distance of the strike, with paired intervals."""
    look = styles(forecasters)
    figure = empty_figure(420)
    scored = [f for f in forecasters if f.strikes]
    for place, forecaster in enumerate(scored):
        style = look[forecaster.name]
        # Intervals at one distance would hide one another, so each forecaster stands a little aside.
        aside = (place - (len(scored) - 1) / 2) * 0.6 / max(len(scored), 1) * _narrowest(forecaster)
        figure.add_scatter(
            x=[s.distance * 100 + aside for s in forecaster.strikes],
            y=[s.difference.value for s in forecaster.strikes],
            error_y=whiskers([s.difference for s in forecaster.strikes]),
            mode="markers+lines",
            line=style.line(1),
            marker=style.marker(8),
            hovertext=[
                f"strike {s.distance * 100:+.0f} %: {s.brier.value:.4f} against {s.brier_lognormal.value:.4f}"
                for s in forecaster.strikes
            ],
            hovertemplate="%{hovertext}<extra>%{fullData.name}</extra>",
            **style.trace(),
        )
    figure.add_hline(y=0, line=REFERENCE)
    figure.update_xaxes(title="Strike above close, log %")
    figure.update_yaxes(title="Brier score minus the log-normal's", tickformat=".4~f")
    add_legend(figure)
    return figure


def _narrowest(forecaster: ForecasterResult) -> float:
    """Smallest step between distances, in log percent."""
    distances = sorted(s.distance * 100 for s in forecaster.strikes)
    return min((b - a for a, b in itertools.pairwise(distances)), default=1.0)
