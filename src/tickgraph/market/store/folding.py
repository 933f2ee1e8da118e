"""Recent sessions into histories, when there are many."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tickgraph.market.store.store import PriceStore

BATCH = 250  # histories written before other writers get a turn


def fold(store: PriceStore, source: str, *, always: bool = False) -> int:
    """Write recent sessions into the histories, if there are so many that they slow readers down.

    Other writers get their turn between two batches; a crash at any instant leaves every row counting once.

    Returns
    -------
    int
        Symbols that were looked at; 0 where it was not due.
    """
    with store.writing(source) as writer:
        symbols = writer.recent_symbols() if always or writer.due_for_folding() else []
    folded: dict[str, int] = {}
    for batch in _batched(symbols):
        with store.writing(source) as writer:
            folded |= writer.fold(batch)
    if folded:
        with store.writing(source) as writer:
            writer.drop(folded)
    return len(symbols)


def _batched(symbols: list[str]) -> list[list[str]]:
    return [symbols[start : start + BATCH] for start in range(0, len(symbols), BATCH)]
