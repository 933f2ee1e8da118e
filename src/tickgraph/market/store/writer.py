"""What the one writer of a source does: each step leaves the store readable, before it, during it and after."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tickgraph.errors import PriceDataError
from tickgraph.market.store import history, recent
from tickgraph.market.store.layout import UNREADABLE, damaged, history_path, recent_path
from tickgraph.market.store.reader import StoreReader, SymbolPrices
from tickgraph.market.store.recent import SCHEMA, Recent
from tickgraph.market.universe import canonical
from tickgraph.storage import write_atomically

RETURNS = 1e-4  # a past log return that changed by more was corrected, not rescaled
FOLD_ROWS = 120_000  # 20 sessions of 6,000 symbols: what a panel still reads beside histories in milliseconds
FOLD_SESSIONS = 60


@dataclass(frozen=True)
class Addition:
    """New sessions of a symbol: rows of a recent file's columns up to ``volume``, and who gave them."""

    rows: pa.Table
    provider: str


class StoreWriter:
    """Writes prices of one source. Only who holds the source's lock has one: :meth:`PriceStore.writing`."""

    def __init__(
        self, reader: StoreReader, source: str, now: Callable[[], datetime], *, heal: bool = False
    ) -> None:
        self._reader, self._source, self._now = reader, source, now
        reader.exchange.check()
        self._recent_path = recent_path(reader.root, source)
        self._recent = self._load(heal)

    def replace(self, symbol: str, bars: pd.DataFrame, provider: str) -> None:
        """Put a whole history in place of what is stored of a symbol.

        Rows that were appended before no longer count: it holds everything up to the last append. ``revised_at``
        becomes now if past returns differ from those that were stored.

        Raises
        ------
        PriceDataError
            A folder stands where the file belongs.
        StorageError
            It cannot be written; what was stored is intact.
        """
        symbol = canonical(symbol)
        old, table = self.stored(symbol), history.table_of(bars)
        revised_at = old.head.revised_at if old else None
        if old and returns_differ(old, SymbolPrices(history.History(old.head, table), None)):
            revised_at = self._now()
        folded = max(self._recent.appends, old.head.folded if old else 0)
        self._write(symbol, table, folded, provider, self._fetched_at(), revised_at)
        left = self._recent.last(symbol)
        if left is not None and left > history.days_of(table)[-1]:
            # They count no more; who reads the files without us should not have to know.
            rest = self._recent.table()
            self._write_recent(rest.filter(pc.not_equal(rest.column("symbol"), symbol)))

    def append(self, additions: Mapping[str, Addition]) -> None:
        """Add sessions to the ends of histories: those of all symbols appear at once, or none."""
        if not additions:
            return
        folded = [self._reader.head(self._source, symbol).folded for symbol in additions]
        number, fetched_at = 1 + max([self._recent.appends, *folded]), self._fetched_at()
        new = [
            add.rows.append_column("append", pa.repeat(pa.scalar(number, pa.int64()), add.rows.num_rows))
            .append_column("provider", pa.repeat(pa.scalar(add.provider, pa.string()), add.rows.num_rows))
            .append_column("fetched_at", pa.repeat(pa.scalar(fetched_at, pa.string()), add.rows.num_rows))
            for add in additions.values()
        ]
        self._write_recent(pa.concat_tables([self._recent.table(), *new]), number)

    def due_for_folding(self) -> bool:
        """Whether the recent file has grown so large that it slows readers down."""
        if self._recent.rows > FOLD_ROWS:
            return True
        names = self._recent.table().column("symbol")
        return bool(len(names)) and pc.max(names.value_counts().field("counts")).as_py() > FOLD_SESSIONS

    def fold(self, symbols: Iterable[str]) -> dict[str, int]:
        """Write recent rows of symbols into their histories.

        Returns
        -------
        dict
            Up to which append a symbol's history holds everything now: what :meth:`drop` wants. A symbol whose
            history cannot be read is not in it, and its rows stay where they are.
        """
        folded = {}
        for symbol in symbols:
            old = self.stored(symbol)
            if old is None:
                continue
            if old.recent is not None:
                days = old.days
                rows = old.table().add_column(0, "symbol", pa.array([symbol] * len(days)))
                if not (days[1:] > days[:-1]).all():  # of two rows of a session the later append counts
                    last_of_each = len(days) - 1 - np.unique(days[::-1], return_index=True)[1]
                    rows = rows.take(pa.array(last_of_each))
                at = old.recent.column("fetched_at")[-1].as_py()
                self._write(symbol, rows, self._recent.appends, old.head.provider, at, old.head.revised_at)
                folded[symbol] = self._recent.appends
            else:
                folded[symbol] = max(old.head.folded, self._recent.appends)
        return folded

    def drop(self, folded: Mapping[str, int]) -> None:
        """Take rows out of the recent file that histories hold."""
        rows = self._recent.table()
        names = rows.column("symbol").to_pandas()
        upto = names.map(folded).fillna(-1).to_numpy()
        kept = rows.column("append").to_numpy() > upto
        if not kept.all():
            self._write_recent(rows.filter(pa.array(kept)))

    def recent_symbols(self) -> list[str]:
        """Symbols with rows in the recent file."""
        return self._recent.symbols()

    def stored(self, symbol: str) -> SymbolPrices | None:
        """What is stored of a symbol; None if nothing is, or nothing that can be read."""
        try:
            prices = self._reader.one(self._source, symbol, recent=self._recent)
            prices.arrays(history.VALUES)
        except (PriceDataError, *UNREADABLE):
            return None
        return prices

    def dates(self, symbol: str) -> SymbolPrices | None:
        """Dates of what is stored of a symbol; None if not even those can be read."""
        try:
            return self._reader.one(self._source, symbol, ("date",), recent=self._recent)
        except PriceDataError:
            return None

    def remove_leftovers(self) -> list[str]:
        """Remove temporary files of writers that died; returns their names."""
        removed = []
        for folder in (self._recent_path.parent.parent, self._recent_path.parent):
            for path in sorted(folder.glob(".*.tmp")):
                with contextlib.suppress(OSError):
                    path.unlink()
                    removed.append(path.name)
        return removed

    def _load(self, heal: bool) -> Recent:
        try:
            loaded = Recent.load(self._recent_path, self._source)
            loaded.table()
        except PriceDataError:
            if not heal:
                raise
        else:
            return loaded
        try:
            torn = Recent.load(self._recent_path, self._source)
            rows, appends = torn.salvaged(), torn.appends
        except PriceDataError:  # not even its footer
            rows, appends = SCHEMA.empty_table(), 0
        return self._write_recent(rows, appends)

    def _write_recent(self, rows: pa.Table, appends: int | None = None) -> Recent:
        number = self._recent.appends if appends is None else appends
        write_atomically(self._recent_path, recent.encode(rows, number))
        self._recent = Recent.load(self._recent_path, self._source)
        return self._recent

    def _write(
        self,
        symbol: str,
        table: pa.Table,
        folded: int,
        provider: str,
        fetched_at: str,
        revised_at: datetime | None,
    ) -> None:
        data = history.encode(
            table,
            symbol=symbol,
            folded=folded,
            provider=provider,
            fetched_at=fetched_at,
            revised_at=revised_at,
        )
        path = history_path(self._reader.root, self._source, symbol)
        if path.is_dir():  # the other symbols can be written
            raise damaged(path, self._source, symbol)
        self._reader.exchange.record()
        write_atomically(path, data)

    def _fetched_at(self) -> str:
        return self._now().astimezone(UTC).isoformat(timespec="seconds")


def returns_differ(old: SymbolPrices, new: SymbolPrices) -> bool:
    """Whether a log return between two sessions that both hold differs by more than :data:`RETURNS`."""
    before, after = (prices.arrays(("date", "adj_close")) for prices in (old, new))
    _, mine, theirs = np.intersect1d(before["date"], after["date"], return_indices=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        changes = np.diff(np.log(before["adj_close"][mine]) - np.log(after["adj_close"][theirs]))
    return bool((np.abs(changes) > RETURNS).any())
