"""The peers of a target: the symbols that moved most alike over a window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tickgraph.shapes import Bool, Float64

BLOCK = 500  # targets at once: 24 MB an intermediate result at 6,000 symbols, and not 288
STILL = 1e-12  # a smaller share of a symbol's squared returns is rounding, and no variation


def select_peers(
    log_returns: Float64[np.ndarray, "sessions symbols"],
    symbols: Sequence[str],
    targets: Sequence[str],
    count: int,
    min_overlap: Sequence[int],
    candidates: Bool[np.ndarray, "symbols"] | None = None,
) -> dict[str, tuple[str, ...]]:
    """Choose the symbols whose log returns correlate most, in absolute value, with each target's.

    All targets are compared with all candidates by a few matrix products. A symbol whose price did not move in the
    sessions that it shares with the target has no correlation with it, and is no peer.

    Parameters
    ----------
    log_returns
        Of the training window, which is the same for all targets; no later session.
    symbols
        Names of the columns.
    targets
        Symbols whose peers are wanted.
    count
        Peers wanted of each.
    min_overlap
        For each target the sessions that a candidate must share with it to be comparable.
    candidates
        Whether a symbol may be a peer; None is all. A target need not be one.

    Returns
    -------
    dict
        At most ``count`` peers of each target, the strongest first; equal correlations are ordered by name.
    """
    place = {symbol: column for column, symbol in enumerate(symbols)}
    own = np.array([place[target] for target in targets], dtype=np.intp)
    known = np.isfinite(log_returns)
    returns = np.where(known, log_returns, 0.0)  # [T, S]
    noise = STILL * (returns**2).sum(axis=0)  # [S]
    # Centred first, so that the sums below lose no digits; a correlation does not change with it.
    moves = np.where(known, returns - returns.sum(axis=0) / np.maximum(known.sum(axis=0), 1), 0.0)
    mask, squares = known.astype(np.float64), moves**2
    here = np.ones(len(symbols), dtype=np.bool_) if candidates is None else candidates
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
        varies = (own_square > noise[columns, None]) & (other_square > noise)
        eligible = (shared >= overlap[:, None]) & varies & np.isfinite(strength) & here
        eligible[np.arange(len(columns)), columns] = False
        for column, row, may in zip(columns, strength, eligible, strict=True):
            some_peers = np.flatnonzero(may)
            # Rounded, so that the order of equal peers is the order of their names and not of the last bit.
            order = np.lexsort((by_name[some_peers], -np.round(row[some_peers], 12)))[:count]
            found[symbols[column]] = tuple(symbols[i] for i in some_peers[order])
    return found
