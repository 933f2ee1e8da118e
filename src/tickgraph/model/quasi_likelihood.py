"""Fit the logarithm of a positive quantity as a linear function, by QLIKE.

QLIKE is the gamma quasi-likelihood: the mean of eta + y exp(-eta) with eta = X b. A noisy proxy of a variance ranks
forecasts by it as the variance itself would (Patton 2011, "Volatility Forecast Comparison Using Imperfect Volatility
Proxies", J. Econometrics 160(1)). It is convex in b, and a y of zero does no harm, as it would in a regression of
log y.
"""

from __future__ import annotations

import math

import numpy as np

from tickgraph.shapes import Float64

_SMALLEST = 1e-5
_RIDGE = 1e-6  # helps where columns are the same, and has no effect elsewhere


def fit_qlike(
    design: Float64[np.ndarray, "rows coefficients"],
    target: Float64[np.ndarray, "rows"],
    prior: Float64[np.ndarray, "coefficients"] | None = None,
    pull: Float64[np.ndarray, "coefficients coefficients"] | None = None,
    start: Float64[np.ndarray, "coefficients"] | None = None,
    steps: int = 50,
) -> Float64[np.ndarray, "coefficients"]:
    """Minimise mean(eta + y exp(-eta)) + (b - prior)' pull (b - prior) by Newton's method with halved steps.

    Parameters
    ----------
    design
        Its first column is the constant.
    target
        Not negative.
    prior, pull
        Where coefficients are drawn to, and how strongly beside the mean over the rows. None is zero.
    start
        First coefficients; None begins at the prior, or with the constant alone.
    steps
        At most so many.
    """
    width = design.shape[1]
    centre = np.zeros(width) if prior is None else prior
    pull = np.zeros((width, width)) if pull is None else pull
    coefficients = (centre if start is None else start).copy()
    if prior is None and start is None:
        coefficients[0] = math.log(max(float(target.mean()), _SMALLEST))

    def loss(at: Float64[np.ndarray, "coefficients"]) -> float:
        eta, away = design @ at, at - centre
        return float((eta + target * np.exp(np.minimum(-eta, 50.0))).mean() + away @ pull @ away)

    current = loss(coefficients)
    for _ in range(steps):
        weight = target * np.exp(np.minimum(-(design @ coefficients), 50.0))
        slope = design.T @ (1 - weight) / len(target) + 2 * pull @ (coefficients - centre)
        curvature = (design.T * weight) @ design / len(target) + 2 * pull + _RIDGE * np.eye(width)
        step, size = np.linalg.solve(curvature, slope), 1.0
        while size > 1e-6 and loss(coefficients - size * step) > current:
            size /= 2
        coefficients = coefficients - size * step
        before, current = current, loss(coefficients)
        if before - current < 1e-10:
            break
    return coefficients
