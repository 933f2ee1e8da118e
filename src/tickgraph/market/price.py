"""A price that somebody gives for a symbol: one check of numbers, one reading of text, one price a symbol."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from numbers import Real
from typing import Any

from tickgraph.errors import InputError
from tickgraph.market.universe import canonical

MAX_PRICE = 1e9  # dollars
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_SHOWN = 40


def checked_price(symbol: str | None, price: Any, *, what: str = "Price") -> float:
    """Return a price as a float.

    Parameters
    ----------
    symbol
        Whose price it is, for the message; None where that is plain.
    price
        A number of Python, NumPy or :mod:`decimal`.
    what
        What the price is, for the message: ``Strike`` for instance.

    Raises
    ------
    InputError
        It is no number above 0 and at most 1e9.
    """
    value = 0.0
    is_number = isinstance(price, Real | Decimal) and not isinstance(price, bool)
    if is_number:
        try:
            if MAX_PRICE < price < math.inf:  # an integer beyond all floats is here, too
                raise _too_much(symbol, what, price)
            value = float(price) if price > 0 else 0.0
        except ArithmeticError:  # a Decimal that is no number cannot be compared
            pass
    if not 0 < value < math.inf:  # NaN is not
        raise InputError(f"{_named(what, symbol)} must be a positive number of dollars, got {_shown(price)}.")
    return value


def read_price(symbol: str | None, text: str, *, what: str = "Price") -> float:
    """Read a price as a person writes it, and check it as :func:`checked_price` does.

    Raises
    ------
    InputError
        It is not written in digits with a point, or it is out of bounds. ``1_000``, ``1,000``, ``$130`` and full-width
        digits are refused.
    """
    digits = text.strip(" \t\r\n")  # strip() alone takes control characters off, too
    if not _NUMBER.fullmatch(digits):
        raise InputError(
            f"{_named(what, symbol)} must be a positive number of dollars, got {_shown(text)}. "
            "Write digits and a point, such as 130.25."
        )
    value = float(digits)
    if value > MAX_PRICE:  # 1e400 is infinite by now
        raise _too_much(symbol, what, text)
    return checked_price(symbol, value, what=what)


def prices_by_symbol(
    given: Iterable[tuple[str, Any]], read: Callable[[str, Any], float] = checked_price
) -> dict[str, float]:
    """Give the price of each symbol, of pairs of a symbol and its price.

    Parameters
    ----------
    given
        Symbol, under any of its names, and price.
    read
        What checks a price: :func:`checked_price` or :func:`read_price`.

    Raises
    ------
    SymbolError
        A name is no symbol.
    InputError
        Something is not a price, or a symbol has two, under whatever names. Two equal prices are an error, too.
    """
    prices: dict[str, float] = {}
    for name, price in given:
        symbol = canonical(name)
        value = read(symbol, price)
        if symbol in prices:
            raise InputError(
                f"{symbol} is given two prices, {prices[symbol]:g} and {value:g}. Give each symbol one price."
            )
        prices[symbol] = value
    return prices


def _too_much(symbol: str | None, what: str, price: Any) -> InputError:
    return InputError(
        f"{_named(what, symbol)} must be {MAX_PRICE:,.0f} dollars at most, got {_shown(price)}."
    )


def _named(what: str, symbol: str | None) -> str:
    return what if symbol is None else f"{what} of {symbol}"


def _shown(price: Any) -> str:
    try:
        text = repr(price)
    except ValueError:  # Python writes no integer of more than 4,300 digits
        return "a number of over 4,300 digits"
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
