"""Plots of accuracy: over time, by part of the data, by forecaster."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import plotly.graph_objects as go

from tickgraph.lab.evaluation.evaluation_result import Estimate, ForecasterResult, Window
from tickgraph.lab.evaluation.html_report.style import (
    REFERENCE,
    Style,
    add_legend,
    empty_figure,
    plain,
    styles,
    whiskers,
)
from tickgraph.lab.evaluation.metric_columns import Metric, interval, mark, metric_attribute, number
from tickgraph.lab.evaluation.slices import By


def cumulative_ic(forecasters: Sequence[ForecasterResult]) -> go.Figure:
    """Sum of the daily ICs up to each session; sessions without one add nothing."""
    look = styles(forecasters)
    figure = empty_figure(460, hovermode="x unified" if len(forecasters) <= 6 else "closest")
    for forecaster in forecasters:
        daily = np.array(forecaster.daily.ic, dtype=np.float64)  # [T], NaN for null
        if not np.isfinite(daily).any():
            continue
        style = look[forecaster.name]
        figure.add_scatter(
            x=[session.isoformat() for session in forecaster.daily.sessions],
            y=[round(total, 4) for total in np.nancumsum(daily).tolist()],
            mode="lines",
            line=style.line(2.4 if style.kind == "model" else 1.5),
            hovertemplate="%{x|%d %b %Y}: %{y:.2f}<extra>%{fullData.name}</extra>",
            **style.trace(),
        )
    figure.update_yaxes(title="Sum of daily ICs", zeroline=True)
    add_legend(figure)
    return figure


def forest(
    entries: Sequence[tuple[Style, Estimate | None]],
    metric: Metric,
    labels: Sequence[str] | None = None,
) -> go.Figure:
    """A point with its interval per entry, first entry on top, and a line at the null value."""
    names = [plain(label) for label in labels] if labels else [style.label for style, _ in entries]
    figure = empty_figure(70 + 30 * max(len(entries), 1))
    for name, (style, estimate) in zip(names, entries, strict=True):
        if estimate is not None:
            figure.add_scatter(
                x=[estimate.value * metric.scale],
                y=[name],
                mode="markers",
                error_x=whiskers([estimate], metric.scale),
                marker=style.marker(9),
                hovertext=[_hover(estimate, metric)],
                hovertemplate="%{hovertext}<extra>%{y}</extra>",
            )
    if metric.null is not None:
        figure.add_vline(x=metric.null * metric.scale, line=REFERENCE)
    figure.update_xaxes(title=_title(metric))
    figure.update_yaxes(
        categoryorder="array", categoryarray=names[::-1], type="category", range=[-0.7, len(names) - 0.3]
    )
    return figure


def names_of(forecasters: Iterable[ForecasterResult], by: By) -> list[str]:
    """Names of the slices in the order they first come, years sorted."""
    names = list(dict.fromkeys(s.name for f in forecasters for s in f.slices if s.by == by))
    return sorted(names) if by == "year" else names


def sliced(forecasters: Sequence[ForecasterResult], by: By, key: str, metric: Metric) -> go.Figure:
    """Figure ``key`` by part of the data, forecasters side by side with their intervals.

    Years run along the horizontal axis; sectors and regimes, whose names are long, along the vertical one.
    """
    look, names = styles(forecasters), names_of(forecasters, by)
    upright = by != "year"
    shown = sum(style.shown for style in look.values())
    height = 110 + len(names) * max(26, 11 * shown) if upright else 400
    figure = empty_figure(height, scattermode="group", scattergap=0.3)
    measured, named = ("x", "y") if upright else ("y", "x")
    ends: list[float] = []
    for forecaster in forecasters:
        by_name = {s.name: metric_attribute(s, key) for s in forecaster.slices if s.by == by}
        points = [(name, estimate) for name in names if (estimate := by_name.get(name)) is not None]
        if not points:
            continue
        style, estimates = look[forecaster.name], [estimate for _, estimate in points]
        places = [plain(name) for name, _ in points]
        ends += [
            e * metric.scale for est in estimates for e in (est.low, est.value, est.high) if e is not None
        ]
        figure.add_scatter(
            **{
                measured: [estimate.value * metric.scale for estimate in estimates],
                named: places,
                f"error_{measured}": whiskers(estimates, metric.scale),
            },
            orientation="h" if upright else None,
            mode="markers",
            marker=style.marker(8),
            offsetgroup=style.label,
            hovertext=[f"{place}: {_hover(e, metric)}" for place, e in zip(places, estimates, strict=True)],
            hovertemplate="%{hovertext}<extra>%{fullData.name}</extra>",
            **style.trace(dense=True),
        )
    reference = metric.nominal if metric.nominal is not None else metric.null
    if reference is not None:
        add_line = figure.add_vline if upright else figure.add_hline
        add_line(**{measured: reference * metric.scale}, line=REFERENCE)
    figure.update_layout(
        {
            f"{measured}axis": {"title": {"text": _title(metric)}, "range": _range(ends)},
            f"{named}axis": {
                "type": "category",
                "categoryorder": "array",
                "categoryarray": [plain(name) for name in (names[::-1] if upright else names)],
            },
        }
    )
    add_legend(figure)
    return figure


def spread_over_symbols(forecasters: Sequence[ForecasterResult], key: str, metric: Metric) -> go.Figure:
    """Box per forecaster of figure ``key`` of each symbol, every symbol a point."""
    look = styles(forecasters)
    figure = empty_figure(80 + 34 * len(forecasters))
    for forecaster in forecasters:
        points = [
            (s.name, estimate)
            for s in forecaster.slices
            if s.by == "symbol" and (estimate := metric_attribute(s, key)) is not None
        ]
        if not points:
            continue
        style = look[forecaster.name]
        figure.add_box(
            # Without y a box stands at its name. Six digits: there may be hundreds of symbols.
            x=[float(f"{estimate.value * metric.scale:.6g}") for _, estimate in points],
            name=style.label,
            orientation="h",
            boxpoints="all",
            jitter=0.5,
            pointpos=0,
            marker={"color": style.color, "size": 4, "opacity": 0.55},
            line={"color": style.color, "width": 1.5},
            fillcolor="rgba(0,0,0,0)",
            text=[plain(name) for name, _ in points],
            hovertemplate="%{text}: %{x}<extra>%{fullData.name}</extra>",
            hoveron="points",
        )
    if metric.null is not None:
        figure.add_vline(x=metric.null * metric.scale, line=REFERENCE)
    figure.update_xaxes(title=f"{_title(metric)}, a point per symbol")
    figure.update_yaxes(type="category", autorange="reversed")
    return figure


def timeline(windows: Sequence[Window]) -> go.Figure:
    """A row per window: training, then the forecasts made from it; the gap between them is the embargo."""
    figure = empty_figure(90 + 24 * len(windows), barmode="overlay", bargap=0.3)
    rows = [str(i) for i in range(1, len(windows) + 1)]
    for name, color, spans in (
        ("Training", "#6b7f99", [(w.train_first, w.train_last) for w in windows]),
        ("Forecasts", "#d1495b", [(w.test_first, w.test_last) for w in windows]),
    ):
        figure.add_bar(
            y=rows,
            base=[first.isoformat() for first, _ in spans],
            # Milliseconds, as on Plotly's axis of dates.
            x=[((last - first).days + 1) * 86_400_000 for first, last in spans],
            orientation="h",
            marker={"color": color, "line": {"width": 0}},
            name=name,
            hovertext=[
                f"Window {row}, {name.lower()}: {first} to {last}; {w.symbols} symbols, embargo {w.embargo}"
                for row, (first, last), w in zip(rows, spans, windows, strict=True)
            ],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    figure.update_xaxes(type="date")
    figure.update_yaxes(title="Window", type="category", autorange="reversed")
    add_legend(figure)
    return figure


def _range(ends: Sequence[float]) -> list[float] | None:
    """Axis that holds every interval, also of hidden forecasters; beside a band Plotly's own axis begins at 0."""
    if not ends:
        return None
    room = 0.06 * ((max(ends) - min(ends)) or 1.0)
    return [min(ends) - room, max(ends) + room]


def _hover(estimate: Estimate, metric: Metric) -> str:
    marked = mark(estimate, metric)
    texts = (number(estimate.value, metric), interval(estimate, metric), marked.text if marked else "")
    return " ".join(filter(None, texts))


def _title(metric: Metric) -> str:
    return f"{metric.label}, %" if metric.percent and "%" not in metric.label else metric.label
