"""Figures of one session across symbols, for all sessions at once."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]


def jointly_known(*arrays: Array) -> list[Array]:
    """The arrays ``[T, S]`` with NaN wherever any of them is not finite."""
    known = np.logical_and.reduce([np.isfinite(array) for array in arrays])
    return [np.where(known, array, np.nan) for array in arrays]


def has_spread(values: Array) -> NDArray[np.bool_]:
    """Whether each row ``[T, S]`` holds two values that differ by more than rounding does, ``[T]``."""
    known = np.isfinite(values)
    highest = np.max(values, axis=1, initial=-np.inf, where=known)
    lowest = np.min(values, axis=1, initial=np.inf, where=known)
    size = np.maximum(np.abs(highest), np.abs(lowest))
    some = known.any(axis=1)
    return some & (np.subtract(highest, lowest, out=np.zeros(len(values)), where=some) > 1e-12 * size)


def ranks(values: Array) -> Array:
    """Ranks within each row ``[T, S]``, ties averaged; NaN stays NaN."""
    return pd.DataFrame(values).rank(axis=1).to_numpy(np.float64)


def daily_correlation(first: Array, second: Array) -> Array:
    """Pearson correlation across symbols, session by session.

    Parameters
    ----------
    first, second
        ``[T, S]`` float64; a symbol counts on the sessions where both are finite.

    Returns
    -------
    ndarray
        ``[T]`` float64; NaN where fewer than two symbols are known or either is constant.
    """
    first, second = jointly_known(first, second)
    spread = has_spread(first) & has_spread(second)
    result = np.full(len(first), np.nan)
    if spread.any():
        x, y = _centred(first[spread]), _centred(second[spread])
        scale = np.sqrt((x**2).sum(axis=1)) * np.sqrt((y**2).sum(axis=1))
        result[spread] = np.clip((x * y).sum(axis=1) / scale, -1.0, 1.0)
    return result


def daily_rank_correlation(first: Array, second: Array) -> Array:
    """Spearman's correlation across symbols, session by session; as :func:`daily_correlation`."""
    first, second = jointly_known(first, second)
    result = daily_correlation(ranks(first), ranks(second))
    # Values that differ by rounding alone have different ranks all the same.
    result[~(has_spread(first) & has_spread(second))] = np.nan
    return result


def _centred(values: Array) -> Array:
    """Deviations from each row's mean, divided by the row's largest, so that squares neither vanish nor overflow."""
    deviations = np.nan_to_num(values - np.nanmean(values, axis=1, keepdims=True), nan=0.0)
    return np.asarray(deviations / np.abs(deviations).max(axis=1, keepdims=True))


def top_shares(values: Array, k: int) -> Array:
    """Equal shares of the k highest values of each row; ties for the last places share them.

    So the choice does not depend on the order of the symbols: the result is the mean over all ways to break the tie.

    Parameters
    ----------
    values
        ``[T, S]`` float64, NaN where there is none.
    k
        How many are chosen, at least 1.

    Returns
    -------
    ndarray
        ``[T, S]`` float64; a row adds up to 1, or is 0 throughout where fewer than k values are known.
    """
    if k < 1:
        raise ValueError(f"At least one symbol must be chosen, not k={k}")
    if values.shape[1] < k:
        return np.zeros(values.shape)
    known = np.isfinite(values)
    lowest_first = np.where(known, values, -np.inf)
    last = np.partition(lowest_first, -k, axis=1)[:, -k, None]  # [T, 1] the k-th highest
    above, tied = lowest_first > last, known & (values == last)
    places = (k - above.sum(axis=1, keepdims=True)) / np.maximum(tied.sum(axis=1, keepdims=True), 1)
    shares = (above + tied * places) / k
    return np.where(known.sum(axis=1, keepdims=True) >= k, shares, 0.0)
