"""How people's files call and write things, as data: ``market/data/dialects.toml``."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from functools import cache, lru_cache
from importlib import resources
from typing import Any, Literal

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
