"""Black-Scholes: values of European options on a price that is lognormal, with interest and a dividend yield.

With the forward F = S exp((r - q) T) and the deviation s = sigma sqrt(T), a call and a put of strike K are worth::

    C = exp(-r T) (F N(d1) - K N(d2))        d1 = log(F / K) / s + s / 2
    P = exp(-r T) (K N(-d2) - F N(-d1))      d2 = d1 - s

N(d2) is the risk-neutral probability that the price ends above K.

Sources: Black and Scholes 1973, "The Pricing of Options and Corporate Liabilities"; Merton 1973, "Theory of Rational
Option Pricing", for the dividend yield q.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.special import ndtr

from tickgraph.shapes import Bool, Float64, Shaped

Kind = Literal["call", "put"]
LEAST = 1e-300
"""Deviation below which a price is certain."""


def forward_price(
    spot: Float64[np.ndarray, "..."] | float,
    years: Float64[np.ndarray, "..."] | float,
    rate: Float64[np.ndarray, "..."] | float,
    dividend_yield: Float64[np.ndarray, "..."] | float,
) -> Float64[np.ndarray, "..."]:
    """Forward in dollars: what the price is worth at a later day without risk, S exp((r - q) T).

    ``rate`` and ``dividend_yield`` are continuous and a year, such as 0.04.
    """
    return np.asarray(spot * np.exp((np.asarray(rate) - dividend_yield) * years))


def risk_neutral_probability(
    spot: Float64[np.ndarray, "..."] | float,
    strike: Float64[np.ndarray, "..."] | float,
    years: Float64[np.ndarray, "..."] | float,
    volatility: Float64[np.ndarray, "..."] | float,
    rate: Float64[np.ndarray, "..."] | float = 0.0,
    dividend_yield: Float64[np.ndarray, "..."] | float = 0.0,
) -> Float64[np.ndarray, "..."]:
    """Probability N(d2) that the price ends above the strike, as an option's implied volatility has it.

    The parameters are those of :func:`option_value`.
    """
    forward = forward_price(spot, years, rate, dividend_yield)
    _, second = _distances(forward, strike, np.sqrt(years) * volatility)
    return np.asarray(ndtr(second))


def option_value(
    kind: Kind | Shaped[np.ndarray, "..."],
    spot: Float64[np.ndarray, "..."] | float,
    strike: Float64[np.ndarray, "..."] | float,
    years: Float64[np.ndarray, "..."] | float,
    volatility: Float64[np.ndarray, "..."] | float,
    rate: Float64[np.ndarray, "..."] | float = 0.0,
    dividend_yield: Float64[np.ndarray, "..."] | float = 0.0,
) -> Float64[np.ndarray, "..."]:
    """Value of European options in dollars; all parameters are broadcast against each other.

    Parameters
    ----------
    kind
        ``"call"`` or ``"put"``, or an array of them.
    spot, strike
        Dollars, above 0.
    years
        To the expiry, not negative: calendar days over 365. At 0 an option is worth what it pays.
    volatility
        A year, not negative, such as 0.3. At 0 an option is worth what it pays at the forward, discounted.
    rate, dividend_yield
        Continuous, a year, such as 0.04.

    Raises
    ------
    ValueError
        A kind that is neither.
    """
    calls = _calls(kind)
    forward = forward_price(spot, years, rate, dividend_yield)
    first, second = _distances(forward, strike, np.sqrt(years) * volatility)
    side = np.where(calls, 1.0, -1.0)
    discount = np.exp(-np.asarray(rate) * years)
    return np.asarray(discount * side * (forward * ndtr(side * first) - strike * ndtr(side * second)))


def _distances(
    forward: Float64[np.ndarray, "..."],
    strike: Float64[np.ndarray, "..."] | float,
    deviation: Float64[np.ndarray, "..."] | float,
) -> tuple[Float64[np.ndarray, "..."], Float64[np.ndarray, "..."]]:
    """The two distances, in deviations; without a deviation they are infinite, and 0 at the forward itself."""
    moneyness = np.log(forward / strike)
    middle = moneyness / np.maximum(deviation, LEAST)
    return np.asarray(middle + deviation / 2), np.asarray(middle - deviation / 2)


def _calls(kind: Kind | Shaped[np.ndarray, "..."]) -> Bool[np.ndarray, "..."]:
    kinds = np.asarray(kind)
    calls = kinds == "call"
    if not (calls | (kinds == "put")).all():
        strange = kinds[~(calls | (kinds == "put"))].flat[0]
        raise ValueError(f"kind must be 'call' or 'put', got {strange!r}")
    return np.asarray(calls)
