"""Option chains as people download them: Yahoo's table, CBOE's quotedata, the exports of brokers.

Where no column says expiry, strike or kind, the contract's own name does
(:mod:`~tickgraph.options.contract_name`). The mid price is the dialect's own, or else half of bid and ask. There is
none without a bid, and none where the bid is above the ask. The file's implied volatility counts where a strike has no
mid price: that of the call or of the put, whichever is out of the money.

Contracts that were adjusted after a split or a merger are for something else than 100 shares, so they are left out.
Weekly contracts on an index, such as SPXW, are the index's own. Where a weekly contract has the expiry, the strike and
the kind of another, it is taken: it settles at the close, which is what is forecast, and the other at the open.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from tickgraph.errors import InputError, PriceDataError
from tickgraph.market.calendar import Day
from tickgraph.market.spelling import Symbol
from tickgraph.market.universe import canonical
from tickgraph.options.black_scholes import Kind
from tickgraph.options.chain_header import Column, Header, read_header
from tickgraph.options.chain_numbers import NumberForm, number_form
from tickgraph.options.contract_name import KINDS, Contract, contract_of, read_day
from tickgraph.options.quotes import Quotes
from tickgraph.storage import read_regular, storage_errors
from tickgraph.wording import counted, listed, quoted

MAX_BYTES = 64 * 1024 * 1024
PERCENT_FROM = 3.0
"""Volatilities without a sign are per cent where their median is above this: 300 % is rare, 3 % is rarer."""

LEAST_QUOTED = 1e-4
"""A volatility below it stands for none: Yahoo writes 0.00001 where it knows no quotes."""

_HEADER_WITHIN = 60
_NUMBERS: tuple[Column, ...] = ("strike", "bid", "ask", "mid", "implied_volatility")


@dataclass(frozen=True)
class _Cell:
    """Mid price and implied volatility of one contract, and whether it is a weekly one."""

    mid: float | None = None
    implied_volatility: float | None = None
    weekly: bool = False


_Cells = dict[np.datetime64, dict[float, dict[Kind, _Cell]]]
_NONE = _Cell()


@dataclass(frozen=True, eq=False)
class ChainFile:
    """Options of a file.

    Attributes
    ----------
    symbol
        Whose options these are, as contracts call it; None where none does.
    remarks
        What of the file was left out.
    """

    symbol: str | None
    remarks: tuple[str, ...]
    _cells: _Cells

    @property
    def expiries(self) -> tuple[np.datetime64, ...]:
        """Days on which the options expire, the first one first."""
        return tuple(sorted(self._cells))

    def only(self, days: Collection[Day]) -> ChainFile:
        """The options that expire on some days."""
        return replace(self, _cells={day: cells for day, cells in self._cells.items() if day in days})

    def quotes(self, price: float) -> tuple[Quotes, ...]:
        """Quotes of each expiry, the first one first; strikes ascend.

        ``price`` is what the share costs, in dollars. It says which options are out of the money.
        """
        return tuple(_quotes(day, self._cells[day], price) for day in self.expiries)


@dataclass(frozen=True)
class _Line:
    """A row of the file with the header above it, the expiry above it if there is one, and its place for messages."""

    cells: list[str]
    header: Header
    section: np.datetime64 | None
    where: str

    def sides(self) -> Iterator[tuple[Kind | None, dict[Column, str], dict[Column, str]]]:
        """Texts of each contract by meaning, and the names of their columns."""
        for kind, places in self.header.sides.items():
            texts = {key: self.cells[at].strip() for key, at in places.items() if at < len(self.cells)}
            yield kind, texts, {key: self.header.names[at] for key, at in places.items()}


@dataclass
class _Chain:
    """What was read so far."""

    form: NumberForm
    cells: _Cells = field(default_factory=dict)
    roots: Counter[str] = field(default_factory=Counter)
    adjusted: Counter[str] = field(default_factory=Counter)
    unquoted: int = 0
    volatilities: list[float] = field(default_factory=list)


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
        separator = _separator(text)
        rows = list(csv.reader(io.StringIO(text), delimiter=separator))
    except csv.Error as error:
        raise PriceDataError(f"{name} is no table of text ({error}).") from error
    lines = _lines(rows, name)
    form = number_form(
        (texts[key] for line in lines for _, texts, _ in line.sides() for key in _NUMBERS if key in texts),
        separator,
    )
    chain = _Chain(form)
    for line in lines:
        _take(line, chain)
    if not chain.cells:
        only = f" but adjusted contracts ({listed(list(chain.adjusted))})" if chain.adjusted else ""
        raise PriceDataError(f"{name} has a header and no options below it{only}.")
    symbol = chain.roots.most_common(1)[0][0] if chain.roots else None
    if others := sorted(set(chain.roots) - {symbol}):
        raise PriceDataError(
            f"{name} has options of {symbol} and of {', '.join(others[:5])}. Give a file of one symbol."
        )
    if chain.volatilities and float(np.median(chain.volatilities)) > PERCENT_FROM:
        _from_per_cent(chain.cells)
    return ChainFile(symbol, tuple(_remarks(chain, name)), chain.cells)


def _lines(rows: Iterable[list[str]], name: str) -> list[_Line]:
    """Rows below a header; :class:`PriceDataError` where no line is one."""
    lines: list[_Line] = []
    header: Header | None = None
    section: np.datetime64 | None = None
    for number, row in enumerate(rows, start=1):
        if (read := read_header(row)) is not None and (number <= _HEADER_WITHIN or header is not None):
            header = read
        elif (day := _section(row)) is not None:
            section = day
        elif header is not None and any(cell.strip() for cell in row):
            lines.append(_Line(row, header, section, f"{name}, row {number}"))
    if header is None:
        raise PriceDataError(
            f"{name}: no line names the columns of an option chain. Expected a strike or a contract, with bid and ask, "
            "a mid price or an implied volatility, as Yahoo, CBOE or a broker writes them."
        )
    return lines


def _remarks(chain: _Chain, name: str) -> Iterator[str]:
    if count := chain.adjusted.total():
        verb, them = ("is", "it is") if count == 1 else ("are", "they are")
        roots = listed(sorted(chain.adjusted))
        yield (
            f"{counted(count, 'contract')} of {name} {verb} left out ({roots}): {them} for something else than 100 "
            "shares, after a split or a merger"
        )
    if chain.unquoted:
        have = "has" if chain.unquoted == 1 else "have"
        yield f"{counted(chain.unquoted, 'contract')} of {name} {have} no usable bid and ask"


# Looked at before a day is read in all of its forms, which takes far longer.
_SECTION = re.compile(r"\d{1,2} [A-Za-z]{3} \d{2,4}\s{0,8}\(")


def _separator(text: str) -> str:
    """The one of comma, semicolon and tab that most lines have most of."""
    sample = text[: 1 << 16]
    return max((",", ";", "\t"), key=sample.count)


def _section(row: list[str]) -> np.datetime64 | None:
    """Expiry of a line that stands above its options, as thinkorswim writes: ``20 JAN 23  (21)  100``."""
    filled = [cell.strip() for cell in row if cell.strip()]
    if len(filled) != 1 or _SECTION.match(filled[0]) is None:
        return None
    return read_day(filled[0].partition("(")[0])


def _take(line: _Line, chain: _Chain) -> None:
    """Put the contracts of a row into the chain; a row without a strike has none."""
    where = line.where
    for kind, texts, column in line.sides():
        contract = contract_of(texts.get("contract", ""))
        if contract is not None and contract.is_adjusted:
            chain.adjusted[contract.root] += 1
            continue
        strike = chain.form.read(texts.get("strike", ""), where, column.get("strike", "strike"))
        strike = strike if strike is not None else contract.strike if contract else None
        if strike is None:
            continue
        if strike <= 0:
            raise PriceDataError(
                f"{where}, column {column.get('strike') or column['contract']}: a strike above 0 was expected, got "
                f"{strike:g}."
            )
        day = _expiry(texts, column, contract, line.section, where)
        said = KINDS.get(texts.get("kind", "").casefold()) or (contract.kind if contract else kind)
        if said is None:
            raise PriceDataError(
                f"{where}: nothing says whether this is a call or a put. Expected a column Type, a contract's name "
                "such as AAPL230120C00130000, or the columns of calls and puts on both sides of the strike."
            )
        if contract is not None:
            chain.roots[contract.underlying] += 1
        cell = _cell(texts, column, chain.form, where, weekly=contract is not None and contract.is_weekly)
        chain.unquoted += cell.mid is None and cell.implied_volatility is None
        if cell.implied_volatility is not None:
            chain.volatilities.append(cell.implied_volatility)
        kinds = chain.cells.setdefault(day, {}).setdefault(strike, {})
        if cell.weekly or not kinds.get(said, _NONE).weekly:
            kinds[said] = cell


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


def _cell(
    texts: Mapping[Column, str], column: Mapping[Column, str], form: NumberForm, where: str, *, weekly: bool
) -> _Cell:
    numbers = {key: form.read(texts[key], where, column[key]) for key in _NUMBERS[1:] if key in texts}
    bid, ask, mid = numbers.get("bid"), numbers.get("ask"), numbers.get("mid")
    if mid is None and bid is not None and ask is not None:
        mid = (bid + ask) / 2 if 0 < bid <= ask else None
    elif bid is not None and bid <= 0:
        mid = None
    volatility = numbers.get("implied_volatility")
    if volatility is not None and texts["implied_volatility"].endswith("%"):
        volatility /= 100
    return _Cell(
        mid if mid is not None and mid > 0 else None,
        volatility if volatility and volatility > LEAST_QUOTED else None,
        weekly,
    )


def _from_per_cent(cells: _Cells) -> None:
    for strikes in cells.values():
        for kinds in strikes.values():
            for kind, cell in kinds.items():
                if cell.implied_volatility is not None:
                    kinds[kind] = replace(cell, implied_volatility=cell.implied_volatility / 100)


def _quotes(day: np.datetime64, strikes: Mapping[float, Mapping[Kind, _Cell]], price: float) -> Quotes:
    """Quotes of one expiry; a volatility of the file counts where a strike has no mid price."""
    levels = sorted(strikes)
    calls, puts = ([strikes[level].get(kind, _NONE) for level in levels] for kind in ("call", "put"))
    volatilities = [
        _volatility(*((call, put) if level >= price else (put, call)))
        for level, call, put in zip(levels, calls, puts, strict=True)
    ]
    mids = ([cell.mid for cell in side] for side in (calls, puts))
    return Quotes.of(day, levels, _any(volatilities), *map(_any, mids))


def _volatility(out: _Cell, inside: _Cell) -> float | None:
    """Volatility of a strike without a mid price: of the option out of the money, or else of the other."""
    if out.mid is not None or inside.mid is not None:
        return None
    return out.implied_volatility or inside.implied_volatility


def _any(numbers: list[float | None]) -> list[float | None] | None:
    return numbers if any(number is not None for number in numbers) else None
