"""How a symbol is written: each ticker has one spelling, and anything else is refused."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, NewType

from tickgraph.errors import SymbolError
from tickgraph.market.calendar import NEW_YORK, exchange

Symbol = NewType("Symbol", str)
"""A symbol in its one spelling, under today's name. It is made where a name is read, and trusted everywhere else."""

AMERICAN = NEW_YORK
LONDON = "XLON"
COINS, CURRENCIES = "24/7", "24/5"
_FUTURES = frozenset({"CMES", "IEPA", "XCBF", "us_futures"})

# A symbol becomes part of a file name, so these patterns are the first gate to a path.
# American: one to seven letters or digits after a first letter, and a class of one or two letters (BRK-B).
_SHARE = re.compile(r"[A-Z][A-Z0-9]{0,6}(?:-[A-Z]{1,2})?")
_ELSEWHERE = re.compile(r"[A-Z0-9][A-Z0-9&]{0,9}(?:-[A-Z0-9]{1,5})?")  # 7203, M&M, VOLV-B, BAJAJ-AUTO
_PAIR = re.compile(r"[A-Z0-9]{1,14}(?:-[A-Z0-9]{2,6})?")  # BTC-USD, BTCUSDT
_DEVICES = frozenset({"CON", "PRN", "AUX", "NUL"}) | {f"{p}{n}" for p in ("COM", "LPT") for n in range(10)}

_SEPARATORS = re.compile(r"[./_ ^]")
_PREFERRED = re.compile(r"-(?:PR-?|P-)([A-Z])$")  # BAC-PRL, BAC-PR-L, BAC-P-L: series L
_SERIES = re.compile(r"[A-Z][A-Z0-9]*([.-])PR\1[A-Z]")  # BAC.PR.L
# Of names of files: AAPL_D is a file of days, not a class D.
_UNDERSCORED = re.compile(r"[^_]+_(?:[ABC]|PR?_?[A-Z])")
# The second name of a pair of coins or currencies.
_MONEY = "USD[CT]?|BUSD|TUSD|DAI|EUR|GBP|JPY|CHF|AUD|CAD|NZD|CNY|KRW|TRY|BRL|INR|BTC|XBT|ETH|BNB"

# What people's files hold besides tickers: its pattern, what it is, and what to do instead.
_OTHER_THINGS = [
    (
        re.compile(r"\^[^^]+|\$[A-Z0-9.]+|\.[A-Z0-9]{2,8}|.+ INDEX"),
        "an index",
        "Use a fund that follows it, such as SPY.",
    ),
    (
        re.compile(r".+=F|/[A-Z0-9]+|.+ COMDTY"),
        "a futures contract",
        "Use a fund, or set an exchange of futures, such as CMES.",
    ),
    (
        re.compile(r".+=X|.+ CURNCY"),
        "a currency",
        f'Set exchange = "{CURRENCIES}" for a store of currencies.',
    ),
    (re.compile(r"[A-Z]{2}[A-Z0-9]{9}[0-9]"), "an ISIN", "Write the ticker."),
    (re.compile(r"[A-Z]{1,6} *[0-9]{6}[CP][0-9]{8}"), "an option", "Write the ticker of its share."),
]
_COIN_OR_CURRENCY = re.compile(rf"[A-Z0-9]{{2,10}}-(?:{_MONEY})")
_SHOWN = 40


@dataclass(frozen=True)
class Exchange:
    """Where a symbol is traded."""

    name: str  # of its calendar in exchange_calendars, such as XLON
    place: str  # what a person calls it
    has_calendar: bool = True  # whether exchange_calendars knows it, so that a store can be of it
    digits: int | None = None  # length of the numbers that stand for companies, where they have one


def _load() -> tuple[dict[str, Exchange], dict[str, dict[str, str]]]:
    """Read the exchanges by name, and for each way of writing one (dot, space, ...) what its marks stand for."""
    text = resources.files("tickgraph.market").joinpath("data/exchanges.toml").read_text("utf-8")
    exchanges: dict[str, Exchange] = {}
    marks: dict[str, dict[str, str]] = {way: {} for way in ("dot", "space", "hyphen", "colon", "glued")}
    for name, entry in tomllib.loads(text).items():
        exchanges[name] = Exchange(name, entry["place"], not entry.get("no_calendar"), entry.get("digits"))
        for way, known in marks.items():
            known |= dict.fromkeys(entry.get(way, ()), name)
        marks["dot"].setdefault(name, name)
        marks["colon"].setdefault(name, name)
    return exchanges, marks


EXCHANGES, MARKS = _load()
_GLUED = re.compile(rf"({'|'.join(MARKS['glued'])})\.?([0-9]{{6}})")


