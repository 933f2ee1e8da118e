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
from tickgraph.market.spelling import Symbol
from tickgraph.market.store import history, recent
from tickgraph.market.store.history import Head
from tickgraph.market.store.layout import history_path, recent_path, source_folder
from tickgraph.market.store.reader import StoreReader, SymbolPrices
from tickgraph.market.store.recent import Recent
from tickgraph.market.universe import canonical
from tickgraph.permit import FREE, Permit
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
    """Writes prices of one source. The holder of the source's lock alone has one: :meth:`PriceStore.writing`.

    Symbols may be given under any of their names.
    """

    def __init__(
        self,
        reader: StoreReader,
        source: str,
        now: Callable[[], datetime],
        *,
        heal: bool = False,
        permit: Permit = FREE,
    ) -> None:
        self._reader, self._source, self._now, self._permit = reader, source, now, permit
        reader.exchange.check()
        self._folder = source_folder(reader.root, source)
        self._recent_path = recent_path(self._folder)
        self._recent = self._loaded(heal)

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
        old, table = self.stored(symbol), history.table_of(bars.assign(symbol=symbol))
        revised_at = old.head.revised_at if old else None
        if old and _returns_differ(old, SymbolPrices(old.head, table.select(history.VALUES))):
            revised_at = self._now()
        folded = max(self._recent.appends, old.head.folded if old else 0)
        self._write(table, Head.over(table, symbol, folded, provider, self._fetched_at(), revised_at))
        left = self._recent.last(symbol)
        if left is not None and left > history.days_of(table)[-1]:
            # They count no more; who reads the files without us should not have to know.
            rest = self._recent.table()
            self._write_recent(rest.filter(pc.not_equal(rest.column("symbol"), symbol)))

    def append(self, additions: Mapping[Symbol, Addition]) -> None:
        """Add sessions to the ends of histories: those of all symbols appear at once, or none.

        Raises
        ------
        PriceDataError
            A symbol has no history that can be read.
        StorageError
            The sessions cannot be written; what was stored is intact.
        """
        if not additions:
            return
        heads = {name: self._reader.head(self._source, canonical(name)) for name in additions}
        number = 1 + max(self._recent.appends, *(head.folded for head in heads.values()))
        fetched_at, tables = self._fetched_at(), [self._recent.table()]
        for name, addition in additions.items():
            count = addition.rows.num_rows
            constants = {
                "symbol": heads[name].symbol,
                "append": number,
                "provider": addition.provider,
                "fetched_at": fetched_at,
            }
            columns = {field.name: addition.rows.column(field.name) for field in addition.rows.schema}
            columns |= {
                key: pa.repeat(pa.scalar(value, recent.SCHEMA.field(key).type), count)
                for key, value in constants.items()
            }
            tables.append(pa.table(columns).select(recent.SCHEMA.names))
        self._write_recent(pa.concat_tables(tables), number)

    def due_for_folding(self) -> bool:
        """Whether the recent file has grown so large that it slows readers down."""
        if self._recent.rows > FOLD_ROWS:
            return True
        names = self._recent.table().column("symbol")
        return bool(len(names)) and pc.max(names.value_counts().field("counts")).as_py() > FOLD_SESSIONS

    def fold(self, symbols: Iterable[Symbol]) -> dict[Symbol, int]:
        """Write recent rows of symbols into their histories.

        Returns
        -------
        dict
            The append up to which a symbol's history holds everything now: what :meth:`drop` wants. A symbol whose
            history cannot be read is not in it, and its rows stay where they are.
        """
        folded = {}
        for symbol in symbols:
            old = self.stored(symbol)
            if old is None:
                continue
            folded[symbol] = max(old.head.folded, self._recent.appends)
            if old.recent is not None:
                days = old.days
                rows = old.table().add_column(0, "symbol", pa.array([symbol] * len(days)))
                if not (days[1:] > days[:-1]).all():  # of two rows of a session the later append counts
                    last_of_each = len(days) - 1 - np.unique(days[::-1], return_index=True)[1]
                    rows = rows.take(pa.array(last_of_each))
                at = old.recent.column("fetched_at")[-1].as_py()
                head = old.head
                folded_head = Head.over(
                    rows, symbol, folded[symbol], head.provider, at, head.revised_at, head.others
                )
                self._write(rows, folded_head)
        return folded

    def drop(self, folded: Mapping[Symbol, int]) -> None:
        """Take rows out of the recent file that histories hold."""
        rows = self._recent.table()
        upto = rows.column("symbol").to_pandas().map(folded).fillna(-1).to_numpy()
        kept = rows.column("append").to_numpy() > upto
        if not kept.all():
            self._write_recent(rows.filter(pa.array(kept)))

    def recent_symbols(self) -> list[Symbol]:
        """Symbols with rows in the recent file."""
        return self._recent.symbols()

    def stored(self, symbol: Symbol, columns: tuple[str, ...] = history.VALUES) -> SymbolPrices | None:
        """What is stored of a symbol; None if nothing is, or nothing that can be read."""
        try:
            return self._reader.one(self._source, symbol, columns, recent=self._recent)
        except PriceDataError:
            return None

    def remove_leftovers(self) -> list[str]:
        """Remove temporary files of writers that died; returns their names."""
        removed = []
        for folder in (self._folder, self._recent_path.parent):
            for path in sorted(folder.glob(".*.tmp")):
                with contextlib.suppress(OSError):
                    path.unlink()
                    removed.append(path.name)
        return removed

    def _loaded(self, heal: bool) -> Recent:
        rows, appends = recent.SCHEMA.empty_table(), 0
        try:
            loaded = Recent.load(self._recent_path, self._source)
            rows, appends = loaded.table(salvage=heal), loaded.appends
        except PriceDataError:  # not even its footer can be read
            if not heal:
                raise
        else:
            if len(rows) == loaded.rows:
                return loaded
        return self._write_recent(rows, appends)

    def _write_recent(self, rows: pa.Table, appends: int | None = None) -> Recent:
        data = recent.encode(rows, self._recent.appends if appends is None else appends)
        with self._permit.holding():
            write_atomically(self._recent_path, data)
        self._recent = Recent(self._recent_path, self._source, data)
        return self._recent

    def _write(self, table: pa.Table, head: Head) -> None:
        path, data = history_path(self._folder, head.symbol), history.encode(table, head)
        if path.is_dir():  # the other symbols can be written
            raise history.damaged(path, self._source, head.symbol)
        with self._permit.holding():
            self._reader.exchange.record()
            write_atomically(path, data)

    def _fetched_at(self) -> str:
        return self._now().astimezone(UTC).isoformat(timespec="seconds")


def _returns_differ(old: SymbolPrices, new: SymbolPrices) -> bool:
    """Whether a log return between two sessions that both hold differs by more than :data:`RETURNS`."""
    before, after = old.arrays, new.arrays
    _, mine, theirs = np.intersect1d(before["date"], after["date"], return_indices=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        changes = np.diff(np.log(before["adj_close"][mine]) - np.log(after["adj_close"][theirs]))
    return bool((np.abs(changes) > RETURNS).any())
