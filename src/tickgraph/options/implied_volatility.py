"""The volatility at which Black-Scholes gives an option its market price.

An option's value rises with the deviation s = sigma sqrt(T), so one s belongs to each price between the least and the
most that an option may cost::

    call    exp(-r T) max(F - K, 0) < C < exp(-r T) F
    put     exp(-r T) max(K - F, 0) < P < exp(-r T) K

SciPy finds the root of all options at once, by Chandrupatla's method (1997, "A new hybrid quadratic/bisection algorithm
for finding the zero of a nonlinear function without using derivatives"). It is sought of the option that is out of the
money, since almost all of the other's price is known without a volatility.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize.elementwise import find_root
from scipy.special import ndtr

from tickgraph.options.black_scholes import forward_price
from tickgraph.shapes import Bool, Float64

LEAST, MOST = 1e-6, 8.0
"""Deviations between which one is sought: an option that is worth less or more has no volatility."""
ROUNDING = 1e-12
"""Share of the price and the strike below which a price's excess over the least one is rounding."""


def implied_volatility(
    price: Float64[np.ndarray, "*cells"],
    is_call: Bool[np.ndarray, "*cells"],
    spot: float,
    strike: Float64[np.ndarray, "*cells"],
    years: Float64[np.ndarray, "*cells"],
    rate: Float64[np.ndarray, "*cells"] | float = 0.0,
    dividend_yield: Float64[np.ndarray, "*cells"] | float = 0.0,
) -> Float64[np.ndarray, "*cells"]:
    """Annualised volatility behind each option's price; NaN where no volatility gives it.

    Parameters
    ----------
    price
        Dollars that the option costs.
    is_call
        False for a put.
    spot, strike
        Dollars, above 0.
    years
        To the expiry, above 0.
    rate, dividend_yield
        Continuous, a year.
    """
    forward = forward_price(spot, years, rate, dividend_yield)
    undiscounted = price * np.exp(np.asarray(rate) * years)
    # By parity, the option of the same strike that is out of the money.
    moneyness = np.log(strike / forward)
    gap = np.where(is_call, forward - strike, strike - forward)
    worth = (undiscounted - np.maximum(gap, 0.0)) / np.sqrt(forward * strike)
    least, most = np.full(worth.shape, LEAST), np.full(worth.shape, MOST)
    found = find_root(_too_much, (least, most), args=(moneyness, worth))
    return np.asarray(np.where(found.success & (worth > ROUNDING), found.x / np.sqrt(years), np.nan))


def _too_much(
    deviation: Float64[np.ndarray, "..."],
    moneyness: Float64[np.ndarray, "..."],
    worth: Float64[np.ndarray, "..."],
) -> Float64[np.ndarray, "..."]:
    """How much more than its worth an option out of the money costs, over sqrt(F K)."""
    out = -np.abs(moneyness)
    middle = out / deviation
    value = np.exp(out / 2) * ndtr(middle + deviation / 2) - np.exp(-out / 2) * ndtr(middle - deviation / 2)
    return np.asarray(value - worth)