def spelled(symbol: Any, at: str | None = None) -> Symbol:
    """Validate a symbol and give its one spelling; former names are not replaced.

    ``BRK.B``, ``BRK/B``, ``BRK_B``, ``BRK B`` and ``brk-b`` are ``BRK-B``. ``BAC-PRL``, ``BAC.PR.L`` and ``BAC^L`` are
    ``BAC-PL``. The mark of the exchange in force falls away: ``AAPL.US`` is ``AAPL``, and in a store of London
    ``VOD.L`` is ``VOD``.

    Parameters
    ----------
    symbol
        As a person or a file writes it.
    at
        Exchange whose symbol it is; None is the one in force.

    Raises
    ------
    SymbolError
        It is no text, no ticker, a ticker of another exchange, or a name that Windows keeps for a device.
    """
    if not isinstance(symbol, str):
        raise SymbolError(f"A symbol must be text, got {type(symbol).__name__}.")
    return _spelled(symbol, at or exchange())


@lru_cache(maxsize=16_384)  # what is refused is not remembered
def _spelled(symbol: str, at: str) -> Symbol:
    word = symbol.strip().upper().removesuffix(" EQUITY").rstrip()
    if at == LONDON:
        word = word.removesuffix(".")  # the exchange fills its tickers of two letters with a point: BP.
    if not symbol.isascii() or len(word) > _SHOWN:
        raise _malformed(symbol, at)
    word = _without_kind(word, at)
    for pattern, kind, remedy in _OTHER_THINGS:
        if pattern.fullmatch(word):
            raise SymbolError(f"{symbol!r} is not a symbol: it looks like {kind}. {remedy}")
    bare, marked = word, _marked(word)
    if marked:
        bare, name = marked
        if name != at:
            raise _foreign(symbol, name, at)
        if _marked(bare):
            raise _malformed(symbol, at)
    if "_" in bare and at not in (COINS, CURRENCIES) and not _UNDERSCORED.fullmatch(bare):
        raise _malformed(symbol, at)
    return _one_spelling(symbol, bare, at)


def _one_spelling(symbol: str, bare: str, at: str) -> Symbol:
    name = _SEPARATORS.sub("-", bare)
    if "^" in bare:  # BAC^L
        name = re.sub(r"-([A-Z])$", r"-P\1", name)
    if at in (COINS, CURRENCIES):
        pattern = _PAIR
    else:
        pattern = _SHARE if at == AMERICAN else _ELSEWHERE
        name = _PREFERRED.sub(r"-P\1", name)
        if at == AMERICAN and _COIN_OR_CURRENCY.fullmatch(name):
            raise SymbolError(
                f"{symbol!r} is not a symbol: it looks like a coin or a currency. "
                f'Set exchange = "{COINS}" for a store of coins.'
            )
        digits = EXCHANGES[at].digits if at in EXCHANGES else None
        if digits and name.isdigit():
            name = f"{int(name):0{digits}d}"
    if not pattern.fullmatch(name):
        raise _malformed(symbol, at)
    if name in _DEVICES:
        raise SymbolError(
            f"{symbol!r} cannot be used as a symbol: {name} is a device's name on Windows, so no file can have it."
        )
    return Symbol(name)


def _without_kind(word: str, at: str) -> str:
    """Without Yahoo's =F and =X, in a store of futures or of currencies."""
    if at in _FUTURES:
        return word.removesuffix("=F")
    return word.removesuffix("=X") if at == CURRENCIES else word


def _marked(word: str) -> tuple[str, str] | None:
    """Ticker without its mark, and the name of the exchange that the mark stands for; None where there is no mark."""
    return next(_marks(word), None)


def _marks(word: str) -> Iterator[tuple[str, str]]:
    if _SERIES.fullmatch(word):  # its L is no London
        return
    if glued := _GLUED.fullmatch(word):
        yield glued[2], MARKS["glued"][glued[1]]
    before, colon, after = word.partition(":")
    if colon and before in MARKS["colon"]:
        yield after, MARKS["colon"][before]
    if colon and (name := MARKS["colon"].get(after) or MARKS["space"].get(after)):
        yield before, name
    for way, separator in (("dot", "."), ("dot", "_"), ("space", " "), ("hyphen", "-")):
        ticker, _, mark = word.rpartition(separator)
        if ticker and mark in MARKS[way]:
            yield ticker.rstrip(), MARKS[way][mark]


def _foreign(symbol: str, name: str, at: str) -> SymbolError:
    other, here = EXCHANGES[name], EXCHANGES.get(at, Exchange(at, at))
    remedy = (
        f'Set exchange = "{name}" for a store of its own, or leave it out'
        if other.has_calendar
        else "It has no calendar in exchange_calendars: leave it out"
    )
    return SymbolError(
        f"{symbol!r} is not a symbol of {here.place} ({at}): it is marked as one of {other.place} ({name}). "
        f"{remedy}. A share class has a hyphen, such as BRK-B."
    )


def _malformed(symbol: str, at: str) -> SymbolError:
    shown = symbol if len(symbol) <= _SHOWN else symbol[:_SHOWN] + "..."
    if at in (COINS, CURRENCIES):
        expected = "1 to 14 letters or digits, or two such names with a hyphen, such as BTC-USD"
    elif at == AMERICAN:
        expected = (
            "1 to 7 letters or digits, the first a letter, and for a share class a hyphen and its letter, "
            "such as AAPL or BRK-B"
        )
    else:
        expected = f"1 to 10 letters or digits, and for a share class a hyphen and its letter, of {at}"
    return SymbolError(f"{shown!r} is not a symbol. Expected {expected}.")
