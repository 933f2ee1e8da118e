"""Forecasts of one method beside the returns that came: the arrays that every measure reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PROBABILITIES: tuple[float, ...] = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
"""Quantiles that are forecast; the ends of every interval of :data:`tickgraph.model.measures.LEVELS` are among them."""

STRIKE_DISTANCES: tuple[float, ...] = (-0.05, -0.03, -0.02, -0.01, 0.0, 0.01, 0.02, 0.03, 0.05)
"""Strikes that are scored, as log(strike / close)."""


@dataclass(frozen=True)
class ForecastPanel:
    """Out-of-sample forecasts of one method; row t was made after the close of session t.

    Attributes
    ----------
    sessions
        ``[T]`` datetime64[D], ascending: the session whose close was the last price seen.
    symbols
        ``[S]`` names of the columns.
    forecast
        ``[T, S]`` float64, log return of the next session; NaN where none was made.
    realised
        ``[T, S]`` float64, the log return that came; NaN where not known.
    """

    sessions: NDArray[np.datetime64]
    symbols: tuple[str, ...]
    forecast: NDArray[np.float64]
    realised: NDArray[np.float64]


@dataclass(frozen=True)
class DistributionPanel:
    """Predictive distributions beside a :class:`ForecastPanel` of the same sessions and symbols.

    Attributes
    ----------
    quantiles
        ``[T, S, Q]`` float64, log returns at :data:`PROBABILITIES`; NaN where there is no distribution.
    probability_up
        ``[T, S]`` float64, probability that the next session's log return exceeds 0.
    above_strike
        ``[T, S, K]`` float64, probability that it exceeds each of :data:`STRIKE_DISTANCES`.
    """

    quantiles: NDArray[np.float64]
    probability_up: NDArray[np.float64]
    above_strike: NDArray[np.float64]
