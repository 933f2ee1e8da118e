"""Options and arguments that several commands share, and how their text is read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from tickgraph.cli.output import note
from tickgraph.errors import InputError
from tickgraph.market.expiry import LONGEST, check_sessions, read_expiry
from tickgraph.market.price import prices_by_symbol, read_price
from tickgraph.market.spelling import Symbol
from tickgraph.market.universe import ALL, alias_note, all_note, canonical, parse_symbols

ModelsDir = Annotated[
    str | None,
    typer.Option(
        "--models-dir",
        "--models",
        metavar="PLACE",
        help="Trained models: a folder, or s3://BUCKET/PREFIX.",
        show_default="models/gnn",
    ),
]
PricesDir = Annotated[
    str | None,
    typer.Option(
        "--prices-dir",
        metavar="PLACE",
        help="Price store: a folder, or s3://BUCKET/PREFIX.",
        show_default="prices",
    ),
]
Source = Annotated[
    str | None,
    typer.Option(
        "--source",
        metavar="NAME",
        help="Prices from: sample, files, yahoo, tiingo, or live (yahoo; where that fails, tiingo).",
        show_default="sample",
    ),
]
SourcePath = Annotated[
    Path | None, typer.Option("--source-path", metavar="PATH", help="File or folder for --source files.")
]
Exchange = Annotated[
    str | None,
    typer.Option(
        "--exchange",
        metavar="NAME",
        help="Exchange of the prices: XLON, XTKS, 24/7 or another name of exchange_calendars.",
        show_default="XNYS",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs; progress stays on stderr.")]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="DATE", help="Use prices up to this date only, e.g. 2022-06-30."),
]
SymbolArguments = Annotated[
    list[str] | None, typer.Argument(metavar="SYMBOLS", help="Tickers, TIER_1 or a sector.")
]
Prices = Annotated[
    list[str] | None,
    typer.Option("--price", "-p", metavar="PRICE", help="Current price: 130, or AAPL=130 among several."),
]
Sessions = Annotated[
    int | None,
    typer.Option(
        "--sessions", metavar="N", help=f"Forecast the close so many sessions ahead, 1 to {LONGEST}."
    ),
]
Expiry = Annotated[
    str | None,
    typer.Option(
        "--expiry",
        metavar="DATE",
        help="Forecast the close of the day that an option expires on: 2023-01-20.",
    ),
]


def symbols_option(show_default: str, help: str = "Tickers, TIER_1, ALL or a sector.") -> Any:  # noqa: A002
    """The option ``--symbols``, for a parameter whose text :func:`listed_symbols` reads."""
    return typer.Option("--symbols", "-s", metavar="SYMBOLS", help=help, show_default=show_default)


def listed_symbols(words: Sequence[str], known: Collection[str]) -> tuple[Symbol, ...]:
    """Read the option ``--symbols``, where ALL stands for every known symbol; notes say so, and name former names."""
    symbols = parse_symbols(words, known)
    if text := all_note(words, known):
        note(text)
    _note_former_names(words)
    return symbols


def named_symbols(
    words: Sequence[str], known: Callable[[], Collection[str]] | None = None, remedy: str = ""
) -> tuple[Symbol, ...]:
    """Read symbols among arguments, where ALL is the ticker of Allstate.

    Parameters
    ----------
    words
        Arguments as typed.
    known
        Asked for the symbols there are if somebody wrote ALL. A note says what ALL means where no ALL is known.
    remedy
        What to write for every symbol.
    """
    symbols = parse_symbols(words)
    if known is not None and ALL in symbols and ALL not in known():
        note(f"{ALL} is a ticker here (Allstate). {remedy}")
    _note_former_names(words)
    return symbols


def one_symbol(word: str, what: str) -> Symbol:
    """Read the symbol that an answer is of; ``what`` names the answer, such as "A chain".

    Raises
    ------
    InputError
        Malformed, or a word that stands for several symbols.
    """
    names = named_symbols([word])
    if len(names) != 1:
        raise InputError(
            f"{what} is of one symbol, and {word} stands for {len(names)}. Name one, such as AAPL."
        )
    return names[0]


def _note_former_names(words: Iterable[str]) -> None:
    for word in split_words(words):
        if known_as := alias_note(word):
            note(known_as)


def split_words(words: Iterable[str]) -> list[str]:
    """Words of options that may be repeated and may hold commas."""
    return [word.strip() for text in words for word in text.split(",") if word.strip()]


def read_prices(options: Sequence[str], symbols: Sequence[Symbol]) -> dict[str, float]:
    """Price by symbol, from what was given as ``--price``: 130, or AAPL=130 among several."""
    given: list[tuple[str, str]] = []
    for option in options:
        name, _, text = option.rpartition("=")
        if not name and len(symbols) != 1:
            raise InputError(f"--price {option} fits one symbol. Among several, write --price AAPL=130.")
        symbol = canonical(name) if name else symbols[0]
        if symbol not in symbols:
            raise InputError(f"--price names {symbol}, which is not among the symbols to forecast.")
        given.append((symbol, text))
    return prices_by_symbol(given, read_price)


def parse_date(text: str | None) -> date | None:
    """Read a date option; :class:`InputError` says how to write one."""
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{text!r} is not a date. Write it as 2022-12-30.") from error


def read_horizon(sessions: int | None, expiry: str | None) -> np.datetime64 | None:
    """Read the options ``--sessions`` and ``--expiry``, of which one may be given; gives the expiry.

    Raises
    ------
    InputError
        Both are given, or one of them cannot be used whatever the symbol is.
    """
    if sessions is not None:
        if expiry is not None:
            raise InputError("Give either --sessions, such as 21, or --expiry, such as 2023-01-20.")
        check_sessions(sessions, LONGEST)
    return None if expiry is None else read_expiry(expiry)


def read_horizons(text: str | None) -> tuple[int, ...] | None:
    """Read the option ``--horizons``: ``1,5,21``, or ``none``; None where it was not given."""
    if text is None:
        return None
    words = split_words([text])
    try:
        return () if words == ["none"] else tuple(map(int, words))
    except ValueError as error:
        raise InputError(
            f"--horizons {text} is no list of numbers of sessions. Write one such as 1,5,21, or write none."
        ) from error


def given(flags: Mapping[str, Any]) -> dict[str, Any]:
    """The flags that were given: those that are not None."""
    return {name: value for name, value in flags.items() if value is not None}
