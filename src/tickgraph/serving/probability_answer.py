"""The answer about one strike: how likely the close is above it or below, or the price gets there."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import numpy as np

from tickgraph.errors import InputError
from tickgraph.market.calendar import Clock, Day
from tickgraph.serving.outlook import Outlook
from tickgraph.serving.outlook_answer import OutlookAnswer, looking_ahead, outlook_fields
from tickgraph.serving.price_ranges import QUANTILES, Quantile

METHOD = "split conformal: held-out residuals scaled by the volatility forecast"


class Probability(OutlookAnswer):
    """Probability that one symbol's close lies above a strike, or between two, and that a strike is touched."""

    strike: float
    """Dollars."""
    upper_strike: float | None
    """Dollars; the higher of two strikes. Null where one was asked for."""
    sessions: int
    """Sessions of the exchange from `as_of` to `expiry`."""
    expiry: date
    """Session whose close this is about."""
    probability_above: float
    """That the close of `expiry` is above the strike."""
    probability_below: float
    """That it is not."""
    probability_touched: float
    """That the price is at the strike on or before `expiry`: that a day's high gets up to a strike above `price`, or a
    day's low down to one below it."""
    probability_between: float | None
    """That the close of `expiry` is above the strike, and not above the upper one. Null where there is no upper one."""
    probability_above_upper: float | None
    """That the close of `expiry` is above the upper strike. Null where there is none."""
    probability_upper_touched: float | None
    """That the price is at the upper strike on or before `expiry`. Null where there is none."""
    beyond_calibration: bool
    """Whether a strike lies beyond every move that the distribution was calibrated on. Then the probability of ending
    beyond it is only known to be small. It is no price of a far strike."""
    quantiles: tuple[Quantile, ...]
    """Closes that the close of `expiry` lies below with each probability."""
    method: str
    """What the distribution is."""


def probability_of(
    outlook: Outlook,
    price: float | None,
    clock: Clock,
    *,
    strike: float,
    upper_strike: float | None = None,
    sessions: int | None = None,
    expiry: Day | None = None,
    trained_now: bool = False,
    refused: Exception | None = None,
) -> Probability:
    """Answer about a strike, or about two, at the next session, or later if sessions or an expiry are given.

    The next session's distribution is that of the forecast.

    Parameters
    ----------
    strike, upper_strike
        Dollars, above 0.
    outlook, price, clock, trained_now, refused
        As in :func:`~tickgraph.serving.answer.answer_fields`.
    sessions, expiry
        At most one of the two.

    Raises
    ------
    InputError
        The upper strike is not above the other one; or as :func:`~tickgraph.serving.outlook_answer.looking_ahead`.
    ModelNotFoundError
        As there.
    """
    if upper_strike is not None and not upper_strike > strike:
        raise InputError(f"upper_strike must be above strike {strike:g}, got {upper_strike:g}.")
    is_next = sessions is None and expiry is None
    ahead, day = looking_ahead(outlook, 1 if is_next else sessions, expiry)
    shared = outlook_fields(outlook, price, clock, trained_now=trained_now, refused=refused)
    start = shared["price"]
    moves = [math.log(each) - math.log(start) for each in (strike, upper_strike) if each is not None]
    if is_next:
        next_session = outlook.distribution
        above = [next_session.probability_above(move) for move in moves]
        beyond = any(next_session.is_beyond(move) for move in moves)
        returns = next_session.quantile(np.array(QUANTILES))
    else:
        distribution = outlook.one_session_or_more
        above = distribution.probability_above(np.array(moves), ahead).tolist()
        beyond = bool(distribution.is_beyond(np.array(moves), ahead).any())
        returns = distribution.quantile(np.array(QUANTILES), ahead)
    touched = outlook.touch.probability_touched(np.array(moves), ahead).tolist()
    # The next session's own distribution knows the far tails less well than the horizons' do.
    ends = [one if move > 0 else 1 - one for one, move in zip(above, moves, strict=True)]
    touched = [max(pair) for pair in zip(touched, ends, strict=True)]
    return Probability(
        **shared,
        strike=strike,
        sessions=ahead,
        expiry=day.astype(date),
        probability_above=above[0],
        probability_below=1 - above[0],
        probability_touched=touched[0],
        **_upper(upper_strike, above, touched),
        beyond_calibration=beyond,
        quantiles=tuple(
            Quantile.of_return(probability, log_return, start)
            for probability, log_return in zip(QUANTILES, returns.tolist(), strict=True)
        ),
        method=METHOD,
    )


def _upper(upper_strike: float | None, above: list[float], touched: list[float]) -> dict[str, Any]:
    """Fields about the upper strike, which is the last one."""
    two = upper_strike is not None
    return {
        "upper_strike": upper_strike,
        "probability_between": above[0] - above[-1] if two else None,
        "probability_above_upper": above[-1] if two else None,
        "probability_upper_touched": touched[-1] if two else None,
    }
