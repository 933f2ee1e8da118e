"""How people's files call and write things (``market/data/dialects.toml``), and which column of a table is which."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, lru_cache
from importlib import resources
from typing import Any, Literal

import pyarrow.compute as pc

from tickgraph.errors import PriceDataError
from tickgraph.market.sources.files.table import Remark, Table

Meaning = Literal["symbol", "date", "open", "high", "low", "close", "adj_close", "volume", "period"]

_NEEDED: tuple[Meaning, ...] = ("date", "close", "volume")
_NUMBERING = re.compile(r"^\s*\d+[a-z]?[.):]\s*", re.IGNORECASE)
_ASIDE = re.compile(r"[(\[].*?[)\]]")
_SYMBOLIC = re.compile(r"[A-Z0-9^.$/_:=-]{1,12}( [A-Z]{2})?( Equity)?|[a-z0-9^.$/_:=-]{1,8}")


@cache
def dialects() -> dict[str, Any]:
    """Everything that is known of dialects."""
    text = resources.files("tickgraph.market").joinpath("data/dialects.toml").read_text("utf-8")
    return tomllib.loads(text)


@lru_cache(maxsize=4096)
def plain(name: str) -> str:
    """Name of a column as the table of dialects has it: no capitals, accents, spaces, punctuation, leading number."""
    text = _NUMBERING.sub("", name) or name
    letters = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in letters if letter.isalnum())


@cache
def _meanings() -> dict[str, tuple[Meaning, int]]:
    return {
        name: (meaning, rank)
        for meaning, names in dialects()["columns"].items()
        for rank, name in enumerate(names)
    }


def meaning_of(name: str) -> tuple[Meaning, int] | None:
    """What a column's name means, and its place among the names of that meaning; None for an unknown name."""
    return _meanings().get(plain(name)) or _meanings().get(plain(_ASIDE.sub("", name)))


def of_ticker(name: str) -> tuple[str, str] | None:
    """Ticker and name of a column that is called ``AAPL.Close``; None for any other."""
    ticker, _, rest = name.rpartition(".")
    if not re.fullmatch(r"[A-Z0-9.^-]+", ticker) or meaning_of(name) or not meaning_of(rest):
        return None
    return ticker, rest


def by_symbol(table: Table) -> list[Table]:
    """Take a wide table apart: one table a ticker, where a line of the header or each column's name has tickers."""
    upper, lower = table.names, table.second
    if not lower:
        parts = [of_ticker(name) for name in upper]
        if not any(parts):
            return [table]
        lower = [part[0] if part else "" for part in parts]
        upper = [part[1] if part else name for part, name in zip(parts, upper, strict=True)]
    known = [sum(meaning_of(name) is not None for name in level) for level in (upper, lower)]
    names, tickers = (upper, lower) if known[0] >= known[1] else (lower, upper)
    owned = [bool(up and low) for up, low in zip(upper, lower, strict=True)]
    shared = [place for place, is_owned in enumerate(owned) if not is_owned]
    tables = []
    for ticker in dict.fromkeys(tickers[place] for place, is_owned in enumerate(owned) if is_owned):
        own = [place for place, is_owned in enumerate(owned) if is_owned and tickers[place] == ticker]
        part = replace(
            table,
            names=[names[place] or upper[place] for place in shared + own],
            columns=[table.columns[place] for place in shared + own],
            second=[],
            constants=table.constants | {"symbol": ticker},
        )
        tables.append(part)
    return tables


def choose_columns(table: Table) -> tuple[dict[Meaning, int], list[Remark]]:
    """Find the place of each meaning's column: of several the one whose name stands first in the table of dialects.

    Also says what a person should know of the others.

    Raises
    ------
    PriceDataError
        There are no dates, closes or volumes, or two columns of one name differ.
    """
    ranked: dict[Meaning, list[tuple[int, int]]] = {}
    remarks = []
    for place, name in enumerate(table.names):
        meant = meaning_of(name)
        if meant is None:
            if re.search(dialects()["looks_like"]["close"], plain(name)):
                remarks.append(Remark(f"Column {name!r} is not used", table.file))
        # Some of these names are also given to other things, such as companies' names.
        elif plain(name) in dialects()["perhaps"]["symbol"] and not _has_symbols(table, place):
            remarks.append(Remark(f"Column {name!r} is not used, as it does not hold symbols", table.file))
        else:
            ranked.setdefault(meant[0], []).append((meant[1], place))
    places: dict[Meaning, int] = {}
    for meaning, candidates in ranked.items():
        (_, places[meaning]), *others = sorted(candidates)
        used = table.names[places[meaning]]
        for other in (table.names[place] for _, place in others):
            if plain(other) != "time":  # of the same moment as the date
                remarks.append(Remark(f"Column {other!r} is not used, as {used!r} is", table.file))
        for _, other_place in others:
            same = table.columns[other_place].equals(table.columns[places[meaning]])
            if table.names[other_place] == used and not same:
                raise PriceDataError(
                    f"{table.file} has two columns {used!r} with different values: nothing tells whose they are. "
                    "Write one row for each symbol and session, or a file for each symbol."
                )
    if "date" not in places and "date" not in table.constants:
        unnamed = [p for p, name in enumerate(table.names) if plain(name) in dialects()["unnamed"]["names"]]
        places |= {"date": unnamed[0]} if unnamed else {}
    missing = [meaning for meaning in _NEEDED if meaning not in places and meaning not in table.constants]
    if missing:
        names = ", ".join(repr(name) for name in table.names[:20]) + (" ..." if len(table.names) > 20 else "")
        raise PriceDataError(
            f"{table.file} lacks the columns {', '.join(missing)}. Found {names}. {_remedy(table, missing)}"
        )
    return places, remarks


def _remedy(table: Table, missing: Sequence[Meaning]) -> str:
    """What to do about columns that a file lacks."""
    unknown = [name for name in table.names if meaning_of(name) is None]
    if "close" in missing and sum(_SYMBOLIC.fullmatch(name) is not None for name in unknown) > 1:
        return (
            "Its columns look like symbols. Write one row for each symbol and session, with the columns "
            "symbol, date, close and volume; open, high and low make forecasts better."
        )
    return (
        f"Rename what holds {' and '.join(missing)} in the line of names. "
        "Expected symbol, date, open, high, low, close, adj_close, volume; docs/sources.md has other names."
    )


def _has_symbols(table: Table, place: int) -> bool:
    """Whether what stands in a column looks like symbols, and not like companies' names."""
    values = [str(value).strip() for value in pc.unique(table.columns[place]).to_pylist()[:1000] if value]
    values = [value for value in values if value]
    fitting = sum(_SYMBOLIC.fullmatch(value) is not None for value in values)
    return bool(values) and fitting >= 0.9 * len(values)
