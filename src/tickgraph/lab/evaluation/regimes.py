"""Calm, normal and stressed sessions, told apart by what was known at the time."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

REGIMES: tuple[str, ...] = ("calm", "normal", "stressed")


def regimes(market_returns: NDArray[np.float64], *, window: int = 20, past: int = 252) -> NDArray[np.str_]:
    """Regime of each session, by the thirds of the market's trailing volatility.

    The volatility of session t is the standard deviation of the market's last ``window`` returns up to t. It
    is compared with the thirds of all volatilities up to t, so nothing later than t enters.

    Parameters
    ----------
    market_returns
        ``[T]`` float64, return of the market from t - 1 to t. Give the whole history, not only the sessions
        that are evaluated: the thirds need a past.
    window
        Sessions of a volatility.
    past
        Volatilities that must be known before thirds are taken of them.

    Returns
    -------
    ndarray
        ``[T]`` of ``"calm"``, ``"normal"``, ``"stressed"``, or ``""`` where the past is too short.
    """
    volatility = pd.Series(market_returns).rolling(window).std()
    thirds = volatility.expanding(min_periods=past)
    low, high = thirds.quantile(1 / 3), thirds.quantile(2 / 3)
    known = volatility.notna() & low.notna()
    return np.select(
        [~known, volatility <= low, volatility <= high], ["", "calm", "normal"], default="stressed"
    ).astype(np.str_)
