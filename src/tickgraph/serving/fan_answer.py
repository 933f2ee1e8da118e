"""Answers for a picture: where the price may be on each session ahead, and its cumulative distribution at one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from pydantic import ConfigDict

from tickgraph.market.calendar import Clock, Day, known_sessions, sessions_a_year
from tickgraph.serving.outlook import Outlook
from tickgraph.serving.outlook_answer import OutlookAnswer, looking_ahead, outlook_fields

LEVELS = (0.5, 0.8, 0.95)
POINTS = 241
OUTERMOST = 0.01
MARGIN = 0.25
"""The curve reaches beyond this quantile, and beyond the one as far from 1, by this share of what lies between them."""


@dataclass(frozen=True, slots=True)
class FanSession:
    """Where the close of one session ahead may be."""

    __pydantic_config__ = ConfigDict(use_attribute_docstrings=True)

    sessions: int
    """Sessions of the exchange after `as_of`."""
    expiry: date
    """The last of them."""
    volatility: float
    """Annualised, over these sessions."""
    expected_move: float
    """Dollars; the mean of the absolute move."""
    median: float
    """Dollars; the close lies below as often as above."""
    lower: tuple[float, ...]
    """Dollars; lower ends of the conformal intervals, in the order of `levels`."""
    upper: tuple[float, ...]
    """Dollars; their upper ends."""


class Fan(OutlookAnswer):
    """Where one symbol's close may be on each session that can be forecast."""

    levels: tuple[float, ...]
    """Shares of new closes that the intervals cover."""
    path: tuple[FanSession, ...]
    """Every session from the next one to the longest horizon; only the next one without a model of more."""


class Curve(OutlookAnswer):
    """Cumulative distribution of one symbol's close after so many sessions, as a curve."""

    sessions: int
    """Sessions of the exchange from `as_of` to `expiry`."""
    expiry: date
    """Session whose close this is the distribution of."""
    closes: tuple[float, ...]
    """Dollars, ascending, evenly spaced."""
    below: tuple[float, ...]
    """Probability that the close lies at or below each of `closes`."""
    touched: tuple[float, ...]
    """Probability that the price is at each of `closes` on or before `expiry`, as `/forecast/{symbol}/probability` says
    it."""


def fan_of(
    outlook: Outlook,
    price: float | None,
    clock: Clock,
    *,
    trained_now: bool = False,
    refused: Exception | None = None,
) -> Fan:
    """Answer where the price may be on every session ahead that the exchange has published.

    The parameters are those of :func:`~tickgraph.serving.answer.answer_fields`.
    """
    shared = outlook_fields(outlook, price, clock, trained_now=trained_now, refused=refused)
    start, distribution = shared["price"], outlook.one_session_or_more
    days = known_sessions(outlook.as_of, distribution.longest)
    ahead = np.arange(1, len(days) + 1)
    moves = np.stack([distribution.interval(level, ahead) for level in LEVELS], axis=1)  # [H, levels, 2]
    ends = start * np.exp(moves)
    return Fan(
        **shared,
        levels=LEVELS,
        path=tuple(
            FanSession(int(sessions), day.astype(date), volatility, move, median, tuple(lower), tuple(upper))
            for sessions, day, volatility, move, median, lower, upper in zip(
                ahead,
                days,
                distribution.volatility(ahead, sessions_a_year()).tolist(),
                (start * distribution.expected_move(ahead)).tolist(),
                (start * np.exp(distribution.quantile(np.full(len(ahead), 0.5), ahead))).tolist(),
                ends[..., 0].tolist(),
                ends[..., 1].tolist(),
                strict=True,
            )
        ),
    )


def curve_of(
    outlook: Outlook,
    price: float | None,
    clock: Clock,
    *,
    sessions: int | None = None,
    expiry: Day | None = None,
    trained_now: bool = False,
    refused: Exception | None = None,
) -> Curve:
    """Answer with the cumulative distribution after so many sessions, or at an expiry: one of the two is given.

    The parameters and errors are those of :func:`~tickgraph.serving.distribution_answer.distribution_of`.
    """
    ahead, day = looking_ahead(outlook, sessions, expiry)
    shared = outlook_fields(outlook, price, clock, trained_now=trained_now, refused=refused)
    start, distribution = shared["price"], outlook.one_session_or_more
    ends = start * np.exp(distribution.quantile(np.array([OUTERMOST, 1 - OUTERMOST]), ahead))
    reach = MARGIN * float(ends[1] - ends[0])
    closes = np.linspace(max(ends[0] - reach, ends[0] / 2), ends[1] + reach, POINTS)
    moves = np.log(closes / start)
    above = distribution.probability_above(moves, ahead)
    touched = outlook.touch.probability_touched(moves, ahead)
    return Curve(
        **shared,
        sessions=ahead,
        expiry=day.astype(date),
        closes=tuple(closes.tolist()),
        below=tuple((1 - above).tolist()),
        touched=tuple(np.maximum(touched, np.where(moves > 0, above, 1 - above)).tolist()),
    )
