"""Looks of all plots: Plotly's template, legend and buttons, and for each forecaster one colour, dash and symbol."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import plotly.graph_objects as go

from tickgraph.lab.evaluation.evaluation_result import Estimate, ForecasterResult

PALETTE = (
    "#2f7ed8", "#d1495b", "#2a9d63", "#c9741a", "#8e62c9", "#1797a6",
    "#b8558f", "#7d8a1f", "#6b7f99", "#a8693d", "#5a6fe0", "#3f8f3f",
)  # fmt: skip
"""Each has a contrast of 3:1 or more on the light ground and on the dark one."""

NEUTRAL = "#7f8894"
"""Of references: diagonals, nominal levels."""

REFERENCE: dict[str, Any] = {"color": NEUTRAL, "width": 1.5, "dash": "dash"}
"""Line at the value that knowing nothing gives."""

_CLEAR = "rgba(0,0,0,0)"
_AXIS = {"automargin": True, "title": {"standoff": 8}, "zeroline": False}
_TEMPLATE = go.layout.Template(
    layout={
        "font": {"family": "system-ui, sans-serif", "size": 12},
        "paper_bgcolor": _CLEAR,
        "plot_bgcolor": _CLEAR,
        "margin": {"l": 56, "r": 14, "t": 24, "b": 48},
        "xaxis": _AXIS,
        "yaxis": _AXIS,
        "modebar": {"bgcolor": _CLEAR},
        "legend": {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom"},
    }
)
"""Without colours of text and lines: the page's style sheet sets them, for light and dark ground and for print."""

_DASHES = {"model": "solid", "ablation": "dash", "baseline": "dot"}
_SYMBOLS = {"model": "circle", "ablation": "diamond", "baseline": "square"}
_CHOICES = {
    "models": ("model",),
    "models and ablations": ("model", "ablation"),
    "all forecasters": tuple(_DASHES),
}
_LEGEND_ROW = 19
"""Pixels."""


@dataclass(frozen=True)
class Style:
    """Looks of one forecaster; ``name`` is as the result has it, unescaped."""

    name: str
    kind: str
    color: str
    dash: str
    symbol: str
    shown: bool
    """Whether plots too dense for all forecasters show it at first."""

    @property
    def label(self) -> str:
        """Name for Plotly, which reads some HTML in labels."""
        return plain(self.name)

    def line(self, width: float) -> dict[str, Any]:
        """Plotly's line."""
        return {"color": self.color, "dash": self.dash, "width": width}

    def marker(self, size: float | list[float]) -> dict[str, Any]:
        """Plotly's marker."""
        return {"color": self.color, "symbol": self.symbol, "size": size}

    def trace(self, *, dense: bool = False) -> dict[str, Any]:
        """What the legend knows of a trace; forecasters of one kind stand together."""
        return {
            "name": self.label,
            "uid": self.name,
            "legendgroup": self.kind,
            "visible": "legendonly" if dense and not self.shown else True,
        }


def styles(forecasters: Sequence[ForecasterResult]) -> dict[str, Style]:
    """Style of each forecaster by name; models take the first colours.

    Dense plots show the models and the baseline with the highest IC, or all where there is no model.
    """
    rivals = [f for f in forecasters if f.kind == "baseline" and f.accuracy.ic is not None]
    best = max(rivals, key=lambda f: f.accuracy.ic.value if f.accuracy.ic else 0.0, default=None)
    any_model = any(f.kind == "model" for f in forecasters)
    shown = {f.name for f in forecasters if not any_model or f.kind == "model" or f is best}
    return styles_of([(f.name, f.kind) for f in forecasters], shown)


def styles_of(forecasters: Sequence[tuple[str, str]], shown: Collection[str]) -> dict[str, Style]:
    """Style by name, of names and kinds; dense plots begin with those in ``shown``."""
    kinds = list(_DASHES)
    ordered = sorted(forecasters, key=lambda each: kinds.index(each[1]))
    return {
        name: Style(name, kind, PALETTE[i % len(PALETTE)], _DASHES[kind], _SYMBOLS[kind], name in shown)
        for i, (name, kind) in enumerate(ordered)
    }


def plain(text: str) -> str:
    """Text that Plotly shows as it is, although it reads some HTML in labels."""
    return escape(text, quote=False)


def empty_figure(height: int, **layout: Any) -> go.Figure:
    """A figure without traces and without a legend."""
    return go.Figure(
        layout={"template": _TEMPLATE, "height": height, "showlegend": False, "uirevision": "kept", **layout}
    )


def add_legend(figure: go.Figure) -> None:
    """Add Plotly's legend below, and buttons that show the forecasters of some kinds."""
    kinds = [trace.legendgroup for trace in figure.data]
    rows = max((kinds.count(kind) for kind in kinds), default=0)
    figure.update_layout(
        showlegend=True,
        legend={"groupclick": "toggleitem", "traceorder": "grouped"},
        height=figure.layout.height + _LEGEND_ROW * rows,
    )
    known = set(kinds) & set(_DASHES)
    if len(known) < 2:
        return
    buttons = [
        {
            "label": label,
            "method": "restyle",
            "args": [
                {"visible": [True if kind not in known or kind in chosen else "legendonly" for kind in kinds]}
            ],
        }
        for label, chosen in _CHOICES.items()
        if known.issuperset(chosen)
    ]
    place = {"x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom", "pad": {"b": 6}}
    figure.update_layout(
        margin={"t": 48},
        updatemenus=[
            {"type": "buttons", "direction": "right", "showactive": False, "buttons": buttons, **place}
        ],
    )


def add_reliability_axes(
    figure: go.Figure, percents: Sequence[float], names: tuple[str, str], perfect: str
) -> None:
    """Axes that hold what was forecast and what came, not 0 to 100 %, and the line on which the two are equal."""
    low, high = max(min(percents, default=0.0) - 4, 0), min(max(percents, default=100.0) + 4, 100)
    figure.add_scatter(
        x=[low, high], y=[low, high], mode="lines", line=REFERENCE, hoverinfo="skip", name=perfect
    )
    figure.update_xaxes(title=names[0], range=[low, high])
    figure.update_yaxes(title=names[1], range=[low, high])
    add_legend(figure)


def whiskers(estimates: Sequence[Estimate], scale: float = 1) -> dict[str, Any]:
    """Plotly's error bars from the ends of intervals; of no length where there is no interval."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [0.0 if e.high is None else (e.high - e.value) * scale for e in estimates],
        "arrayminus": [0.0 if e.low is None else (e.value - e.low) * scale for e in estimates],
        "thickness": 1.4,
        "width": 3,
    }
