"""What the variance network is fitted on: features and targets of all symbols, and graphs of some."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tickgraph.graph.correlation import rolling_correlation, threshold_adjacency
from tickgraph.graph.graph_config import GraphConfig
from tickgraph.graph.variance_features import VarianceFeatures, variance_features
from tickgraph.market.panel import PricePanel
from tickgraph.market.range_variance import range_variance
from tickgraph.model.realised import sums_ahead
from tickgraph.model.training_config import TrainingConfig
from tickgraph.model.variance_network import nonlinear_inputs
from tickgraph.shapes import Bool, Float32, Float64, Int

SESSIONS = 1500
"""Sessions behind a fit, of the universe and of a symbol: on 1,000 the error at a month is 9 % higher, and on more
hardly lower."""


@dataclass(frozen=True)
class Universe:
    """Features and targets of all symbols over the window.

    Attributes
    ----------
    features
        Of every symbol at every session.
    variance, returns
        Realised variance and log return over each horizon; NaN where not known yet.
    daily
        Daily log returns.
    """

    features: VarianceFeatures
    variance: Float64[np.ndarray, "sessions symbols horizons"]
    returns: Float64[np.ndarray, "sessions symbols horizons"]
    daily: Float64[np.ndarray, "sessions symbols"]


@dataclass(frozen=True)
class CorrectionExamples:
    """Graphs that the nonlinear path learns from.

    Attributes
    ----------
    inputs
        :func:`tickgraph.model.variance_network.nonlinear_inputs`, not standardised; any number for an absent node.
    adjacency
        With self loops; the row and column of an absent node are 0.
    ratio
        Realised variance over the linear path's; 0 where not known.
    known
        Where it is, 1.
    """

    inputs: Float32[np.ndarray, "graphs nodes inputs"]
    adjacency: Float32[np.ndarray, "graphs nodes nodes"]
    ratio: Float32[np.ndarray, "graphs nodes horizons"]
    known: Float32[np.ndarray, "graphs nodes horizons"]

    def __len__(self) -> int:
        return len(self.inputs)


def universe_of(
    panel: PricePanel, config: TrainingConfig, symbols: Sequence[str] | None = None, sessions: int = SESSIONS
) -> Universe:
    """Features and targets of the last sessions of a panel; of some symbols, who hear all of them, or of all."""
    features = variance_features(panel, config.horizons, symbols, last=sessions)
    rows = slice(len(panel.sessions) - len(features.sessions), None)
    own = panel if symbols is None else panel.select(symbols)
    returns = own.log_returns()
    return Universe(
        features,
        sums_ahead(range_variance(own), config.horizons)[rows],
        sums_ahead(returns, config.horizons)[rows],
        returns[rows],
    )


def node_features(
    values: Float32[np.ndarray, "sessions symbols features"], nodes: Int[np.ndarray, "nodes"]
) -> Float32[np.ndarray, "sessions nodes features"]:
    """Features of a graph's nodes, given by their columns; 0 for an absent one, whose column is -1."""
    return np.where((nodes >= 0)[:, None], values[:, nodes], np.float32(0.0))


def graphs_of(
    daily: Float64[np.ndarray, "sessions nodes"],
    known: Bool[np.ndarray, "sessions nodes"],
    config: GraphConfig,
) -> Float32[np.ndarray, "sessions num_stocks num_stocks"]:
    """Graph of a target and its peers at every session, from the returns up to it.

    Parameters
    ----------
    daily
        Log returns of the target, then of its peers; fewer than ``config.num_stocks`` leave the last nodes absent.
    known
        Whose features are known.
    config
        Size, lookback and threshold.
    """
    adjacency = np.zeros((len(known), config.num_stocks, config.num_stocks), np.float32)
    size = slice(known.shape[1])
    correlation = rolling_correlation(daily, config.lookback)
    adjacency[:, size, size] = threshold_adjacency(correlation, known, config.threshold)
    return adjacency


def correction_examples(
    features: Float32[np.ndarray, "graphs nodes features"],
    linear: Float32[np.ndarray, "graphs nodes horizons"],
    adjacency: Float32[np.ndarray, "graphs nodes nodes"],
    realised: Float64[np.ndarray, "graphs nodes horizons"],
) -> CorrectionExamples:
    """Graphs with what the linear path expected of their nodes, log variances, and what came; NaN is not known yet."""
    present = np.diagonal(adjacency, axis1=-2, axis2=-1) > 0
    counts = present[..., None] & (realised > 0)
    with np.errstate(invalid="ignore"):
        ratio = np.where(counts, realised / np.exp(linear.astype(np.float64)), 0.0)
    return CorrectionExamples(
        nonlinear_inputs(features, linear), adjacency, ratio.astype(np.float32), counts.astype(np.float32)
    )
