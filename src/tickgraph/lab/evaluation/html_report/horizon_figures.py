"""Plots of the evaluation by horizon: losses beside a benchmark, calibration, coverage by year."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import plotly.graph_objects as go

from tickgraph.lab.evaluation.html_report.style import (
    NEUTRAL,
    REFERENCE,
    Style,
    add_legend,
    empty_figure,
    styles_of,
    whiskers,
)
from tickgraph.lab.horizons.comparing import NAMES, written_p
from tickgraph.lab.horizons.horizon_result import (
    HorizonEvaluation,
    HorizonFigures,
    HorizonForecasterResult,
    Measure,
)

FIRST_SHOWN = ("graph-har", "har", "gjr-fhs", "lognormal-20")
"""Baselines that dense plots begin with, beside the models."""


def looks(forecasters: Sequence[HorizonForecasterResult]) -> dict[str, Style]:
    """Style of each forecaster by name."""
    shown = {f.name for f in forecasters if f.kind == "model" or f.name in FIRST_SHOWN}
    return styles_of([(f.name, f.kind) for f in forecasters], shown or {f.name for f in forecasters})


def ratios(evaluation: HorizonEvaluation, measure: Measure, benchmark: str | None) -> go.Figure:
    """Mean loss over that of a benchmark by horizon, with paired intervals; None is the bar of each horizon."""
    look = looks(evaluation.forecasters)
    figure = empty_figure(440)
    found = evaluation.against(benchmark, measure)
    for name, style in look.items():
        own = [c for c in found if c.first == name]
        if not own:
            continue
        figure.add_scatter(
            x=[str(c.horizon) for c in own],
            y=[c.ratio.value for c in own],
            error_y=whiskers([c.ratio for c in own]),
            mode="markers+lines",
            line=style.line(1.5),
            marker=style.marker(8),
            hovertext=[
                f"{c.horizon} sessions: {c.ratio.value:.3f} of {c.second}, {written_p(c.p_value, c.p_value_long)}"
                for c in own
            ],
            hovertemplate="%{hovertext}<extra>%{fullData.name}</extra>",
            **style.trace(dense=True),
        )
    figure.add_hline(y=1, line=REFERENCE)
    figure.update_xaxes(
        title="Sessions ahead",
        type="category",
        categoryorder="array",
        categoryarray=[str(h) for h in evaluation.horizons],
    )
    figure.update_yaxes(title=f"{NAMES[measure]}, share of the benchmark's")
    add_legend(figure)
    return figure


def pit_histogram(forecasters: Sequence[HorizonForecasterResult], place: int) -> go.Figure:
    """Histogram of the probability integral transform as steps, with the line of a calibrated forecast."""
    figure = empty_figure(400)
    for style, own in _each(forecasters, place):
        bins = len(own.pit)
        figure.add_scatter(
            x=[(i + 0.5) * 100 / bins for i in range(bins)],
            y=[share * bins for share in own.pit],
            mode="lines",
            line={**style.line(1.8), "shape": "hvh"},
            hovertemplate="up to %{x:.0f} %: %{y:.2f}<extra>" + style.label + "</extra>",
            **style.trace(dense=True),
        )
    figure.add_hline(y=1, line=REFERENCE)
    figure.update_xaxes(title="Forecast probability of a return up to the one that came, %", range=[0, 100])
    figure.update_yaxes(title="How often, over a calibrated forecast's", rangemode="tozero")
    add_legend(figure)
    return figure


def reliability(forecasters: Sequence[HorizonForecasterResult], place: int) -> go.Figure:
    """How often the return was below each quantile, less the quantile's own probability."""
    figure = empty_figure(400)
    for style, own in _each(forecasters, place):
        bins = len(own.pit)
        levels = [(i + 1) * 100 / bins for i in range(bins - 1)]
        below = list(accumulate(own.pit))
        figure.add_scatter(
            x=levels,
            y=[share * 100 - level for share, level in zip(below, levels, strict=False)],
            mode="lines+markers",
            line=style.line(1.5),
            marker=style.marker(5),
            hovertemplate="quantile %{x:.0f} %: off by %{y:+.1f} points<extra>" + style.label + "</extra>",
            **style.trace(dense=True),
        )
    figure.add_hline(y=0, line=REFERENCE)
    figure.update_xaxes(title="Quantile, %", range=[0, 100])
    figure.update_yaxes(title="Returns below it, points off")
    add_legend(figure)
    return figure


def coverage_by_year(
    forecasters: Sequence[HorizonForecasterResult], place: int, level: str, within: float
) -> go.Figure:
    """Coverage of the central interval by year, with the band that it is held to."""
    figure = empty_figure(400)
    for style, own in _each(forecasters, place):
        years = sorted(own.coverage_by_year)
        figure.add_scatter(
            x=years,
            y=[own.coverage_by_year[year][level] * 100 for year in years],
            mode="markers+lines",
            line=style.line(1),
            marker=style.marker(8),
            hovertemplate="%{x}: %{y:.1f} %<extra>" + style.label + "</extra>",
            **style.trace(dense=True),
        )
    nominal = float(level) * 100
    figure.add_hline(y=nominal, line=REFERENCE)
    figure.add_hrect(
        y0=nominal - within * 100,
        y1=nominal + within * 100,
        fillcolor=NEUTRAL,
        opacity=0.18,
        line={"width": 0},
        layer="below",
    )
    figure.update_xaxes(title="Year of the forecast", type="category", categoryorder="category ascending")
    figure.update_yaxes(title=f"Inside the {nominal:g} % interval, %")
    add_legend(figure)
    return figure


def _each(forecasters: Sequence[HorizonForecasterResult], place: int) -> list[tuple[Style, HorizonFigures]]:
    look = looks(forecasters)
    return [(look[f.name], f.horizons[place]) for f in forecasters]
