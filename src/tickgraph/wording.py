"""Parts of sentences: lists that are cut short, counted nouns, and text of others in quotation marks."""

from __future__ import annotations

from collections.abc import Sequence


def listed(items: Sequence[str], most: int = 5, unnamed: int = 0) -> str:
    """Name the first items, and count the others: ``AAPL, MSFT and 3 more``.

    Parameters
    ----------
    items
        What is named.
    most
        How many of them.
    unnamed
        How many more there are besides ``items``.
    """
    more = unnamed + max(0, len(items) - most)
    return ", ".join(items[:most]) + (f" and {more:,} more" if more else "")


def counted(count: int, noun: str) -> str:
    """A number and its noun: ``1 session``, ``2 sessions``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def quoted(text: str, most: int = 60) -> str:
    """Text in quotation marks, cut after so many characters."""
    return repr(text if len(text) <= most else text[:most] + "...")
