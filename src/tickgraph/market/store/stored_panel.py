"""Prices of stored symbols side by side, of sessions that have closed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tickgraph.market.panel import PANEL_COLUMNS, PricePanel
from tickgraph.market.spelling import Symbol
from tickgraph.market.store.reader import StoreReader, SymbolPrices

Closed = Callable[[np.datetime64], np.datetime64]
"""Gives a session, or the last one that has closed where that is earlier."""

_COLUMNS = ("date", *PANEL_COLUMNS)
_MANY = 100  # symbols: what reading so many took is given back to the system, which costs a later read a millisecond


def stored_panel(
    reader: StoreReader,
    source: str,
    symbols: Sequence[Symbol],
    closed: Closed,
    first: date | None,
    last: date | None,
    sessions: int | None,
) -> PricePanel:
    """Read prices of symbols as :meth:`~tickgraph.market.store.store.PriceStore.panel` gives them."""
    # A symbol's share of the panel's last sessions is among its own last ones; ``last`` may cut those off.
    tail = max(1, sessions) if sessions is not None and last is None else None
    prices = reader.many(source, symbols, _COLUMNS, tail)
    start, end = np.datetime64(first or date.min, "D"), np.datetime64(last or date.max, "D")
    parts: dict[str, _Rows] = {}
    for symbol, each in prices.items():
        kept = (start <= each.days) & (each.days <= end)
        if len(kept):
            kept &= each.days <= closed(each.days.max())
        if tail is not None:
            kept[: max(0, len(kept) - tail)] = False
        parts[symbol] = _Rows(each, kept)
    providers: dict[str, str] = {symbol: each.head.provider for symbol, each in prices.items()}
    panel = PricePanel.side_by_side(parts, source, providers)
    if len(prices) >= _MANY:
        del prices, parts
        pa.default_memory_pool().release_unused()
    return panel if sessions is None else panel.tail(sessions)


def appended_panel(reader: StoreReader, source: str, symbols: Iterable[Symbol], closed: Closed) -> PricePanel:
    """Read what was appended to symbols, as :meth:`~tickgraph.market.store.store.PriceStore.recent` gives it."""
    recent = reader.recent(source)  # before the heads, which are then at least as new
    parts: dict[str, dict[str, Any]] = {}
    providers: dict[str, str] = {}
    for symbol in symbols:
        head = reader.head(source, symbol)
        rows = recent.counted(head, _COLUMNS)
        if rows is not None:
            values = {name: rows.column(name).to_numpy() for name in _COLUMNS}
            values["date"] = values["date"].astype("datetime64[D]")
            kept = values["date"] <= closed(values["date"][-1])
            parts[symbol] = {name: each[kept] for name, each in values.items()}
            providers[symbol] = head.provider
    return PricePanel.side_by_side(parts, source, providers)


class _Rows(Mapping[str, NDArray[Any]]):
    """Some rows of a symbol's prices by column; an array is made when it is asked for, and not kept."""

    def __init__(self, prices: SymbolPrices, kept: NDArray[np.bool_]) -> None:
        self._prices, self._kept = prices, kept

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._prices.column(name)[self._kept]

    def __iter__(self) -> Iterator[str]:
        return iter(self._prices.rows.column_names)

    def __len__(self) -> int:
        return len(self._prices.rows.column_names)
