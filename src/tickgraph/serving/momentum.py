"""Momentum: what answers for a symbol that has no model."""

from __future__ import annotations

import numpy as np

from tickgraph.errors import HistoryTooShortError, PriceDataError
from tickgraph.graph.features import node_features
from tickgraph.market.panel import PricePanel
from tickgraph.model.calibration import PredictiveDistribution, conformal_scores

MIN_SCORES = 40  # an interval of level 0.95 needs 39


def momentum_forecast(
    panel: PricePanel, symbol: str, window: int, sessions: int = 250
) -> PredictiveDistribution:
    """Forecast the next log return as the mean of the last ones, calibrated on the symbol's own past.

    Parameters
    ----------
    panel
        Prices up to the session to forecast from.
    symbol
        Must have a price in the panel's last session.
    window
        Sessions behind the mean and the volatility.
    sessions
        Past sessions whose momentum forecasts are scored to calibrate this one.

    Raises
    ------
    HistoryTooShortError
        Fewer past forecasts can be scored than an interval of level 0.95 needs.
    PriceDataError
        Its price has not moved in the window.
    """
    # The symbol's own sessions: which others the panel happens to hold must change nothing.
    own = panel.traded(symbol).tail(window + 1 + sessions)
    returns = own.log_returns()
    features = node_features(returns, own.volume, window)[:, 0]  # [T, F]
    volatility, momentum = features[:, 0], features[:, 1]
    scores = conformal_scores(momentum[:-1], returns[1:, 0], volatility[:-1])
    if len(scores) < MIN_SCORES or not np.isfinite(momentum[-1]):
        raise HistoryTooShortError(
            f"History too short for {symbol}: {len(scores)} past momentum forecasts to calibrate on, need "
            f"{MIN_SCORES} ({window + MIN_SCORES + 1} unbroken sessions of prices). Import more of its history."
        )
    if not volatility[-1] > 0:
        raise unmoved(symbol, panel.sessions[-1], window)
    return PredictiveDistribution(float(momentum[-1]), float(volatility[-1]), scores)


def unmoved(symbol: str, session: np.datetime64, window: int) -> PriceDataError:
    """Say that a symbol has no volatility to measure an interval by."""
    return PriceDataError(
        f"The price of {symbol} has not moved in the {window} sessions up to {session}: it is halted, or its "
        f"prices are stuck, and there is no forecast. Check them with: tickgraph prices check --symbols {symbol}"
    )
