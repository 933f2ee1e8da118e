"""The local price store, between every source and everything else."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tickgraph.atomic import names_in
from tickgraph.locks import exclusive
from tickgraph.market.calendar import check_range, last_completed_session
from tickgraph.market.clock import system_time
from tickgraph.market.panel import PANEL_COLUMNS, PricePanel
from tickgraph.market.quality import Implausible
from tickgraph.market.source import PriceSource, empty_bars, select_bars
from tickgraph.market.store.layout import Stamp, StoredSymbol, source_folder
from tickgraph.market.store.reading import StoreReader
from tickgraph.market.store.report import UpdateReport
from tickgraph.market.store.update import update
from tickgraph.market.store.writing import StoreWriter
from tickgraph.market.universe import canonical, is_canonical


class PriceStore:
    """Prices on disk; those of different sources are never mixed.

    All prices of a store are of one exchange, which the store records. Where that is not the exchange in force, every
    method that reads or writes prices raises :class:`~tickgraph.errors.OtherExchangeError`.

    One process at a time writes prices of a source. Any number read meanwhile, without locks, and see what was
    stored at one moment.

    Parameters
    ----------
    root
        Folder: a symbol's history is ``root/{source}/{symbol}.parquet``, and what was appended to any since they
        were last written ``root/{source}/recent/sessions.parquet``; the exchange is in ``root/exchange``.
    now
        Clock; None is the system's. Bars of sessions that have not closed by then are neither stored nor read.
    implausible
        What becomes of prices that cannot be, as in :func:`tickgraph.market.quality.usable`.
    """

    def __init__(
        self,
        root: Path,
        now: Callable[[], datetime] | None = None,
        *,
        implausible: Implausible = "leave_out",
    ) -> None:
        self.root = Path(root)
        self.now = now or system_time
        self.implausible: Implausible = implausible
        self.reader = StoreReader(self.root)
        self._threads: dict[str, threading.Lock] = {}

    def symbols(self, source: str) -> tuple[str, ...]:
        """Symbols stored from a source.

        Files of other names are none of the store's, a symbol's former name among them: nothing reads those.

        Raises
        ------
        OtherExchangeError
            The store's prices are of another exchange than the one in force.
        StorageError
            The folder cannot be listed.
        """
        self.reader.exchange.check()
        return tuple(sorted(name for name in self.names(source) if is_canonical(name)))

    def source_of(self, symbol: str, usual: str) -> str:
        """Source whose prices of a symbol are stored: the usual one, or where that has none the only other one.

        The usual one, too, where no source has any or several others have. Errors as in :meth:`symbols`.
        """
        if symbol in self.names(usual):
            return usual
        self.reader.exchange.check()
        others = [name for name in self.sources() if name != usual and symbol in self.names(name)]
        return others[0] if len(others) == 1 else usual

    def sources(self) -> list[str]:
        """Sources of which prices are stored."""
        folders = (
            name for name in names_in(self.root) if not name.startswith(".") and (self.root / name).is_dir()
        )
        return sorted(name for name in folders if self.names(name))

    def names(self, source: str) -> tuple[str, ...]:
        """Give what stands before ``.parquet`` in a source's folder; errors as in :meth:`symbols`."""
        found = (name for name in names_in(self.root / source) if name.endswith(".parquet"))
        return tuple(sorted(name.removesuffix(".parquet") for name in found))

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
        symbols = list(dict.fromkeys(map(canonical, symbols)))
        found = self.reader.many(source, symbols)
        parts = [self.reader.bars(source, symbol, prices) for symbol, prices in found.items()]
        if not parts:
            return empty_bars()
        bars = pd.concat(parts, ignore_index=True)
        if len(bars):
            bars = bars[bars["date"] <= self.closed(bars["date"].max().to_datetime64())]
        return select_bars(bars, symbols, first, last)

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
        names = list(dict.fromkeys(map(canonical, symbols)))
        # A symbol's share of the panel's last sessions is among its own last ones; ``last`` may cut those off.
        tail = max(1, sessions) if sessions is not None and last is None else None
        found = self.reader.many(source, names, ("date", *PANEL_COLUMNS), tail)
        start, end = np.datetime64(first or date.min, "D"), np.datetime64(last or date.max, "D")
        parts: dict[str, dict[str, NDArray[Any]]] = {}
        for symbol, prices in found.items():
            part = self.reader.arrays(source, symbol, prices, ("date", *PANEL_COLUMNS))
            kept = (start <= part["date"]) & (part["date"] <= end)
            if len(part["date"]):
                kept &= part["date"] <= self.closed(part["date"].max())
            if tail is not None:
                kept[: max(0, len(kept) - tail)] = False
            parts[symbol] = {name: values[kept] for name, values in part.items()}
        providers = {symbol: prices.head.provider for symbol, prices in found.items()}
        panel = PricePanel.side_by_side(parts, source, providers)
        return panel if sessions is None else panel.tail(sessions)

    def recent(self, source: str, symbols: Sequence[str]) -> PricePanel:
        """Sessions that were appended to these symbols since their histories were last written.

        Together with what :meth:`panel` gave before, and no history was replaced since by its :meth:`stamp`, they
        make what it would give now. Errors as in :meth:`read`.
        """
        recent = self.reader.recent(source)
        parts: dict[str, dict[str, Any]] = {}
        providers: dict[str, str] = {}
        for symbol in dict.fromkeys(map(canonical, symbols)):
            head = self.reader.head(source, symbol)
            columns = ("date", *PANEL_COLUMNS)
            rows = recent.counted(head, columns)
            if rows is not None:
                values = {name: rows.column(name).to_numpy() for name in columns}
                days = values["date"].astype("datetime64[D]")
                kept = days <= self.closed(days[-1])
                parts[symbol] = {name: each[kept] for name, each in {**values, "date": days}.items()}
                providers[symbol] = head.provider
        return PricePanel.side_by_side(parts, source, providers)

    def stamp(self, source: str, symbol: str) -> Stamp | None:
        """Identity of what is stored of a symbol, which changes whenever its prices do; None if nothing is.

        It costs two looks at a file's status. It also changes when another symbol of the source gets sessions.
        """
        return self.reader.stamp(source, canonical(symbol))

    def info(self, source: str) -> list[StoredSymbol]:
        """What is stored from a source; errors as in :meth:`read`."""
        return [self.stored(source, symbol) for symbol in self.symbols(source)]

    def stored(self, source: str, symbol: str) -> StoredSymbol:
        """What is stored of one symbol; errors as in :meth:`read`."""
        prices = self.reader.one(source, canonical(symbol), ("date",))
        prices = prices.through(self.closed(np.datetime64(prices.last, "D"))) or prices
        head, recent = prices.head, prices.recent
        last, added, fetched_at = head.last, 0, head.fetched_at
        if recent is not None:
            last, added = prices.last, recent.num_rows
            fetched_at = recent.column("fetched_at")[-1].as_py()
        return StoredSymbol(
            symbol, head.first, last, head.sessions + added, fetched_at, head.provider, head.revised_at
        )

    def update(
        self,
        source: PriceSource,
        symbols: Sequence[str],
        *,
        last: date | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> UpdateReport:
        """Bring symbols up to date from a source, as :func:`tickgraph.market.store.update.update`."""
        return update(self, source, symbols, last=last, progress=progress)

    @contextlib.contextmanager
    def writing(self, source: str, *, heal: bool = False) -> Iterator[StoreWriter]:
        """Be the only writer of a source.

        Parameters
        ----------
        source
            Whose prices are to be written.
        heal
            Whether a damaged recent file may be replaced by what can be read of it. Who says so fetches the rest.

        Raises
        ------
        StorageError
            Another writer held the lock for 30 seconds, or the folder cannot be written.
        PriceDataError
            The folder lies outside the store, or the recent file is damaged.
        """
        source_folder(self.root, source)  # before the lock's folder is made
        threads = self._threads.setdefault(source, threading.Lock())
        with exclusive(self.root / ".locks" / f"{source}.lock", threads):
            yield StoreWriter(self.reader, source, self.now, heal=heal)
