"""Symbols: which are valid, what they are called today, which belong to TIER_1."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from functools import lru_cache
from importlib import resources
from typing import Any

from tickgraph.errors import InputError, SymbolError

# One to six letters or digits after the first letter, and a class of one or two letters (BRK-B). A symbol
# becomes part of a file name, so this list of what is allowed is the first of three gates to a path.
_PATTERN = re.compile(r"[A-Z][A-Z0-9]{0,6}(?:-[A-Z]{1,2})?")
_DEVICES = frozenset({"CON", "PRN", "AUX", "NUL"}) | {f"{p}{n}" for p in ("COM", "LPT") for n in range(10)}
_SHOWN = 40


def _load() -> dict[str, Any]:
    text = resources.files("tickgraph.market").joinpath("data/universe.toml").read_text("utf-8")
    return tomllib.loads(text)


_DATA = _load()
_BUNDLED: dict[str, tuple[str, date | None]] = {
    former: (entry["symbol"], entry["since"]) for former, entry in _DATA["aliases"].items()
}
_ALIASES = _BUNDLED


def canonical(symbol: str) -> str:
    """Validate a symbol and return today's name for it.

    Upper-cased, ``BRK.B`` written ``BRK-B``, former names replaced (``FB`` gives ``META``).

    Raises
    ------
    SymbolError
        Not a ticker: wrong characters, too long, empty, or a name that Windows keeps for a device.
    """
    if not isinstance(symbol, str):
        raise SymbolError(f"A symbol must be text, got {type(symbol).__name__}.")
    return _canonical(symbol)


def is_canonical(name: str) -> bool:
    """Whether a name is a symbol's, as :func:`canonical` gives it."""
    try:
        return canonical(name) == name
    except SymbolError:
        return False


@lru_cache(maxsize=16_384)  # on every request's path; what is refused is not remembered
def _canonical(symbol: str) -> str:
    name = _checked(symbol)
    return _ALIASES[name][0] if name in _ALIASES else name


def _checked(symbol: str) -> str:
    name = symbol.strip().upper().replace(".", "-")
    if not symbol.isascii() or not _PATTERN.fullmatch(name):
        shown = symbol if len(symbol) <= _SHOWN else symbol[:_SHOWN] + "..."
        raise SymbolError(
            f"{shown!r} is not a symbol. Expected 1 to 7 letters or digits, the first a letter, and for a "
            "share class a hyphen and its letter, such as AAPL or BRK-B."
        )
    if name in _DEVICES:
        raise SymbolError(f"{name!r} cannot be used as a symbol: it is a device's name on Windows.")
    return name


def add_aliases(aliases: Mapping[str, str]) -> None:
    """Make former names known in this process, besides the bundled ones and in place of those added before.

    Parameters
    ----------
    aliases
        Former name to today's; today's name of one may be the former name of another.

    Raises
    ------
    SymbolError
        A name is malformed.
    InputError
        Names lead in a circle, as that of a symbol that is its own former name.
    """
    global _ALIASES
    direct = {former: today for former, (today, _) in _BUNDLED.items()}
    given = {_checked(former): _checked(today) for former, today in aliases.items()}
    direct |= given
    resolved: dict[str, tuple[str, date | None]] = {}
    for former in direct:
        today, seen = direct[former], {former}
        while today in direct:
            if today in seen:
                raise InputError(
                    f"Aliases lead in a circle: {former} and {today}. Remove one from [aliases]."
                )
            seen.add(today)
            today = direct[today]
        since = _BUNDLED[former][1] if former in _BUNDLED and former not in given else None
        resolved[former] = today, since
    if resolved != _ALIASES:
        _ALIASES = resolved
        _canonical.cache_clear()


def alias_note(symbol: str) -> str | None:
    """Say since when a former symbol trades under another name; None for a current one."""
    former = symbol.strip().upper()
    if former not in _ALIASES:
        return None
    today, since = _ALIASES[former]
    return f"{former} has traded as {today} since {since}" if since else f"{former} trades as {today} now"


SECTORS: dict[str, tuple[str, ...]] = {
    sector: tuple(canonical(symbol) for symbol in symbols) for sector, symbols in _DATA["sectors"].items()
}
TIER_1: tuple[str, ...] = tuple(symbol for symbols in SECTORS.values() for symbol in symbols)


def sector_of(symbol: str) -> str | None:
    """Sector of a TIER_1 symbol; None for any other."""
    name = canonical(symbol)
    # Of today's names: an alias may have been added since these lists were read.
    return next((sector for sector, symbols in SECTORS.items() if name in map(canonical, symbols)), None)


def is_group(word: str) -> bool:
    """Whether a word stands for several symbols: TIER_1, ALL or a sector."""
    return word.strip().upper() in {"TIER_1", "ALL", *(name.upper() for name in SECTORS)}


def parse_symbols(words: Iterable[str], known: Collection[str] = ()) -> tuple[str, ...]:
    """Expand what a person writes into symbols.

    Words may hold commas. ``TIER_1``, ``ALL`` (every symbol of ``known``) and the names of sectors stand for
    their members. Order is kept, repeats are dropped.

    Raises
    ------
    SymbolError
        A word is neither a symbol nor one of these names.
    InputError
        Nothing was named.
    """
    groups = {"TIER_1": TIER_1, "ALL": tuple(known)} | {name.upper(): s for name, s in SECTORS.items()}
    found: dict[str, None] = {}
    for word in (part.strip() for text in words for part in text.split(",")):
        if word:
            found |= dict.fromkeys(map(canonical, groups.get(word.upper()) or (word,)))
    if not found:
        raise InputError("No symbols were named. Give tickers such as AAPL, TIER_1, ALL, or a sector's name.")
    return tuple(found)


def suggest(symbol: str, known: Collection[str]) -> list[str]:
    """Known symbols that look like this one, the closest first, at most three."""
    word = symbol.upper()
    # Letters in the wrong order are the commonest slip: AAPL comes before PYPL for APPL.
    anagrams = [name for name in known if sorted(name) == sorted(word)]
    others = difflib.get_close_matches(word, list(known), n=4, cutoff=0.5)
    first = [name for name in others if name[0] == word[0]]  # rarely is the first letter wrong
    return list(dict.fromkeys((*anagrams, *first, *others)))[:3]
