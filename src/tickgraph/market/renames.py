"""Which symbol a row of prices is of, by the name that is written there and by its day.

Names change hands. Facebook traded as FB until 2022-06-08 and as META since. A fund had META before, and another fund
has FB now. So a former name holds up to the day of the renaming, and today's name from that day on. Most providers,
though, write a company's whole history under today's name: rows under today's name that run through the day of the
renaming are the company's own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tickgraph.errors import SymbolError
from tickgraph.market.spelling import Symbol, spelled
from tickgraph.market.universe import Renaming, canonical, renamings
from tickgraph.wording import listed

BREAK_DAYS = 10  # without a bar, before a renaming: what lies before them is another company's
SAME_PRICE = 1e-3  # relative difference up to which two closes of one day are one


@dataclass(frozen=True)
class Named:
    """Rows of prices by symbol.

    Attributes
    ----------
    symbols
        ``[n]`` today's symbol of each row; missing where the row is left out.
    notes
        What a person should know: names that were put together or written otherwise.
    rejected
        Why rows of a name are left out, by the name as it is written.
    """

    symbols: pd.Series
    notes: tuple[str, ...] = ()
    rejected: dict[str, str] = field(default_factory=dict)


@dataclass
class _Rows:
    """The rows of one written name."""

    name: str
    spelling: str
    places: NDArray[np.intp]  # [k] in the whole frame, by day
    days: NDArray[np.datetime64]  # [k]
    closes: NDArray[np.float64]  # [k]

    def only(self, kept: NDArray[np.bool_]) -> _Rows:
        return _Rows(self.name, self.spelling, self.places[kept], self.days[kept], self.closes[kept])

    def summary(self, *, name: bool = True) -> str:
        """Such as: 60 rows named FB, 2022-06-09 to 2022-09-01."""
        whose = f" named {self.name}" if name else ""
        return f"{len(self.days)} rows{whose}, {self.days[0]} to {self.days[-1]}"


def name_rows(names: pd.Series, days: pd.Series, closes: pd.Series) -> Named:
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
    by_symbol: dict[str, list[int]] = {}
    for code, spelling in spellings.items():
        by_symbol.setdefault(canonical(spelling), []).append(code)
    symbols = np.full(len(written.categories), None, dtype=object)
    delicate: dict[str, list[int]] = {}
    for symbol, group in by_symbol.items():
        symbols[group] = symbol
        if len(group) > 1 or spellings[group[0]] != symbol or _history(symbol):
            delicate[symbol] = group
    notes = _rewritten(str(written.categories[code]) for code in spellings if symbols[code] not in delicate)
    row_symbols = symbols[codes]
    row_symbols[codes < 0] = None  # rows without a name
    if delicate:
        order = np.argsort(codes, kind="stable")
        starts = np.searchsorted(codes[order], np.arange(len(symbols) + 1))
        dates = days.to_numpy().astype("datetime64[D]")
        values = closes.to_numpy(dtype=float)
    for symbol, group in delicate.items():
        rows = []
        for code in group:
            places = order[starts[code] : starts[code + 1]]
            places = places[np.argsort(dates[places], kind="stable")]
            rows.append(
                _Rows(str(written.categories[code]), spellings[code], places, dates[places], values[places])
            )
        kept, said, refused = _settled(symbol, [one for one in rows if len(one.places)])
        for one in rows:
            row_symbols[one.places] = None
        for one in kept:
            row_symbols[one.places] = symbol
        notes += said
        rejected |= refused
    return Named(pd.Series(row_symbols, names.index, dtype="str"), tuple(notes), rejected)


def _spellings(names: Iterable[object]) -> tuple[dict[int, str], dict[str, str]]:
    """Spelling by place of each name that is a symbol, and why each other name is none."""
    spellings: dict[int, str] = {}
    rejected: dict[str, str] = {}
    for code, name in enumerate(names):
        try:
            spellings[code] = spelled(name)
        except SymbolError as error:
            rejected[str(name)] = str(error)
    return spellings, rejected


def _history(symbol: str) -> dict[str, Renaming]:
    """Former names of a symbol whose day of renaming is known."""
    return {former: one for former, one in renamings().items() if one.today == symbol and one.since}


def _rewritten(names: Iterable[str]) -> list[str]:
    """Say which names were written in another spelling than they are stored in."""
    changed = [f"{name} as {spelled(name)}" for name in names if spelled(name) != name.strip().upper()]
    if not changed:
        return []
    return [f"stored under another spelling: {listed(changed)}"]


def _settled(symbol: str, names: list[_Rows]) -> tuple[list[_Rows], list[str], dict[str, str]]:
    """Rows of a symbol's names that are its own, what is to be said of them, and why the others are left out."""
    history = _history(symbol)
    names = sorted(names, key=lambda one: one.spelling != symbol)  # today's name first
    kept: list[_Rows] = []
    rejected: dict[str, str] = {}
    for one in names:
        since, until = _validity(one.spelling, symbol, history)
        own = one.only(~_after(one.days, until))
        late = one.only(_after(one.days, until))
        early = own.only(~_after(own.days, since)) if since else own.only(np.zeros(len(own.days), bool))
        others = [other for other in names if other is not one]
        if len(early.days) and not _is_own(early, own, others, since, history):
            own = own.only(_after(own.days, since))
            rejected[one.name] = _held_before(symbol, one, early, since, history)
        late = late.only(~_repeats(late, others))
        if len(late.days):
            rejected[one.name] = (
                f"{one.name}: {late.summary(name=False)}, are left out. {one.spelling} is {symbol} since {until}, so "
                f"these are of another company that took the name, and no symbol can be called {one.spelling} here. "
                f"If they are of {symbol}, name them {symbol}."
            )
        if len(own.days):
            kept.append(own)
    clash = _clash(symbol, kept)
    if clash:
        return [], [], {one.name: clash for one in names}
    whole = _without_repeats(kept)
    return whole, _notes(symbol, kept, history), rejected


