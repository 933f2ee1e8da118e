"""Colours, dashes and symbols: a forecaster looks the same in every plot, on light ground and on dark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import plotly.graph_objects as go

from tickgraph.lab.evaluation.evaluation_result import ForecasterResult

PALETTE = (
    "#2f7ed8", "#d1495b", "#2a9d63", "#c9741a", "#8e62c9", "#1797a6",
    "#b8558f", "#7d8a1f", "#6b7f99", "#a8693d", "#5a6fe0", "#3f8f3f",
)  # fmt: skip
"""Each has a contrast of 3:1 or more on the light ground and on the dark one."""

NEUTRAL = "#7f8894"
"""Of references: diagonals, nominal levels."""

_DASHES = {"model": "solid", "ablation": "dash", "baseline": "dot"}
_SYMBOLS = {"model": "circle", "ablation": "diamond", "baseline": "square"}


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

    def trace(self, *, dense: bool = False) -> dict[str, Any]:
        """What a trace that can be hidden has; the page makes its legend from ``meta``."""
        return {
            "name": self.label,
            "visible": "legendonly" if dense and not self.shown else True,
            "meta": {"series": self.name, "kind": self.kind, "color": self.color, "dash": self.dash},
        }


def styles(forecasters: Sequence[ForecasterResult]) -> dict[str, Style]:
    """Style of each forecaster by name; models take the first colours.

    Dense plots show the models and the baseline with the highest IC, or all where there is no model.
    """
    kinds = list(_DASHES)
    ordered = sorted(forecasters, key=lambda f: kinds.index(f.kind))
    rivals = [f for f in forecasters if f.kind == "baseline" and f.accuracy.ic is not None]
    best = max(rivals, key=lambda f: f.accuracy.ic.value if f.accuracy.ic else 0.0, default=None)
    any_model = any(f.kind == "model" for f in forecasters)
    return {
        f.name: Style(
            f.name,
            f.kind,
            PALETTE[i % len(PALETTE)],
            _DASHES[f.kind],
            _SYMBOLS[f.kind],
            shown=not any_model or f.kind == "model" or f is best,
        )
        for i, f in enumerate(ordered)
    }


def plain(text: str) -> str:
    """Text that Plotly shows as it is, although it reads some HTML in labels."""
    return escape(text, quote=False)


def empty_figure(height: int, **layout: Any) -> go.Figure:
    """A figure without traces; the page gives it the colours of its ground."""
    figure = go.Figure()
    figure.update_layout(
        template=go.layout.Template(),
        height=height,
        margin={"l": 56, "r": 14, "t": 24, "b": 48},
        showlegend=False,
        xaxis={"title": {"standoff": 8}},
        yaxis={"title": {"standoff": 8}},
        **layout,
    )
    return figure
