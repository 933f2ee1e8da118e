"""The newest graph of each model: features from the panel, correlations from the model or the panel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tickgraph.graph.config import GraphConfig
from tickgraph.graph.correlation import rolling_correlation, threshold_adjacency
from tickgraph.graph.features import node_features
from tickgraph.market.panel import PricePanel
from tickgraph.model.volatility import WINDOW, forecast_volatility


@dataclass(frozen=True)
class LatestGraphs:
    """The last session's graphs of S targets.

    Attributes
    ----------
    features
        ``[S, N, F]`` float32; 0 for an absent node.
    adjacency
        ``[S, N, N]`` float32.
    present
        ``[S, N]`` bool, nodes with complete features.
    """

    features: NDArray[np.float32]
    adjacency: NDArray[np.float32]
    present: NDArray[np.bool_]


@dataclass(frozen=True)
class TargetGraph:
    """What one forecast looked at; N is the size of the graph, of which the first nodes have names.

    Attributes
    ----------
    nodes
        The target, then its peers.
    session
        Last session of the prices behind it.
    features
        ``[N, F]`` float32, the features of the architecture; 0 for an absent node.
    present
        ``[N]`` bool.
    correlation
        ``[N, N]`` float64.
    adjacency
        ``[N, N]`` float32.
    attention
        ``[K, N, N]`` float32: how head k of node i (row) divides its attention over its neighbours.
    """

    nodes: tuple[str, ...]
    session: np.datetime64
    features: NDArray[np.float32]
    present: NDArray[np.bool_]
    correlation: NDArray[np.float64]
    adjacency: NDArray[np.float32]
    attention: NDArray[np.float32]


def latest_features(panel: PricePanel, config: GraphConfig) -> NDArray[np.float64]:
    """``[S, F]`` float64 features of every symbol at the panel's last session; NaN where incomplete."""
    recent = panel.tail(min(len(panel.sessions), config.feature_window + 1))
    return node_features(recent.log_returns(), recent.volume, config.feature_window, config.architecture)[-1]


def latest_volatility(
    panel: PricePanel, nodes: Sequence[str], coefficients: NDArray[np.float64] | None, config: GraphConfig
) -> float:
    """Volatility forecast for a target, the first of the nodes, at the panel's last session.

    0 where its price has not moved, NaN where too few of its returns are known. Without coefficients it is the
    standard deviation of its last log returns, of as many as the features are of.
    """
    recent = panel.tail(max(WINDOW, config.feature_window) + 1)
    columns = [panel.column(symbol) for symbol in nodes]
    returns = np.diff(np.log(recent.adj_close[:, columns]), axis=0)  # [W, N]
    if coefficients is None:
        return float(returns[-config.feature_window :, 0].std(ddof=1))
    forecast = forecast_volatility(returns, coefficients)
    return float(forecast[-1, 0]) if len(forecast) else float("nan")


def latest_correlation(panel: PricePanel, nodes: Sequence[str], config: GraphConfig) -> NDArray[np.float64]:
    """``[N, N]`` float64 correlation of a model's nodes at the panel's last session.

    Row and column of a node beyond ``nodes`` are 0.
    """
    recent = panel.select(nodes).tail(min(len(panel.sessions), config.lookback + 1))
    correlation = rolling_correlation(recent.log_returns(), config.lookback)[-1]
    return np.pad(correlation, (0, config.num_stocks - len(nodes)))


def latest_graphs(
    panel: PricePanel,
    nodes: Sequence[Sequence[str]],
    correlations: Sequence[NDArray[np.float64]],
    config: GraphConfig,
) -> LatestGraphs:
    """Build the last session's graph of every target from one panel that holds all their nodes.

    Parameters
    ----------
    panel
        Prices up to the session to forecast from.
    nodes
        For each target, itself and its peers.
    correlations
        For each target, ``[N, N]`` at the panel's last session.
    config
        Sizes and windows, the same for all.
    """
    shape = (len(nodes), config.num_stocks)
    known = latest_features(panel, config)  # [S, F]
    table = np.vstack([known, np.full((1, known.shape[1]), np.nan)])
    columns = np.full(shape, len(known))  # the last row stands for "no such node"
    position = {symbol: column for column, symbol in enumerate(panel.symbols)}
    for row, names in zip(columns, nodes, strict=True):
        row[: len(names)] = [position[name] for name in names]
    features = table[columns]  # [S, N, F]
    present = np.isfinite(features).all(axis=-1)  # [S, N]
    return LatestGraphs(
        features=np.where(present[..., None], features, 0.0).astype(np.float32),
        adjacency=threshold_adjacency(np.stack(correlations), present, config.threshold),
        present=present,
    )
