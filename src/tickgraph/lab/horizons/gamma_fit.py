"""Regression by the gamma quasi-likelihood, which is QLIKE (Patton 2011)."""

from __future__ import annotations

import math

import numpy as np

from tickgraph.shapes import Float64

_STEPS = 40
_RIDGE = 1e-6  # it helps where columns are the same, and has no effect elsewhere


def gamma_regression(
    design: Float64[np.ndarray, "rows coefficients"],
    target: Float64[np.ndarray, "rows"],
    start: Float64[np.ndarray, "coefficients"] | None = None,
) -> Float64[np.ndarray, "coefficients"]:
    """Minimise mean(eta + y exp(-eta)), eta = X b, by Newton's method with halved steps; it is convex in b.

    Parameters
    ----------
    design
        X, with a column of ones first.
    target
        y, not negative.
    start
        Coefficients to start from, such as those of an earlier fit. None: the mean alone.
    """
    rows, columns = design.shape
    if start is None:
        start = np.zeros(columns)
        start[0] = math.log(target.mean())
    coefficients, eta = start, design @ start

    def loss(eta: Float64[np.ndarray, "rows"]) -> float:
        return float((eta + target * np.exp(np.minimum(-eta, 50.0))).mean())

    current = loss(eta)
    for _ in range(_STEPS):
        weight = target * np.exp(np.minimum(-eta, 50.0))
        slope = design.T @ (1 - weight) / rows
        curvature = (design * weight[:, None]).T @ design / rows + _RIDGE * np.eye(columns)
        step, size = np.linalg.solve(curvature, slope), 1.0
        along = design @ step
        while size > 1e-6 and not loss(eta - size * along) <= current:
            size /= 2
        coefficients, eta = coefficients - size * step, eta - size * along
        before, current = current, loss(eta)
        if before - current < 1e-9:
            break
    return coefficients
