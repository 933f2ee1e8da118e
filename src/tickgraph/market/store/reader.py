"""Prices of several symbols as they were stored at one moment, while another process may be writing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from tickgraph.errors import StorageError
from tickgraph.market.source import BAR_COLUMNS
from tickgraph.market.spelling import Symbol
from tickgraph.market.store.history import VALUES, Head, days_of, read_history
from tickgraph.market.store.layout import (
    FileStamp,
    Stamp,
    StoreExchange,
    file_stamp,
    history_path,
    recent_path,
    source_folder,
)
from tickgraph.market.store.recent import Recent

LOOKS = 1000


@dataclass(frozen=True)
class SymbolPrices:
    """What is stored of a symbol: its history, and the sessions that were appended to it since."""

    head: Head
    rows: pa.Table  # the history's, in the file's own types
    recent: pa.Table | None = None  # rows that the history does not hold yet; None without any

    @cached_property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """``[n]`` arrays by column: datetime64[D] dates, all else float64."""
        return {name: self.column(name) for name in self.rows.column_names}

    def column(self, name: str) -> NDArray[Any]:
        """``[n]`` array of a column, made anew: many symbols' prices are not twice in memory."""
        parts = [_array(part, name) for part in (self.rows, self.recent) if part is not None]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    @cached_property
    def days(self) -> NDArray[np.datetime64]:
        """``[n]`` datetime64[D]."""
        return self.column("date")

    @property
    def last(self) -> date:
        """Last session."""
        day: date = self.head.last if self.recent is None else days_of(self.recent)[-1].astype(date)
        return day

    def table(self) -> pa.Table:
        """Rows in the history's types, or wider ones where those would lose digits of what was appended."""
        if self.recent is None:
            return self.rows
        own = self.rows.replace_schema_metadata(None)
        later = pa.table(
            {field.name: _fitted(self.recent.column(field.name), field.type) for field in own.schema}
        )
        return pa.concat_tables([own, later], promote_options="permissive").combine_chunks()

    def bars(self) -> pd.DataFrame:
        """Rows with :data:`tickgraph.market.source.BAR_COLUMNS`."""
        bars: pd.DataFrame = self.table().to_pandas(ignore_metadata=True)
        bars.insert(0, "symbol", [self.head.symbol] * len(bars))
        return bars[list(BAR_COLUMNS)]

    def through(self, last: np.datetime64) -> SymbolPrices | None:
        """Prices up to a session; None where all are later."""
        if np.datetime64(self.last, "D") <= last:
            return self
        rows, recent = (
            table and table.filter(pa.array(days_of(table) <= last)) for table in (self.rows, self.recent)
        )
        if not rows:
            return None
        head = replace(self.head, last=days_of(rows).max().item(), sessions=rows.num_rows)
        return SymbolPrices(head, rows, recent or None)

    def same(self, other: SymbolPrices) -> bool:
        """Whether both hold the same prices, wherever they are kept."""
        return self.head.provider == other.head.provider and all(
            np.array_equal(values, other.arrays[name], equal_nan=name != "date")
            for name, values in self.arrays.items()
        )


