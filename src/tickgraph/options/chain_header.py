"""The header of an option chain's file: which column means what, in the words of each dialect.

There are two layouts. A *list* has a row for each contract. A *straddle* has a row for each strike, with the columns
of the call on the left of the strike and those of the put on its right. Names are compared without capitals, spaces
and punctuation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tickgraph.options.black_scholes import Kind

Column = Literal["contract", "expiry", "strike", "kind", "bid", "ask", "mid", "implied_volatility"]

COLUMNS: Mapping[Column, tuple[str, ...]] = {
    "contract": (
        "contractsymbol",  # Yahoo, by yfinance
        "contractname",  # Yahoo's page
        "calls",  # CBOE, with the puts on the right
        "puts",
        "symbol",  # Schwab
        "financialinstrument",  # Interactive Brokers
        "localsymbol",
        "optionsymbol",
        "contract",
        "description",
    ),
    "expiry": ("expirationdate", "expiration", "expiry", "expdate", "exp", "expirdate", "maturity"),
    "strike": ("strike", "strikeprice"),
    "kind": ("type", "optiontype", "kind", "right", "putcall", "callput", "cp"),
    "bid": ("bid", "bidprice", "callbid", "putbid"),
    "ask": ("ask", "askprice", "offer", "callask", "putask"),
    "mid": ("mid", "mark", "midpoint", "midprice"),
    "implied_volatility": (
        "impliedvolatility",
        "iv",
        "implvol",  # thinkorswim
        "impliedvol",
        "impvol",
        "impliedvolpercent",  # Interactive Brokers
        "impliedvolatilitypercent",
        "ivpercent",
    ),
}
"""Names of columns by what they mean."""


@dataclass(frozen=True)
class Header:
    """Which column is which: of the contract's own and, in a straddle, those of the call and of the put."""

    sides: Mapping[Kind | None, Mapping[Column, int]]
    names: tuple[str, ...]


def _plain(name: str) -> str:
    return "".join(letter for letter in name.replace("%", "percent").casefold() if letter.isalnum())


def _meaning(name: str) -> Column | None:
    plain = _plain(name)
    return next((meaning for meaning, names in COLUMNS.items() if plain in names), None)


def read_header(row: list[str]) -> Header | None:
    """Read a line as a header; None for any other line."""
    meanings = [_meaning(cell) for cell in row]
    priced = {"bid", "ask", "mid", "implied_volatility"}
    if not priced & set(meanings) or not {"strike", "contract"} & set(meanings):
        return None
    strike = meanings.index("strike") if "strike" in meanings else None
    left = {meaning for meaning in meanings[:strike] if meaning in priced}
    right = {meaning for meaning in meanings[strike:] if meaning in priced} if strike is not None else set()
    names = tuple(cell.strip() for cell in row)
    if strike is None or not (left and right and (left & right)):
        return Header({None: _places(row, 0, len(row))}, names)
    shared: dict[Column, int] = {"strike": strike}
    if "expiry" in meanings:
        shared["expiry"] = meanings.index("expiry")
    call = shared | {key: at for key, at in _places(row, 0, strike).items() if key not in shared}
    put = shared | {key: at for key, at in _places(row, strike, len(row)).items() if key not in shared}
    return Header({"call": call, "put": put}, names)


def _places(row: list[str], first: int, last: int) -> dict[Column, int]:
    """Where each column is; of several with one meaning, the one whose name comes first in the table."""
    places: dict[Column, int] = {}
    for meaning, names in COLUMNS.items():
        found = [(names.index(_plain(row[at])), at) for at in range(first, last) if _plain(row[at]) in names]
        if found:
            places[meaning] = min(found)[1]
    return places
