"""How people's files call and write things, and which column of a table is which."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib import resources
from typing import Any, Literal

import pyarrow.compute as pc

from tickgraph.errors import PriceDataError
from tickgraph.market.sources.files.table import Remark, Table

Meaning = Literal["symbol", "date", "open", "high", "low", "close", "adj_close", "volume", "period"]

_NUMBERING = re.compile(r"^\s*\d+[a-z]?[.):]\s*", re.IGNORECASE)
_ASIDE = re.compile(r"[(\[].*?[)\]]")


@cache
def dialects() -> dict[str, Any]:
    """Everything that is known of dialects."""
    text = resources.files("tickgraph.market").joinpath("data/dialects.toml").read_text("utf-8")
    return tomllib.loads(text)


@lru_cache(maxsize=4096)
def plain(name: str) -> str:
    """Name of a column as the table has it: no capitals, accents, spaces, punctuation or leading number."""
    text = _NUMBERING.sub("", name) or name
    letters = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in letters if letter.isalnum())


@cache
def _known() -> dict[str, tuple[Meaning, int]]:
    return {
        name: (meaning, rank)
        for meaning, names in dialects()["columns"].items()
        for rank, name in enumerate(names)
    }


def meaning_of(name: str) -> tuple[Meaning, int] | None:
    """What a column's name means, and its place among the names of that meaning; None for an unknown name."""
    return _known().get(plain(name)) or _known().get(plain(_ASIDE.sub("", name)))


def of_ticker(name: str) -> tuple[str, str] | None:
    """Ticker and name of a column that is called ``AAPL.Close``; None for any other."""
    ticker, _, rest = name.rpartition(".")
    if not re.fullmatch(r"[A-Z0-9.^-]+", ticker) or meaning_of(name) or not meaning_of(rest):
        return None
    return ticker, rest


def is_perhaps_symbol(name: str) -> bool:
    """Whether a column of this name may hold something else than symbols, such as companies' names."""
    return plain(name) in dialects()["perhaps"]["symbol"]


def looks_needed(name: str) -> bool:
    """Whether an unknown column looks like a price that is needed."""
    return re.search(dialects()["looks_like"]["close"], plain(name)) is not None


_NEEDED: tuple[Meaning, ...] = ("date", "close", "volume")
_SYMBOLIC = re.compile(r"[A-Z0-9^.$/_:=-]{1,12}|[a-z0-9^.$/_:=-]{1,8}")


@dataclass(frozen=True)
class Chosen:
    """Columns by meaning, as places in a table; and what is to be said of the others."""

    places: dict[Meaning, int]
    remarks: list[Remark]


def by_symbol(table: Table, levels: list[list[str]]) -> list[Table]:
    """Take a wide table apart: one table a ticker, where a level of the header or each column's name has tickers."""
    if not levels:
        parts = [of_ticker(name) for name in table.names]
        if not any(parts):
            return [table]
        levels = [[part[0] if part else "" for part in parts]]
        names = [part[1] if part else name for part, name in zip(parts, table.names, strict=True)]
        table = replace(table, names=names)
    known = [sum(meaning_of(name) is not None for name in level) for level in (table.names, levels[0])]
    names, tickers = (table.names, levels[0]) if known[0] >= known[1] else (levels[0], table.names)
    own = [bool(upper and lower) for upper, lower in zip(table.names, levels[0], strict=True)]
    shared = [place for place, has_ticker in enumerate(own) if not has_ticker]
    tables = []
    for ticker in dict.fromkeys(
        ticker for ticker, has_ticker in zip(tickers, own, strict=True) if has_ticker
    ):
        places = shared + [
            place for place, has_ticker in enumerate(own) if has_ticker and tickers[place] == ticker
        ]
        tables.append(
            replace(
                table,
                names=[names[place] or table.names[place] for place in places],
                columns=[table.columns[place] for place in places],
                given=table.given | {"symbol": ticker},
            )
        )
    return tables


def choose_columns(table: Table) -> Chosen:
    """Find each meaning's column: of several the one whose name stands first in the table of dialects.

    Raises
    ------
    PriceDataError
        There are no dates, closes or volumes.
    """
    ranked: dict[Meaning, list[tuple[int, int]]] = {}
    remarks = []
    for place, name in enumerate(table.names):
        meant = meaning_of(name)
        if meant is None:
            if looks_needed(name):
                remarks.append(Remark(f"Column {name!r} is not used", table.file))
        elif meant[0] == "symbol" and is_perhaps_symbol(name) and not _has_symbols(table, place):
            remarks.append(Remark(f"Column {name!r} is not used, as it does not hold symbols", table.file))
        else:
            ranked.setdefault(meant[0], []).append((meant[1], place))
    places: dict[Meaning, int] = {}
    for meaning, candidates in ranked.items():
        (_, places[meaning]), *others = sorted(candidates)
        used = table.names[places[meaning]]
        for _, other in others:
            if table.names[other] == used and not table.columns[other].equals(table.columns[places[meaning]]):
                raise PriceDataError(
                    f"{table.file} has two columns {used!r} with different values: nothing tells whose they are. "
                    "Write one row for each symbol and session, or a file for each symbol."
                )
        remarks += [
            Remark(f"Column {table.names[other]!r} is not used, as {used!r} is", table.file)
            for _, other in others
            if plain(table.names[other]) != "time"  # of the same moment as the date
        ]
    if "date" not in places and "date" not in table.given:
        unnamed = [
            place for place, name in enumerate(table.names) if plain(name) in dialects()["unnamed"]["names"]
        ]
        if unnamed:
            places["date"] = unnamed[0]
    missing = [meaning for meaning in _NEEDED if meaning not in places and meaning not in table.given]
    if missing:
        found = ", ".join(repr(name) for name in table.names[:20]) + (" ..." if len(table.names) > 20 else "")
        raise PriceDataError(
            f"{table.file} lacks the columns {', '.join(missing)}. Found {found}. "
            "Expected symbol, date, open, high, low, close, adj_close, volume; docs/sources.md has other names."
        )
    return Chosen(places, remarks)


def _has_symbols(table: Table, place: int) -> bool:
    """Whether what stands in a column looks like symbols, and not like companies' names."""
    values = [
        str(value).strip()
        for value in pc.unique(table.columns[place]).to_pylist()[:1000]
        if value is not None
    ]
    values = [value for value in values if value]
    fitting = sum(_SYMBOLIC.fullmatch(value) is not None for value in values)
    return bool(values) and fitting >= 0.9 * len(values)
