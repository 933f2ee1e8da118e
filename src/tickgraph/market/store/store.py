"""The local price store, between every source and everything else."""

from __future__ import annotations

import contextlib
import copy
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from tickgraph.market.calendar import check_range, last_completed_session, system_time
from tickgraph.market.panel import PricePanel
from tickgraph.market.quality import Implausible
from tickgraph.market.source import PriceSource, empty_bars, select_bars
from tickgraph.market.spelling import Symbol
from tickgraph.market.store.layout import FileStamp, Stamp, folder_stamp, source_folder
from tickgraph.market.store.reader import StoreReader
from tickgraph.market.store.shared_prices import SharedPrices
from tickgraph.market.store.stored_panel import appended_panel, stored_panel
from tickgraph.market.store.stored_symbol import StoredSymbol, stored_symbol
from tickgraph.market.store.update import update
from tickgraph.market.store.update_report import UpdateReport
from tickgraph.market.store.writer import StoreWriter
from tickgraph.market.universe import canonical, is_canonical
from tickgraph.object_contact import Contact
from tickgraph.object_place import ObjectPlace, Place, local_folder
from tickgraph.permit import FREE, Permit
from tickgraph.shared.news import PRICES, News
from tickgraph.storage import exclusive, names_in

FOLD_BATCH = 250  # histories written before other writers get a turn


