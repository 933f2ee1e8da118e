"""Stored prices in memory: read once, and again when their files change."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from tickgraph.errors import PriceDataError, StorageError, error_of
from tickgraph.market.calendar import sessions_behind
from tickgraph.market.panel import PricePanel
from tickgraph.market.spelling import Symbol
from tickgraph.market.store import PriceStore, Stamp
from tickgraph.serving.growing_panel import GrowingPanel
from tickgraph.serving.observer import Observer
from tickgraph.serving.rounds import Rounds
from tickgraph.threads import HungError, Threads

HUNG = 4  # reads that may hang before others are refused
END_SECONDS = 2.0  # for a read that runs when the cache is closed

Stamps = Mapping[Symbol, Stamp | None]


@dataclass(frozen=True)
class _Prices:
    """Prices of one source, and the files' identities when they were read."""

    stamps: Stamps
    growing: GrowingPanel

    @property
    def panel(self) -> PricePanel:
        return self.growing.panel


class PanelCache:
    """One panel per source, over every symbol that was asked for; call it as ``panels(source, symbols)``.

    The status of a file says whether it is still the one that was read. The panel given back may hold more symbols
    than were asked for. It is replaced whole, never changed.

    Parameters
    ----------
    store
        Where prices are read from.
    observer
        Hears of prices that could not be read again.
    read_seconds
        How long a read may take before its callers are told that storage does not answer; None is without limit.
    sessions
        How many sessions are kept in memory, the last ones; None is all.
    """

    def __init__(
        self,
        store: PriceStore,
        observer: Observer | None = None,
        read_seconds: float | None = None,
        sessions: int | None = None,
    ) -> None:
        self._store, self._sessions = store, sessions
        self._observer = observer or Observer()
        self._read_seconds = read_seconds
        # One thread: what is missing is read once however many ask, unless a read hangs.
        self._reading = Threads(1, "tickgraph-prices", spare=HUNG)
        self._lock = threading.Lock()  # for putting in place what was read: no file is touched under it
        self._sources: dict[str, _Prices] = {}
        self._seen: dict[str, Stamps] = {}  # at the last look
        self._rounds: dict[str, Rounds] = {}

    def __call__(self, source: str, symbols: Sequence[Symbol]) -> PricePanel:
        """Prices of at least these symbols, as stored now; errors as in :meth:`PriceStore.read`."""
        return self._read_in_time(source, symbols, anew=True)

    def covering(self, source: str, symbols: Sequence[Symbol]) -> PricePanel:
        """Prices of at least these symbols: from memory where they are, whatever became of their files."""
        prices = self._sources.get(source)
        if prices is not None and all(symbol in prices.stamps for symbol in symbols):
            return prices.panel
        return self._read_in_time(source, symbols, anew=False)

    def whole(self, source: str, symbols: Sequence[Symbol]) -> PricePanel:
        """All sessions of at least these symbols: where only the last ones are in memory they are read, and not kept.

        If they cannot be read, those in memory are given. Errors as in :meth:`PriceStore.read`.
        """
        if self._sessions is None:
            return self.covering(source, symbols)
        try:
            return self._in_time(source, symbols, lambda: self._store.panel(source, tuple(symbols)))
        except (PriceDataError, StorageError, HungError):
            prices = self._sources.get(source)
            if prices is None or not all(symbol in prices.stamps for symbol in symbols):
                raise
            return prices.panel  # the last ones are better than none

    def peek(self, source: str) -> PricePanel | None:
        """All prices of a source that are in memory, None without any; no file is looked at."""
        prices = self._sources.get(source)
        return prices.panel if prices else None

    def lineages(self) -> tuple[object, ...]:
        """Lineage of the prices of each source in memory: other ones mean other prices."""
        return tuple(prices.panel.lineage for prices in tuple(self._sources.values()))

    def sessions_behind(self, now: datetime | None = None) -> dict[str, int]:
        """Completed sessions that the prices in memory lack, by source."""
        panels = {source: prices.panel for source, prices in tuple(self._sources.items())}
        return {
            source: sessions_behind(panel.sessions[-1], now)
            for source, panel in panels.items()
            if len(panel.sessions)
        }

    def refresh(self) -> None:
        """Read again what changed, once it has stopped changing; what cannot be read stays as it was.

        New sessions of all symbols are stored in one step, and are taken in at once. Histories are replaced one by
        one. They are read when two looks in a row find them the same, so that all prices are of one moment.
        """
        for source, prices in tuple(self._sources.items()):
            stamps, before = self._looked_at(source, prices.stamps), self._seen.get(source, {})
            changed = [symbol for symbol, stamp in stamps.items() if stamp != prices.stamps[symbol]]
            self._seen[source] = stamps
            settled = all(symbol in before and before[symbol] == stamps[symbol] for symbol in changed)
            if changed and (settled or all(_grown(prices.stamps[one], stamps[one]) for one in changed)):
                self._take_in(source, changed)

    def _looked_at(self, source: str, held: Stamps) -> dict[Symbol, Stamp | None]:
        """Stamps of those symbols that this look is to look at."""
        rounds = self._rounds.setdefault(source, Rounds(lambda: self._store.folder_stamp(source)))
        seen = self._seen.get(source, {})
        unsettled = [one for one, stamp in seen.items() if one in held and stamp != held[one]]
        some = dict.fromkeys((*rounds.due(tuple(held)), *unsettled))
        stamps = {symbol: self._stamp(source, symbol) for symbol in some}
        # New sessions of any symbol show in every stamp.
        if len(some) < len(held) and any(_has_later(held.get(one), stamp) for one, stamp in stamps.items()):
            stamps = {symbol: self._stamp(source, symbol) for symbol in held}
        return stamps

    def clear(self) -> None:
        """Forget all prices."""
        # In the thread that reads: what is being read is to stand beside these prices.
        self._reading.result(self._reading.submit(self._forget), self._read_seconds)

    def close(self) -> None:
        """Let a read that runs end, unless it hangs, and read no more."""
        self._reading.close(END_SECONDS)

    def _forget(self) -> None:
        with self._lock:
            self._sources.clear()

    def _read_in_time(self, source: str, symbols: Sequence[Symbol], *, anew: bool) -> PricePanel:
        return self._in_time(source, symbols, lambda: self._gather(source, symbols, anew))

    def _in_time(self, source: str, symbols: Sequence[Symbol], read: Callable[[], PricePanel]) -> PricePanel:
        future = self._reading.submit(read)
        try:
            return self._reading.result(future, self._read_seconds)
        except (HungError, CancelledError):
            some = f"{', '.join(symbols[:3])}{' ...' if len(symbols) > 3 else ''}"
            raise HungError(
                f"Prices of {some} ({source}) could not be read: storage does not answer. "
                "Look at the disk or network mount that holds the prices."
            ) from None

    def _gather(self, source: str, symbols: Sequence[Symbol], anew: bool) -> PricePanel:
        """Read the prices of these symbols that are not in memory; with ``anew``, those that changed, too.

        Other symbols' prices that changed are read with them, so that all are of one moment.
        """
        prices = self._sources.get(source)
        known = prices.stamps if prices else {}
        wanted = dict.fromkeys(
            symbol
            for symbol in symbols
            if symbol not in known or (anew and known[symbol] != self._store.stamp(source, symbol))
        )
        if prices is not None and not wanted:
            return prices.panel
        # New sessions of any symbol show in every stamp. Of replaced histories those of this question count: a
        # look at all of them would take longer with each symbol in memory.
        asked = [symbol for symbol in symbols if symbol in known]
        grown = any(self._changed(source, one, known[one]) for one in (*asked, *itertools.islice(known, 1)))
        others = [
            one
            for one in (known if grown else asked)
            if one not in wanted and self._changed(source, one, known[one])
        ]
        if others:
            # First and apart: of those in memory only what is new is read.
            with contextlib.suppress(Exception):
                self._renew(source, others)
        return self._renew(source, tuple(wanted)) if wanted else self._sources[source].panel

    def _take_in(self, source: str, changed: Sequence[Symbol]) -> None:
        """Take in all that can be read, by halves where some cannot: each step makes a panel of all symbols."""
        parts = [changed]
        for part in parts:
            try:
                self._renew(source, part)
            except Exception as error:  # noqa: BLE001  foreseen or not, the other symbols' prices are taken in
                if part is changed:
                    self._observer.prices_kept(source, error_of(source, error))
                if middle := len(part) // 2:
                    parts += part[:middle], part[middle:]

    def _stamp(self, source: str, symbol: Symbol) -> Stamp | None:
        try:
            return self._store.stamp(source, symbol)
        except Exception:  # noqa: BLE001  reading says what is wrong
            return None

    def _changed(self, source: str, symbol: Symbol, before: Stamp | None) -> bool:
        stamp = self._stamp(source, symbol)
        return stamp is not None and stamp != before

    def _renew(self, source: str, symbols: Sequence[Symbol]) -> PricePanel:
        """Take in the new sessions of symbols, or read them whole where their histories were replaced."""
        # Stamped before reading: a file replaced in between is read again at the next look, not missed.
        stamps: Stamps = {symbol: self._stamp(source, symbol) for symbol in symbols}
        if not self._only_grown(source, stamps):
            return self._read(source, stamps)
        later = self._store.recent(source, tuple(symbols))
        again: Stamps = {symbol: self._stamp(source, symbol) for symbol in symbols}
        if all(_grown(stamps[symbol], again[symbol]) for symbol in symbols):
            with self._lock:
                if self._only_grown(source, stamps):
                    prices = self._sources[source]
                    growing = prices.growing.extended(later)
                    kept = {**prices.stamps, **stamps}
                    if growing is not prices.growing:
                        # Older sessions may be gone, and with them symbols that ended.
                        gone = _without_prices(growing.panel)
                        kept = {symbol: stamp for symbol, stamp in kept.items() if symbol not in gone}
                    self._sources[source] = _Prices(kept, growing)
                    return growing.panel
        return self._read(source, again)  # replaced meanwhile

    def _only_grown(self, source: str, stamps: Stamps) -> bool:
        """Whether these symbols' histories are those in memory, so that only sessions after them can be new."""
        prices = self._sources.get(source)
        return prices is not None and all(
            _grown(prices.stamps.get(symbol), stamp) for symbol, stamp in stamps.items()
        )

    def _read(self, source: str, stamps: Stamps) -> PricePanel:
        """Read these symbols whole and put them beside the others."""
        if self._sessions is None:
            panel = self._store.panel(source, tuple(stamps))
        else:
            panel = self._store.panel(source, tuple(stamps), sessions=self._sessions)
            for ended in sorted(_without_prices(panel)):  # before the others' last sessions
                panel = panel.joined(self._store.panel(source, (ended,), sessions=self._sessions))
        with self._lock:
            prices = self._sources.get(source)
            if prices is None:
                growing = GrowingPanel(panel, self._sessions)
            else:
                growing, stamps = prices.growing.joined(panel), {**prices.stamps, **stamps}
            self._sources[source] = _Prices(stamps, growing)
        return growing.panel


def _without_prices(panel: PricePanel) -> set[Symbol]:
    """Symbols of which a panel has no price."""
    lacking = np.flatnonzero(~np.isfinite(panel.adj_close).any(axis=0))
    return {Symbol(panel.symbols[column]) for column in lacking}


def _has_later(before: Stamp | None, now: Stamp | None) -> bool:
    """Whether sessions were appended, of this symbol or of another."""
    return before is not None and now is not None and before.recent != now.recent


def _grown(before: Stamp | None, now: Stamp | None) -> bool:
    """Whether the history that was read is still there, so that only sessions after it can be new."""
    return before is not None and now is not None and before.history == now.history
