"""The answer about the graph behind a forecast: nodes with features, edges, correlations, attention."""

from __future__ import annotations

from datetime import date

import numpy as np
from pydantic import BaseModel, ConfigDict

from tickgraph.market.universe import sector_of
from tickgraph.serving.target_graph import TargetGraph

_PART = ConfigDict(frozen=True, use_attribute_docstrings=True)


class Node(BaseModel):
    """A node of the graph: the target first, then its peers."""

    model_config = _PART

    symbol: str
    """Ticker."""
    sector: str | None
    """Sector of a symbol of the bundled list; null for any other."""
    present: bool
    """Whether its features are complete at the last session; an absent node has no edges, and zeros."""
    volatility: float
    """Sample standard deviation of the last 20 daily log returns."""
    momentum: float
    """Their mean."""
    volume: float
    """z-score of the last session's volume within 20."""
    shock: float | None
    """The last log return over the volatility; null where the model is a baseline, which does not read it."""


class Edge(BaseModel):
    """An undirected edge: an absolute correlation that reaches the threshold."""

    model_config = _PART

    source: str
    """Ticker."""
    target: str
    """Ticker."""
    correlation: float
    """Of daily log returns over `lookback` sessions."""
    weight: float
    """Its absolute value, as the network sees it."""


class GraphAnswer(BaseModel):
    """The graph behind a forecast."""

    model_config = _PART

    symbol: str
    """The target."""
    as_of: date
    """Session of its features."""
    threshold: float
    """Smallest absolute correlation of an edge."""
    lookback: int
    """Sessions of daily log returns that correlations are over."""
    nodes: list[Node]
    """The target, then its peers."""
    edges: list[Edge]
    """Each pair of nodes once."""
    correlations: list[list[float]]
    """[N, N] in the order of the nodes."""
    attention: list[list[list[float]]]
    """[heads, N, N]: row i is how node i divides its attention over its neighbours; sums to 1."""
    attention_of_target: dict[str, float]
    """The target's row, averaged over the heads."""


def graph_answer(graph: TargetGraph) -> GraphAnswer:
    """Say of a graph what may be shown: its first nodes, which have names, the target first."""
    size = len(graph.nodes)
    attention = graph.attention[:, :size, :size]
    as_of: date = graph.session.astype(date)
    return GraphAnswer(
        symbol=graph.nodes[0],
        as_of=as_of,
        threshold=graph.threshold,
        lookback=graph.lookback,
        nodes=[_node(graph, index) for index in range(size)],
        edges=_edges(graph),
        correlations=graph.correlation[:size, :size].tolist(),
        attention=attention.tolist(),
        attention_of_target=dict(zip(graph.nodes, attention[:, 0].mean(axis=0).tolist(), strict=True)),
    )


def _node(graph: TargetGraph, index: int) -> Node:
    volatility, momentum, volume, *shock = graph.features[index].tolist()
    return Node(
        symbol=graph.nodes[index],
        sector=sector_of(graph.nodes[index]),
        present=bool(graph.present[index]),
        volatility=volatility,
        momentum=momentum,
        volume=volume,
        shock=shock[0] if shock else None,
    )


def _edges(graph: TargetGraph) -> list[Edge]:
    size = len(graph.nodes)
    return [
        Edge(
            source=graph.nodes[first],
            target=graph.nodes[second],
            correlation=float(graph.correlation[first, second]),
            weight=float(graph.adjacency[first, second]),
        )
        for first, second in zip(*np.nonzero(np.triu(graph.adjacency[:size, :size] > 0, 1)), strict=True)
    ]
