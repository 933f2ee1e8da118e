"""The graph behind a forecast: nodes with features, correlations, edges, attention."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from tickgraph.graph.snapshots import latest_correlation, latest_graphs
from tickgraph.market.panel import PricePanel
from tickgraph.market.spelling import Symbol
from tickgraph.model.network import attention
from tickgraph.registry.freshness import staleness
from tickgraph.serving.last_prices import last_session
from tickgraph.serving.loaded_model import LoadedModel


@dataclass(frozen=True, eq=False)
class TargetGraph:
    """The graph behind one forecast at a session; N is its size, and its first nodes, the target first, have names.

    ``attention[k, i]`` is how head k of node i divides its attention over its neighbours. ``threshold`` is the smallest
    absolute correlation of an edge, and ``lookback`` how many sessions of returns correlations are over.
    """

    nodes: tuple[Symbol, ...]
    session: np.datetime64
    features: NDArray[np.float32]  # [N, F], 0 for an absent node
    present: NDArray[np.bool_]  # [N]
    correlation: NDArray[np.float64]  # [N, N]
    adjacency: NDArray[np.float32]  # [N, N]
    attention: NDArray[np.float32]  # [K, N, N]
    threshold: float
    lookback: int


def target_graph(model: LoadedModel, panel: PricePanel, now: datetime) -> TargetGraph:
    """Graph that a model's forecast comes from now, with its attention."""
    panel = panel.through(last_session(panel, model.symbol))
    session = panel.sessions[-1]
    is_stale = staleness(model.correlation_as_of, model.correlation_at, session, now)
    correlation = latest_correlation(panel, model.nodes, model.graph) if is_stale else model.correlation
    graphs = latest_graphs(panel, [model.nodes], [correlation], model.graph)
    features, adjacency = graphs.features[0], graphs.adjacency[0]
    with np.errstate(all="ignore"):
        alpha = attention(model.weights, features, adjacency)  # [K, N, N]
    if not np.isfinite(alpha).all():
        raise model.refused("its attention is no number")
    return TargetGraph(
        model.nodes,
        session,
        features,
        graphs.present[0],
        correlation,
        adjacency,
        alpha,
        model.graph.threshold,
        model.graph.lookback,
    )
