"""The network of a whole market: correlations of all symbols, the strongest as edges, and clusters.

Clusters are those of Ward's method (Ward 1963, "Hierarchical Grouping to Optimize an Objective Function") on the
distance d = sqrt(2 (1 - rho)). It is the Euclidean distance of standardised returns over sqrt(T), so the method's
variances mean something (Mantegna 1999, "Hierarchical structure in financial markets").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from tickgraph.shapes import Float64, Int


@dataclass(frozen=True, eq=False)
class MarketNetwork:
    """Correlations of N symbols, and what stands out of them.

    Attributes
    ----------
    correlation
        Of log returns.
    edges
        Pairs of symbols, the lower number first: each symbol's strongest correlations that reach the threshold.
    clusters
        Cluster of each symbol; the largest cluster is 0.
    """

    correlation: Float64[np.ndarray, "symbols symbols"]
    edges: Int[np.ndarray, "edges two"]
    clusters: Int[np.ndarray, "symbols"]


def market_network(
    returns: Float64[np.ndarray, "sessions symbols"], *, strongest: int, threshold: float, clusters: int
) -> MarketNetwork:
    """Build the network of log returns without gaps, of two symbols or more whose prices move.

    Parameters
    ----------
    returns
        Log returns.
    strongest
        Edges that each symbol is given; it may have more, which others are given.
    threshold
        Smallest absolute correlation of an edge.
    clusters
        How many clusters there are at most.
    """
    correlation = np.clip(np.corrcoef(returns, rowvar=False), -1.0, 1.0)
    strength = np.abs(correlation)
    np.fill_diagonal(strength, 0.0)
    size = len(strength)
    nearest = np.argsort(-strength, axis=1, kind="stable")[:, : min(strongest, size - 1)]  # [N, strongest]
    pairs = np.sort(np.stack([np.repeat(np.arange(size), nearest.shape[1]), nearest.ravel()], axis=1), axis=1)
    reached = strength[pairs[:, 0], pairs[:, 1]] >= threshold
    distance = np.sqrt(2 * (1 - correlation))  # [N, N]
    np.fill_diagonal(distance, 0.0)
    tree = linkage(squareform(distance, checks=False), "ward")
    return MarketNetwork(
        correlation, np.unique(pairs[reached], axis=0), _by_size(fcluster(tree, clusters, "maxclust"))
    )


def _by_size(labels: Int[np.ndarray, "symbols"]) -> Int[np.ndarray, "symbols"]:
    """Number clusters by their size, the largest first; of equal ones that of the earlier symbol."""
    _, first, places, sizes = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    order = np.lexsort((first, -sizes))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return np.asarray(rank[places])
