"""Legs of a strategy, and what they are worth together at any price of the share.

Profits are in dollars for the whole quantity, and nothing is discounted. A premium that is paid counts against the
profit, and one that is received for it. These are the conventions of optionlab (PyPI).

At its expiry a leg is worth what it pays: max(S - K, 0) for a call and max(K - S, 0) for a put. A share pays like a
call struck at 0. Before its expiry an option is worth its Black-Scholes value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
from pydantic import ConfigDict

from tickgraph.errors import InputError
from tickgraph.market.price import MAX_PRICE, checked_price
from tickgraph.options.black_scholes import option_value
from tickgraph.shapes import Bool, Float64

LegKind = Literal["call", "put", "stock"]
Side = Literal["buy", "sell"]

CONTRACT = 100.0
"""Shares of one option contract."""
MOST_LEGS = 50
MOST_SHARES = 1e9


@dataclass(frozen=True, slots=True)
class Leg:
    """One holding of a strategy: calls, puts or stock."""

    __pydantic_config__ = ConfigDict(use_attribute_docstrings=True, extra="forbid")

    kind: LegKind
    """`call`, `put` or `stock`."""
    side: Side
    """Whether it is bought (`buy`) or sold (`sell`)."""
    quantity: float = CONTRACT
    """Shares that it is about; one contract is 100."""
    strike: float | None = None
    """Dollars; null for stock."""
    expiry: date | None = None
    """Session that an option settles on; null for stock."""
    premium: float | None = None
    """Dollars a share that are paid or received: for stock the price of the share. Null where it is not known."""

    @property
    def is_option(self) -> bool:
        """Whether it is a call or a put."""
        return self.kind != "stock"

    @property
    def shares(self) -> float:
        """Its quantity; negative if it is sold."""
        return self.quantity if self.side == "buy" else -self.quantity


def check_legs(legs: Sequence[Leg]) -> None:
    """Raise :class:`InputError`, which names the field, for legs that are no strategy."""
    if not 1 <= len(legs) <= MOST_LEGS:
        raise InputError(f"legs must be 1 to {MOST_LEGS} calls, puts or stock, got {len(legs)}.")
    for number, leg in enumerate(legs):
        name = f"legs.{number}"
        check_quantity(leg.quantity, f"{name}.quantity")
        for field in ("strike", "expiry"):
            if leg.is_option and getattr(leg, field) is None:
                raise InputError(f"{name}.{field} is missing: a {leg.kind} has one.")
            if not leg.is_option and getattr(leg, field) is not None:
                raise InputError(f"{name}.{field} must be left out: stock has none.")
        if leg.strike is not None:
            checked_price(None, leg.strike, what=f"{name}.strike")
        if leg.premium is not None:
            check_premium(leg.premium, f"{name}.premium")


def check_quantity(quantity: float, name: str) -> None:
    """Raise :class:`InputError` for a quantity that is no number of shares above 0."""
    if not 0 < quantity <= MOST_SHARES:
        raise InputError(
            f"{name} must be above 0 and at most {MOST_SHARES:,.0f} shares, got {quantity:g}. "
            "What is sold has the side sell."
        )


def check_premium(premium: float, name: str, *, least: float = 0.0) -> None:
    """Raise :class:`InputError` for a premium that is no amount of dollars a share."""
    if not (math.isfinite(premium) and least <= premium <= MAX_PRICE):
        bound = "0 or more" if least == 0 else "a number"
        raise InputError(f"{name} must be {bound}, in dollars a share, got {premium:g}.")


@dataclass(frozen=True, eq=False)
class Position:
    """A strategy on one day: legs that settle by then, and legs that go on.

    Attributes
    ----------
    shares
        Quantity of each leg, negative where it is sold.
    is_put
        Which legs are puts.
    strikes
        Dollars; 0 for stock.
    cost
        Dollars received for all legs together; negative if they were paid, as optionlab has it.
    years
        Left to each leg's expiry on that day; 0 where it settles by then, and for stock.
    volatility
        Annualised, of each leg that goes on; anything for the others.
    rate, dividend_yield
        Continuous, a year, of the legs that go on.
    """

    shares: Float64[np.ndarray, "legs"]
    is_put: Bool[np.ndarray, "legs"]
    strikes: Float64[np.ndarray, "legs"]
    cost: float
    years: Float64[np.ndarray, "legs"]
    volatility: Float64[np.ndarray, "legs"]
    rate: float = 0.0
    dividend_yield: float = 0.0

    @classmethod
    def of_legs(
        cls,
        legs: Sequence[Leg],
        cost: float | None = None,
        *,
        years: Float64[np.ndarray, "legs"] | None = None,
        volatility: Float64[np.ndarray, "legs"] | None = None,
        rate: float = 0.0,
        dividend_yield: float = 0.0,
    ) -> Position:
        """Make arrays of legs.

        Parameters
        ----------
        legs
            At least one. Each has a premium, unless ``cost`` is given.
        cost
            Dollars received for all of them; None is what their premiums come to.
        years, volatility, rate, dividend_yield
            As the attributes; without years all legs settle on that day.
        """
        count = len(legs)
        if cost is None:
            cost = -sum(leg.shares * leg.premium for leg in legs if leg.premium is not None)
        return cls(
            np.array([leg.shares for leg in legs], dtype=np.float64),
            np.array([leg.kind == "put" for leg in legs]),
            np.array([leg.strike if leg.is_option else 0.0 for leg in legs], dtype=np.float64),
            cost,
            np.zeros(count) if years is None else years,
            np.zeros(count) if volatility is None else volatility,
            rate,
            dividend_yield,
        )

    @property
    def is_curved(self) -> bool:
        """Whether legs go on: then the profit is no piecewise linear function of the price."""
        return bool(self.years.any())

    @property
    def last_slope(self) -> float:
        """Dollars by which the profit changes with each dollar of a price that is beyond all strikes."""
        share = np.where(self.is_put, 0.0, np.exp(-self.dividend_yield * self.years))
        slope = float(self.shares @ share)
        return slope if abs(slope) > 1e-9 * np.abs(self.shares).sum() else 0.0

    def profit_at(self, prices: Float64[np.ndarray, "*prices"]) -> Float64[np.ndarray, "*prices"]:
        """Profit in dollars at each price of the share, in dollars from 0 on."""
        return np.asarray(self.value_at(prices) @ self.shares + self.cost)

    def value_at(self, prices: Float64[np.ndarray, "*prices"]) -> Float64[np.ndarray, "*prices legs"]:
        """Dollars that one share of each leg is worth to its holder at each price."""
        distances = prices[..., None] - self.strikes
        value = np.maximum(np.where(self.is_put, -distances, distances), 0.0)  # [*prices, L]
        if self.is_curved:
            on = np.flatnonzero(self.years)
            value[..., on] = option_value(
                np.where(self.is_put[on], "put", "call"),
                np.maximum(prices, np.finfo(np.float64).tiny)[..., None],
                self.strikes[on],
                self.years[on],
                self.volatility[on],
                self.rate,
                self.dividend_yield,
            )
        return np.asarray(value)