class PriceStore:
    """Prices on disk; those of different sources are never mixed.

    All prices of a store are of one exchange, which the store records. Where that is not the exchange in force, every
    method that reads or writes prices raises :class:`~tickgraph.errors.OtherExchangeError`.

    Every method takes symbols under any of their names, and stores and answers under today's.

    One process at a time writes prices of a source. Any number read meanwhile, without locks, and see what was
    stored at one moment.

    Parameters
    ----------
    place
        Folder ``root``, or a place on object storage that ``root`` is a copy of. A symbol's history is
        ``root/{source}/{symbol}.parquet``, and what was appended to any since they were last written
        ``root/{source}/recent/sessions.parquet``; the exchange is in ``root/exchange``.
    now
        Clock; None is the system's. Bars of sessions that have not closed by then are neither stored nor read.
    implausible
        What becomes of prices that cannot be, as in :func:`tickgraph.market.quality.usable`.
    news
        Hears of prices that were written; None tells nobody.
    """

    def __init__(
        self,
        place: Place,
        now: Callable[[], datetime] | None = None,
        *,
        implausible: Implausible = "leave_out",
        news: News | None = None,
    ) -> None:
        self.place = place if isinstance(place, ObjectPlace) else Path(place)
        self.root = local_folder(self.place)
        self.now = now or system_time
        self.implausible: Implausible = implausible
        self._news, self._permit = news, FREE
        self._threads: dict[str, threading.Lock] = {}
        self._shared = (
            SharedPrices(Contact(self.place, self.now), self._alone)
            if isinstance(self.place, ObjectPlace)
            else None
        )
        self.reader = StoreReader(self.root, self._shared.refresh if self._shared is not None else None)

    def under(self, permit: Permit) -> PriceStore:
        """Give the same store, which writes under a permit.

        Every write then raises :class:`~tickgraph.permit.PermitEnded` once the permit has ended.
        """
        other = copy.copy(self)
        other._permit, other._shared = permit, self._shared.under(permit) if self._shared else None
        return other

    @property
    def away(self) -> str | None:
        """Why copies on this machine stand in for the object storage; None while it answers, or for a folder."""
        return self._shared.contact.away if self._shared is not None else None

    def ask_anew(self) -> None:
        """Ask the object storage again at the next look: something is known to have been published."""
        if self._shared is not None:
            self._shared.contact.ask_anew()

    def symbols(self, source: str) -> tuple[Symbol, ...]:
        """Symbols stored from a source.

        A file of any other name is not the store's, and nothing reads it. A symbol's former name is such a name.

        Raises
        ------
        OtherExchangeError
            The store's prices are of another exchange than the one in force.
        StorageError
            The folder cannot be listed.
        """
        self.reader.exchange.check()
        return tuple(name for name in self.names(source) if is_canonical(name))

    def source_of(self, symbol: str, usual: str) -> str:
        """Source whose prices of a symbol are stored: the usual one, or where that has none the only other one.

        It is the usual one, too, where no source has any or several others have. Errors as in :meth:`symbols`.
        """
        symbol = canonical(symbol)
        if symbol in self.names(usual):
            return usual
        self.reader.exchange.check()
        others = [name for name in self.sources() if name != usual and symbol in self.names(name)]
        return others[0] if len(others) == 1 else usual

    def sources(self) -> list[str]:
        """Sources of which prices are stored."""
        if self._shared is not None:
            return sorted(name for name in self._shared.sources() if self.names(name))
        folders = (
            name for name in names_in(self.root) if not name.startswith(".") and (self.root / name).is_dir()
        )
        return sorted(name for name in folders if self.names(name))

    def names(self, source: str) -> tuple[str, ...]:
        """Give what stands before ``.parquet`` in a source's folder; errors as in :meth:`symbols`."""
        self.reader.refresh(source)
        files = (name for name in names_in(self.root / source) if name.endswith(".parquet"))
        return tuple(sorted(name.removesuffix(".parquet") for name in files))

    def write(self, source: str, bars: pd.DataFrame) -> None:
        """Replace what is stored of every symbol in ``bars``, each file atomically.

        Raises
        ------
        StorageError
            Disk full, read-only folder, no permission or another writer; what was stored is intact.
        PriceDataError
            The folder lies outside the store, or the recent file is damaged.
        """
        with self.writing(source) as writer:
            for symbol, rows in bars.groupby("symbol", sort=False):
                writer.replace(str(symbol), rows, source)

    def read(
        self, source: str, symbols: Sequence[str], first: date | None = None, last: date | None = None
    ) -> pd.DataFrame:
        """Bars of stored symbols.

        Raises
        ------
        PriceDataError
            A symbol is not stored, or its file or the recent one is damaged.
        InputError
            ``first`` is after ``last``.
        """
        check_range(first, last)
        prices = self.reader.many(source, map(canonical, symbols))
        if not prices:
            return empty_bars()
        bars = pd.concat([each.bars() for each in prices.values()], ignore_index=True)
        if len(bars):
            bars = bars[bars["date"] <= self.closed(bars["date"].max().to_datetime64())]
        return select_bars(bars, prices, first, last)

    def closed(self, newest: np.datetime64) -> np.datetime64:
        """A session, or the last one that has closed where that is earlier."""
        now, day = self.now(), newest.astype("datetime64[D]")
        if day < np.datetime64(now.astimezone(UTC).date(), "D"):  # closed, whatever the exchange
            return day
        return min(day, last_completed_session(now))

    def panel(
        self,
        source: str,
        symbols: Sequence[str],
        first: date | None = None,
        last: date | None = None,
        *,
        sessions: int | None = None,
    ) -> PricePanel:
        """Prices of stored symbols side by side; errors as in :meth:`read`.

        Parameters
        ----------
        source, symbols
            Whose prices.
        first, last
            Dates, both included.
        sessions
            No more than this many sessions, the last ones.
        """
        check_range(first, last)
        names = tuple(map(canonical, symbols))
        return stored_panel(self.reader, source, names, self.closed, first, last, sessions)

    def recent(self, source: str, symbols: Iterable[str]) -> PricePanel:
        """Sessions that were appended to these symbols since their histories were last written.

        Let :meth:`panel` have given prices before. As long as no history was replaced by its :meth:`stamp`, these
        sessions and those prices make what it would give now. Errors as in :meth:`read`.
        """
        return appended_panel(self.reader, source, map(canonical, symbols), self.closed)

    def stamp(self, source: str, symbol: str) -> Stamp | None:
        """Identity of what is stored of a symbol, which changes whenever its prices do; None if nothing is.

        It costs two looks at a file's status. It also changes when another symbol of the source gets sessions.
        """
        return self.reader.stamp(source, canonical(symbol))

    def folder_stamp(self, source: str) -> FileStamp | None:
        """Identity of the folder of a source's histories; it changes when one is replaced. None on object storage."""
        return None if self._shared is not None else folder_stamp(self.root / source)

    def info(self, source: str) -> list[StoredSymbol]:
        """What is stored from a source; errors as in :meth:`read`."""
        return [self.stored(source, symbol) for symbol in self.symbols(source)]

    def stored(self, source: str, symbol: str) -> StoredSymbol:
        """What is stored of one symbol; errors as in :meth:`read`.

        A history is read again only if it was replaced since this store last read it.
        """
        return stored_symbol(self.reader, source, canonical(symbol), self.closed)

    def update(
        self,
        source: PriceSource,
        symbols: Sequence[str],
        *,
        last: date | None = None,
        progress: Callable[[str], None] | None = None,
        report: UpdateReport | None = None,
    ) -> UpdateReport:
        """Bring symbols up to date from a source, as :func:`tickgraph.market.store.update.update`."""
        return update(
            self, source, tuple(map(canonical, symbols)), last=last, progress=progress, report=report
        )

    def fold(self, source: str, *, always: bool = False) -> int:
        """Write recent sessions into the histories, if there are so many that they slow readers down.

        Other writers get their turn between two batches; a crash at any instant leaves every row counting once.

        Returns
        -------
        int
            Symbols that were looked at; 0 where it was not due.
        """
        with self.writing(source) as writer:
            symbols = writer.recent_symbols() if always or writer.due_for_folding() else []
        folded: dict[Symbol, int] = {}
        for start in range(0, len(symbols), FOLD_BATCH):
            with self.writing(source) as writer:
                folded |= writer.fold(symbols[start : start + FOLD_BATCH])
        if folded:
            with self.writing(source) as writer:
                writer.drop(folded)
        return len(symbols)

    @contextlib.contextmanager
    def writing(self, source: str, *, heal: bool = False) -> Iterator[StoreWriter]:
        """Be the only writer of a source.

        Parameters
        ----------
        source
            Whose prices are to be written.
        heal
            Whether a damaged recent file may be replaced by what can be read of it. The caller then fetches the rest.

        Raises
        ------
        StorageError
            Another writer held the lock for 30 seconds, or the folder cannot be written.
        PriceDataError
            The folder lies outside the store, or the recent file is damaged.
        """
        with self._alone(source), self._shared.changing(source) if self._shared else contextlib.nullcontext():
            yield StoreWriter(self.reader, source, self.now, heal=heal, permit=self._permit)
        if self._news is not None:
            self._news.tell(PRICES)

    def _alone(self, source: str, wait: float | None = None) -> contextlib.AbstractContextManager[None]:
        """Be the only writer of a source on this machine."""
        source_folder(self.root, source)  # before the lock's folder is made
        threads = self._threads.setdefault(source, threading.Lock())
        return exclusive(self.root / ".locks" / f"{source}.lock", threads, wait)
