"""Stored prices in memory: read once, and again when their files change."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from tickgraph.market.panel import PricePanel
from tickgraph.market.store import PriceStore, Stamp


class PanelCache:
    """One panel per source, over every symbol that was asked for; call it as ``panels(source, symbols)``.

    A look at each file's status decides whether what is in memory is still what is stored. The panel given back
    may hold more symbols than were asked for.

    Parameters
    ----------
    store
        Where prices are read from.
    """

    def __init__(self, store: PriceStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._held: dict[str, tuple[dict[str, Stamp], PricePanel]] = {}

    def __call__(self, source: str, symbols: Sequence[str]) -> PricePanel:
        """Prices of at least these symbols; errors as in :meth:`PriceStore.read`."""
        with self._lock:
            stamps, panel = self._held.get(source, ({}, None))
            now = {symbol: self._store.stamp(source, symbol) for symbol in symbols}
            if panel is not None and all(stamps.get(symbol) == stamp for symbol, stamp in now.items()):
                return panel
            wanted = dict.fromkeys((*symbols, *(s for s in stamps if self._store.stamp(source, s))))
            # Stamped before reading: a file replaced in between is read again at the next call, not missed.
            before = {symbol: self._store.stamp(source, symbol) for symbol in wanted}
            panel = self._store.panel(source, tuple(wanted))
            self._held[source] = before, panel
            return panel
