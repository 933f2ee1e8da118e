"""Legs of a strategy, and what they are worth together at any price of the share.

Profits are in dollars for the whole quantity, and nothing is discounted. A premium that is paid counts against the
profit, and one that is received for it. These are the conventions of optionlab (PyPI).

At its expiry a leg is worth what it pays: max(S - K, 0) for a call and max(K - S, 0) for a put. A share pays like a
call struck at 0. Before its expiry an option is worth its Black-Scholes value at the price less the dividends that go
ex until then (Hull, "Options, Futures, and Other Derivatives", on dividends that are known).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from numbers import Real
from typing import Literal, get_args

import numpy as np

from tickgraph.errors import InputError
from tickgraph.market.price import MAX_PRICE, checked_price
from tickgraph.options.black_scholes import option_value
from tickgraph.shapes import Bool, Float64
from tickgraph.wording import quoted

LegKind = Literal["call", "put", "stock"]
Side = Literal["buy", "sell"]

CONTRACT = 100.0
"""Shares of one option contract."""
MOST_LEGS = 20
MOST_SHARES = 1e9


@dataclass(frozen=True, slots=True)
class Leg:
    """One holding of a strategy.

    Attributes
    ----------
    kind, side
        What is bought or sold.
    quantity
        Shares that it is about.
    strike
        Dollars; None for stock.
    expiry
        Session that an option settles on; None for stock.
    premium
        Dollars a share that are paid or received: for stock the price of the share. None where it is not known.
    """

    kind: LegKind
    side: Side
    quantity: float = CONTRACT
    strike: float | None = None
    expiry: date | None = None
    premium: float | None = None

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
        for field, known in (("kind", get_args(LegKind)), ("side", get_args(Side))):
            if getattr(leg, field) not in known:
                raise InputError(
                    f"{name}.{field} must be {' or '.join(known)}, got {quoted(str(getattr(leg, field)))}."
                )
        check_quantity(leg.quantity, f"{name}.quantity")
        for field in ("strike", "expiry"):
            if leg.is_option and getattr(leg, field) is None:
                raise InputError(f"{name}.{field} is missing: a {leg.kind} has one.")
            if not leg.is_option and getattr(leg, field) is not None:
                raise InputError(f"{name}.{field} must be left out: stock has none.")
        if leg.expiry is not None and type(leg.expiry) is not date:
            raise InputError(
                f"{name}.expiry must be a date, such as date(2023, 1, 20), got {quoted(str(leg.expiry))}."
            )
        if leg.strike is not None:
            checked_price(None, leg.strike, what=f"{name}.strike")
        if leg.premium is not None:
            check_premium(leg.premium, f"{name}.premium")


def check_quantity(quantity: float, name: str) -> None:
    """Raise :class:`InputError` for a quantity that is no number of shares above 0."""
    if not is_within(quantity, 0, MOST_SHARES) or not quantity:
        raise InputError(
            f"{name} must be above 0 and at most {MOST_SHARES:,.0f} shares, got {quantity!r}. "
            "What is sold has the side sell."
        )


def check_premium(premium: float, name: str, *, least: float = 0.0) -> None:
    """Raise :class:`InputError` for a premium that is no amount of dollars a share."""
    if not is_within(premium, least, MAX_PRICE):
        bound = "0 or more" if least == 0 else "a number"
        raise InputError(f"{name} must be {bound}, in dollars a share, got {premium!r}.")


def is_within(value: float, least: float, most: float) -> bool:
    """Whether a value is a number within bounds; what is no number is not."""
    return isinstance(value, Real) and not isinstance(value, bool) and bool(least <= value <= most)


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
    dividends
        Dollars a share that go ex between that day and the expiry of each leg that goes on.
    """

    shares: Float64[np.ndarray, "legs"]
    is_put: Bool[np.ndarray, "legs"]
    strikes: Float64[np.ndarray, "legs"]
    cost: float
    years: Float64[np.ndarray, "legs"]
    volatility: Float64[np.ndarray, "legs"]
    rate: float = 0.0
    dividend_yield: float = 0.0
    dividends: Float64[np.ndarray, "legs"] | float = 0.0

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
        dividends: Float64[np.ndarray, "legs"] | float = 0.0,
    ) -> Position:
        """Make arrays of legs.

        Parameters
        ----------
        legs
            At least one. Each has a premium, unless ``cost`` is given.
        cost
            Dollars received for all of them; None is what their premiums come to.
        years, volatility, rate, dividend_yield, dividends
            As the attributes; without years all legs settle on that day.
        """
        nothing = np.zeros(len(legs))
        if cost is None:
            cost = -sum(leg.shares * leg.premium for leg in legs if leg.premium is not None)
        return cls(
            np.array([leg.shares for leg in legs], dtype=np.float64),
            np.array([leg.kind == "put" for leg in legs]),
            np.array([leg.strike if leg.is_option else 0.0 for leg in legs], dtype=np.float64),
            cost,
            nothing if years is None else years,
            nothing if volatility is None else volatility,
            rate,
            dividend_yield,
            dividends,
        )

    @property
    def is_curved(self) -> bool:
        """Whether legs go on: then the profit is no piecewise linear function of the price."""
        return bool(self.years.any())

    @property
    def dividends_by_leg(self) -> Float64[np.ndarray, "legs"]:
        """Dividends of each leg, where they may be the same for all."""
        return np.broadcast_to(self.dividends, self.shares.shape)

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
                np.maximum(prices[..., None] - self.dividends_by_leg[on], np.finfo(np.float64).tiny),
                self.strikes[on],
                self.years[on],
                self.volatility[on],
                self.rate,
                self.dividend_yield,
            )
        return np.asarray(value)
