"""A symbol's history: one Parquet file, with what is known of it in the footer."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tickgraph.errors import PriceDataError
from tickgraph.market.source import BAR_COLUMNS
from tickgraph.market.store.layout import UNREADABLE, damaged, encodings, head_of, with_head
from tickgraph.storage import FileRefused, read_regular, storage_errors

VALUES: tuple[str, ...] = BAR_COLUMNS[1:]  # date, prices, volume: the symbol is the same in every row
# One group for ten years: groups of 256 make a file a quarter larger, take three times as long to read whole, and
# their last one is read no faster (docs/prices.md).
GROUP_ROWS = 4096
MAX_HISTORY_BYTES = 16 * 1024 * 1024  # sixty years of every day of the calendar take some 2 MB

_FETCHED_AT = b"tickgraph.fetched_at"  # what versions before the head was there wrote


@dataclass(frozen=True)
class Head:
    """What a history's footer says.

    Attributes
    ----------
    symbol
        Whose prices; canonical.
    folded
        Number of the append up to which the history holds everything: a recent row counts only with a higher one.
    provider, fetched_at, revised_at
        As :class:`tickgraph.market.store.StoredSymbol`.
    first, last, sessions
        Which sessions.
    """

    symbol: str
    folded: int
    provider: str
    fetched_at: str
    revised_at: datetime | None
    first: date
    last: date
    sessions: int


@dataclass(frozen=True)
class History:
    """A history as read: ``rows`` has the columns that were asked for, in the file's own types."""

    head: Head
    rows: pa.Table


def table_of(bars: pd.DataFrame) -> pa.Table:
    """Bars of one symbol as a table in their own types, by date; :class:`PriceDataError` where one has no date."""
    ordered = bars[list(BAR_COLUMNS)].sort_values("date", kind="stable")
    if ordered["date"].isna().any():
        raise PriceDataError(f"Prices of {bars['symbol'].iloc[0]} cannot be stored: a bar has no date.")
    return pa.Table.from_pandas(ordered, preserve_index=False)


def encode(
    table: pa.Table, *, symbol: str, folded: int, provider: str, fetched_at: str, revised_at: datetime | None
) -> bytes:
    """Write a history: a table of :data:`BAR_COLUMNS`, by date."""
    days = days_of(table)
    head = {
        "symbol": symbol,
        "folded": folded,
        "provider": provider,
        "fetched_at": fetched_at,
        "revised_at": revised_at.isoformat() if revised_at else None,
        "first": str(days[0]),
        "last": str(days[-1]),
        "sessions": len(days),
    }
    table = with_head(table, head, {_FETCHED_AT: fetched_at.encode()})
    return encoded(table, [*range(0, len(days), GROUP_ROWS), len(days)], dictionary=["symbol"])


def encoded(table: pa.Table, cuts: Sequence[int], dictionary: list[str]) -> bytes:
    """Write a Parquet file in memory: a checksum on each page, groups of rows between the cuts."""
    buffer = pa.BufferOutputStream()
    encoding = {name: how for name, how in encodings(table.schema).items() if name not in dictionary}
    with pq.ParquetWriter(
        buffer,
        table.schema,
        compression="zstd",
        write_page_checksum=True,
        use_dictionary=dictionary,
        column_encoding=encoding,
    ) as writer:
        for start, stop in itertools.pairwise(cuts):
            writer.write_table(table.slice(start, stop - start), row_group_size=stop - start)
    return buffer.getvalue().to_pybytes()


def days_of(rows: pa.Table) -> NDArray[np.datetime64]:
    """``[n]`` datetime64[D] dates of a table."""
    return rows.column("date").to_numpy().astype("datetime64[D]")


def read_history(
    path: Path, source: str, symbol: str, columns: Sequence[str] = VALUES, sessions: int | None = None
) -> History:
    """Read columns of a history, all of it or at least its last ``sessions``.

    Raises
    ------
    PriceDataError
        It is not stored, or its file is damaged or another symbol's.
    StorageError
        It cannot be read.
    """
    try:
        with storage_errors(path):
            data = read_regular(path, MAX_HISTORY_BYTES)
    except FileNotFoundError:
        raise PriceDataError(
            f"No prices of {symbol} are stored from source {source!r} in {path.parent.parent}. "
            f"Run: tickgraph prices update --symbols {symbol} --source {source}"
        ) from None
    except FileRefused:  # a folder, a named pipe, a device, a file far too large
        raise damaged(path, source, symbol) from None
    try:
        file = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
        known = head_of(file.metadata.metadata)
        if known is None:
            history = _without_head(file, source, symbol, columns)
        else:
            head = _head(known)
            if head.symbol != symbol:
                raise ValueError(f"holds prices of {head.symbol}")
            history = History(head, _read(file, head, columns, sessions))
    except UNREADABLE as error:
        raise damaged(path, source, symbol) from error
    return history


def read_head(path: Path, source: str, symbol: str) -> Head:
    """What the footer says, the dates checked against it; errors as in :func:`read_history`."""
    return read_history(path, source, symbol, ("date",)).head


def _head(known: dict[str, Any]) -> Head:
    revised = known["revised_at"]
    return Head(
        known["symbol"],
        known["folded"],
        known["provider"],
        known["fetched_at"],
        datetime.fromisoformat(revised) if revised else None,
        date.fromisoformat(known["first"]),
        date.fromisoformat(known["last"]),
        known["sessions"],
    )


def _read(file: pq.ParquetFile, head: Head, columns: Sequence[str], sessions: int | None) -> pa.Table:
    if set(file.schema_arrow.names) != set(BAR_COLUMNS):
        raise KeyError("columns are missing")
    groups = list(range(file.metadata.num_row_groups))
    if sessions is not None:
        rows, start = 0, len(groups)
        while start > 0 and rows < sessions:
            start -= 1
            rows += file.metadata.row_group(start).num_rows
        groups = groups[start:]
    table = file.read_row_groups(groups, columns=list(columns), use_threads=False)
    days = days_of(table)
    # A footer has no checksum of its own: what it led to is held against what was guarded.
    ends = str(days[-1]) == str(head.last) and (groups[:1] != [0] or str(days[0]) == str(head.first))
    if not ends or (groups[0] == 0 and len(days) != head.sessions):
        raise ValueError("the rows are not those that were written")
    return table


def _without_head(file: pq.ParquetFile, source: str, symbol: str, columns: Sequence[str]) -> History:
    """Read a file of an earlier version."""
    table = file.read(columns=["symbol", *columns])
    if table.column("symbol").unique().to_pylist() != [symbol] or table.num_columns != len(columns) + 1:
        raise ValueError("another symbol's, or columns are missing")
    days = days_of(table)
    fetched_at = (file.metadata.metadata or {}).get(_FETCHED_AT, b"").decode()
    head = Head(symbol, 0, source, fetched_at, None, days.min().item(), days.max().item(), len(days))
    return History(head, table.drop_columns(["symbol"]))
