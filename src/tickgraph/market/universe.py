"""Today's names of symbols, the groups that have names, and what a person means who writes several."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from importlib import resources
from typing import Any, NamedTuple, TypeGuard

from tickgraph.errors import InputError, SymbolError
from tickgraph.market.calendar import exchange
from tickgraph.market.spelling import AMERICAN, Symbol, spelled


class Renaming(NamedTuple):
    """What became of a former name."""

    today: Symbol
    since: date | None  # first day of the name that followed; None where the former one holds on all days
    holder: str | None = None  # who else had today's name before
    held: Sequence[date] | None = None  # first and last day on which that one is known to have had it


_TABLE: dict[str, Any] = tomllib.loads(
    resources.files("tickgraph.market").joinpath("data/universe.toml").read_text("utf-8")
)
_BUNDLED: dict[Symbol, Renaming] = {  # of American symbols
    Symbol(former): Renaming(Symbol(entry["symbol"]), entry["since"], entry.get("held_by"), entry.get("held"))
    for former, entry in _TABLE["aliases"].items()
}
_american = _BUNDLED
_elsewhere: dict[Symbol, Renaming] = {}


def renamings() -> Mapping[Symbol, Renaming]:
    """Former names of the exchange in force, and what became of them."""
    return _american if exchange() == AMERICAN else _elsewhere


def canonical(symbol: str) -> Symbol:
    """Validate a symbol and return today's name for it.

    Its spelling is that of :func:`tickgraph.market.spelling.spelled`. Former names are replaced: ``FB`` gives ``META``.

    Raises
    ------
    SymbolError
        Not a ticker of the exchange in force.
    """
    if not isinstance(symbol, str):
        raise SymbolError(f"A symbol must be text, got {type(symbol).__name__}.")
    return _canonical(symbol, exchange())


def is_canonical(name: str) -> TypeGuard[Symbol]:
    """Whether a name is a symbol's, as :func:`canonical` gives it."""
    try:
        return canonical(name) == name
    except SymbolError:
        return False


@lru_cache(maxsize=16_384)  # on every request's path; what is refused is not remembered
def _canonical(symbol: str, at: str) -> Symbol:
    name = spelled(symbol, at)
    known = _american if at == AMERICAN else _elsewhere
    return known[name].today if name in known else name


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
        Names lead in a circle: a symbol is its own former name, for instance.
    """
    global _american, _elsewhere
    added = {spelled(former): Renaming(spelled(today), None) for former, today in aliases.items()}
    american, elsewhere = _resolved(_BUNDLED | added), _resolved(added)
    if (american, elsewhere) != (_american, _elsewhere):
        _american, _elsewhere = american, elsewhere
        _canonical.cache_clear()
        _sectors.cache_clear()


def _resolved(direct: Mapping[Symbol, Renaming]) -> dict[Symbol, Renaming]:
    """Follow names that were renamed again."""
    resolved: dict[Symbol, Renaming] = {}
    for former, renaming in direct.items():
        today, seen = renaming.today, {former}
        while today in direct:
            if today in seen:
                raise InputError(
                    f"Aliases lead in a circle: {former} and {today}. Remove one from [aliases]."
                )
            seen.add(today)
            today = direct[today].today
        resolved[former] = renaming._replace(today=today)
    return resolved


def alias_note(symbol: str) -> str | None:
    """Say since when a former symbol trades under another name; None for a current one."""
    try:
        former = spelled(symbol)
    except SymbolError:
        return None
    if former not in renamings():
        return None
    today, since, *_ = renamings()[former]
    return f"{former} has traded as {today} since {since}" if since else f"{former} trades as {today} now"


EVERY = "*"  # every symbol; no ticker is written so
ALL = "ALL"  # every symbol where a list of them is at hand, otherwise the ticker of Allstate

SECTORS: dict[str, tuple[Symbol, ...]] = {
    sector: tuple(map(canonical, symbols)) for sector, symbols in _TABLE["sectors"].items()
}
TIER_1: tuple[Symbol, ...] = tuple(symbol for symbols in SECTORS.values() for symbol in symbols)


def sector_of(symbol: str) -> str | None:
    """Sector of a TIER_1 symbol under today's name; None for any other."""
    return _sectors(exchange()).get(symbol)


@lru_cache(maxsize=4)
def _sectors(at: str) -> dict[str, str]:
    """Sector by symbol, under the names that an exchange knows them by; made anew after an alias was added."""
    return {_canonical(symbol, at): sector for sector, symbols in SECTORS.items() for symbol in symbols}


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
    named: dict[Symbol, None] = {}
    for word in (part.strip() for text in words for part in text.split(",")):
        if word == EVERY and not known:
            raise InputError(
                f"{EVERY} stands for every symbol, and there is no list of them here. Name symbols."
            )
        if word:
            named |= dict.fromkeys(map(canonical, groups.get(word.upper()) or (word,)))
    if not named:
        raise InputError("No symbols were named. Give tickers such as AAPL, TIER_1, or a sector's name.")
    return tuple(named)


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
