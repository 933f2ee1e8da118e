"""Momentum: the outlook of a symbol that has no model."""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tickgraph.errors import HistoryTooShortError, PriceDataError
from tickgraph.graph.graph_config import GraphConfig
from tickgraph.market.panel import PricePanel
from tickgraph.market.spelling import Symbol
from tickgraph.model.bounds import OwnMoves, unsupported
from tickgraph.model.calibration import PredictiveDistribution, conformal_scores
from tickgraph.model.still import UnmovedError, still_sessions, unmoved
from tickgraph.model.volatility import STILL, UNFITTED, WINDOW, forecast_volatility
from tickgraph.options.touch import gap_shares
from tickgraph.serving.last_prices import last_price, last_session, own_returns, until
from tickgraph.serving.outlook import Outlook

MIN_SCORES = 40  # an interval of level 0.95 needs 39
SCORED = 250  # past sessions whose momentum forecasts are scored


def momentum_outlook(symbol: Symbol, whole: PricePanel, as_of: date | None, graph: GraphConfig) -> Outlook:
    """Forecast the next log return as the mean of the last ones, calibrated on the symbol's own past.

    Parameters
    ----------
    symbol
        Must be in the panel.
    whole
        Prices.
    as_of
        Nothing after this day is used; None uses all prices.
    graph
        Its feature window is the number of returns behind the mean.

    Raises
    ------
    HistoryTooShortError
        Fewer past forecasts can be scored than an interval of level 0.95 needs.
    PriceDataError
        There are no prices of the symbol. Or they have not moved in the last 20 sessions, or in too few of those
        before, or give no forecast that they support.
    """
    panel, window = until(whole, as_of), graph.feature_window
    panel = panel.through(last_session(panel, symbol))
    # The symbol's own sessions: the other symbols that the panel happens to hold must change nothing.
    own = panel.traded(symbol).tail(WINDOW + 1 + SCORED)
    returns = own.log_returns()[1:]  # [T, 1]
    momentum = np.full_like(returns, np.nan)
    if len(returns) >= window:
        momentum[window - 1 :] = sliding_window_view(returns, window, axis=0).mean(axis=-1)
    volatility = forecast_volatility(returns, UNFITTED)
    scores = conformal_scores(momentum[:-1], returns[1:], volatility[:-1])
    need = max(window, WINDOW) + MIN_SCORES + 1
    if still_sessions(own) >= STILL:
        raise unmoved(symbol, panel.sessions[-1])
    if scores.sessions < MIN_SCORES and len(own.sessions) >= need:
        moves = int((returns[:, 0] != 0).sum())
        raise UnmovedError(
            f"The price of {symbol} moved in {moves} of the {len(returns)} sessions up to {panel.sessions[-1]}: too "
            f"few sessions say how far it moves: {scores.sessions}, need {MIN_SCORES}. Ask again once it has moved "
            f"for longer, or check its prices with: tickgraph prices check --symbols {symbol}"
        )
    if scores.sessions < MIN_SCORES or not np.isfinite(momentum[-1, 0]) or not volatility[-1, 0] > 0:
        raise HistoryTooShortError(
            f"History too short for {symbol}: {scores.sessions} past momentum forecasts to calibrate on, need "
            f"{MIN_SCORES} ({need} unbroken sessions of prices). Import more of its history."
        )
    distribution = PredictiveDistribution(
        float(momentum[-1, 0]), float(volatility[-1, 0]), scores.values, scores.trust
    )
    if fault := unsupported(distribution, OwnMoves.of(own_returns(panel, symbol))):
        raise PriceDataError(
            f"The prices of {symbol} give no forecast by momentum: {fault}. "
            f"Check them with: tickgraph prices check --symbols {symbol}"
        )
    last = last_price(panel, symbol)
    return Outlook(
        symbol=symbol,
        distribution=distribution,
        model=None,
        as_of=last.session,
        last_close=last.close,
        source=last.source,
        provider=last.provider,
        lineage=whole.lineage,
        calibration_sessions=scores.sessions,
        gap=float(gap_shares(panel, [symbol])[0]),
    )
