"""Which symbol a row of prices is of, by the name that is written there and by its day.

Names change hands. Facebook traded as FB until 2022-06-08 and as META since. A fund had META before, and another fund
has FB now. So a former name holds up to the day of the renaming, and today's name from that day on. Most providers,
though, write a company's whole history under today's name: rows under today's name that run through the day of the
renaming are the company's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tickgraph.errors import SymbolError
from tickgraph.market.spelling import Symbol, spelled
from tickgraph.market.universe import Renaming, canonical, renamings
from tickgraph.wording import listed

BREAK_DAYS = 10  # without a bar, before a renaming: what lies before them is another company's
SAME_PRICE = 1e-3  # relative difference up to which two closes of one day are one

_Formers = dict[Symbol, Renaming]  # former names of one symbol


@dataclass(frozen=True)
class RowSymbols:
    """Whose each row of prices is."""

    symbols: pd.Series  # [n] today's symbol of each row; missing where the row is left out
    notes: tuple[str, ...] = ()  # names that were put together or written otherwise
    rejected: dict[str, str] = field(default_factory=dict)  # by written name, why rows are left out


@dataclass
class _NameRows:
    """The rows of one written name."""

    name: str
    spelling: Symbol
    places: NDArray[np.intp]  # [k] in the whole frame, by day
    days: NDArray[np.datetime64]  # [k]
    closes: NDArray[np.float64]  # [k]

    def only(self, kept: NDArray[np.bool_]) -> _NameRows:
        return _NameRows(self.name, self.spelling, self.places[kept], self.days[kept], self.closes[kept])

    def split(self, day: date | None) -> tuple[_NameRows, _NameRows]:
        """Rows before a day, and those of it and later; without a day all are before it."""
        later = np.zeros(len(self.days), bool) if day is None else self.days >= np.datetime64(day)
        return self.only(~later), self.only(later)

    @property
    def span(self) -> str:
        """Such as: 60 rows, 2022-06-09 to 2022-09-01."""
        return f"{len(self.days)} rows, {self.days[0]} to {self.days[-1]}"


def symbols_of_rows(names: pd.Series, days: pd.Series, closes: pd.Series) -> RowSymbols:
    """Give each row of prices its symbol.

    Parameters
    ----------
    names
        ``[n]`` as they are written; best categorical.
    days
        ``[n]`` datetime64.
    closes
        ``[n]`` prices, which tell whether two names on one day are one company.
    """
    written = names.astype("category").cat
    codes = written.codes.to_numpy()
    spellings, rejected = _spellings(written.categories)
    by_symbol: dict[Symbol, list[int]] = {}
    for code, spelling in spellings.items():
        by_symbol.setdefault(canonical(spelling), []).append(code)
    symbols = np.full(len(written.categories), None, dtype=object)
    delicate: dict[Symbol, list[int]] = {}
    for symbol, group in by_symbol.items():
        symbols[group] = symbol
        if len(group) > 1 or spellings[group[0]] != symbol or _formers(symbol):
            delicate[symbol] = group
    notes = _respelled(str(written.categories[code]) for code in spellings if symbols[code] not in delicate)
    row_symbols = symbols[codes]
    row_symbols[codes < 0] = None  # rows without a name
    if delicate:
        order = np.argsort(codes, kind="stable")
        starts = np.searchsorted(codes[order], np.arange(len(symbols) + 1))
        dates, values = days.to_numpy().astype("datetime64[D]"), closes.to_numpy(dtype=float)
    for symbol, group in delicate.items():
        rows = []
        for code in group:
            places = order[starts[code] : starts[code + 1]]
            places = places[np.argsort(dates[places], kind="stable")]
            row_symbols[places] = None
            name = str(written.categories[code])
            if len(places):
                rows.append(_NameRows(name, spellings[code], places, dates[places], values[places]))
        own, own_notes, refused = _settled(symbol, rows)
        for each in own:
            row_symbols[each.places] = symbol
        notes += own_notes
        rejected |= refused
    return RowSymbols(pd.Series(row_symbols, names.index, dtype="str"), tuple(notes), rejected)


def _spellings(names: Iterable[object]) -> tuple[dict[int, Symbol], dict[str, str]]:
    """Spelling by place of each name that is a symbol, and why the other names are refused."""
    spellings: dict[int, Symbol] = {}
    rejected: dict[str, str] = {}
    for code, name in enumerate(names):
        try:
            spellings[code] = spelled(name)
        except SymbolError as error:
            rejected[str(name)] = str(error)
    return spellings, rejected


def _formers(symbol: Symbol) -> _Formers:
    """Former names of a symbol whose day of renaming is known."""
    return {former: each for former, each in renamings().items() if each.today == symbol and each.since}


def _respelled(names: Iterable[str]) -> list[str]:
    """Say which names were written in another spelling than they are stored in."""
    changed = [f"{name} as {spelled(name)}" for name in names if spelled(name) != name.strip().upper()]
    return [f"stored under another spelling: {listed(changed)}"] if changed else []


def _settled(symbol: Symbol, names: list[_NameRows]) -> tuple[list[_NameRows], list[str], dict[str, str]]:
    """Rows of a symbol's names that are its own, what is to be said of them, and why the others are left out."""
    formers = _formers(symbol)
    names = sorted(names, key=lambda rows: rows.spelling != symbol)  # today's name first
    kept: list[_NameRows] = []
    rejected: dict[str, str] = {}
    for rows in names:
        since, until = _validity(rows.spelling, symbol, formers)
        own, late = rows.split(until)
        others = [other for other in names if other is not rows]
        if since is not None:
            early, later = own.split(since)
            if len(early.days) and not _is_own(early, later, others, since, formers):
                own = later
                rejected[rows.name] = _held_before(symbol, early, since, formers)
        late = late.only(~_repeats(late, others))
        if len(late.days):
            rejected[rows.name] = (
                f"{rows.name}: {late.span}, are left out. {rows.spelling} is {symbol} since {until}, so "
                f"these are of another company that took the name, and no symbol can be called {rows.spelling} here. "
                f"If they are of {symbol}, name them {symbol}."
            )
        if len(own.days):
            kept.append(own)
    for one, other in combinations(kept, 2):
        if differing := _differing(one, other):
            clash = (
                f"{one.name} and {other.name} are one symbol, {symbol}, and have different closes on "
                f"{differing}. Leave one of them out."
            )
            return [], [], {rows.name: clash for rows in names}
    return _without_repeats(kept), _notes(symbol, kept, formers), rejected


