"""A symbol's history: one Parquet file, with facts about it in the footer."""

from __future__ import annotations

import itertools
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tickgraph.errors import LaterPricesError, PriceDataError
from tickgraph.market.source import BAR_COLUMNS
from tickgraph.market.spelling import Symbol
from tickgraph.schema_version import later_release
from tickgraph.storage import FileRefused, read_regular, storage_errors

VALUES: tuple[str, ...] = BAR_COLUMNS[1:]  # date, prices, volume: the symbol is the same in every row
# One group for ten years: groups of 256 make a file a quarter larger, take three times as long to read whole, and
# their last one is read no faster (docs/prices.md).
GROUP_ROWS = 4096
MAX_HISTORY_BYTES = 16 * 1024 * 1024  # sixty years of every day of the calendar take some 2 MB

SCHEMA = 1  # of histories and recent files; the first releases wrote none
# What reading a damaged or foreign file raises, depending on which of its bytes are wrong.
UNREADABLE = (pa.ArrowException, OSError, ValueError, LookupError, TypeError)

_FACTS, _CHECKSUM = b"tickgraph.head", b"tickgraph.crc32"
_FETCHED_AT = b"tickgraph.fetched_at"  # all that the first versions wrote


@dataclass(frozen=True)
class Head:
    """What a history's footer says; most of it is as in :class:`tickgraph.market.store.StoredSymbol`.

    ``folded`` is the number of the append up to which the history holds everything. A recent row counts only with a
    higher one. ``others`` are facts that a later release wrote.
    """

    symbol: Symbol
    folded: int
    provider: str
    fetched_at: str
    revised_at: datetime | None
    first: date
    last: date
    sessions: int
    others: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def over(
        cls,
        rows: pa.Table,
        symbol: Symbol,
        folded: int,
        provider: str,
        fetched_at: str,
        revised_at: datetime | None,
        others: Mapping[str, Any] | None = None,
    ) -> Head:
        """Head of a history with these rows, by date."""
        days = days_of(rows)
        ends = days[0].item(), days[-1].item()
        return cls(symbol, folded, provider, fetched_at, revised_at, *ends, len(days), others or {})

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Head:
        """Read the facts of a footer."""
        names = {field.name for field in fields(cls)} - {"others"}
        known = {name: facts[name] for name in names}
        others = {name: value for name, value in facts.items() if name not in names}
        days = {name: date.fromisoformat(facts[name]) for name in ("first", "last")}
        revised = facts["revised_at"]
        revised_at = datetime.fromisoformat(revised) if revised else None
        return cls(**{**known, **days, "revised_at": revised_at, "others": others})


def table_of(bars: pd.DataFrame) -> pa.Table:
    """Bars of one symbol as a table in their own types, by date; :class:`PriceDataError` where one has no date."""
    ordered = bars[list(BAR_COLUMNS)].sort_values("date", kind="stable")
    if ordered["date"].isna().any():
        raise PriceDataError(f"Prices of {bars['symbol'].iloc[0]} cannot be stored: a bar has no date.")
    return pa.Table.from_pandas(ordered, preserve_index=False)


def encode(table: pa.Table, head: Head) -> bytes:
    """Write a history: a table of :data:`BAR_COLUMNS`, by date."""
    revised_at = head.revised_at and head.revised_at.isoformat()
    known = {name: value for name, value in vars(head).items() if name != "others"}
    facts = {
        **head.others,
        **known,
        "first": str(head.first),
        "last": str(head.last),
        "revised_at": revised_at,
    }
    cuts = [*range(0, len(table), GROUP_ROWS), len(table)]
    return parquet_bytes(table, facts, cuts, ["symbol"], {_FETCHED_AT: head.fetched_at.encode()})


def parquet_bytes(
    table: pa.Table,
    facts: Mapping[str, Any],
    cuts: Sequence[int],
    dictionary: list[str],
    extra: Mapping[bytes, bytes] | None = None,
) -> bytes:
    """Write a Parquet file in memory.

    Each page has a checksum. Parquet does not guard footers, so the facts there have a checksum of their own.

    Parameters
    ----------
    table, cuts
        What to write, and where its groups of rows begin, and the end.
    facts, extra
        About the file, for its footer; :func:`facts_in` reads the facts.
    dictionary
        Columns whose values repeat. The encodings of the others make daily prices half as large as dictionaries do,
        and faster to read.
    """
    text = json.dumps(facts, separators=(",", ":")).encode()
    table = table.replace_schema_metadata(
        {_FACTS: text, _CHECKSUM: b"%08x" % zlib.crc32(text), **(extra or {})}
    )
    encodings = {
        field.name: "BYTE_STREAM_SPLIT" if pa.types.is_floating(field.type) else "DELTA_BINARY_PACKED"
        for field in table.schema
        if field.name not in dictionary
        and pa.types.is_primitive(field.type)
        and not pa.types.is_boolean(field.type)
    }
    buffer = pa.BufferOutputStream()
    with pq.ParquetWriter(
        buffer,
        table.schema,
        compression="zstd",
        write_page_checksum=True,
        use_dictionary=dictionary,
        column_encoding=encodings,
    ) as writer:
        for start, stop in itertools.pairwise(cuts):
            writer.write_table(table.slice(start, stop - start), row_group_size=stop - start)
    return buffer.getvalue().to_pybytes()


