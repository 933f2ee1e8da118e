"""Panels that the tests of the measures share."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from tickgraph.lab.evaluation.forecast_panel import (
    PROBABILITIES,
    STRIKE_DISTANCES,
    DistributionPanel,
    ForecastPanel,
)

VOLATILITY = 0.02


def panel_of(forecast, realised, first="2020-01-01") -> ForecastPanel:
    forecast, realised = np.array(forecast, dtype=float), np.array(realised, dtype=float)
    return ForecastPanel(
        np.datetime64(first) + np.arange(len(forecast)),
        tuple(f"S{i}" for i in range(forecast.shape[1])),
        forecast,
        realised,
    )


def noisy_panel(sessions=120, symbols=8, seed=0, skill=0.3, missing=0.0) -> ForecastPanel:
    """Normal returns of 2 % a session, of which the forecast knows a share."""
    rng = np.random.default_rng(seed)
    known = skill * VOLATILITY * rng.normal(size=(sessions, symbols))
    realised = known + np.sqrt(1 - skill**2) * VOLATILITY * rng.normal(size=(sessions, symbols))
    realised[rng.random(realised.shape) < missing] = np.nan
    known[rng.random(known.shape) < missing] = np.nan
    return panel_of(known, realised)


def normal_distribution(panel: ForecastPanel, volatility=VOLATILITY, mean=None) -> DistributionPanel:
    """Normal distributions around the forecast, or around a given mean."""
    centre = panel.forecast if mean is None else np.full_like(panel.forecast, mean)
    return DistributionPanel(
        centre[..., None] + volatility * norm.ppf(PROBABILITIES),
        norm.cdf(centre / volatility),
        norm.cdf((centre[..., None] - np.array(STRIKE_DISTANCES)) / volatility),
    )


def sample_reversal(prices, last=400) -> ForecastPanel:
    """Yesterday's return with its sign turned, on the bundled sample's real prices."""
    returns = np.diff(np.log(prices.adj_close), axis=0)[-last - 1 :]
    return ForecastPanel(
        prices.sessions[-last - 1 : -1].astype("datetime64[D]"),
        tuple(prices.symbols),
        -returns[:-1],
        returns[1:],
    )
