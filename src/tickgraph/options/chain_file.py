"""Option chains as people download them: Yahoo's table, CBOE's quotedata, the exports of brokers.

There are two layouts. A *list* has a row for each contract. A *straddle* has a row for each strike, with the columns
of the call on the left of the strike and those of the put on its right. A table below says how dialects call their
columns. Names are compared without capitals, spaces and punctuation.

Where no column says expiry, strike or kind, the contract's own name does
(:mod:`~tickgraph.options.contract_name`). The mid price is the dialect's own, or else half of bid and ask. There is
none without a bid, and none where the bid is above the ask.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from tickgraph.errors import InputError, PriceDataError
from tickgraph.market.spelling import Symbol
from tickgraph.market.universe import canonical
from tickgraph.options.black_scholes import Kind
from tickgraph.options.contract_name import KINDS, Contract, contract_of, read_day
from tickgraph.options.quotes import Quotes
from tickgraph.storage import read_regular, storage_errors
from tickgraph.wording import counted, quoted

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
MISSING = frozenset({"", "-", "--", "n/a", "na", "nan", "null", "none", "<empty>"})
MAX_BYTES = 64 * 1024 * 1024
PERCENT_FROM = 3.0
"""Volatilities without a sign are per cent where their median is above this: 300 % is rare, 3 % is rarer."""

_HEADER_WITHIN = 60


@dataclass
class ChainFile:
    """Quotes of a file.

    Attributes
    ----------
    quotes
        By expiry, the first one first; strikes ascend.
    symbol
        Whose options these are, as contracts call it; None where none does.
    remarks
        What of the file was left out.
    """

    quotes: tuple[Quotes, ...]
    symbol: str | None = None
    remarks: tuple[str, ...] = ()


@dataclass
class _Cell:
    """Mid price and implied volatility of one contract."""

    mid: float | None = None
    implied_volatility: float | None = None


@dataclass
class _Chain:
    """What was read so far."""

    cells: dict[np.datetime64, dict[float, dict[Kind, _Cell]]] = field(default_factory=dict)
    roots: Counter[str] = field(default_factory=Counter)
    unquoted: int = 0
    volatilities: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class _Header:
    """Which column is which: of the contract's own and, in a straddle, those of the call and of the put."""

    sides: Mapping[Kind | None, Mapping[Column, int]]
    names: tuple[str, ...]


def is_of(root: str | None, symbol: Symbol) -> bool:
    """Whether contracts of a root may be a symbol's: a root is written without punctuation; None is any symbol's."""
    if root is None:
        return True
    one, other = ("".join(filter(str.isalnum, str(canonical(name)))) for name in (root, symbol))
    return one == other


def read_chain(path: Path) -> ChainFile:
    """Read a downloaded option chain.

    Raises
    ------
    InputError
        There is no such file.
    PriceDataError
        No line names columns of a chain, or a cell cannot be read; the message says file, row and column.
    StorageError
        The file cannot be read.
    """
    if not path.exists():
        raise InputError(
            f"There is no file {path}. --file takes a chain as Yahoo, CBOE or a broker gives it, as CSV."
        )
    with storage_errors(path):
        data = read_regular(path, MAX_BYTES)
    return chain_of_text(
        data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", "replace"), path.name
    )


