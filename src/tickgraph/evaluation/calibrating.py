"""From point forecasts to predictive distributions, the same way for every forecaster.

The seam to calibration: a :data:`Calibrate` is a pure function of what a forecaster said, what came, and the
volatility known at the time. Row t of its answer may use forecasts and volatility up to t and returns that
had come by the close of t: row t - 1 and before.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tickgraph.evaluation.forecasts import PROBABILITIES, STRIKE_DISTANCES, DistributionPanel
from tickgraph.model.calibration import conformal_scores

Array = NDArray[np.float64]

Calibrate = Callable[[Array, Array, Array], DistributionPanel]
"""``(forecast [T, S], realised [T, S], volatility [T, S])`` to distributions."""

PAST_SESSIONS = 120
"""Sessions whose residuals count; half a year follows a change of the market, and holds enough of all symbols."""

FEWEST_SCORES = 200
"""With fewer past residuals there is no distribution yet."""


def split_conformal(forecast: Array, realised: Array, volatility: Array) -> DistributionPanel:
    """Calibrate on the residuals of the last sessions, all symbols together.

    The equations are those of :class:`tickgraph.model.calibration.PredictiveDistribution` (Vovk et al. 2017),
    with scores that move along: the residuals of the last :data:`PAST_SESSIONS` sessions over the volatility
    of their symbol.

    Parameters
    ----------
    forecast, realised, volatility
        ``[T, S]`` float64, daily log returns, and their trailing standard deviation known at t. NaN where
        unknown.

    Returns
    -------
    DistributionPanel
        NaN where a forecast or volatility is unknown, or fewer than :data:`FEWEST_SCORES` residuals are.
    """
    sessions, symbols = forecast.shape
    quantiles = np.full((sessions, symbols, len(PROBABILITIES)), np.nan)
    above = np.full((sessions, symbols, len(STRIKE_DISTANCES)), np.nan)
    up = np.full((sessions, symbols), np.nan)
    for t in range(1, sessions):
        past = slice(max(0, t - PAST_SESSIONS), t)
        scores = conformal_scores(forecast[past], realised[past], volatility[past])
        n = len(scores)
        if n < FEWEST_SCORES:
            continue
        ranks = (np.arange(n) + 1) / (n + 1)
        usable = np.isfinite(forecast[t]) & (volatility[t] > 0)
        point, spread = forecast[t, usable, None], volatility[t, usable, None]
        quantiles[t, usable] = point + spread * np.interp(PROBABILITIES, ranks, scores)
        distances = np.array([*STRIKE_DISTANCES, 0.0])
        chance = 1 - np.interp(
            (distances - point) / spread, scores, ranks, 0.5 / (n + 1), (n + 0.5) / (n + 1)
        )
        above[t, usable], up[t, usable] = chance[:, :-1], chance[:, -1]
    return DistributionPanel(quantiles, up, above)
