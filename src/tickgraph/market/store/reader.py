"""Prices of several symbols as they were stored at one moment, while another process may be writing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from tickgraph.errors import StorageError
from tickgraph.market.source import BAR_COLUMNS
from tickgraph.market.store.history import VALUES, Head, History, days_of, read_head, read_history
from tickgraph.market.store.layout import (
    UNREADABLE,
    FileStamp,
    Stamp,
    StoreExchange,
    damaged,
    file_stamp,
    history_path,
    path_within,
    recent_path,
    source_folder,
)
from tickgraph.market.store.recent import Recent

LOOKS = 1000


@dataclass(frozen=True)
class SymbolPrices:
    """What is stored of a symbol: its history, and the sessions that were appended to it since.

    Attributes
    ----------
    history
        Its head, and rows of the columns that were asked for.
    recent
        Rows that the history does not hold yet; None without any.
    """

    history: History
    recent: pa.Table | None

    @property
    def head(self) -> Head:
        """What the history's footer says."""
        return self.history.head

    @property
    def days(self) -> NDArray[np.datetime64]:
        """``[n]`` datetime64[D]."""
        return self.arrays(("date",))["date"]

    @property
    def last(self) -> date:
        """Last session."""
        day: date = self.head.last if self.recent is None else days_of(self.recent)[-1].astype(date)
        return day

    def arrays(self, columns: Sequence[str]) -> dict[str, NDArray[Any]]:
        """``[n]`` arrays by column: datetime64[D] dates, all else float64."""
        parts = [self.history.rows] + ([] if self.recent is None else [self.recent])
        read = {name: [_array(part, name) for part in parts] for name in columns}
        return {name: each[0] if len(each) == 1 else np.concatenate(each) for name, each in read.items()}

    def table(self) -> pa.Table:
        """Rows in the history's types, or wider ones where those would lose digits of what was appended."""
        if self.recent is None:
            return self.history.rows
        own = self.history.rows.schema.remove_metadata()
        later = pa.table({field.name: _fitted(self.recent.column(field.name), field.type) for field in own})
        merged = pa.concat_tables(
            [self.history.rows.replace_schema_metadata(None), later], promote_options="permissive"
        )
        return merged.combine_chunks()

    def bars(self) -> pd.DataFrame:
        """Rows with :data:`tickgraph.market.source.BAR_COLUMNS`."""
        bars: pd.DataFrame = self.table().to_pandas(ignore_metadata=True)
        bars.insert(0, "symbol", [self.head.symbol] * len(bars))
        return bars[list(BAR_COLUMNS)]

    def through(self, last: np.datetime64) -> SymbolPrices | None:
        """Prices up to a session; None where all are later."""
        if np.datetime64(self.last, "D") <= last:
            return self
        days = days_of(self.history.rows)
        rows = self.history.rows.filter(pa.array(days <= last))
        if not rows.num_rows:
            return None
        recent = self.recent
        if recent is not None:
            recent = recent.filter(pa.array(days_of(recent) <= last))
        ends = replace(self.head, last=days_of(rows).max().item(), sessions=rows.num_rows)
        return SymbolPrices(History(ends, rows), recent if recent is not None and recent.num_rows else None)

    def same(self, other: SymbolPrices) -> bool:
        """Whether both hold the same prices, wherever they are kept."""
        columns = self.history.rows.column_names
        mine, theirs = self.arrays(columns), other.arrays(columns)
        return self.head.provider == other.head.provider and all(
            np.array_equal(mine[name], theirs[name], equal_nan=name != "date") for name in columns
        )


