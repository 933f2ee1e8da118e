"""Implied volatilities of quotes: those that are given, or else those of their mid prices, all expiries at once.

Of a strike's two mid prices the one out of the money decides, as is usual: more of it is for the volatility.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tickgraph.errors import InputError
from tickgraph.options.black_scholes import forward_price
from tickgraph.options.implied_volatility import implied_volatility
from tickgraph.options.quotes import Quotes
from tickgraph.shapes import Bool, Float64, Int


@dataclass(frozen=True, eq=False)
class QuotedVolatilities:
    """Implied volatilities of one expiry, NaN where there is none, and how many mid prices have none."""

    volatilities: Float64[np.ndarray, "strikes"]
    left_out: int


@dataclass(frozen=True, eq=False)
class _Cells:
    """Every strike of every expiry in one row, and the mid price that decides, NaN where there is none."""

    expiry: Int[np.ndarray, "cells"]
    strikes: Float64[np.ndarray, "cells"]
    given: Float64[np.ndarray, "cells"]
    is_call: Bool[np.ndarray, "cells"]
    mids: Float64[np.ndarray, "cells"]


def quoted_volatilities(
    quotes: Sequence[Quotes],
    price: float,
    years: Float64[np.ndarray, "expiries"],
    rate: float,
    dividend_yields: Float64[np.ndarray, "expiries"],
    *,
    skip_impossible: bool = False,
) -> list[QuotedVolatilities]:
    """Implied volatilities of each expiry's quotes.

    Parameters
    ----------
    quotes
        Of each expiry.
    price
        Dollars that the share costs.
    years, dividend_yields
        Of each expiry; the yields are continuous, a year, as ``rate``.
    skip_impossible
        Count a mid price that no volatility gives; without it, it is an error.

    Raises
    ------
    InputError
        A mid price that no volatility gives; the message names its field, expiry and place.
    """
    forwards = forward_price(price, years, rate, dividend_yields)  # [E]
    cells = _cells(quotes, forwards)
    whole, impossible = cells.given.copy(), np.zeros(len(cells.given), dtype=bool)
    sought = np.flatnonzero(np.isnan(cells.given) & ~np.isnan(cells.mids))
    if len(sought):
        at = cells.expiry[sought]
        found = implied_volatility(
            cells.mids[sought],
            cells.is_call[sought],
            price,
            cells.strikes[sought],
            years[at],
            rate,
            dividend_yields[at],
        )
        whole[sought], impossible[sought] = found, np.isnan(found)
    if impossible.any() and not skip_impossible:
        cell = int(np.flatnonzero(impossible)[0])
        expiry = int(cells.expiry[cell])
        place = cell - int(np.searchsorted(cells.expiry, expiry))
        raise _no_volatility(
            quotes[expiry], place, cells, cell, float(forwards[expiry]), float(np.exp(-rate * years[expiry]))
        )
    ends = np.cumsum([len(each) for each in quotes])[:-1]
    return [
        QuotedVolatilities(volatilities, int(left_out.sum()))
        for volatilities, left_out in zip(np.split(whole, ends), np.split(impossible, ends), strict=True)
    ]


def _cells(quotes: Sequence[Quotes], forwards: Float64[np.ndarray, "expiries"]) -> _Cells:
    """Put the quotes of all expiries into one row."""

    def column(name: str) -> Float64[np.ndarray, "cells"]:
        parts = [getattr(each, name) for each in quotes]
        return np.concatenate(
            [
                np.full(len(each), np.nan) if part is None else part
                for each, part in zip(quotes, parts, strict=True)
            ]
        )

    expiry = np.repeat(np.arange(len(quotes)), [len(each) for each in quotes])
    strikes, calls, puts = column("strikes"), column("calls"), column("puts")
    is_call = np.where(strikes >= forwards[expiry], ~np.isnan(calls), np.isnan(puts))
    return _Cells(expiry, strikes, column("implied_volatilities"), is_call, np.where(is_call, calls, puts))


def _no_volatility(
    quotes: Quotes, place: int, cells: _Cells, cell: int, forward: float, discount: float
) -> InputError:
    strike, mid, is_call = float(cells.strikes[cell]), float(cells.mids[cell]), bool(cells.is_call[cell])
    least = discount * max(forward - strike if is_call else strike - forward, 0.0)
    most = discount * (forward if is_call else strike)
    name, kind = ("calls", "call") if is_call else ("puts", "put")
    return InputError(
        f"{name} of {quotes.expiry}: no volatility gives a {kind} at {strike:g} the price {mid:g}, at place "
        f"{place + 1}. At this rate and dividend yield it must cost more than {least:.4g} and less than {most:.4g}. "
        "Leave it out, or set skip_impossible."
    )
