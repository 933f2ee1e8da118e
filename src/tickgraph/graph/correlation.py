"""Rolling correlation of log returns, and the adjacency it implies."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tickgraph.graph.gaps import centred, usable


def rolling_correlation(log_returns: NDArray[np.float64], lookback: int) -> NDArray[np.float64]:
    """Pearson correlation over a trailing window, for every session at once.

    Each window is standardised on its own, so that row t depends on the ``lookback`` rows up to t and on nothing else.
    A running sum over the whole history would be faster, but would carry the rounding of every earlier session into
    every later one.

    Parameters
    ----------
    log_returns
        ``[T, N]`` float64, daily log returns; NaN where a symbol did not trade.
    lookback
        Sessions in the window.

    Returns
    -------
    ndarray
        ``[T, N, N]`` float64 in [-1, 1], symmetric. A diagonal entry is 1 where the symbol's window is usable:
        nearly all of its returns are known, and the last one is (:mod:`tickgraph.graph.gaps`). A missing return
        counts as the window's mean. A pair is 0 where a window of the two is unusable or constant. The first
        ``lookback - 1`` rows are 0.
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
    correlation: NDArray[np.float64], present: NDArray[np.bool_], threshold: float
) -> NDArray[np.float32]:
    r"""Join the nodes whose absolute correlation reaches the threshold; weight the edge by it.

    Parameters
    ----------
    correlation
        ``[..., N, N]`` float64.
    present
        ``[..., N]`` bool: the nodes that have features; the others lose every edge and their self loop.
    threshold
        Smallest absolute correlation that makes an edge.

    Returns
    -------
    ndarray
        ``[..., N, N]`` float32, symmetric, non-negative: \|rho\| on edges, 1 on the self loop of a
        present node, 0 elsewhere. A node is present exactly where its self loop is.
    """
    strength = np.abs(correlation)
    adjacency = np.where(strength >= threshold, strength, 0.0).astype(np.float32)
    adjacency *= present[..., :, None] & present[..., None, :]
    diagonal = np.arange(correlation.shape[-1])
    adjacency[..., diagonal, diagonal] = present
    return adjacency
