"""Where a price may be: intervals, quantiles and expected moves, in dollars and as log returns.

Dollars are a price times a factor, so a range is made once for a price of one dollar, and scaled to any other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict

from tickgraph.market.calendar import known_sessions, sessions_a_year
from tickgraph.model.horizon_distribution import HorizonDistribution
from tickgraph.model.measures import LEVELS

QUANTILES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Interval:
    """Central interval for a close, as prices and as log returns."""

    __pydantic_config__ = ConfigDict(use_attribute_docstrings=True)

    level: float
    """Share of new closes that it covers, such as 0.8."""
    lower: float
    """Dollars."""
    upper: float
    """Dollars."""
    lower_return: float
    """Log return from the price that the forecast starts from."""
    upper_return: float
    """Log return from the price that the forecast starts from."""

    @classmethod
    def of_returns(cls, level: float, lower: float, upper: float) -> Interval:
        """Interval of log returns around a price of one dollar."""
        return cls(level, math.exp(lower), math.exp(upper), lower, upper)

    def at(self, price: float) -> Interval:
        """The same interval around another price."""
        return Interval(
            self.level, price * self.lower, price * self.upper, self.lower_return, self.upper_return
        )


@dataclass(frozen=True, slots=True)
class Quantile:
    """A quantile of a close."""

    __pydantic_config__ = ConfigDict(use_attribute_docstrings=True)

    probability: float
    """With which the close lies below."""
    close: float
    """Dollars."""
    log_return: float
    """Log return from the price that the forecast starts from."""

    @classmethod
    def of_return(cls, probability: float, log_return: float, price: float) -> Quantile:
        """Quantile of a log return from a price."""
        return cls(probability, price * math.exp(log_return), log_return)


@dataclass(frozen=True, slots=True)
class HorizonForecast:
    """How far the price may move in so many sessions."""

    __pydantic_config__ = ConfigDict(use_attribute_docstrings=True)

    sessions: int
    """Sessions of the exchange after `as_of`."""
    expiry: date
    """The last of them."""
    volatility: float
    """Annualised, over these sessions."""
    expected_move: float
    """Dollars; the mean of the absolute move."""
    intervals: tuple[Interval, ...]
    """Conformal intervals of the close of `expiry`, by level."""

    def at(self, price: float) -> HorizonForecast:
        """The same for another price."""
        return HorizonForecast(
            self.sessions,
            self.expiry,
            self.volatility,
            price * self.expected_move,
            tuple(interval.at(price) for interval in self.intervals),
        )


def horizon_forecasts(
    distribution: HorizonDistribution, as_of: np.datetime64, ahead: NDArray[np.int64]
) -> tuple[HorizonForecast, ...]:
    """What a distribution says ``[H]`` sessions after ``as_of``, for a price of one dollar then.

    Sessions that the exchange has not published yet are left out.
    """
    days = known_sessions(as_of, int(ahead.max()))
    ahead = ahead[ahead <= len(days)]
    ends = np.stack([distribution.interval(level, ahead) for level in LEVELS], axis=1)  # [H, levels, 2]
    return tuple(
        HorizonForecast(int(sessions), expiry.astype(date), float(volatility), float(move), _intervals(pairs))
        for sessions, expiry, volatility, move, pairs in zip(
            ahead,
            days[ahead - 1],
            distribution.volatility(ahead, sessions_a_year()),
            distribution.expected_move(ahead),
            ends.tolist(),
            strict=True,
        )
    )


def _intervals(pairs: list[tuple[float, float]]) -> tuple[Interval, ...]:
    return tuple(Interval.of_returns(level, *ends) for level, ends in zip(LEVELS, pairs, strict=True))
