"""Sessions that were appended since the histories were last written: one file for all symbols of a source."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tickgraph.errors import PriceDataError
from tickgraph.market.spelling import Symbol
from tickgraph.market.store.history import UNREADABLE, Head, days_of, facts_in, parquet_bytes
from tickgraph.storage import FileRefused, read_regular, storage_errors

# Rows of a group: fewer make a longer footer, more have to be decoded for one symbol.
GROUP_ROWS = 2048

_PRICES = ("open", "high", "low", "close", "adj_close", "volume")
SCHEMA = pa.schema(
    [
        ("symbol", pa.string()),
        ("date", pa.timestamp("us")),
        *((name, pa.float64()) for name in _PRICES),
        ("append", pa.int64()),
        ("provider", pa.string()),
        ("fetched_at", pa.string()),
    ]
)
_DICTIONARY = ["symbol", "append", "provider", "fetched_at"]


@dataclass(frozen=True)
class _Group:
    """Decoded rows, and where each symbol's are: first row and the one after the last."""

    table: pa.Table
    days: NDArray[np.datetime64]
    appends: NDArray[np.int64]
    places: dict[str, tuple[int, int]]

    @classmethod
    def of(cls, table: pa.Table) -> _Group:
        column = table.column("symbol").chunk(0)
        codes, names = column.indices.to_numpy(), column.dictionary.to_pylist()
        cuts = [*np.flatnonzero(np.diff(codes, prepend=-1)).tolist(), len(codes)]
        places = {names[codes[start]]: (start, stop) for start, stop in itertools.pairwise(cuts)}
        return cls(table, days_of(table), table.column("append").to_numpy(), places)


class Recent:
    """A recent file in memory; groups of rows are decoded when one of their symbols is asked for.

    Attributes
    ----------
    appends
        Number of the last append.
    rows
        How many, those that no longer count included.
    """

    def __init__(self, path: Path, source: str, data: bytes | None = None) -> None:
        """Open a recent file of these bytes, or one without rows; :class:`PriceDataError` where it is damaged."""
        self._path, self._source = path, source
        self._groups: dict[tuple[int, tuple[str, ...]], _Group] = {}
        self._first: list[str] = []  # first and last symbol of each group of rows, in order
        self._last: list[str] = []
        self.appends = self.rows = 0
        if data is None:
            return
        try:
            self._file = pq.ParquetFile(
                pa.BufferReader(data), page_checksum_verification=True, read_dictionary=["symbol"]
            )
            facts = facts_in(self._file, path)
            if facts is None or self._file.schema_arrow.names != SCHEMA.names:
                raise ValueError("not a recent file")
            if self._file.metadata.num_rows != facts["rows"]:
                raise ValueError("the rows are not those that were written")
            self.appends, self.rows = facts["appends"], facts["rows"]
            self._first, self._last = list(facts["first"]), list(facts["last"])
        except UNREADABLE as error:
            raise self._damaged() from error

    @classmethod
    def load(cls, path: Path, source: str) -> Recent:
        """Read a recent file; without a file, one without rows.

        Raises
        ------
        PriceDataError
            It is damaged or foreign.
        StorageError
            It cannot be read.
        """
        try:
            with storage_errors(path):
                return cls(path, source, read_regular(path))
        except FileNotFoundError:
            return cls(path, source)
        except FileRefused:  # a folder, a named pipe, a device
            raise cls(path, source)._damaged() from None

    def last(self, symbol: Symbol) -> np.datetime64 | None:
        """Last session that a symbol has rows of, those that no longer count included; None without any."""
        group = self._group_of(symbol)
        return None if group is None else group.days[group.places[symbol][1] - 1]

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

    def table(self, *, salvage: bool = False) -> pa.Table:
        """All rows, or those of the groups that can be read; errors as in :meth:`load`.

        A symbol's rows are all in one group.
        """
        tables = [SCHEMA.empty_table()]
        for number in range(len(self._first)):
            try:
                tables.append(self._group(number).table.cast(SCHEMA))
            except PriceDataError:
                if not salvage:
                    raise
        return pa.concat_tables(tables)

    def symbols(self) -> list[Symbol]:
        """Symbols that have rows."""
        return sorted(self.table().column("symbol").unique().to_pylist())

    def _group_of(self, symbol: Symbol, columns: tuple[str, ...] = ()) -> _Group | None:
        number = bisect_right(self._first, symbol) - 1
        if number < 0 or self._last[number] < symbol:
            return None
        group = self._group(number, columns)
        return group if symbol in group.places else None

    def _group(self, number: int, columns: tuple[str, ...] = ()) -> _Group:
        group = self._groups.get((number, columns)) or self._groups.get((number, ()))
        if group is not None:
            return group
        try:
            table = self._file.read_row_group(number, list(columns or SCHEMA.names), use_threads=False)
            group = _Group.of(table.combine_chunks())
            names = list(group.places)
            if (names[0], names[-1]) != (self._first[number], self._last[number]):
                raise ValueError("the rows are not those that were written")
        except UNREADABLE as error:
            raise self._damaged() from error
        self._groups[number, columns] = group
        return group

    def _damaged(self) -> PriceDataError:
        return PriceDataError(
            f"Price file {self._path} is damaged or foreign. Fetch its sessions again: "
            f"tickgraph prices repair --source {self._source}"
        )


def encode(table: pa.Table, appends: int) -> bytes:
    """Write a recent file: rows of :data:`SCHEMA` in any order."""
    table = table.sort_by([("symbol", "ascending"), ("date", "ascending"), ("append", "ascending")])
    names = table.column("symbol").to_pandas().to_numpy()
    cuts = _cuts(names)
    facts = {
        "appends": appends,
        "rows": len(names),
        "first": [names[start] for start in cuts[:-1]],
        "last": [names[stop - 1] for stop in cuts[1:]],
    }
    return parquet_bytes(table.combine_chunks(), facts, cuts, _DICTIONARY)


def _cuts(names: NDArray[Any]) -> list[int]:
    """Where groups of rows begin, and the end: no symbol is in two groups, so that it is read from one."""
    cuts = [0]
    for start in np.flatnonzero(names[1:] != names[:-1]) + 1:
        if start - cuts[-1] >= GROUP_ROWS:
            cuts.append(int(start))
    return [*cuts, len(names)] if len(names) else cuts
