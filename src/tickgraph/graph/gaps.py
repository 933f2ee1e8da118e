"""Windows in which a few values are missing.

A session without a price costs a symbol two returns. If that made a window of 60 sessions unusable, one bad bar would
take a symbol's graph away for three months. So a window is usable if nearly all of its returns are known, and the last
one is.
"""

from __future__ import annotations

import math

import numpy as np

from tickgraph.shapes import Bool, Float64, Int

KNOWN = 0.9
"""Share of a window's returns that must be known: 54 of 60, 18 of 20."""


def usable(known: Bool[np.ndarray, "*batch window"]) -> Bool[np.ndarray, "*batch"]:
    """Which windows have enough known values, the last one among them."""
    return np.asarray((known.sum(axis=-1) >= math.ceil(KNOWN * known.shape[-1])) & known[..., -1])


def centred(
    windows: Float64[np.ndarray, "*batch window"],
) -> tuple[Float64[np.ndarray, "*batch"], Float64[np.ndarray, "*batch window"], Int[np.ndarray, "*batch"]]:
    """Mean of each window's known values, their distance from it (0 where missing), and how many there are.

    A missing value is NaN. The mean of a window without a known value is NaN.
    """
    known = np.isfinite(windows)
    count = known.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(known, windows, 0.0).sum(axis=-1) / count
        distance = np.where(known, windows - mean[..., None], 0.0)
    return mean, distance, count