def facts_in(file: pq.ParquetFile, name: Path) -> dict[str, Any] | None:
    """Facts that :func:`parquet_bytes` wrote; None in a file without any; ValueError where they are damaged.

    :class:`LaterPricesError` where a later release wrote the file, which is called ``name``.
    """
    metadata = file.metadata.metadata or {}
    text = metadata.get(_FACTS)
    if text is None:
        return None
    if b"%08x" % zlib.crc32(text) != metadata.get(_CHECKSUM):
        raise ValueError("the facts in the footer do not match their checksum")
    facts: dict[str, Any] = json.loads(text)
    if later := later_release(facts.get("schema_version"), SCHEMA):
        raise LaterPricesError(f"{name} cannot be read: {later}.")
    return facts


def days_of(rows: pa.Table) -> NDArray[np.datetime64]:
    """``[n]`` datetime64[D] dates of a table."""
    return rows.column("date").to_numpy().astype("datetime64[D]")


def read_history(
    path: Path, source: str, symbol: Symbol, columns: Sequence[str] = VALUES, sessions: int | None = None
) -> tuple[Head, pa.Table]:
    """Read the footer and columns of a history, all of its rows or at least those of its last ``sessions``.

    Raises
    ------
    PriceDataError
        It is not stored, or its file is damaged or another symbol's.
    StorageError
        It cannot be read, or a later release wrote it.
    """
    try:
        with storage_errors(path):
            data = read_regular(path, MAX_HISTORY_BYTES)
        file = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
        facts = facts_in(file, path)
        if facts is None:
            return _first_version(file, source, symbol, columns)
        head = Head.of(facts)
        if head.symbol != symbol:
            raise ValueError(f"holds prices of {head.symbol}")
        return head, _rows(file, head, columns, sessions)
    except FileNotFoundError:
        raise PriceDataError(
            f"No prices of {symbol} are stored from source {source!r} in {path.parent.parent}. "
            f"Run: tickgraph prices update --symbols {symbol} --source {source}"
        ) from None
    except FileRefused:  # a folder, a named pipe, a device, a file far too large
        raise damaged(path, source, symbol) from None
    except UNREADABLE as error:
        raise damaged(path, source, symbol) from error


def damaged(path: Path, source: str, symbol: Symbol) -> PriceDataError:
    """Error for a history that cannot be used."""
    return PriceDataError(
        f"Price file {path} is damaged or foreign. Delete it and run: "
        f"tickgraph prices update --symbols {symbol} --source {source}"
    )


def _rows(file: pq.ParquetFile, head: Head, columns: Sequence[str], sessions: int | None) -> pa.Table:
    if set(file.schema_arrow.names) != set(BAR_COLUMNS):
        raise KeyError("columns are missing")
    start = groups = file.metadata.num_row_groups
    rows = 0
    while start > 0 and (sessions is None or rows < sessions):
        start -= 1
        rows += file.metadata.row_group(start).num_rows
    table = _priced(file.read_row_groups(range(start, groups), columns=list(columns), use_threads=False))
    days = days_of(table)
    # The rest of the footer has no checksum, so the rows that it led to are compared with its facts.
    whole = start > 0 or (str(days[0]) == str(head.first) and len(days) == head.sessions)
    if str(days[-1]) != str(head.last) or not whole:
        raise ValueError("the rows are not those that were written")
    return table


def _priced(table: pa.Table) -> pa.Table:
    """The table, if its columns can be dates and numbers."""
    for column in table.schema:
        kind = column.type
        if not (pa.types.is_primitive(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind)):
            raise ValueError(f"column {column.name} holds {kind}, which is no price")
    return table


def _first_version(
    file: pq.ParquetFile, source: str, symbol: Symbol, columns: Sequence[str]
) -> tuple[Head, pa.Table]:
    """Read a file whose footer has no facts: the first versions wrote such."""
    table = file.read(columns=["symbol", *columns])
    if table.column("symbol").unique().to_pylist() != [symbol] or table.num_columns != len(columns) + 1:
        raise ValueError("another symbol's, or columns are missing")
    days = days_of(table)
    fetched_at = (file.metadata.metadata or {}).get(_FETCHED_AT, b"").decode()
    head = Head(symbol, 0, source, fetched_at, None, days.min().item(), days.max().item(), len(days))
    return head, _priced(table.drop_columns(["symbol"]))
