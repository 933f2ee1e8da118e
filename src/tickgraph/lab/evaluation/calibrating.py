"""Predictive distributions for every session of a panel of forecasts, made from what was known at the time.

The definitions are those of the models in service: :mod:`tickgraph.model.volatility` and
:mod:`tickgraph.model.calibration`. A model pools the scores of its target and its peers. A panel pools the scores of
all its symbols.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tickgraph.lab.evaluation.forecast_panel import PROBABILITIES, STRIKE_DISTANCES, DistributionPanel
from tickgraph.model.calibration import conformal_scores, score_quantiles, share_above
from tickgraph.model.volatility import WINDOW, fit_volatility, forecast_volatility

Array = NDArray[np.float64]

CALIBRATION = 200
"""Sessions whose scores make a distribution: as many as a model holds out of its default window."""
MIN_CALIBRATION = 40
"""With fewer sessions of scores there is no distribution: an interval of 95 % needs 39 scores."""
TRAINING = 800
"""Sessions that the coefficients of the volatility are fitted on, as in a model's default window."""


def walk_volatility(log_returns: Array, *, refit: int = 63, training: int = TRAINING) -> Array:
    """Volatility forecasts of a whole panel, with coefficients refitted as the sessions pass.

    Row t uses returns of rows up to t. Its coefficients were fitted at the last refit at or before t, on rows up to
    that refit. All symbols are fitted together, so every symbol's peers are the whole market.

    Parameters
    ----------
    log_returns
        ``[T, S]`` float64, daily log returns; row t is the return from session t - 1 to t. NaN where missing.
    refit
        Sessions between two fits.
    training
        Sessions behind each fit; fewer where there are not so many yet.

    Returns
    -------
    ndarray
        ``[T, S]`` float64, as :func:`tickgraph.model.volatility.forecast_volatility`. Before the first fit the
        coefficients are :data:`tickgraph.model.volatility.UNFITTED`.
    """
    volatility = np.full(log_returns.shape, np.nan)
    for start in range(WINDOW - 1, len(log_returns), refit):
        stop = min(start + refit, len(log_returns))
        seen = log_returns[max(0, start + 1 - WINDOW - training) : start + 1]
        window = log_returns[start + 1 - WINDOW : stop]
        volatility[start:stop] = forecast_volatility(window, fit_volatility(seen))[WINDOW - 1 :]
    return volatility


def calibrate(
    forecast: Array,
    realised: Array,
    volatility: Array,
    *,
    window: int = CALIBRATION,
) -> DistributionPanel:
    """Distribution of every forecast, from the scores of the sessions before it.

    Row t uses rows t - ``window`` to t - 1 of all arguments, and row t of ``forecast`` and ``volatility``. Row t - 1 of
    ``realised`` is the return of session t, so it is known at t.

    Parameters
    ----------
    forecast, realised
        ``[T, S]`` float64, log returns of the next session, as in
        :class:`tickgraph.lab.evaluation.forecast_panel.ForecastPanel`; NaN where there is none.
    volatility
        ``[T, S]`` float64, known when forecasting, for instance from :func:`walk_volatility`. There is no distribution
        unless it is above 0.
    window
        Sessions of scores behind each distribution.

    Raises
    ------
    ValueError
        The arrays are not of one shape.
    """
    if not forecast.shape == realised.shape == volatility.shape or forecast.ndim != 2:
        raise ValueError(
            "Expected forecast, realised and volatility of one shape [T, S], got "
            f"{forecast.shape}, {realised.shape} and {volatility.shape}."
        )
    quantiles = np.full((*forecast.shape, len(PROBABILITIES)), np.nan)
    above = np.full((*forecast.shape, 1 + len(STRIKE_DISTANCES)), np.nan)
    distances = np.array([0.0, *STRIKE_DISTANCES])
    usable = np.isfinite(forecast) & (volatility > 0)
    for row in np.flatnonzero(usable.any(axis=1)):
        past = slice(max(0, row - window), row)
        scores = conformal_scores(forecast[past], realised[past], volatility[past])
        if scores.sessions < MIN_CALIBRATION:
            continue
        here = usable[row]
        spread = volatility[row, here][:, None]  # [s, 1]
        centre = scores.trust * forecast[row, here][:, None]  # [s, 1]
        quantiles[row, here] = centre + spread * score_quantiles(scores.values, np.array(PROBABILITIES))
        above[row, here] = share_above(scores.values, (distances - centre) / spread)
    return DistributionPanel(quantiles, above[..., 0], above[..., 1:])