def chain_of_text(text: str, name: str) -> ChainFile:
    """As :func:`read_chain`, for a file's text; ``name`` is what messages call it."""
    try:
        rows = list(csv.reader(io.StringIO(text), delimiter=_separator(text)))
    except csv.Error as error:
        raise PriceDataError(f"{name} is no table of text ({error}).") from error
    found, chain = False, _Chain()
    header: _Header | None = None
    section: np.datetime64 | None = None
    for number, row in enumerate(rows, start=1):
        if (read := _header(row)) is not None and (number <= _HEADER_WITHIN or found):
            header, found = read, True
        elif (day := _section(row)) is not None:
            section = day
        elif header is not None and any(cell.strip() for cell in row):
            _take(row, header, section, chain, f"{name}, row {number}")
    if not found:
        raise PriceDataError(
            f"{name}: no line names the columns of an option chain. Expected a strike or a contract, with bid and ask, "
            "a mid price or an implied volatility, as Yahoo, CBOE or a broker writes them."
        )
    if not chain.cells:
        raise PriceDataError(f"{name} has a header and no options below it.")
    remarks = []
    if chain.unquoted:
        have = "has" if chain.unquoted == 1 else "have"
        remarks.append(f"{counted(chain.unquoted, 'contract')} of {name} {have} no usable bid and ask")
    symbol = chain.roots.most_common(1)[0][0] if chain.roots else None
    if others := sorted(set(chain.roots) - {symbol}):
        raise PriceDataError(
            f"{name} has options of {symbol} and of {', '.join(others[:5])}. Give a file of one symbol."
        )
    percent = bool(chain.volatilities) and float(np.median(chain.volatilities)) > PERCENT_FROM
    return ChainFile(
        tuple(_quotes(day, chain.cells[day], percent) for day in sorted(chain.cells)), symbol, tuple(remarks)
    )


def _separator(text: str) -> str:
    """The one of comma, semicolon and tab that most lines have most of."""
    sample = text[: 1 << 16]
    return max((",", ";", "\t"), key=sample.count)


def _plain(name: str) -> str:
    return "".join(letter for letter in name.replace("%", "percent").casefold() if letter.isalnum())


def _meaning(name: str) -> Column | None:
    plain = _plain(name)
    return next((meaning for meaning, names in COLUMNS.items() if plain in names), None)


def _header(row: list[str]) -> _Header | None:
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
        return _Header({None: _places(row, 0, len(row))}, names)
    shared: dict[Column, int] = {"strike": strike}
    if "expiry" in meanings:
        shared["expiry"] = meanings.index("expiry")
    call = shared | {key: at for key, at in _places(row, 0, strike).items() if key not in shared}
    put = shared | {key: at for key, at in _places(row, strike, len(row)).items() if key not in shared}
    return _Header({"call": call, "put": put}, names)


def _places(row: list[str], first: int, last: int) -> dict[Column, int]:
    """Where each column is; of several with one meaning, the one whose name comes first in the table."""
    places: dict[Column, int] = {}
    for meaning, names in COLUMNS.items():
        found = [(names.index(_plain(row[at])), at) for at in range(first, last) if _plain(row[at]) in names]
        if found:
            places[meaning] = min(found)[1]
    return places


def _section(row: list[str]) -> np.datetime64 | None:
    """Expiry of a line that stands above its options, as thinkorswim writes: ``20 JAN 23  (21)  100``."""
    filled = [cell.strip() for cell in row if cell.strip()]
    if len(filled) != 1 or "(" not in filled[0]:
        return None
    return read_day(filled[0].partition("(")[0])


def _take(row: list[str], header: _Header, section: np.datetime64 | None, chain: _Chain, where: str) -> None:
    """Put the contracts of a row into the chain; a row without a strike has none."""
    for kind, places in header.sides.items():
        texts = {key: row[at].strip() for key, at in places.items() if at < len(row)}
        contract = contract_of(texts.get("contract", ""))
        strike_text = texts.get("strike", "")
        if contract is None and not strike_text:
            continue
        column = {key: header.names[at] for key, at in places.items()}
        strike = _number(strike_text, where, column.get("strike", "strike")) if strike_text else None
        strike = strike if strike is not None else contract.strike if contract else None
        if strike is None:
            continue
        if strike <= 0:
            raise PriceDataError(
                f"{where}, column {column.get('strike') or column['contract']}: a strike above 0 was expected, got "
                f"{strike:g}."
            )
        day = _expiry(texts, column, contract, section, where)
        said = KINDS.get(texts.get("kind", "").casefold()) or (contract.kind if contract else kind)
        if said is None:
            raise PriceDataError(
                f"{where}: nothing says whether this is a call or a put. Expected a column Type, a contract's name "
                "such as AAPL230120C00130000, or the columns of calls and puts on both sides of the strike."
            )
        if contract is not None:
            chain.roots[contract.root] += 1
        cell = _cell(texts, column, where)
        chain.unquoted += cell.mid is None and cell.implied_volatility is None
        if cell.implied_volatility is not None:
            chain.volatilities.append(cell.implied_volatility)
        chain.cells.setdefault(day, {}).setdefault(strike, {})[said] = cell


