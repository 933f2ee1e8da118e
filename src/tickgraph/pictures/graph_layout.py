"""Where the nodes of a symbol's graph are drawn."""

from __future__ import annotations

import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from tickgraph.shapes import Float64

NEAREST, FARTHEST = 0.62, 1.0


def places(correlation: Float64[np.ndarray, "nodes nodes"]) -> Float64[np.ndarray, "nodes two"]:
    """Place the target in the middle and its peers around it, the same way each time.

    A peer is the nearer, the stronger its correlation with the target. Peers that move together stand side by side:
    their order is that of the leaves of a tree by average linkage, with the least distance between neighbours
    (Bar-Joseph, Gifford & Jaakkola 2001, "Fast optimal leaf ordering for hierarchical clustering").

    Parameters
    ----------
    correlation
        The target first.

    Returns
    -------
    Array
        x to the right and y up, within the unit circle.
    """
    peers = len(correlation) - 1
    at = np.zeros((peers + 1, 2))
    if not peers:
        return at
    order = _side_by_side(correlation[1:, 1:])
    turn = np.empty(peers)
    turn[order] = np.pi / 2 - 2 * np.pi * np.arange(peers) / peers  # the first on top, then as a clock goes
    strength = np.abs(correlation[0, 1:])
    spread = strength.max() - strength.min()
    weakness = (strength.max() - strength) / spread if spread > 0 else np.zeros(peers)
    radius = NEAREST + (FARTHEST - NEAREST) * weakness
    at[1:] = radius[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    return at


def _side_by_side(correlation: Float64[np.ndarray, "peers peers"]) -> np.ndarray:
    """Order of peers around the circle."""
    if len(correlation) < 3:
        return np.arange(len(correlation))
    distance = 1 - (correlation + correlation.T) / 2
    np.fill_diagonal(distance, 0.0)
    condensed = squareform(np.clip(distance, 0.0, None), checks=False)
    return np.asarray(leaves_list(linkage(condensed, "average", optimal_ordering=True)))