def _validity(spelling: str, symbol: str, history: dict[str, Renaming]) -> tuple[date | None, date | None]:
    """First day of a name, and the first day of the name that followed it; None where there is no bound."""
    renaming = renamings().get(Symbol(spelling))
    until = renaming.since if renaming and renaming.today == symbol else None
    before = [one.since for former, one in history.items() if former != spelling and one.since]
    return max((day for day in before if until is None or day < until), default=None), until


def _after(days: NDArray[np.datetime64], day: date | None) -> NDArray[np.bool_]:
    """``[k]`` whether each day is the given one or later."""
    return np.zeros(len(days), bool) if day is None else days >= np.datetime64(day)


def _is_own(
    early: _Rows, own: _Rows, others: list[_Rows], since: date | None, history: dict[str, Renaming]
) -> bool:
    """Whether rows under a name before its first day are of the company that has the name since."""
    first = np.datetime64(since)
    if (own.days >= first).any():  # they run through that day, or end before it
        return bool(first - early.days[-1] <= np.timedelta64(BREAK_DAYS, "D"))
    for held in (one.held for one in history.values() if one.held):
        if np.datetime64(held[0]) <= early.days[0] and early.days[-1] <= np.datetime64(held[1]):
            return False
    return all(_differing(early, other) is None for other in others)


def _held_before(
    symbol: str, one: _Rows, early: _Rows, since: date | None, history: dict[str, Renaming]
) -> str:
    holders = [entry.holder for entry in history.values() if entry.holder and entry.since == since]
    formers = [former for former, entry in history.items() if entry.since == since]
    whose = f"{holders[0]} had the name before" if holders else "another company had the name before"
    return (
        f"{one.name}: {early.summary(name=False)}, are left out. {symbol} has this name since {since} and was "
        f"{' and '.join(formers)}; {whose}. If they are of {symbol}, name them {formers[0]}."
    )


def _repeats(rows: _Rows, others: list[_Rows]) -> NDArray[np.bool_]:
    """``[k]`` whether a row stands under another name too, with the same close."""
    found = np.zeros(len(rows.days), bool)
    for other in others:
        _, mine, theirs = np.intersect1d(rows.days, other.days, return_indices=True)
        found[mine[_same(rows.closes[mine], other.closes[theirs])]] = True
    return found


def _same(some: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.isclose(some, others, rtol=SAME_PRICE, atol=0, equal_nan=True)


def _differing(some: _Rows, other: _Rows) -> tuple[int, str] | None:
    """On how many days two names have different closes, and the first of them; None where they have none."""
    days, mine, theirs = np.intersect1d(some.days, other.days, return_indices=True)
    differ = np.flatnonzero(~_same(some.closes[mine], other.closes[theirs]))
    if not len(differ):
        return None
    first = differ[0]
    closes = f"{some.closes[mine[first]]:g} under {some.name} and {other.closes[theirs[first]]:g} under {other.name}"
    return len(differ), f"{days[first]}: {closes}"


def _clash(symbol: str, names: list[_Rows]) -> str | None:
    """Say that two names of one symbol have different closes on one day; None where no two do."""
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            found = _differing(one, other)
            if found:
                count, first = found
                return (
                    f"{one.name} and {other.name} are one symbol, {symbol}, and have different closes on {count} days, "
                    f"the first {first}. Leave one of them out."
                )
    return None


def _without_repeats(names: list[_Rows]) -> list[_Rows]:
    """Each day once, under the first name that has it."""
    kept: list[_Rows] = []
    for one in names:
        seen = np.zeros(len(one.days), bool)
        for earlier in kept:
            seen |= np.isin(one.days, earlier.days)
        kept.append(one.only(~seen))
    return kept


def _notes(symbol: str, names: list[_Rows], history: dict[str, Renaming]) -> list[str]:
    if len(names) > 1:
        counted = " and ".join(one.summary() for one in sorted(names, key=lambda one: one.days[0]))
        return [
            f"{' and '.join(one.name for one in names)} are one symbol, {symbol}: put together from {counted}"
        ]
    for one in names:
        if one.spelling != symbol:
            since = f" since {history[one.spelling].since}" if one.spelling in history else ""
            return [f"{one.name} is {symbol}{since}: {one.summary(name=False)}, are stored as {symbol}"]
    return []
