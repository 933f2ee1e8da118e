r"""Losses of a forecast of variance and of a distribution, cell by cell.

Sources: QLIKE, Patton 2011, "Volatility Forecast Comparison Using Imperfect Volatility Proxies", J. Econometrics
160(1); CRPS, Gneiting & Raftery 2007, "Strictly Proper Scoring Rules, Prediction, and Estimation", JASA 102; its form
by quantiles as scoringrules has it (Berrisch & Ziel 2023, "CRPS Learning"); Brier 1950.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scoringrules import crps_quantile, quantile_score

from tickgraph.lab.horizons.method import PROBABILITIES
from tickgraph.shapes import Bool, Float64

STRIKES: tuple[float, ...] = (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0)
"""Distances of strikes from the close, in standard deviations over h sessions."""
LEVELS: tuple[float, ...] = (0.8, 0.95)
"""Central intervals whose coverage is measured."""
PINBALL_AT: tuple[float, ...] = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
"""Quantiles whose pinball loss is reported."""

_AT = [int(np.argmin(np.abs(PROBABILITIES - p))) for p in PINBALL_AT]


def qlike(
    realised: Float64[np.ndarray, "*cells"], forecast: Float64[np.ndarray, "*cells"]
) -> Float64[np.ndarray, "*cells"]:
    """V / F - log(V / F) - 1: 0 where the forecast is right; NaN where either is missing or not above 0."""
    usable = (realised > 0) & (forecast > 0)
    ratio = np.divide(realised, forecast, out=np.full(realised.shape, np.nan), where=usable)
    return ratio - np.log(ratio) - 1


@dataclass(frozen=True)
class DensityLosses:
    """Losses of predictive distributions, all over the same cells.

    Attributes
    ----------
    crps, pinball
        A log return; pinball is the mean over :data:`PINBALL_AT`.
    brier
        Squared error of P(return > strike), at :data:`STRIKES`.
    probability
        Probability integral transform: the forecast's probability of a return up to the one that came.
    width
        Of the intervals of :data:`LEVELS`, a log return.
    """

    crps: Float64[np.ndarray, "*cells"]
    pinball: Float64[np.ndarray, "*cells"]
    brier: Float64[np.ndarray, "*cells strikes"]
    probability: Float64[np.ndarray, "*cells"]
    width: Float64[np.ndarray, "*cells levels"]


def density_losses(
    quantiles: Float64[np.ndarray, "*cells quantiles"],
    realised: Float64[np.ndarray, "*cells"],
    deviation: Float64[np.ndarray, "*cells"],
) -> DensityLosses:
    """Score quantiles at :data:`~tickgraph.lab.horizons.method.PROBABILITIES` against the returns that came.

    Parameters
    ----------
    quantiles
        Ascending along the last axis; NaN where there is no forecast.
    realised
        Log returns; NaN where not known. Such a cell has no loss.
    deviation
        Standard deviation over the same h sessions, the unit of strikes.
    """
    strikes = deviation[..., None] * np.array(STRIKES)  # [..., K]
    below = probability_below(quantiles, np.concatenate([strikes, realised[..., None]], axis=-1))
    above, came = 1 - below[..., :-1], realised[..., None] > strikes
    known = np.isfinite(below).all(axis=-1)
    at = quantiles[..., _AT]
    ends = [(np.argmin(np.abs(PROBABILITIES - p)) for p in ((1 - x) / 2, (1 + x) / 2)) for x in LEVELS]
    return DensityLosses(
        np.where(known, crps_quantile(realised, quantiles, PROBABILITIES, backend="numpy"), np.nan),
        np.where(
            known,
            quantile_score(realised[..., None], at, np.array(PINBALL_AT), backend="numpy").mean(axis=-1),
            np.nan,
        ),
        np.where(known[..., None], (above - came) ** 2, np.nan),
        np.where(known, below[..., -1], np.nan),
        np.stack([quantiles[..., high] - quantiles[..., low] for low, high in ends], axis=-1),
    )


def probability_below(
    quantiles: Float64[np.ndarray, "*cells quantiles"], points: Float64[np.ndarray, "*cells points"]
) -> Float64[np.ndarray, "*cells points"]:
    """Cumulative probability at points, linear between quantiles and constant beyond the outermost.

    Returns
    -------
    ndarray
        NaN where a quantile or the point is missing.
    """
    rank = (quantiles[..., None, :] < points[..., :, None]).sum(axis=-1)  # [..., P] quantiles below
    last = quantiles.shape[-1] - 1
    high = np.clip(rank, 1, last)
    lower, upper = (np.take_along_axis(quantiles, place, axis=-1) for place in (high - 1, high))
    width = upper - lower
    share = np.divide(points - lower, width, out=np.ones_like(width), where=width > 0)
    step = PROBABILITIES[high] - PROBABILITIES[high - 1]
    between = PROBABILITIES[high - 1] + np.clip(share, 0, 1) * step
    tail = PROBABILITIES[0] / 2
    inside = np.where(rank == 0, tail, np.where(rank > last, 1 - tail, between))
    missing: Bool[np.ndarray, "*cells 1"] = ~np.isfinite(quantiles).all(axis=-1, keepdims=True)
    return np.where(missing | ~np.isfinite(points), np.nan, inside)
