"""Symbols and the names of groups: which belong to TIER_1, and what a person means who writes several."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Collection, Iterable
from importlib import resources

from tickgraph.errors import InputError
from tickgraph.market.aliases import add_aliases, alias_note, canonical, is_canonical
from tickgraph.market.calendar import exchange
from tickgraph.market.spelling import AMERICAN, Symbol

__all__ = [
    "ALL",
    "EVERY",
    "SECTORS",
    "TIER_1",
    "Symbol",
    "add_aliases",
    "alias_note",
    "all_note",
    "canonical",
    "is_canonical",
    "is_group",
    "parse_symbols",
    "sector_of",
    "suggest",
]

EVERY = "*"  # every symbol; no ticker is written so
ALL = "ALL"  # every symbol where a list of them is at hand, otherwise the ticker of Allstate


def _load() -> dict[str, tuple[Symbol, ...]]:
    text = resources.files("tickgraph.market").joinpath("data/universe.toml").read_text("utf-8")
    sectors = tomllib.loads(text)["sectors"].items()
    return {sector: tuple(canonical(symbol) for symbol in symbols) for sector, symbols in sectors}


SECTORS: dict[str, tuple[Symbol, ...]] = _load()
TIER_1: tuple[Symbol, ...] = tuple(symbol for symbols in SECTORS.values() for symbol in symbols)


def sector_of(symbol: str) -> str | None:
    """Sector of a TIER_1 symbol; None for any other."""
    name = canonical(symbol)
    # Of today's names: an alias may have been added since these lists were read.
    return next((sector for sector, symbols in SECTORS.items() if name in map(canonical, symbols)), None)


def is_group(word: str) -> bool:
    """Whether a word stands for several symbols: TIER_1, ``*``, ALL or a sector."""
    return word.strip().upper() in {"TIER_1", EVERY, ALL, *(name.upper() for name in SECTORS)}


def parse_symbols(words: Iterable[str], known: Collection[str] = ()) -> tuple[Symbol, ...]:
    """Expand what a person writes into symbols.

    Words may hold commas. ``TIER_1`` and the names of sectors stand for their members, ``*`` for every symbol of
    ``known``. So does ``ALL`` where there are known ones; where there are none it is the ticker of Allstate. A group's
    name comes before a ticker of the same letters; the ticker is then written with its exchange: ``ALL.US``,
    ``ENERGY.US``. Order is kept, repeats are dropped.

    Raises
    ------
    SymbolError
        A word is neither a symbol nor one of these names.
    InputError
        Nothing was named, or every symbol where there are none.
    """
    groups = {"TIER_1": TIER_1, EVERY: tuple(known), ALL: tuple(known) or ("ALL",)}
    groups |= {name.upper(): symbols for name, symbols in SECTORS.items()}
    found: dict[Symbol, None] = {}
    for word in (part.strip() for text in words for part in text.split(",")):
        if word == EVERY and not known:
            raise InputError(
                f"{EVERY} stands for every symbol, and there is no list of them here. Name symbols."
            )
        if word:
            found |= dict.fromkeys(map(canonical, groups.get(word.upper()) or (word,)))
    if not found:
        raise InputError("No symbols were named. Give tickers such as AAPL, TIER_1, or a sector's name.")
    return tuple(found)


def all_note(words: Iterable[str], known: Collection[str]) -> str | None:
    """Say what ALL was taken for, and how to write the ticker; None where nobody wrote it."""
    if ALL not in {part.strip().upper() for text in words for part in text.split(",")}:
        return None
    alone = f"{ALL}.US" if exchange() == AMERICAN else f"{exchange()}:{ALL}"
    among = ", and one of them is named ALL" if ALL in known else ""
    return f"ALL stands for all {len(known)} symbols{among}. The ticker ALL alone is written {alone}"


def suggest(symbol: str, known: Collection[str]) -> list[str]:
    """Known symbols that look like this one, the closest first, at most three."""
    word = symbol.upper()
    # Letters in the wrong order are the commonest slip: AAPL comes before PYPL for APPL.
    anagrams = [name for name in known if sorted(name) == sorted(word)]
    others = difflib.get_close_matches(word, list(known), n=4, cutoff=0.5)
    first = [name for name in others if name[0] == word[0]]  # rarely is the first letter wrong
    return list(dict.fromkeys((*anagrams, *first, *others)))[:3]
