"""Plots of strategies: stated probabilities of profit beside the shares that made one."""

from __future__ import annotations

import plotly.graph_objects as go

from tickgraph.lab.evaluation.html_report.style import (
    add_reliability_axes,
    empty_figure,
    styles_of,
    whiskers,
)
from tickgraph.lab.options.strategy_result import StrategyEvaluation


def reliability(evaluation: StrategyEvaluation, horizon: int) -> go.Figure:
    """Share that made a profit against the stated probability, a point for each tenth."""
    names = [own.name for own in evaluation.strategies]
    look = styles_of([(name, "model") for name in names], set(names))
    figure = empty_figure(460)
    ends: list[float] = []
    for own in evaluation.strategies:
        bins = [each for figures in own.horizons if figures.horizon == horizon for each in figures.deciles]
        if not bins:
            continue
        style = look[own.name]
        ends += [end * 100 for each in bins for end in (each.stated, each.came.value)]
        figure.add_scatter(
            x=[each.stated * 100 for each in bins],
            y=[each.came.value * 100 for each in bins],
            error_y=whiskers([each.came for each in bins], 100),
            mode="markers",
            marker={"color": style.color, "symbol": style.symbol, "size": 8},
            hovertext=[
                f"stated {each.stated * 100:.1f} %, came {each.came.value * 100:.1f} % of {each.strategies:,}"
                for each in bins
            ],
            hovertemplate="%{hovertext}<extra>%{fullData.name}</extra>",
            **style.trace(),
        )
    names_of_axes = "Stated probability of profit, %", "Share that made a profit, %"
    add_reliability_axes(figure, ends, names_of_axes, "As stated")
    return figure
