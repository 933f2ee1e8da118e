"""The graph behind a symbol's forecast, as an HTML page: a drawing, its peers as a table, all correlations."""

from __future__ import annotations

from html import escape

import numpy as np

from tickgraph.pictures.graph_layout import places
from tickgraph.pictures.page import cell, page, table
from tickgraph.pictures.sector_colours import OTHER, sector_colours
from tickgraph.serving.graph_answer import Edge, GraphAnswer, Node

SCALE, MARGIN = 250.0, 58.0


def graph_page(graph: GraphAnswer) -> str:
    """Draw a graph as one HTML document.

    A node's colour is its sector, its size the attention that the target gives it. An edge's width is the absolute
    correlation; a dashed edge is a negative one.
    """
    summary = (
        f"Correlations of daily log returns over {graph.lookback} sessions to {graph.as_of}. An edge has at least "
        f"{graph.threshold:g}; the stronger it is, the wider. A node is the larger, the more of the attention "
        f"of {graph.symbol} it gets in the forecast of the next session."
    )
    return page(
        f"The graph behind {graph.symbol}",
        summary,
        [f"<figure>{_drawing(graph)}{_key(graph)}</figure>\n", _peers(graph), _matrix(graph)],
    )


def _drawing(graph: GraphAnswer) -> str:
    at = SCALE * places(np.array(graph.correlations)) * (1, -1)  # y goes down
    left, top = at.min(axis=0) - MARGIN
    width, height = np.ptp(at, axis=0) + 2 * MARGIN
    names = [node.symbol for node in graph.nodes]
    x, y = (dict(zip(names, at[:, axis].tolist(), strict=True)) for axis in (0, 1))
    lines = "".join(
        f'<line class="{_kind(edge, graph.symbol)}" x1="{x[edge.source]:.1f}" y1="{y[edge.source]:.1f}" '
        f'x2="{x[edge.target]:.1f}" y2="{y[edge.target]:.1f}" stroke-width="{7 * edge.weight:.2f}">'
        f"<title>{escape(edge.source)}, {escape(edge.target)}: {edge.correlation:+.2f}</title></line>\n"
        for edge in sorted(graph.edges, key=lambda each: graph.symbol in (each.source, each.target))
    )
    nodes = "".join(_node(graph, node, x[node.symbol], y[node.symbol]) for node in graph.nodes)
    return (
        f'<svg viewBox="{left:.1f} {top:.1f} {width:.1f} {height:.1f}" role="img" '
        f'aria-label="Graph of {escape(graph.symbol)} and its peers, as the table below">\n{lines}{nodes}</svg>'
    )


def _kind(edge: Edge, target: str) -> str:
    kinds = ["negative"] * (edge.correlation < 0) + ["own"] * (target in (edge.source, edge.target))
    return " ".join(kinds)


def _node(graph: GraphAnswer, node: Node, x: float, y: float) -> str:
    weight = graph.attention_of_target[node.symbol]
    is_target = node.symbol == graph.symbol
    radius = 28.0 if is_target else 12 + 26 * float(np.sqrt(weight))
    kinds = ["target"] * is_target + ["absent"] * (not node.present)
    light, dark = sector_colours(each.sector for each in graph.nodes)[node.sector or OTHER]
    says = f"{node.symbol}, {node.sector or OTHER}: {weight:.1%} of the attention"
    return (
        f'<g class="{" ".join(kinds)}"><title>{escape(says)}</title>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" style="fill:light-dark({light},{dark})"/>'
        f'<text x="{x:.1f}" y="{y + radius + 17:.1f}">{escape(node.symbol)}</text></g>\n'
    )


def _key(graph: GraphAnswer) -> str:
    here = {node.sector or OTHER for node in graph.nodes}
    colours = sector_colours(node.sector for node in graph.nodes)
    return (
        '<ul class="key">'
        + "".join(
            f'<li><span style="background:light-dark({light},{dark})"></span>{escape(name)}</li>'
            for name, (light, dark) in colours.items()
            if name in here
        )
        + "</ul>"
    )


def _peers(graph: GraphAnswer) -> str:
    rows = (
        (
            node.symbol,
            [
                cell("-" if number == 0 else f"{graph.correlations[0][number]:+.2f}"),
                cell(f"{graph.attention_of_target[node.symbol]:.1%}"),
                cell(f"{node.volatility:.2%}" if node.present else "-"),
                f'<td class="text">{escape(node.sector or "-")}</td>',
            ],
        )
        for number, node in enumerate(graph.nodes)
    )
    heads = ("symbol", "correlation", "attention", "volatility a day", "sector")
    return table(f"{graph.symbol} and its peers, with their correlation to it", heads, rows)


def _matrix(graph: GraphAnswer) -> str:
    names = [node.symbol for node in graph.nodes]
    rows = (
        (
            name,
            [
                cell(
                    "" if row == column else f"{value:.2f}",
                    None if row == column else abs(value),
                    opposite=value < 0,
                )
                for column, value in enumerate(graph.correlations[row])
            ],
        )
        for row, name in enumerate(names)
    )
    return table("All correlations", ["symbol", *map(escape, names)], rows)
