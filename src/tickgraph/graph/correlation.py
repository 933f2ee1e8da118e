"""Rolling correlation of log returns, and the graph that it draws."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tickgraph.graph.gaps import centred, usable
from tickgraph.shapes import Bool, Float32, Float64


def rolling_correlation(
    log_returns: Float64[np.ndarray, "sessions nodes"], lookback: int
) -> Float64[np.ndarray, "sessions nodes nodes"]:
    """Pearson correlation over the last ``lookback`` sessions, for every session at once.

    Each window is standardised on its own, so row t depends on the ``lookback`` rows up to t and on nothing else. A
    running sum over the whole history would be faster, but would carry the rounding of every session into later ones.

    Parameters
    ----------
    log_returns
        Daily log returns; NaN where a symbol did not trade.
    lookback
        Sessions in the window.

    Returns
    -------
    ndarray
        In [-1, 1], symmetric. A diagonal entry is 1 where the symbol's window is usable (:mod:`tickgraph.graph.gaps`).
        A missing return counts as the window's mean. A pair is 0 where a window of the two is unusable or constant.
        The first ``lookback - 1`` rows are 0.
    """
    sessions, nodes = log_returns.shape
    correlation = np.zeros((sessions, nodes, nodes))
    if sessions < lookback:
        return correlation
    windows = sliding_window_view(log_returns, lookback, axis=0)  # [T-L+1, N, L]
    _, distance, _ = centred(windows)
    whole = usable(np.isfinite(windows))  # [T-L+1, N]
    product = np.matmul(distance, distance.swapaxes(-1, -2))  # [T-L+1, N, N]
    diagonal = np.arange(nodes)
    norm = np.sqrt(product[:, diagonal, diagonal])  # [T-L+1, N]
    # Relative to the size of the returns: a constant series leaves rounding noise, not exactly zero.
    size = np.fmax.reduce(np.abs(windows), axis=-1)
    moves = whole & (norm > 1e-10 * size)
    with np.errstate(divide="ignore", invalid="ignore"):
        rho = product / (norm[:, :, None] * norm[:, None, :])
    recent = correlation[lookback - 1 :]
    np.clip(rho, -1.0, 1.0, out=recent, where=moves[:, :, None] & moves[:, None, :])
    recent[:, diagonal, diagonal] = whole
    return correlation


def threshold_adjacency(
    correlation: Float64[np.ndarray, "*batch nodes nodes"],
    present: Bool[np.ndarray, "*batch nodes"],
    threshold: float,
) -> Float32[np.ndarray, "*batch nodes nodes"]:
    r"""Join two nodes where their absolute correlation reaches the threshold, and weight the edge by it.

    ``present`` says which nodes have features. The others lose every edge and their self loop.

    Returns
    -------
    ndarray
        Symmetric: \|rho\| on edges, 1 on the self loop of a present node, 0 elsewhere. So a node is present exactly
        where its self loop is.
    """
    strength = np.abs(correlation)
    adjacency = np.where(strength >= threshold, strength, 0.0).astype(np.float32)
    adjacency *= present[..., :, None] & present[..., None, :]
    diagonal = np.arange(correlation.shape[-1])
    adjacency[..., diagonal, diagonal] = present
    return adjacency
