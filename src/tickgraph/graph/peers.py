"""The peers of a target: the symbols that moved most alike over a window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BLOCK = 500  # targets at once: 24 MB an intermediate result at 6,000 symbols, and not 288


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


def select_all_peers(
    log_returns: NDArray[np.float64],
    symbols: Sequence[str],
    targets: Sequence[str],
    count: int,
    min_overlap: Sequence[int],
    candidates: NDArray[np.bool_] | None = None,
) -> dict[str, tuple[str, ...]]:
    """Choose the peers of many targets at once: what :func:`select_peers` gives for each, by a few matrix products.

    Parameters
    ----------
    log_returns
        ``[T, S]`` float64 over the training window, the same for all targets.
    symbols
        ``[S]`` names of the columns.
    targets
        ``[K]`` symbols whose peers are wanted.
    count
        Peers wanted of each.
    min_overlap
        ``[K]`` sessions that a candidate must share with each target.
    candidates
        ``[S]`` whether a symbol may be a peer; None is all. A target need not be one.
    """
    place = {symbol: column for column, symbol in enumerate(symbols)}
    own = np.array([place[target] for target in targets], dtype=np.intp)
    known = np.isfinite(log_returns)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Centred first, so that the sums below lose no digits; a correlation does not change with it.
        centre = np.where(known, log_returns, 0.0).sum(axis=0) / known.sum(axis=0)
        moves = np.where(known, log_returns - centre, 0.0)  # [T, S]
    mask, squares = known.astype(np.float64), moves**2
    here = known[-1] if candidates is None else known[-1] & candidates
    by_name = np.argsort(np.argsort(np.asarray(symbols)))  # [S] rank of each name
    found = {}
    for start in range(0, len(own), BLOCK):
        columns = own[start : start + BLOCK]
        some, overlap = moves[:, columns].T, np.asarray(min_overlap[start : start + BLOCK])
        some_mask = np.ascontiguousarray(mask[:, columns].T)
        shared = some_mask @ mask  # [k, S] sessions of both
        with np.errstate(divide="ignore", invalid="ignore"):
            own_sum, other_sum = some @ mask, some_mask @ moves
            own_square = some**2 @ mask - own_sum**2 / shared
            other_square = some_mask @ squares - other_sum**2 / shared
            product = some @ moves - own_sum * other_sum / shared
            strength = np.abs(product) / np.sqrt(own_square * other_square)
        eligible = (shared >= overlap[:, None]) & np.isfinite(strength) & here
        eligible[np.arange(len(columns)), columns] = False
        for column, row, may in zip(columns, strength, eligible, strict=True):
            some_peers = np.flatnonzero(may)
            order = np.lexsort((by_name[some_peers], -np.round(row[some_peers], 12)))[:count]
            found[symbols[column]] = tuple(symbols[i] for i in some_peers[order])
    return found