def _validity(spelling: Symbol, symbol: Symbol, formers: _Formers) -> tuple[date | None, date | None]:
    """First day of a name, and the first day of the name that followed it; None where there is no bound."""
    renaming = renamings().get(spelling)
    until = renaming.since if renaming and renaming.today == symbol else None
    before = [each.since for former, each in formers.items() if former != spelling and each.since]
    return max((day for day in before if until is None or day < until), default=None), until


def _is_own(
    early: _NameRows, later: _NameRows, others: Sequence[_NameRows], since: date, formers: _Formers
) -> bool:
    """Whether rows under a name before its first day are of the company that has the name since."""
    if len(later.days):  # they run through that day, or end before it
        return bool(np.datetime64(since) - early.days[-1] <= np.timedelta64(BREAK_DAYS, "D"))
    for first, last in (each.held for each in formers.values() if each.held):
        if np.datetime64(first) <= early.days[0] and early.days[-1] <= np.datetime64(last):
            return False
    return not any(_differing(early, other) for other in others)


def _held_before(symbol: Symbol, early: _NameRows, since: date, formers: _Formers) -> str:
    names = {former: each.holder for former, each in formers.items() if each.since == since}
    holder = next(filter(None, names.values()), "another company")
    return (
        f"{early.name}: {early.span}, are left out. {symbol} has this name since {since} and was "
        f"{' and '.join(names)}; {holder} had the name before. If they are of {symbol}, name them {next(iter(names))}."
    )


def _shared(one: _NameRows, other: _NameRows) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """``[k]`` places of the days that both names have, in each of them, and whether their closes are the same."""
    _, mine, theirs = np.intersect1d(one.days, other.days, return_indices=True)
    return (
        mine,
        theirs,
        np.isclose(one.closes[mine], other.closes[theirs], rtol=SAME_PRICE, atol=0, equal_nan=True),
    )


def _repeats(rows: _NameRows, others: Iterable[_NameRows]) -> NDArray[np.bool_]:
    """``[k]`` whether a row stands under another name too, with the same close."""
    repeats = np.zeros(len(rows.days), bool)
    for other in others:
        mine, _, same = _shared(rows, other)
        repeats[mine[same]] = True
    return repeats


def _differing(one: _NameRows, other: _NameRows) -> str | None:
    """On how many days two names have different closes, and which the first of them has; None where they have none."""
    mine, theirs, same = _shared(one, other)
    differ = np.flatnonzero(~same)
    if not len(differ):
        return None
    here, there = mine[differ[0]], theirs[differ[0]]
    closes = f"{one.closes[here]:g} under {one.name} and {other.closes[there]:g} under {other.name}"
    return f"{len(differ)} days, the first {one.days[here]}: {closes}"


def _without_repeats(names: Iterable[_NameRows]) -> list[_NameRows]:
    """Each day once, under the first name that has it."""
    kept: list[_NameRows] = []
    for rows in names:
        seen = np.isin(rows.days, np.concatenate([rows.days[:0], *(earlier.days for earlier in kept)]))
        kept.append(rows.only(~seen))
    return kept


def _notes(symbol: Symbol, names: Sequence[_NameRows], formers: _Formers) -> list[str]:
    if len(names) > 1:
        in_time = sorted(names, key=lambda rows: rows.days[0])
        parts = " and ".join(f"{rows.name} ({rows.span})" for rows in in_time)
        return [
            f"{' and '.join(rows.name for rows in names)} are one symbol, {symbol}: put together from {parts}"
        ]
    for rows in names:
        if rows.spelling != symbol:
            since = f" since {formers[rows.spelling].since}" if rows.spelling in formers else ""
            return [f"{rows.name} is {symbol}{since}: {rows.span}, are stored as {symbol}"]
    return []
