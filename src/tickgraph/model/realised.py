"""What came true: variance and log return over each horizon, known only when the horizon is over."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tickgraph.shapes import Float64


def sums_ahead(
    values: Float64[np.ndarray, "sessions symbols"], horizons: Sequence[int]
) -> Float64[np.ndarray, "sessions symbols horizons"]:
    """Sum of the next 1, ... h values after each session; NaN where one of them is missing or yet to come."""
    sessions, symbols = values.shape
    start = np.zeros((1, symbols))
    total = np.concatenate([start, np.cumsum(np.nan_to_num(values), axis=0)])
    missing = np.concatenate([start, np.cumsum(~np.isfinite(values), axis=0)])
    sums = np.full((sessions, symbols, len(horizons)), np.nan)
    for place, horizon in enumerate(horizons):
        if horizon >= sessions:
            continue
        ends, begins = slice(horizon + 1, None), slice(1, sessions - horizon + 1)
        complete = missing[ends] == missing[begins]
        sums[: sessions - horizon, :, place] = np.where(complete, total[ends] - total[begins], np.nan)
    return sums


def known_by(
    sums: Float64[np.ndarray, "sessions symbols horizons"], session: int, horizons: Sequence[int]
) -> Float64[np.ndarray, "known symbols horizons"]:
    """The rows before a session, without those sums that it or a later session is part of."""
    known = sums[:session].copy()
    for place, horizon in enumerate(horizons):
        known[max(0, session - horizon) :, :, place] = np.nan
    return known
