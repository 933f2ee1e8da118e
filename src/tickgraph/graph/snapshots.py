"""Snapshots: one graph per session, with the return that followed as its target; and the newest session's graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from tickgraph.graph.correlation import rolling_correlation, threshold_adjacency
from tickgraph.graph.features import node_features
from tickgraph.graph.graph_config import GraphConfig
from tickgraph.market.panel import PricePanel
from tickgraph.market.spelling import Symbol
from tickgraph.shapes import Bool, Float32, Float64, Shaped


@dataclass(frozen=True)
class Snapshots:
    """A target's graphs, one per session; node 0 is the target, its peers follow.

    Attributes
    ----------
    sessions
        datetime64[D].
    features
        As :func:`tickgraph.graph.features.node_features`; 0 for an absent node.
    correlation
        Over the lookback up to each session.
    adjacency
        Thresholded, with self loops; the row and column of an absent node are 0.
    targets
        The next session's log return; NaN where it is not known.
    """

    sessions: Shaped[np.ndarray, "sessions"]
    features: Float32[np.ndarray, "sessions nodes features"]
    correlation: Float64[np.ndarray, "sessions nodes nodes"]
    adjacency: Float32[np.ndarray, "sessions nodes nodes"]
    targets: Float32[np.ndarray, "sessions nodes"]

    def __len__(self) -> int:
        return len(self.sessions)

    def __getitem__(self, rows: slice) -> Snapshots:
        return Snapshots(*(getattr(self, field.name)[rows] for field in fields(self)))

    @property
    def present(self) -> Bool[np.ndarray, "sessions nodes"]:
        """Which nodes have features at each session."""
        return np.diagonal(self.adjacency, axis1=-2, axis2=-1) > 0


def build_snapshots(panel: PricePanel, nodes: Sequence[str], config: GraphConfig) -> Snapshots:
    """Build the graph of every session in which the target has features and a usable lookback.

    Parameters
    ----------
    panel
        Prices; they must hold every symbol of ``nodes``.
    nodes
        The target first, then its peers; fewer than ``config.num_stocks`` leave the last nodes absent.
    config
        Sizes, windows and threshold.

    Returns
    -------
    Snapshots
        In the order of the sessions; empty where the history is too short.

    Raises
    ------
    PriceDataError
        A node has no prices in the panel.
    """
    own = panel.select(nodes)
    returns = own.log_returns()  # [T, n]
    features = node_features(returns, own.volume, config.feature_window, config.architecture)  # [T, n, F]
    correlation = rolling_correlation(returns, config.lookback)  # [T, n, n]
    present = np.asarray(np.isfinite(features).all(axis=-1))  # [T, n]
    present[: config.history - 1] = False
    listed = int(np.isfinite(own.adj_close[:, 0]).argmax())
    present[: listed + config.history - 1, 0] = False  # a young target's first sessions lack a whole lookback
    rows = np.flatnonzero(present[:, 0] & (correlation[:, 0, 0] > 0))

    absent = config.num_stocks - len(nodes)
    node_axis, both_axes = (0, absent), ((0, 0), (0, absent), (0, absent))
    features = np.pad(np.where(present[..., None], features, 0.0)[rows], ((0, 0), node_axis, (0, 0)))
    correlation = np.pad(correlation[rows], both_axes)
    following = np.full_like(returns, np.nan)
    following[:-1] = returns[1:]
    return Snapshots(
        sessions=panel.sessions[rows],
        features=features.astype(np.float32),
        correlation=correlation,
        adjacency=threshold_adjacency(
            correlation, np.pad(present[rows], ((0, 0), node_axis)), config.threshold
        ),
        targets=np.pad(following[rows], ((0, 0), node_axis), constant_values=np.nan).astype(np.float32),
    )


@dataclass(frozen=True)
class LatestGraphs:
    """Graphs of several targets at the last session of a panel.

    Attributes
    ----------
    features
        As :func:`tickgraph.graph.features.node_features`; 0 for an absent node.
    adjacency
        Thresholded, with self loops; the row and column of an absent node are 0.
    present
        Nodes with complete features.
    """

    features: Float32[np.ndarray, "targets nodes features"]
    adjacency: Float32[np.ndarray, "targets nodes nodes"]
    present: Bool[np.ndarray, "targets nodes"]


def latest_graphs(
    panel: PricePanel,
    nodes: Sequence[Sequence[Symbol]],
    correlations: Sequence[Float64[np.ndarray, "nodes nodes"]],
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
        For each target, at the panel's last session: stored with its model, or :func:`latest_correlation`.
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
) -> Float64[np.ndarray, "nodes nodes"]:
    """Correlation of a target and its peers at the panel's last session.

    Row and column of a node beyond ``nodes`` are 0.
    """
    recent = panel.tail(min(len(panel.sessions), config.lookback + 1)).select(nodes)
    correlation = rolling_correlation(recent.log_returns(), config.lookback)[-1]
    return np.pad(correlation, (0, config.num_stocks - len(nodes)))
