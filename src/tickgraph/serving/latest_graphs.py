"""The graph of each model at the newest session: features from prices, correlations from the model or from prices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tickgraph.graph.correlation import rolling_correlation, threshold_adjacency
from tickgraph.graph.features import node_features
from tickgraph.graph.graph_config import GraphConfig
from tickgraph.market.panel import PricePanel
from tickgraph.market.spelling import Symbol
from tickgraph.model.volatility import WINDOW, forecast_volatility


@dataclass(frozen=True)
class LatestGraphs:
    """Graphs of S targets at the last session of a panel."""

    features: NDArray[np.float32]  # [S, N, F], 0 for an absent node
    adjacency: NDArray[np.float32]  # [S, N, N]
    present: NDArray[np.bool_]  # [S, N], nodes with complete features


def latest_graphs(
    panel: PricePanel,
    nodes: Sequence[Sequence[Symbol]],
    correlations: Sequence[NDArray[np.float64]],
    config: GraphConfig,
) -> LatestGraphs:
    """Build the last session's graph of every target.

    Parameters
    ----------
    panel
        Prices of all their nodes, up to the session to forecast from.
    nodes
        For each target, itself and its peers.
    correlations
        For each target, ``[N, N]`` at the panel's last session.
    config
        Sizes and windows, the same for all.
    """
    recent = panel.tail(min(len(panel.sessions), config.feature_window + 1))
    known = node_features(recent.log_returns(), recent.volume, config.feature_window, config.architecture)[-1]
    table = np.vstack([known, np.full((1, known.shape[1]), np.nan)])  # the last row stands for "no such node"
    rows = np.full((len(nodes), config.num_stocks), len(known))
    for row, names in zip(rows, nodes, strict=True):
        row[: len(names)] = [panel.columns[name] for name in names]
    features = table[rows]  # [S, N, F]
    present = np.isfinite(features).all(axis=-1)  # [S, N]
    return LatestGraphs(
        features=np.where(present[..., None], features, 0.0).astype(np.float32),
        adjacency=threshold_adjacency(np.stack(correlations), present, config.threshold),
        present=present,
    )


def latest_correlation(
    panel: PricePanel, nodes: Sequence[Symbol], config: GraphConfig
) -> NDArray[np.float64]:
    """``[N, N]`` float64 correlation of a model's nodes at the panel's last session.

    Row and column of a node beyond ``nodes`` are 0.
    """
    recent = panel.tail(min(len(panel.sessions), config.lookback + 1)).select(nodes)
    correlation = rolling_correlation(recent.log_returns(), config.lookback)[-1]
    return np.pad(correlation, (0, config.num_stocks - len(nodes)))


def latest_volatility(
    panel: PricePanel, nodes: Sequence[Symbol], coefficients: NDArray[np.float64] | None, config: GraphConfig
) -> float:
    """Volatility forecast for a target, the first of the nodes, at the panel's last session.

    0 where its price has not moved, NaN where too few of its returns are known. Without coefficients it is the
    standard deviation of as many of its last log returns as the features are of.
    """
    recent = panel.tail(max(WINDOW, config.feature_window) + 1)
    columns = [panel.columns[symbol] for symbol in nodes]
    returns = np.diff(np.log(recent.adj_close[:, columns]), axis=0)  # [W, N]
    if coefficients is None:
        return float(returns[-config.feature_window :, 0].std(ddof=1))
    forecast = forecast_volatility(returns, coefficients)
    return float(forecast[-1, 0]) if len(forecast) else float("nan")
