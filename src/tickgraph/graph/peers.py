"""The peers of a target: the symbols that moved most alike over a window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def select_peers(
    log_returns: NDArray[np.float64], symbols: Sequence[str], target: str, count: int, min_overlap: int
) -> tuple[str, ...]:
    """Choose the symbols whose log returns correlate most, in absolute value, with the target's.

    Parameters
    ----------
    log_returns
        ``[T, S]`` float64 over the training window, and no later session.
    symbols
        ``[S]`` names of the columns.
    target
        The symbol whose peers are wanted; it must be one of ``symbols``.
    count
        Peers wanted.
    min_overlap
        Sessions that a candidate must share with the target to be comparable.

    Returns
    -------
    tuple of str
        At most ``count`` peers, the strongest first; equal correlations are ordered by name. A candidate
        that has no return in the last session is left out: it could not be a node of the next forecast.
    """
    column = list(symbols).index(target)
    own = log_returns[:, column]
    both = np.isfinite(log_returns) & np.isfinite(own)[:, None]  # [T, S]
    shared = both.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        x = np.where(both, log_returns, 0.0)
        x = np.where(both, x - x.sum(axis=0) / shared, 0.0)
        y = np.where(both, own[:, None], 0.0)
        y = np.where(both, y - y.sum(axis=0) / shared, 0.0)
        strength = np.abs((x * y).sum(axis=0)) / np.sqrt((x * x).sum(axis=0) * (y * y).sum(axis=0))
    eligible = (shared >= min_overlap) & np.isfinite(strength) & np.isfinite(log_returns[-1])
    eligible[column] = False
    # Rounded, so that the order of equal peers is the order of their names and not of the last bit.
    ranked = sorted(
        np.flatnonzero(eligible).tolist(), key=lambda i: (-round(float(strength[i]), 12), symbols[i])
    )
    return tuple(symbols[i] for i in ranked[:count])
