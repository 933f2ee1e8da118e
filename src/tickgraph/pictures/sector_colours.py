"""Colours of sectors, on light ground and on dark; each has a contrast of 3 or more with its ground."""

from __future__ import annotations

from collections.abc import Iterable

OTHER = "other"
_COLOURS = (
    ("#1d4ed8", "#86adff"),
    ("#0a7350", "#47c28f"),
    ("#a33a86", "#f08bd0"),
    ("#b9480f", "#f59e62"),
    ("#6b4bd6", "#b49dff"),
    ("#0b7285", "#4fc6dc"),
    ("#8a6100", "#e0b84f"),
)
_NONE = ("#536072", "#9dabbd")


def sector_colours(sectors: Iterable[str | None]) -> dict[str, tuple[str, str]]:
    """Give each sector its colours, in the order of appearance; a symbol without one is of sector ``other``."""
    named = [each for each in dict.fromkeys(sectors) if each is not None]
    found = {name: _COLOURS[min(number, len(_COLOURS) - 1)] for number, name in enumerate(named)}
    return {**found, OTHER: _NONE}
