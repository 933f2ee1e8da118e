"""Windows of returns in which a few are missing.

A session without a price costs a symbol two returns. If that made a window of 60 sessions unusable, one bad bar would
take a symbol's graph away for three months. So a window is usable if nearly all of its returns are known, and the last
one is.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

KNOWN = 0.9
"""Share of a window's returns that must be known: 54 of 60, 18 of 20."""


def usable(known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """``[...]`` bool: the windows ``[..., w]`` with enough known values, the last among them."""
    enough: NDArray[np.bool_] = known.sum(axis=-1) >= math.ceil(KNOWN * known.shape[-1])
    return enough & known[..., -1]


def centred(windows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[Any]]:
    """Mean of each window's known values, their distance from it, and how many there are.

    Parameters
    ----------
    windows
        ``[..., w]`` float64; NaN where missing.

    Returns
    -------
    tuple
        ``[...]`` float64 means, ``[..., w]`` float64 distances, 0 where missing, and ``[...]`` counts. A window without
        a known value has NaN for its mean.
    """
    known = np.isfinite(windows)
    count = known.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(known, windows, 0.0).sum(axis=-1) / count
        distance = np.where(known, windows - mean[..., None], 0.0)
    return mean, distance, count