def _expiry(
    texts: Mapping[Column, str],
    column: Mapping[Column, str],
    contract: Contract | None,
    section: np.datetime64 | None,
    where: str,
) -> np.datetime64:
    if text := texts.get("expiry", ""):
        if (day := read_day(text)) is None:
            raise PriceDataError(
                f"{where}, column {column['expiry']}: a day such as 2023-01-20 was expected, got {quoted(text)}."
            )
        return day
    if contract is not None:
        return contract.expiry
    if section is not None:
        return section
    raise PriceDataError(
        f"{where}: nothing says when this option expires. Expected a column Expiration Date, or a contract's name such "
        "as AAPL230120C00130000."
    )


def _cell(texts: Mapping[Column, str], column: Mapping[Column, str], where: str) -> _Cell:
    numbers = {key: _number(texts[key], where, column[key]) for key in ("bid", "ask", "mid") if key in texts}
    bid, ask, mid = numbers.get("bid"), numbers.get("ask"), numbers.get("mid")
    if mid is None and bid is not None and ask is not None:
        mid = (bid + ask) / 2 if 0 < bid <= ask else None
    elif bid is not None and bid <= 0:
        mid = None
    text = texts.get("implied_volatility", "")
    volatility = _number(text, where, column["implied_volatility"]) if text else None
    if volatility is not None and text.endswith("%"):
        volatility /= 100
    return _Cell(
        mid if mid is not None and mid > 0 else None,
        volatility if volatility and volatility > LEAST_QUOTED else None,
    )


_THOUSANDS = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d*)?")
LEAST_QUOTED = 1e-4
"""A volatility below it stands for none: Yahoo writes 0.00001 where it knows no quotes."""


def _number(text: str, where: str, column: str) -> float | None:
    """Read a number as people's files write it; None for a cell that holds nothing."""
    if text.casefold() in MISSING:
        return None
    plain = text.strip().strip("$%").strip()
    if "," in plain and not _THOUSANDS.fullmatch(plain):
        raise PriceDataError(
            f"{where}, column {column}: a comma parts thousands only, got {quoted(text)}. Write decimals with a point."
        )
    plain = plain.replace(",", "")
    try:
        return float(plain)
    except ValueError:
        raise PriceDataError(
            f"{where}, column {column}: a number was expected, got {quoted(text)}."
        ) from None


def _quotes(day: np.datetime64, strikes: Mapping[float, Mapping[Kind, _Cell]], percent: bool) -> Quotes:
    """Quotes of one expiry; a volatility of the file counts where a strike has no mid price."""
    levels = sorted(strikes)
    calls, puts = ([strikes[level].get(kind, _Cell()).mid for level in levels] for kind in ("call", "put"))
    volatilities: list[float | None] = []
    for level, call, put in zip(levels, calls, puts, strict=True):
        said = [each.implied_volatility for each in strikes[level].values() if each.implied_volatility]
        known = call is not None or put is not None or not said
        volatilities.append(None if known else sum(said) / len(said) / (100 if percent else 1))
    return Quotes.of(day, levels, _any(volatilities), _any(calls), _any(puts))


def _any(numbers: list[float | None]) -> list[float | None] | None:
    return numbers if any(number is not None for number in numbers) else None
