"""Symbols on the command line, where ALL means one thing among arguments and another as an option."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from tickgraph.cli.output import note
from tickgraph.market.universe import ALL, all_note, parse_symbols


def listed_symbols(words: Sequence[str], known: Collection[str]) -> tuple[str, ...]:
    """Read the option ``--symbols``, where ALL stands for every known symbol; a note says so."""
    wanted = parse_symbols(words, known)
    if text := all_note(words, known):
        note(text)
    return wanted


def explain_all(wanted: Iterable[str], known: Collection[str], remedy: str) -> None:
    """Say that ALL is a ticker among arguments, where no such symbol is known."""
    if ALL in wanted and ALL not in known:
        note(f"{ALL} is a ticker here (Allstate). {remedy}")
