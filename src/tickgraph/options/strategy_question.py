"""What is asked of a strategy: legs, the day that their profit is wanted for, what values before expiry assume."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TypedDict, Unpack

import numpy as np

from tickgraph.errors import InputError
from tickgraph.market.calendar import Day, as_day
from tickgraph.options.legs import Leg, is_within
from tickgraph.options.templates import Strategy, as_strategy

LEAST_VOLATILITY, MAX_VOLATILITY = 0.001, 10.0
"""Annualised: a thousandth of the price in a year, and ten times the price."""
MAX_RATE = 1.0


@dataclass(frozen=True)
class StrategyQuestion:
    """A strategy, and how its profit is to be taken.

    Attributes
    ----------
    strategy
        What is held.
    on
        Session that the profit is of; None is the first expiry.
    volatility
        Annualised, of legs that go on after that session; None is the forecast's own.
    rate
        Interest, continuous, a year.
    dividend_yield
        Continuous, a year; None is what the forecast takes off.

    Raises
    ------
    InputError
        Names the field that is no number in its bounds, or the day that is no day to ask about.
    """

    strategy: Strategy
    on: date | None = None
    volatility: float | None = None
    rate: float = 0.0
    dividend_yield: float | None = None

    def __post_init__(self) -> None:
        """Check every field."""
        if self.volatility is not None and not is_within(self.volatility, LEAST_VOLATILITY, MAX_VOLATILITY):
            raise InputError(
                f"volatility must be {LEAST_VOLATILITY:g} to {MAX_VOLATILITY:g}, such as 0.3; got {self.volatility!r}."
            )
        for name, value in (("rate", self.rate), ("dividend_yield", self.dividend_yield)):
            if value is not None and not is_within(value, -MAX_RATE, MAX_RATE):
                raise InputError(f"{name} must be between -1 and 1 a year, such as 0.04; got {value!r}.")
        first = self._first
        if first is None and self.on is None:
            raise InputError(
                "on is missing: stock has no expiry. Name the session that the profit is wanted for."
            )
        if first is not None and self.on is not None and self.on > self.strategy.legs[first].expiry:  # type: ignore[operator]
            raise InputError(
                f"on {self.on} is after {self.expiry_name(first)} {self.strategy.legs[first].expiry}. Name the first "
                "expiry or an earlier session."
            )

    @property
    def day(self) -> date:
        """Session that the profit is of."""
        if self.on is not None or self._first is None:
            return self.on  # type: ignore[return-value]
        return self.strategy.legs[self._first].expiry  # type: ignore[return-value]

    @property
    def day_name(self) -> str:
        """The field that says which session it is."""
        return "on" if self.on is not None or self._first is None else self.expiry_name(self._first)

    def expiry_name(self, leg: int) -> str:
        """The field that says when a leg expires."""
        if self.strategy.template is None:
            return f"legs.{leg}.expiry"
        return f"expiries.{self.strategy.expiries.index(self.strategy.legs[leg].expiry)}"  # type: ignore[arg-type]

    @cached_property
    def _first(self) -> int | None:
        """The leg that expires first."""
        expiries = [leg.expiry for leg in self.strategy.legs]
        first = min((expiry for expiry in expiries if expiry is not None), default=None)
        return None if first is None else expiries.index(first)


class StrategyWords(TypedDict, total=False):
    """What a caller may give besides a template's name; what is left out, or None, is not given.

    ``legs`` come in place of a template, and ``strikes`` to ``premiums`` with one, as
    :func:`~tickgraph.options.templates.from_template` takes them. The others are those of :class:`StrategyQuestion`.
    Days may be written as text, and one expiry may be given by itself.
    """

    legs: Sequence[Leg] | None
    strikes: Iterable[float] | None
    expiries: Sequence[Day] | Day | None
    quantity: float | None
    premium: float | None
    premiums: Iterable[float] | None
    on: Day | None
    volatility: float | None
    rate: float | None
    dividend_yield: float | None


def ask_strategy(template: str | None = None, **words: Unpack[StrategyWords]) -> StrategyQuestion:
    """Make a question of what a caller gives: a template's name, or legs, and the other words.

    Raises
    ------
    InputError
        Names the field that cannot be used.
    """
    expiries, on = words.get("expiries"), words.get("on")
    strategy = as_strategy(
        template,
        words.get("legs"),
        strikes=_listed(words.get("strikes")),
        expiries=None if expiries is None else _dates(expiries),
        quantity=words.get("quantity"),
        premium=words.get("premium"),
        premiums=_listed(words.get("premiums")),
    )
    return StrategyQuestion(
        strategy,
        None if on is None else as_day(on).astype(date),
        words.get("volatility"),
        words.get("rate") or 0.0,
        words.get("dividend_yield"),
    )


def _listed(numbers: Iterable[float] | None) -> list[float] | None:
    return None if numbers is None else list(numbers)


def _dates(days: Sequence[Day] | Day) -> list[date]:
    several = [days] if isinstance(days, str | date | np.datetime64) else days
    return [as_day(day).astype(date) for day in several]
