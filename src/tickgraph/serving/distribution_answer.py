"""The answer about one horizon: where the price may be after so many sessions, or at an option's expiry."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from tickgraph.errors import ModelNotFoundError, TickgraphError
from tickgraph.market.calendar import Clock, Day
from tickgraph.market.dividends import Source as DividendSource
from tickgraph.market.expiry import LONGEST, sessions_ahead
from tickgraph.serving.answer import Status, answer_fields
from tickgraph.serving.outlook import Outlook
from tickgraph.serving.price_ranges import QUANTILES, HorizonForecast, Interval, Quantile, horizon_forecasts


class Distribution(BaseModel):
    """Distribution of one symbol's close after so many sessions."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    symbol: str
    """Ticker; a former name is answered under today's."""
    status: Status
    """What answered: a model trained ahead (`pre-trained`), one trained for this request (`trained-on-demand`),
    or, for the next session of a symbol without a model, its own last returns (`momentum`)."""
    model: str
    """`gnn` or `momentum`."""
    as_of: date
    """Last session whose prices were used."""
    sessions: int
    """Sessions of the exchange from `as_of` to `expiry`."""
    expiry: date
    """Session whose close this is the distribution of."""
    price: float
    """Dollars; the price that the distribution starts from."""
    price_source: Literal["request", "last close"]
    """Where `price` comes from."""
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
    dividends: DividendSource | None
    """What dividends are taken off: those of past ex-dates, expected to come again; the last year's yield, spread
    evenly; or none. Null where only the next session is forecast."""
    dividend: float
    """Dollars; how far dividends that go ex by `expiry` lower the close."""
    ex_dates: tuple[date, ...]
    """Sessions by `expiry` at which a dividend is expected to go ex; empty for a yield that is spread evenly."""
    prices_source: str
    """Source of the price history: `sample`, `files`, `yahoo` or another."""
    prices_provider: str
    """Who gave the source this symbol's prices; the source itself where it has no other."""
    last_close: float
    """Dollars; close of `as_of` in the history."""
    stale: bool
    """Whether completed sessions are missing from the history."""
    sessions_behind: int
    """How many."""
    generation: str | None
    """Identity of the published model; null without one."""
    trained_at: datetime | None
    """When the model was trained."""
    model_stale: bool
    """Whether that is more than seven days ago."""
    calibration_sessions: int
    """Held-out sessions behind the distribution."""
    notes: tuple[str, ...] = ()
    """What a careful reader should know."""


@dataclass
class Distributions:
    """Answers for several symbols: what was forecast, and what failed and why."""

    distributions: dict[str, Distribution] = field(default_factory=dict)
    failures: dict[str, TickgraphError] = field(default_factory=dict)


_OF_THE_FORECAST = (
    "symbol",
    "status",
    "model",
    "as_of",
    "price",
    "price_source",
    "dividends",
    "prices_source",
    "prices_provider",
    "last_close",
    "stale",
    "sessions_behind",
    "generation",
    "trained_at",
    "model_stale",
    "calibration_sessions",
    "notes",
)


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
        Sessions or an expiry that cannot be forecast, as :func:`~tickgraph.market.expiry.sessions_ahead`.
    ModelNotFoundError
        More than one session is asked for, and the symbol has no model that forecasts it.
    """
    distribution = outlook.one_session_or_more
    longest = distribution.longest if outlook.horizons else LONGEST
    ahead, day = sessions_ahead(outlook.as_of, longest, sessions, expiry)
    if ahead > distribution.longest:
        raise _one_session_only(outlook, ahead)
    forecast = answer_fields(outlook, price, clock, trained_now=trained_now, refused=refused)
    start = forecast["price"]
    shorter = distribution.horizons[distribution.horizons < ahead]
    path = horizon_forecasts(distribution, outlook.as_of, np.array([*shorter, ahead]))
    *_, there = path = tuple(horizon.at(start) for horizon in path)
    ex_dates = outlook.dividends.ex_dates if outlook.dividends else np.array([], dtype="datetime64[D]")
    returns = distribution.quantile(np.array(QUANTILES), ahead)
    return Distribution(
        **{name: forecast[name] for name in _OF_THE_FORECAST},
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


def _one_session_only(outlook: Outlook, ahead: int) -> ModelNotFoundError:
    symbol = outlook.symbol
    reason = (
        f"{symbol} has no model, and momentum forecasts the next session only"
        if outlook.model is None
        else f"The model of {symbol} forecasts the next session only, as those of earlier releases do"
    )
    return ModelNotFoundError(
        f"{reason}; {ahead} sessions were asked for. Train one that looks {LONGEST} sessions ahead: "
        f"tickgraph train --symbols {symbol}"
    )