class StoreReader:
    """Reads without locks. Keeps in memory what the last recent file of each source held, and footers.

    Parameters
    ----------
    root
        Folder of the store.

    Attributes
    ----------
    exchange
        What the store's prices are of.
    """

    def __init__(self, root: Path) -> None:
        self.root, self.exchange = root, StoreExchange(root)
        self._recents: dict[str, tuple[FileStamp | None, Recent]] = {}
        self._heads: dict[tuple[str, str], tuple[FileStamp, Head]] = {}

    def recent(self, source: str) -> Recent:
        """Recent file of a source, read again when it was replaced; errors as in :meth:`Recent.load`."""
        return self._stamped_recent(source)[1]

    def stamp(self, source: str, symbol: str) -> Stamp | None:
        """Identity of what is stored of a canonical symbol; None if nothing is."""
        folder = f"{self.root}/{source}"
        history = file_stamp(f"{folder}/{symbol}.parquet")
        return None if history is None else Stamp(history, file_stamp(f"{folder}/recent/sessions.parquet"))

    def head(self, source: str, symbol: str) -> Head:
        """Footer of a history, read again when it was replaced; errors as in :func:`read_history`."""
        path = history_path(self.root, source, symbol)
        stamp, held = file_stamp(str(path)), self._heads.get((source, symbol))
        if stamp is not None and held is not None and held[0] == stamp:
            return held[1]
        head = read_head(path, source, symbol)
        self._keep(source, symbol, stamp, head)
        return head

    def one(
        self,
        source: str,
        symbol: str,
        columns: Sequence[str] = VALUES,
        sessions: int | None = None,
        recent: Recent | None = None,
        folder: Path | None = None,
        *,
        narrow: bool = False,
    ) -> SymbolPrices:
        """Prices of one symbol at one moment; raises as :func:`read_history` and :meth:`Recent.load`.

        The recent file is read before the history. A history that was replaced in between is at least as new and
        says up to which append it holds everything, so that no row counts twice and none is missed. Of recent rows
        all columns are read, unless ``narrow``.
        """
        recent = recent or self.recent(source)
        path = path_within(folder or source_folder(self.root, source), symbol)
        stamp = file_stamp(str(path))
        history = read_history(path, source, symbol, columns, sessions)
        self._keep(source, symbol, stamp, history.head)
        return SymbolPrices(history, recent.counted(history.head, columns if narrow else ()))

    def many(
        self,
        source: str,
        symbols: Sequence[str],
        columns: Sequence[str] = VALUES,
        sessions: int | None = None,
    ) -> dict[str, SymbolPrices]:
        """Prices of several symbols as they were at one moment.

        What was read counts once a later look at every file finds the same prices: then there was a moment, between
        the two looks, at which all of them were stored.

        Raises
        ------
        PriceDataError
            A symbol is not stored, or its file or the recent one is damaged.
        StorageError
            A file cannot be read, or the prices did not stop changing.
        """
        found: dict[str, SymbolPrices] = {}
        seen: dict[str, tuple[FileStamp | None, FileStamp | None]] = {}
        folder = source_folder(self.root, source)
        for _ in range(LOOKS):
            (recent_stamp, recent), changed = self._stamped_recent(source), False
            for symbol in symbols:
                # Of the recent file that was read, not of the one that may have taken its place by now.
                stamp = file_stamp(f"{folder}/{symbol}.parquet"), recent_stamp
                if symbol in found and seen[symbol] == stamp:
                    continue
                seen[symbol] = stamp
                prices = self.one(source, symbol, columns, sessions, recent, folder, narrow=True)
                changed |= symbol not in found or not prices.same(found[symbol])
                found[symbol] = prices
            if not changed or len(symbols) == 1:
                return found
        raise StorageError(
            f"Prices in {source_folder(self.root, source)} changed at each of {LOOKS} looks. "
            "Wait for the update that is running, or stop it."
        )

    def arrays(
        self, source: str, symbol: str, prices: SymbolPrices, columns: Sequence[str]
    ) -> dict[str, NDArray[Any]]:
        """Arrays of what was read; :class:`PriceDataError` where its columns are no prices."""
        try:
            return prices.arrays(columns)
        except UNREADABLE as error:
            raise damaged(history_path(self.root, source, symbol), source, symbol) from error

    def bars(self, source: str, symbol: str, prices: SymbolPrices) -> pd.DataFrame:
        """Bars of what was read; :class:`PriceDataError` where its columns are no prices."""
        try:
            return prices.bars()
        except UNREADABLE as error:
            raise damaged(history_path(self.root, source, symbol), source, symbol) from error

    def _stamped_recent(self, source: str) -> tuple[FileStamp | None, Recent]:
        self.exchange.check()  # here, since everything that reads prices reads the recent file first
        path = recent_path(self.root, source)
        stamp, held = file_stamp(str(path)), self._recents.get(source)
        if held is None or held[0] != stamp:
            held = self._recents[source] = stamp, Recent.load(path, source)
        return held

    def _keep(self, source: str, symbol: str, stamp: FileStamp | None, head: Head) -> None:
        # Stamped before it was read: if it was replaced in between, the stamp fits no file and it is read again.
        if stamp is not None:
            self._heads[source, symbol] = stamp, head


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
