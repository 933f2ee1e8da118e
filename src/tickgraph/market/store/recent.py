"""Sessions that were appended since the histories were last written: one file for all symbols of a source."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tickgraph.market.store.history import Head, days_of, encoded
from tickgraph.market.store.layout import UNREADABLE, damaged_recent, head_of, with_head
from tickgraph.storage import FileRefused, read_regular, storage_errors

# Rows of a group: fewer make a longer footer, more have to be decoded for one symbol.
GROUP_ROWS = 2048

_PRICES = ("open", "high", "low", "close", "adj_close")
SCHEMA = pa.schema(
    [
        ("symbol", pa.string()),
        ("date", pa.timestamp("us")),
        *((name, pa.float64()) for name in _PRICES),
        ("volume", pa.float64()),
        ("append", pa.int64()),
        ("provider", pa.string()),
        ("fetched_at", pa.string()),
    ]
)
_DICTIONARY = ["symbol", "append", "provider", "fetched_at"]


@dataclass(frozen=True)
class _Index:
    """First and last symbol of each group of rows, in order."""

    first: tuple[str, ...]
    last: tuple[str, ...]


@dataclass(frozen=True)
class _Group:
    """Decoded rows, and where each symbol's are: first row and the one after the last."""

    table: pa.Table
    days: NDArray[np.datetime64]
    appends: NDArray[np.int64]
    places: dict[str, tuple[int, int]]

    @classmethod
    def of(cls, table: pa.Table) -> _Group:
        names = table.column("symbol").chunk(0)
        codes, known = names.indices.to_numpy(), names.dictionary.to_pylist()
        cuts = [*np.flatnonzero(np.diff(codes, prepend=-1)).tolist(), len(codes)]
        places = {known[codes[start]]: (start, stop) for start, stop in itertools.pairwise(cuts)}
        return cls(table, days_of(table), table.column("append").to_numpy(), places)


class Recent:
    """A recent file in memory; groups of rows are decoded when a symbol of theirs is asked for.

    Attributes
    ----------
    appends
        Number of the last append.
    rows
        How many, those that no longer count included.
    """

    def __init__(self, path: Path, source: str, file: pq.ParquetFile | None) -> None:
        self._path, self._source, self._file = path, source, file
        self._groups: dict[tuple[int, tuple[str, ...]], _Group] = {}
        self.appends, self._index, self.rows = 0, _Index((), ()), 0
        if file is None:
            return
        head = head_of(file.metadata.metadata)
        if head is None or file.schema_arrow.names != SCHEMA.names:
            raise ValueError("not a recent file")
        self.appends, self.rows = head["appends"], head["rows"]
        self._index = _Index(tuple(head["first"]), tuple(head["last"]))
        if file.metadata.num_rows != self.rows:
            raise ValueError("the rows are not those that were written")

    @classmethod
    def load(cls, path: Path, source: str) -> Recent:
        """Read a recent file, one without rows if there is none.

        Raises
        ------
        PriceDataError
            It is damaged or foreign.
        StorageError
            It cannot be read.
        """
        try:
            with storage_errors(path):
                data = read_regular(path)
        except FileNotFoundError:
            return cls(path, source, None)
        except FileRefused:  # a folder, a named pipe, a device
            raise damaged_recent(path, source) from None
        try:
            file = pq.ParquetFile(
                pa.BufferReader(data), page_checksum_verification=True, read_dictionary=["symbol"]
            )
            return cls(path, source, file)
        except UNREADABLE as error:
            raise damaged_recent(path, source) from error

    def last(self, symbol: str) -> np.datetime64 | None:
        """Last session that a symbol has rows of, those that no longer count included; None without any."""
        group = self._group_of(symbol)
        if group is None:
            return None
        _, stop = group.places[symbol]
        return group.days[stop - 1]

    def counted(self, head: Head, columns: Sequence[str] = ()) -> pa.Table | None:
        """Rows of a symbol that its history does not hold yet; None without any. Errors as in :meth:`load`.

        Parameters
        ----------
        head
            What the history's footer says.
        columns
            The ones to decode, ``date`` among them; all without any.
        """
        group = self._group_of(head.symbol, ("symbol", *columns, "append") if columns else ())
        if group is None:
            return None
        start, stop = group.places[head.symbol]
        later = group.days[start:stop] > np.datetime64(head.last, "D")
        later &= group.appends[start:stop] > head.folded
        if not later.any():
            return None
        table = group.table.slice(start, stop - start)
        return table if later.all() else table.filter(pa.array(later))

    def table(self) -> pa.Table:
        """All rows; errors as in :meth:`load`."""
        groups = [self._group(group).table for group in range(len(self._index.first))]
        return pa.concat_tables(groups).cast(SCHEMA) if groups else SCHEMA.empty_table()

    def symbols(self) -> list[str]:
        """Symbols that have rows."""
        return sorted(self.table().column("symbol").unique().to_pylist())

    def salvaged(self) -> pa.Table:
        """Rows of the groups that can be read; a symbol's rows are all in one group."""
        return pa.concat_tables([SCHEMA.empty_table(), *(part.cast(SCHEMA) for part in self._readable())])

    def _readable(self) -> Iterator[pa.Table]:
        for group in range(len(self._index.first)):
            try:
                yield self._decoded(group).table
            except UNREADABLE:
                continue

    def _group_of(self, symbol: str, columns: tuple[str, ...] = ()) -> _Group | None:
        number = bisect_right(self._index.first, symbol) - 1
        if number < 0 or self._index.last[number] < symbol:
            return None
        group = self._group(number, columns)
        return group if symbol in group.places else None

    def _group(self, number: int, columns: tuple[str, ...] = ()) -> _Group:
        found = self._groups.get((number, columns)) or self._groups.get((number, ()))
        if found is None:
            try:
                found = self._groups[number, columns] = self._decoded(number, columns)
            except UNREADABLE as error:
                raise damaged_recent(self._path, self._source) from error
        return found

    def _decoded(self, number: int, columns: tuple[str, ...] = ()) -> _Group:
        if self._file is None:
            raise KeyError("there is no file")
        wanted = list(columns or SCHEMA.names)
        table = self._file.read_row_group(number, columns=wanted, use_threads=False)
        group = _Group.of(table.combine_chunks())
        names = list(group.places)
        if (names[0], names[-1]) != (self._index.first[number], self._index.last[number]):
            raise ValueError("the rows are not those that were written")
        return group


def encode(table: pa.Table, appends: int) -> bytes:
    """Write a recent file: rows of :data:`SCHEMA` in any order."""
    table = table.sort_by([("symbol", "ascending"), ("date", "ascending"), ("append", "ascending")])
    names = table.column("symbol").to_pandas().to_numpy()
    cuts = _cuts(names)
    head = {
        "appends": appends,
        "rows": len(names),
        "first": [names[start] for start in cuts[:-1]],
        "last": [names[stop - 1] for stop in cuts[1:]],
    }
    return encoded(with_head(table.combine_chunks(), head), cuts, _DICTIONARY)


def _cuts(names: NDArray[Any]) -> list[int]:
    """Where groups of rows begin, and the end: no symbol is in two groups, so that it is read from one."""
    if not len(names):
        return [0]
    starts = np.flatnonzero(np.concatenate([[True], names[1:] != names[:-1]]))
    cuts = [0]
    for start in starts:
        if start - cuts[-1] >= GROUP_ROWS:
            cuts.append(int(start))
    return [*cuts, len(names)]
