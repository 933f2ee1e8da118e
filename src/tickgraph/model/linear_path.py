"""The linear path of the variance network: a heterogeneous autoregression on a graph, fitted by QLIKE.

A fit of one horizon reads the features that all horizons share and its own season. It is fitted on the universe.
A symbol's own is fitted on the symbol and its peers and drawn to the universe's. By itself, its error would be 1 %
higher at one session and 7 % at a month (docs/method.md).

The weights of the levels are drawn to a sum of one. With exactly one, a forecast keeps today's level for ever; with any
sum it returns to the level of the years that it was fitted on, which are calm or not by chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tickgraph.graph.variance_features import ACTIVITY, COMMON, LEVELS, season_columns
from tickgraph.model.quasi_likelihood import fit_qlike
from tickgraph.model.variance_network import MIDDLE
from tickgraph.shapes import Bool, Float32, Float64

TO_ONE = 0.1
"""How strongly the weights of the levels are drawn to a sum of one."""
TO_UNIVERSE = 0.1
"""How strongly a symbol's coefficients are drawn to the universe's."""
MIN_ROWS = 1000
"""Known rows that a fit needs."""
MAX_ROWS = 100_000
"""Of more rows, so many are drawn. On every third session, 20,000 rows of 42 symbols, the error was 2 % higher."""
_FIRST_ROWS = 10_000  # Newton's method begins on so few, and needs two or three steps on all


class Kernel(NamedTuple):
    """Features times the coefficients, plus the bias, are log variances over each horizon."""

    coefficients: Float64[np.ndarray, "features horizons"]
    bias: Float64[np.ndarray, "horizons"]


def fit_linear_path(
    features: Float32[np.ndarray, "sessions symbols features"],
    known: Bool[np.ndarray, "sessions symbols"],
    variance: Float64[np.ndarray, "sessions symbols horizons"],
    horizons: Sequence[int],
    universe: Kernel | None = None,
) -> Kernel | None:
    """Fit every horizon.

    Parameters
    ----------
    features, known
        As in :class:`tickgraph.graph.variance_features.VarianceFeatures`.
    variance
        Realised over each horizon, NaN where it is not known yet.
    horizons
        Sessions ahead.
    universe
        What the coefficients are drawn to; None draws them to nothing.

    Returns
    -------
    tuple
        None where fewer than :data:`MIN_ROWS` rows are known, at any horizon; with a universe it is the universe's.
    """
    width, shared = features.shape[-1], len(COMMON) - ACTIVITY
    kernel, bias = np.zeros((width, len(horizons))), np.zeros(len(horizons))
    for place, horizon in enumerate(horizons):
        target = variance[..., place].ravel()
        # A price that stands still does not tell how far prices move.
        rows = np.flatnonzero(known.ravel() & np.isfinite(target) & (target > 0))
        if len(rows) < MIN_ROWS:
            return universe
        rows = np.random.default_rng(place).permutation(rows)[:MAX_ROWS]
        columns = np.r_[0:shared, season_columns(place)]
        coefficients, constant = _fit(
            features.reshape(-1, width)[rows][:, columns].astype(np.float64),
            target[rows] / horizon,
            None if universe is None else (universe[0][columns, place], universe[1][place] - np.log(horizon)),
        )
        kernel[columns, place], bias[place] = coefficients, constant + np.log(horizon)
    return Kernel(kernel, bias)


def _fit(
    x: Float64[np.ndarray, "rows columns"],
    y: Float64[np.ndarray, "rows"],
    universe: tuple[Float64[np.ndarray, "columns"], float] | None,
) -> tuple[Float64[np.ndarray, "columns"], float]:
    """Coefficients and constant of one horizon."""
    levels = len(LEVELS)
    base = x[:, MIDDLE]
    # In terms of weights relative to the middle level, and of one more: by how much their sum departs from one.
    design = np.column_stack([np.ones(len(x)), x[:, :levels] - base[:, None], x[:, levels:]])
    centre = base.mean()
    design[:, 1 + MIDDLE] = base - centre
    pull = np.zeros((design.shape[1], design.shape[1]))
    prior = None
    if universe is None:
        pull[1 + MIDDLE, 1 + MIDDLE] = TO_ONE
    else:
        weights, constant = universe
        excess = weights[:levels].sum() - 1
        prior = np.concatenate([[constant + centre * excess], weights])
        prior[1 + MIDDLE] = excess
        np.fill_diagonal(pull, TO_UNIVERSE)
    relative = y * np.exp(-base)
    first = fit_qlike(design[:_FIRST_ROWS], relative[:_FIRST_ROWS], prior, pull)
    fitted = first if len(y) <= _FIRST_ROWS else fit_qlike(design, relative, prior, pull, first)
    excess, coefficients = fitted[1 + MIDDLE], fitted[1:].copy()
    coefficients[MIDDLE] = 1 + excess - (np.delete(fitted[1 : 1 + levels], MIDDLE)).sum()
    return coefficients, float(fitted[0] - centre * excess)
