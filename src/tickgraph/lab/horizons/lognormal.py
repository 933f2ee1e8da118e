"""The log-normal that a desk has: one volatility from past returns, times the square root of the horizon."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from tickgraph.lab.horizons.method import PROBABILITIES, Forecast, HorizonForecast, HorizonForecaster, Stretch
from tickgraph.lab.horizons.moves import Moves, trailing_deviation
from tickgraph.shapes import Float64

Deviations = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""From daily log returns ``[T, S]`` to their standard deviation known at t."""


def _lognormal(
    name: str, volatility: str, deviations: Deviations, settings: Mapping[str, object]
) -> HorizonForecaster:
    """A normal log return without drift, its variance growing with the horizon."""

    def prepare(moves: Moves) -> Forecast:
        variance = deviations(moves.returns)[..., None] ** 2 * np.array(moves.horizons)  # [T, S, H]
        variance[variance == 0] = np.nan
        normal = ndtri(PROBABILITIES)

        def forecast(stretch: Stretch) -> HorizonForecast:
            return HorizonForecast(
                variance[stretch.rows] * moves.range_scale[stretch.rows, :, None],
                np.sqrt(variance[stretch.origins])[..., None] * normal,
            )

        return forecast

    description = f"Log-normal without drift; volatility {volatility}."
    return HorizonForecaster(name, "baseline", description, settings, prepare, has_quantiles=True)


def window_volatility(window: int) -> HorizonForecaster:
    """The log-normal with the standard deviation of the last ``window`` returns."""
    return _lognormal(
        f"lognormal-{window}",
        f"of the last {window} sessions times the square root of the horizon",
        lambda returns: trailing_deviation(returns, window),
        {"window": window},
    )


def smoothed_volatility(decay: float = 0.94) -> HorizonForecaster:
    """The log-normal with an exponential average of squared returns (RiskMetrics 1996)."""

    def deviations(
        returns: Float64[np.ndarray, "sessions symbols"],
    ) -> Float64[np.ndarray, "sessions symbols"]:
        squares = pd.DataFrame(returns**2).ewm(alpha=1 - decay, min_periods=20).mean().to_numpy()
        return np.where(np.isfinite(returns), np.sqrt(squares), np.nan)

    return _lognormal(
        "ewma",
        f"from an exponential average of squared returns, decay {decay:g}",
        deviations,
        {"decay": decay},
    )