class StoreReader:
    """Reads without locks. Keeps in memory what the last recent file of each source held, and footers.

    Parameters
    ----------
    root
        Folder of the store.
    bring
        Brings the copy of a source up to date, for a folder that is a copy.

    Attributes
    ----------
    exchange
        What the store's prices are of.
    """

    def __init__(self, root: Path, bring: Callable[[str], None] | None = None) -> None:
        self.root, self.exchange = root, StoreExchange(root)
        self._bring = bring
        self._recents: dict[str, tuple[FileStamp | None, Recent]] = {}
        self._heads: dict[tuple[str, Symbol], tuple[FileStamp | None, Head]] = {}

    def refresh(self, source: str) -> None:
        """Bring a folder that is a copy of what is on object storage up to date; nothing to do for any other."""
        if self._bring is not None:
            self._bring(source)

    def recent(self, source: str) -> Recent:
        """Recent file of a source, read again when it was replaced; errors as in :meth:`Recent.load`."""
        return self._stamped_recent(source)[1]

    def stamp(self, source: str, symbol: Symbol) -> Stamp | None:
        """Identity of what is stored of a symbol; None if nothing is."""
        self.refresh(source)
        folder = f"{self.root}/{source}"
        history = file_stamp(f"{folder}/{symbol}.parquet")
        return None if history is None else Stamp(history, file_stamp(f"{folder}/recent/sessions.parquet"))

    def head(self, source: str, symbol: Symbol) -> Head:
        """Footer of a history, read again when it was replaced; errors as in :func:`read_history`."""
        stamp, head = self._heads.get((source, symbol), (None, None))
        path = history_path(source_folder(self.root, source), symbol)
        if head is None or stamp is None or file_stamp(path) != stamp:
            head = self._history(path, source, symbol, ("date",))[0]
        return head

    def one(
        self,
        source: str,
        symbol: Symbol,
        columns: Sequence[str] = VALUES,
        sessions: int | None = None,
        recent: Recent | None = None,
        folder: Path | None = None,
    ) -> SymbolPrices:
        """Prices of one symbol at one moment; raises as :func:`read_history` and :meth:`Recent.load`.

        The recent file is read before the history. A history that was replaced in between is at least as new and
        says up to which append it holds everything, so that no row counts twice and none is missed. With all
        :data:`VALUES`, recent rows have the recent file's other columns too.
        """
        recent = recent or self.recent(source)
        path = history_path(folder or source_folder(self.root, source), symbol)
        head, rows = self._history(path, source, symbol, columns, sessions)
        return SymbolPrices(head, rows, recent.counted(head, () if columns == VALUES else columns))

    def many(
        self,
        source: str,
        symbols: Iterable[Symbol],
        columns: Sequence[str] = VALUES,
        sessions: int | None = None,
    ) -> dict[Symbol, SymbolPrices]:
        """Prices of several symbols as they were at one moment.

        Prices that were read count once a later look at every file finds the same ones: then there was a moment,
        between the two looks, at which all of them were stored.

        Raises
        ------
        PriceDataError
            A symbol is not stored, or its file or the recent one is damaged.
        StorageError
            A file cannot be read, or the prices did not stop changing.
        """
        prices: dict[Symbol, SymbolPrices] = {}
        stamps: dict[Symbol, tuple[FileStamp | None, FileStamp | None]] = {}
        names, folder = tuple(dict.fromkeys(symbols)), source_folder(self.root, source)
        for _ in range(LOOKS):
            (recent_stamp, recent), changed = self._stamped_recent(source), False
            for symbol in names:
                # Of the recent file that was read, not of the one that may have taken its place by now.
                stamp = file_stamp(f"{folder}/{symbol}.parquet"), recent_stamp
                if symbol in prices and stamps[symbol] == stamp:
                    continue
                stamps[symbol] = stamp
                newest = self.one(source, symbol, columns, sessions, recent, folder)
                changed |= symbol not in prices or not newest.same(prices[symbol])
                prices[symbol] = newest
            if not changed or len(names) == 1:
                return prices
        raise StorageError(
            f"Prices in {folder} changed at each of {LOOKS} looks. Wait for the update that is running, or stop it."
        )

    def _stamped_recent(self, source: str) -> tuple[FileStamp | None, Recent]:
        self.refresh(source)
        self.exchange.check()  # here, since everything that reads prices reads the recent file first
        path = recent_path(source_folder(self.root, source))
        stamp, kept = file_stamp(path), self._recents.get(source)
        if kept is None or kept[0] != stamp:
            kept = self._recents[source] = stamp, Recent.load(path, source)
        return kept

    def _history(
        self, path: Path, source: str, symbol: Symbol, columns: Sequence[str], sessions: int | None = None
    ) -> tuple[Head, pa.Table]:
        # Stamped before it is read: if it is replaced in between, the stamp fits no file and it is read again.
        stamp = file_stamp(path)
        head, rows = read_history(path, source, symbol, columns, sessions)
        self._heads[source, symbol] = stamp, head
        return head, rows


def _array(rows: pa.Table, column: str) -> NDArray[Any]:
    values = rows.column(column).to_numpy()
    return values.astype("datetime64[D]") if column == "date" else values.astype(np.float64)


def _fitted(values: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Values in another type if it holds them exactly, else as they are."""
    try:
        cast = values.cast(kind, safe=False)
        return cast if cast.cast(values.type, safe=False).equals(values) else values
    except pa.ArrowException:
        return values
