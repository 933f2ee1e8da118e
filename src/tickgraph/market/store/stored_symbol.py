"""What a store holds of one symbol: which sessions, from whom, since when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import pyarrow as pa

from tickgraph.market.spelling import Symbol
from tickgraph.market.store.history import days_of
from tickgraph.market.store.reader import StoreReader


@dataclass(frozen=True)
class StoredSymbol:
    """What the store holds of a symbol.

    Attributes
    ----------
    symbol, first, last, sessions
        Whose prices, and which.
    fetched_at
        When its newest prices came, ISO 8601.
    provider
        Who gave them; the source itself where it has no other.
    revised_at
        When stored past returns last changed; None if they never did. A split or dividend rescales prices and
        leaves returns as they are.
    """

    symbol: Symbol
    first: date
    last: date
    sessions: int
    fetched_at: str
    provider: str
    revised_at: datetime | None


def stored_symbol(
    reader: StoreReader, source: str, symbol: Symbol, closed: Callable[[np.datetime64], np.datetime64]
) -> StoredSymbol:
    """Say what is stored of a symbol; ``closed`` gives a session, or the last one that has closed before it."""
    recent = reader.recent(source)
    head = reader.head(source, symbol)
    rows = recent.counted(head, ("date", "fetched_at"))
    closed_at = closed(np.datetime64(head.last, "D") if rows is None else days_of(rows)[-1])
    # An earlier version may have stored sessions that have not been.
    if np.datetime64(head.last, "D") > closed_at:
        until = reader.one(source, symbol, ("date",)).through(closed_at)
        head, rows = (until.head, None) if until else (head, rows)
    elif rows is not None:
        rows = rows.filter(pa.array(days_of(rows) <= closed_at))
    last, count, fetched_at = head.last, head.sessions, head.fetched_at
    if rows:
        last, count = days_of(rows)[-1].astype(date), count + rows.num_rows
        fetched_at = rows.column("fetched_at")[-1].as_py()
    return StoredSymbol(symbol, head.first, last, count, fetched_at, head.provider, head.revised_at)
