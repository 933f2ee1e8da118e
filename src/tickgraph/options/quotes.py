"""What is asked of the options of one expiry, and what the market says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tickgraph.errors import InputError
from tickgraph.market.calendar import Day, as_day
from tickgraph.market.price import MAX_PRICE
from tickgraph.shapes import Float64

MAX_VOLATILITY = 100.0
"""Annualised: a hundred times the price in a year."""

Numbers = Sequence[float | None] | NDArray[np.float64]
"""None is a number that is missing."""


@dataclass(frozen=True, eq=False)
class Quotes:
    """Strikes of one expiry, and quotes of the market beside them; NaN where there is none.

    Attributes
    ----------
    expiry
        Day on which the options expire.
    strikes
        Dollars, above 0; K of them.
    implied_volatilities
        Annualised, above 0, such as 0.3.
    calls, puts
        Mid prices in dollars, above 0.
    """

    expiry: np.datetime64
    strikes: Float64[np.ndarray, "strikes"]
    implied_volatilities: Float64[np.ndarray, "strikes"] | None = None
    calls: Float64[np.ndarray, "strikes"] | None = None
    puts: Float64[np.ndarray, "strikes"] | None = None

    @classmethod
    def of(
        cls,
        expiry: Day,
        strikes: Numbers,
        implied_volatilities: Numbers | None = None,
        calls: Numbers | None = None,
        puts: Numbers | None = None,
    ) -> Quotes:
        """Read numbers as a caller gives them; None among them is a quote that is missing.

        Raises
        ------
        InputError
            No strikes; a number that is not above 0 or too large; a list that is not as long as the strikes.
        """
        day = as_day(expiry)
        levels = _numbers("strikes", day, strikes, MAX_PRICE)
        if not len(levels):
            raise InputError(f"strikes of {day} are empty. Give at least one, such as 135.")
        if np.isnan(levels).any():
            raise InputError(f"strikes of {day} must be numbers, got null.")
        return cls(
            day,
            levels,
            _beside(levels, "implied_volatilities", day, implied_volatilities, MAX_VOLATILITY),
            _beside(levels, "calls", day, calls, MAX_PRICE),
            _beside(levels, "puts", day, puts, MAX_PRICE),
        )

    def __len__(self) -> int:
        """How many strikes."""
        return len(self.strikes)

    @property
    def has_any(self) -> bool:
        """Whether the market says something."""
        return any(each is not None for each in (self.implied_volatilities, self.calls, self.puts))


def or_none(column: Float64[np.ndarray, "strikes"]) -> list[float | None]:
    """Numbers of a column; None for what is not known."""
    numbers: list[float | None] = column.tolist()
    for place in np.flatnonzero(np.isnan(column)):
        numbers[place] = None
    return numbers


def as_quotes(
    expiries: Sequence[Day] | NDArray[np.datetime64] | None,
    strikes: Numbers | None,
    quotes: Sequence[Quotes] | None,
) -> tuple[Quotes, ...]:
    """What a chain is made of: every strike at every expiry, or quotes.

    Raises
    ------
    InputError
        Both are given, or neither, or one of expiries and strikes; as :func:`grid`.
    """
    if quotes is not None:
        if expiries is not None or strikes is not None:
            raise InputError(
                "quotes have expiries and strikes of their own. Give them, or expiries and strikes."
            )
        return tuple(quotes)
    if expiries is None or strikes is None:
        absent = "expiries" if expiries is None else "strikes"
        raise InputError(f"{absent} are missing. Give expiries and strikes, or quotes.")
    return grid(expiries, strikes)


def grid(expiries: Sequence[Day] | NDArray[np.datetime64], strikes: Numbers) -> tuple[Quotes, ...]:
    """The same strikes at every expiry; :class:`InputError` as :meth:`Quotes.of`."""
    if not len(expiries) or isinstance(expiries, str):
        raise InputError("expiries must be a list of at least one day, such as 2023-01-20.")
    first, *others = expiries
    made = Quotes.of(first, strikes)
    return (made, *(Quotes(as_day(expiry), made.strikes) for expiry in others))


def checked(quotes: Sequence[Quotes], most: int | None = None) -> tuple[Quotes, ...]:
    """Return quotes that make a chain.

    Parameters
    ----------
    quotes
        Of each expiry.
    most
        Cells that they may have; None is without limit.

    Raises
    ------
    InputError
        There are none; an expiry comes twice; there are more cells than the limit.
    """
    if not quotes:
        raise InputError("The chain is empty. Give expiries with strikes, or quotes.")
    cells = sum(map(len, quotes))
    if most is not None and cells > most:
        raise InputError(
            f"strikes: the chain has {cells:,} cells, and {most:,} are the most of one request. Send several requests, "
            "or ask the operator to raise the setting serve.max_cells."
        )
    seen: set[np.datetime64] = set()
    for each in quotes:
        if each.expiry in seen:
            raise InputError(
                f"expiry {each.expiry} is given twice. Give each expiry once, with all of its strikes."
            )
        seen.add(each.expiry)
    return tuple(quotes)


def _beside(
    strikes: Float64[np.ndarray, "strikes"], name: str, day: np.datetime64, given: Numbers | None, most: float
) -> Float64[np.ndarray, "strikes"] | None:
    if given is None:
        return None
    numbers = _numbers(name, day, given, most)
    if len(numbers) != len(strikes):
        raise InputError(
            f"{name} of {day} must be as many as its strikes, {len(strikes)}, got {len(numbers)}. Write null for a "
            "quote that is missing."
        )
    return numbers


def _numbers(name: str, day: np.datetime64, given: Numbers, most: float) -> Float64[np.ndarray, "numbers"]:
    """Numbers above 0, NaN for None; an infinity or a NaN of the caller's is an error."""
    try:
        numbers = np.array(given, dtype=np.float64)  # None becomes NaN
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} of {day} must be a list of numbers.") from error
    bad = np.flatnonzero(~((numbers > 0) & (numbers <= most))).tolist() if numbers.ndim == 1 else [0]
    for place in bad:
        if numbers.ndim != 1 or given[place] is not None:
            raise InputError(
                f"{name} of {day} must be numbers above 0 and at most {most:g}, got {given[place]!r} at place "
                f"{place + 1}."
            )
    return numbers
