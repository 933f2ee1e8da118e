"""The graph behind a symbol's forecast, as a picture for a report or a notebook; needs matplotlib (extra ``plot``)."""

from __future__ import annotations

import io

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from tickgraph.pictures.graph_layout import places
from tickgraph.pictures.sector_colours import OTHER, sector_colours
from tickgraph.serving.graph_answer import GraphAnswer

INCHES, DOTS = (8.0, 7.4), 150
EDGE, INK, GROUND = "#536072", "#131a24", "#ffffff"


def graph_png(graph: GraphAnswer) -> bytes:
    """Draw a graph as :func:`~tickgraph.pictures.graph_page.graph_page` does, as a PNG of 1200 by 1110 dots."""
    file = io.BytesIO()
    FigureCanvasAgg(graph_figure(graph)).print_figure(
        file, format="png", dpi=DOTS, metadata={"Software": None}
    )
    return file.getvalue()


def graph_figure(graph: GraphAnswer) -> Figure:
    """Give the drawing as a figure of matplotlib, such as a notebook shows."""
    at = dict(zip((node.symbol for node in graph.nodes), places(np.array(graph.correlations)), strict=True))
    colours = sector_colours(node.sector for node in graph.nodes)
    figure = Figure(INCHES, facecolor=GROUND, layout="constrained")
    axes = figure.add_subplot()
    for edge in graph.edges:
        (x, other_x), (y, other_y) = zip(at[edge.source], at[edge.target], strict=True)
        own = graph.symbol in (edge.source, edge.target)
        axes.plot(
            [x, other_x],
            [y, other_y],
            color=EDGE,
            alpha=0.9 if own else 0.35,
            linewidth=5 * edge.weight,
            linestyle="--" if edge.correlation < 0 else "-",
            zorder=1 + own,
        )
    for node in graph.nodes:
        x, y = at[node.symbol]
        weight = graph.attention_of_target[node.symbol]
        radius = 20.0 if node.symbol == graph.symbol else 9 + 19 * float(np.sqrt(weight))  # points
        colour = colours[node.sector or OTHER][0]
        axes.plot(
            x,
            y,
            "o",
            markersize=2 * radius,
            color=colour,
            alpha=1.0 if node.present else 0.4,
            markeredgecolor=GROUND,
            zorder=3,
        )
        axes.annotate(
            node.symbol,
            (x, y),
            (0, -radius - 4),
            textcoords="offset points",
            ha="center",
            va="top",
            color=INK,
            fontweight="bold" if node.symbol == graph.symbol else "normal",
            path_effects=[withStroke(linewidth=3, foreground=GROUND)],
            zorder=4,
        )
    here = dict.fromkeys(node.sector or OTHER for node in graph.nodes)
    marks = [Line2D([], [], marker="o", linestyle="", color=colours[name][0], label=name) for name in here]
    figure.legend(handles=marks, loc="outside lower center", ncols=3, frameon=False, labelcolor=INK)
    axes.set_title(
        f"{graph.symbol} and its peers: correlations over {graph.lookback} sessions to {graph.as_of}",
        color=INK,
    )
    axes.margins(0.12)
    axes.set_aspect("equal")
    axes.set_axis_off()
    return figure
