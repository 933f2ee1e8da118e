"""Stored prices in memory: read once, and again when their files change."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass

from tickgraph.market.panel import PricePanel
from tickgraph.market.store import PriceStore, Stamp
from tickgraph.serving.failures import failure_of
from tickgraph.serving.observer import Observer
from tickgraph.threads import HungError, Threads

HUNG = 4  # reads that may hang before others are refused
END_SECONDS = 2.0  # for a read that runs when the cache is closed


@dataclass(frozen=True)
class _Held:
    """Prices of one source, and the files' identities when they were read."""

    panel: PricePanel
    stamps: dict[str, Stamp | None]


class PanelCache:
    """One panel per source, over every symbol that was asked for; call it as ``panels(source, symbols)``.

    A look at each file's status decides whether what is in memory is still what is stored. The panel given back
    may hold more symbols than were asked for; it is replaced whole, never changed.

    Parameters
    ----------
    store
        Where prices are read from.
    observer
        Hears of prices that could not be read again.
    read_seconds
        How long a read may take before its callers are told that storage does not answer; None is without limit.
    """

    def __init__(
        self, store: PriceStore, observer: Observer | None = None, read_seconds: float | None = None
    ) -> None:
        self._store = store
        self._observer = observer or Observer()
        self._read_seconds = read_seconds
        # One thread: what is missing is read once however many ask, unless a read hangs.
        self._reading = Threads(1, "tickgraph-prices", spare=HUNG)
        self._lock = threading.Lock()  # for putting in place what was read: no file is touched under it
        self._held: dict[str, _Held] = {}
        self._looked: dict[str, dict[str, Stamp | None]] = {}

    def __call__(self, source: str, symbols: Sequence[str]) -> PricePanel:
        """Prices of at least these symbols, as stored now; errors as in :meth:`PriceStore.read`."""
        return self._in_time(source, symbols, anew=True)

    def held(self, source: str) -> PricePanel | None:
        """Give what is in memory of a source; no file is looked at."""
        held = self._held.get(source)
        return held.panel if held else None

    def everything(self) -> dict[str, PricePanel]:
        """All that is in memory, by source."""
        return {source: held.panel for source, held in tuple(self._held.items())}

    def covering(self, source: str, symbols: Sequence[str]) -> PricePanel:
        """Prices of at least these symbols: from memory where they are, whatever became of their files."""
        held = self._held.get(source)
        if held is not None and all(symbol in held.stamps for symbol in symbols):
            return held.panel
        return self._in_time(source, symbols, anew=False)

    def refresh(self) -> None:
        """Read again what changed, once it has stopped changing; what cannot be read stays as it was.

        New sessions of all symbols are stored in one step, and are taken in at once. Histories are replaced one by
        one: to answer from prices of one moment, they are read only when two looks in a row find them the same.
        """
        for source, held in tuple(self._held.items()):
            looks = {symbol: self._look(source, symbol) for symbol in held.stamps}
            changed = [symbol for symbol, stamp in looks.items() if stamp != held.stamps[symbol]]
            before = self._looked.get(source, {})
            settled = all(symbol in before and before[symbol] == looks[symbol] for symbol in changed)
            self._looked[source] = looks
            grown = all(_grown(held.stamps[symbol], looks[symbol]) for symbol in changed)
            if not changed or not (grown or settled):
                continue
            try:
                self._renew(source, changed)
            except Exception as error:  # noqa: BLE001  foreseen or not, the other symbols' prices are taken in
                self._keep_the_rest(source, changed)
                self._observer.prices_kept(source, failure_of(source, error))

    def clear(self) -> None:
        """Forget all prices."""
        # Not while what is missing is read to stand beside them.
        self._reading.result(self._reading.submit(self._forget), self._read_seconds)

    def close(self) -> None:
        """Let a read that runs end, unless it hangs, and read no more."""
        self._reading.close(END_SECONDS)

    def _forget(self) -> None:
        with self._lock:
            self._held.clear()

    def _in_time(self, source: str, symbols: Sequence[str], *, anew: bool) -> PricePanel:
        future = self._reading.submit(self._gathered, source, symbols, anew)
        try:
            return self._reading.result(future, self._read_seconds)
        except (HungError, CancelledError):
            some = f"{', '.join(symbols[:3])}{' ...' if len(symbols) > 3 else ''}"
            raise HungError(
                f"Prices of {some} ({source}) could not be read: storage does not answer. "
                "Look at the disk or network mount that holds the prices."
            ) from None

    def _gathered(self, source: str, symbols: Sequence[str], anew: bool) -> PricePanel:
        """Read the prices of these symbols that are not in memory; with ``anew``, those that changed, too.

        What else changed is read with them, so that all are of one moment.
        """
        held = self._held.get(source)
        known = held.stamps if held else {}
        wanted = [
            symbol
            for symbol in symbols
            if symbol not in known or (anew and known[symbol] != self._store.stamp(source, symbol))
        ]
        if held is not None and not wanted:
            return held.panel
        others = [s for s in known if s not in wanted and self._changed(source, s, known[s])]
        try:
            return self._renew(source, [*wanted, *others]).panel
        except Exception:
            if not others:
                raise
            return self._read(source, wanted).panel

    def _keep_the_rest(self, source: str, changed: Sequence[str]) -> None:
        """Take in all but what cannot be read, by halves: each step makes a panel of all symbols."""
        if len(changed) == 1:
            return
        middle = len(changed) // 2
        for part in (changed[:middle], changed[middle:]):
            try:
                self._renew(source, part)
            except Exception:  # noqa: BLE001  its halves are tried
                self._keep_the_rest(source, part)

    def _look(self, source: str, symbol: str) -> Stamp | None:
        try:
            return self._store.stamp(source, symbol)
        except Exception:  # noqa: BLE001  reading says what is wrong
            return None

    def _changed(self, source: str, symbol: str, stamp: Stamp | None) -> bool:
        now = self._look(source, symbol)
        return now is not None and now != stamp

    def _renew(self, source: str, symbols: Sequence[str]) -> _Held:
        """Take in the new sessions of symbols, or read them whole where their histories were replaced."""
        held = self._held.get(source)
        stamps = {symbol: self._look(source, symbol) for symbol in symbols}
        if held is None or not all(_grown(held.stamps.get(symbol), stamps[symbol]) for symbol in symbols):
            return self._read(source, symbols)
        later = self._store.recent(source, tuple(symbols))
        if not all(_grown(stamps[symbol], self._look(source, symbol)) for symbol in symbols):
            return self._read(source, symbols)  # replaced meanwhile
        with self._lock:
            held = self._held.get(source)
            if held and all(_grown(held.stamps.get(symbol), stamps[symbol]) for symbol in symbols):
                self._held[source] = grown = _Held(held.panel.extended(later), held.stamps | stamps)
                return grown
        return self._read(source, symbols)

    def _read(self, source: str, symbols: Sequence[str]) -> _Held:
        """Read symbols and put them beside the others."""
        # Stamped before reading: a file replaced in between is read again at the next look, not missed.
        stamps = {symbol: self._look(source, symbol) for symbol in symbols}
        panel = self._store.panel(source, tuple(symbols))
        with self._lock:
            held = self._held.get(source)
            if held is not None:
                panel = held.panel.joined(panel)
                if held.panel.same_prices(
                    panel
                ):  # files were rewritten, and what was computed from them holds
                    panel = held.panel
                stamps = held.stamps | stamps
            self._held[source] = read = _Held(panel, stamps)
        return read


def _grown(before: Stamp | None, now: Stamp | None) -> bool:
    """Whether a history is the one that was read, so that no more than sessions after it can be new."""
    return before is not None and now is not None and before.history == now.history
