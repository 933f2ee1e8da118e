"""The answer about one horizon: where the price may be after so many sessions, or at an option's expiry."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from tickgraph.errors import TickgraphError
from tickgraph.market.calendar import Clock, Day
from tickgraph.serving.outlook import Outlook
from tickgraph.serving.outlook_answer import OutlookAnswer, looking_ahead, outlook_fields
from tickgraph.serving.price_ranges import QUANTILES, HorizonForecast, Interval, Quantile, horizon_forecasts


class Distribution(OutlookAnswer):
    """Distribution of one symbol's close after so many sessions."""

    sessions: int
    """Sessions of the exchange from `as_of` to `expiry`."""
    expiry: date
    """Session whose close this is the distribution of."""
    volatility: float
    """Annualised, over these sessions."""
    expected_move: float
    """Dollars; the mean of the absolute move. A straddle struck at `price` pays it on average."""
    mean: float
    """Dollars; the mean close."""
    quantiles: tuple[Quantile, ...]
    """Closes that the close of `expiry` lies below with each probability."""
    intervals: tuple[Interval, ...]
    """Conformal intervals, by level."""
    path: tuple[HorizonForecast, ...]
    """The way there: the shorter horizons that the model forecasts, then `expiry` itself."""
    dividend: float
    """Dollars; how far dividends that go ex by `expiry` lower the close."""
    ex_dates: tuple[date, ...]
    """Sessions by `expiry` at which a dividend is expected to go ex; empty for a yield that is spread evenly."""


@dataclass
class Distributions:
    """Answers for several symbols: what was forecast, and what failed and why."""

    distributions: dict[str, Distribution] = field(default_factory=dict)
    failures: dict[str, TickgraphError] = field(default_factory=dict)


def distribution_of(
    outlook: Outlook,
    price: float | None,
    clock: Clock,
    *,
    sessions: int | None = None,
    expiry: Day | None = None,
    trained_now: bool = False,
    refused: Exception | None = None,
) -> Distribution:
    """Answer where the price may be after so many sessions, or at an expiry: one of the two is given.

    The other parameters are those of :func:`~tickgraph.serving.answer.answer_fields`.

    Raises
    ------
    InputError
        As :func:`~tickgraph.serving.outlook_answer.looking_ahead`.
    ModelNotFoundError
        As there.
    """
    distribution = outlook.one_session_or_more
    ahead, day = looking_ahead(outlook, sessions, expiry)
    shared = outlook_fields(outlook, price, clock, trained_now=trained_now, refused=refused)
    start = shared["price"]
    shorter = distribution.horizons[distribution.horizons < ahead]
    path = horizon_forecasts(distribution, outlook.as_of, np.array([*shorter, ahead]))
    *_, there = path = tuple(horizon.at(start) for horizon in path)
    ex_dates = outlook.dividends.ex_dates if outlook.dividends else np.array([], dtype="datetime64[D]")
    returns = distribution.quantile(np.array(QUANTILES), ahead)
    return Distribution(
        **shared,
        sessions=ahead,
        expiry=day.astype(date),
        volatility=there.volatility,
        expected_move=there.expected_move,
        mean=start * float(distribution.mean(ahead)),
        quantiles=tuple(
            Quantile.of_return(probability, log_return, start)
            for probability, log_return in zip(QUANTILES, returns.tolist(), strict=True)
        ),
        intervals=there.intervals,
        path=path,
        ex_dates=tuple(each.astype(date) for each in ex_dates[ex_dates <= day]),
        dividend=0.0 if distribution.drag is None else start * -math.expm1(-distribution.drag[ahead - 1]),
    )
