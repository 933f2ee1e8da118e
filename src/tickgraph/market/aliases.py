"""Former names of symbols: what a symbol is called today, and since when."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from importlib import resources
from typing import NamedTuple, TypeGuard

from tickgraph.errors import InputError, SymbolError
from tickgraph.market.calendar import exchange
from tickgraph.market.spelling import AMERICAN, Symbol, spelled


class Renaming(NamedTuple):
    """What became of a former name.

    Attributes
    ----------
    today
        The symbol's name now.
    since
        First day of the name that followed the former one. None where that day is not known: the former name then
        means today's symbol on all days.
    holder, held
        Who else had today's name before, and the first and last day that this is known of.
    """

    today: Symbol
    since: date | None
    holder: str | None = None
    held: tuple[date, date] | None = None


def _load() -> dict[Symbol, Renaming]:
    text = resources.files("tickgraph.market").joinpath("data/universe.toml").read_text("utf-8")
    return {
        former: Renaming(
            Symbol(entry["symbol"]), entry["since"], entry.get("held_by"), _span(entry.get("held"))
        )
        for former, entry in tomllib.loads(text)["aliases"].items()
    }


def _span(days: list[date] | None) -> tuple[date, date] | None:
    return None if days is None else (days[0], days[1])


_BUNDLED = _load()  # of American symbols
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
    given = {spelled(former): Renaming(spelled(today), None) for former, today in aliases.items()}
    american, elsewhere = _resolved(_BUNDLED | given), _resolved(given)
    if (american, elsewhere) != (_american, _elsewhere):
        _american, _elsewhere = american, elsewhere
        _canonical.cache_clear()


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
