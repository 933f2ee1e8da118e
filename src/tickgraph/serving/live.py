"""Forecasts for a service: requests are answered from memory, and a watcher keeps memory current."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from tickgraph.errors import TickgraphError
from tickgraph.graph.config import GraphConfig
from tickgraph.market.calendar import first_session, sessions_behind
from tickgraph.market.store import PriceStore
from tickgraph.registry.registry import ModelRegistry
from tickgraph.serving.cache import MAX_BYTES, MAX_MODELS
from tickgraph.serving.forecast import Forecast
from tickgraph.serving.forecaster import Forecaster, Forecasts, open_models
from tickgraph.serving.journal import ForecastJournal
from tickgraph.serving.observer import Observer
from tickgraph.serving.prepared import Prepared
from tickgraph.serving.prices import PanelCache
from tickgraph.serving.snapshot import TargetGraph
from tickgraph.threads import Threads

T = TypeVar("T")

POLL_SECONDS = 1.0
SILENT_SECONDS = 30.0  # a look that takes longer than this hangs
STORAGE_SECONDS = 8.0  # for a model or prices to be read; a request has a little longer
START_SECONDS = 10.0  # for the first look; where storage hangs, the service starts without it
END_SECONDS = 2.0
ASKING = 4  # small questions to storage at one time
HUNG = 8  # of them, how many may hang before others are refused

_log = logging.getLogger(__name__)


class LiveForecaster:
    """A forecaster whose requests look at no file once a symbol is in memory.

    A thread looks for newer models and prices every ``poll_seconds``. It loads and verifies them, computes the
    forecasts that they change in one call, and swaps each in whole. Until then requests are answered from what was
    there before. What the thread cannot read stays as it is, is reported to the observer, and is tried again.

    Parameters
    ----------
    registry, store
        Trained models and stored prices.
    source
        Source of prices for a symbol without a model.
    graph
        Windows of the momentum fallback.
    max_models, max_bytes
        Bounds of the models in memory.
    poll_seconds
        Time between two looks.
    storage_seconds
        How long a model or prices may take to be read; a longer read hangs, and its callers are told so.
    silent_seconds
        How long a look may take before it counts as one that hangs.
    now
        Clock that staleness is measured against; None is the system's.
    observer
        Hears of loads, computations and failures.
    journal
        Keeps a record of the forecasts prepared; None keeps none.
    """

    def __init__(
        self,
        registry: ModelRegistry,
        store: PriceStore,
        *,
        source: str = "sample",
        graph: GraphConfig | None = None,
        max_models: int = MAX_MODELS,
        max_bytes: int = MAX_BYTES,
        poll_seconds: float = POLL_SECONDS,
        storage_seconds: float = STORAGE_SECONDS,
        silent_seconds: float = SILENT_SECONDS,
        now: Callable[[], datetime] | None = None,
        observer: Observer | None = None,
        journal: ForecastJournal | None = None,
    ) -> None:
        self.registry, self.store, self.source = registry, store, source
        self._observer = observer or Observer()
        self.models = open_models(
            registry,
            observer=self._observer,
            max_models=max_models,
            max_bytes=max_bytes,
            load_seconds=storage_seconds,
        )
        self.panels = PanelCache(store, self._observer, storage_seconds)
        self._storage_seconds = storage_seconds
        self._asking = Threads(ASKING, "tickgraph-ask", spare=HUNG)
        self._forecaster = Forecaster(
            registry,
            self.panels.covering,
            source=source,
            graph=graph,
            now=now,
            models=self.models,
            watched=True,
            has_model=self.has_model,
            generation=lambda symbol: self._asked(registry.generation, symbol),
            fault=lambda: self._unlisted if self._looked.is_set() or self._watcher else registry.fault(),
            observer=self._observer,
            journal=journal,
        )
        self._now = now
        self._poll_seconds, self._silent_seconds = poll_seconds, silent_seconds
        self._stopping = False
        self._wake = threading.Event()
        self._looking = False
        self._looked = threading.Event()
        self._looked_at = time.monotonic()
        self._watcher: threading.Thread | None = None
        self._symbols: tuple[str, ...] = ()
        self._trained: frozenset[str] = frozenset()
        self._stored: tuple[str, ...] = ()
        self._unlisted: str | None = "the catalogue of models has not been read yet"
        self._failing: str | None = None

    def start(self) -> None:
        """Read the catalogue of models, warm up what the first request would wait for, and begin to watch."""
        sessions_behind(first_session())  # builds the exchange's calendar: 0.1 s
        self._wake.set()
        self._watcher = threading.Thread(target=self._watch, name="tickgraph-watch", daemon=True)
        self._watcher.start()
        self._looked.wait(START_SECONDS)

    def stop(self) -> None:
        """Stop watching; looks and loads that run are let end, unless they hang."""
        self._stopping = True
        self._wake.set()
        if self._watcher:
            self._watcher.join(END_SECONDS)
        self.models.close()
        self.panels.close()
        self._asking.close(END_SECONDS)

    @property
    def fault(self) -> str | None:
        """Why newer models and prices cannot be looked for, until a look succeeds; None if they can."""
        silent = time.monotonic() - self._looked_at
        if self._watcher is not None and silent > self._poll_seconds + self._silent_seconds:
            return (
                f"no look for newer models and prices has ended for {silent:.0f} s: storage does not answer; "
                "what is in memory stays in service"
            )
        return self._unlisted or self._failing

    def known(self) -> tuple[str, ...]:
        """Symbols that had a model at the last look, or stored prices of the service's source."""
        return tuple(dict.fromkeys((*self._symbols, *self._stored)))

    def symbols(self) -> tuple[str, ...]:
        """Symbols that had a model at the last look."""
        return self._symbols

    def has_model(self, symbol: str) -> bool:
        """Whether a canonical symbol had a model at the last look."""
        return symbol in self._trained

    def known_now(self) -> tuple[str, ...]:
        """As :meth:`known`, with the symbols whose prices were stored since; looks at a folder."""
        return tuple(dict.fromkeys((*self.known(), *self._asked(self.store.symbols, self.source))))

    def _asked(self, call: Callable[[str], T], word: str) -> T:
        """Ask storage a small question; :class:`HungError` if it does not answer."""
        return self._asking.result(self._asking.submit(call, word), self._storage_seconds)

    def nudge(self) -> None:
        """Look now rather than at the next turn: something is known to have been published."""
        self._wake.set()

    def look(self) -> None:
        """Bring memory up to date with what is stored: the watcher's step.

        Meanwhile requests are answered from what was in memory before, so that none has to load or compute.
        """
        self._looking = True
        try:
            self._look()
        finally:
            self._looking = False
            self._looked_at = time.monotonic()
            self._looked.set()
            self._observer.looked()

    def _look(self) -> None:
        folder = self.registry.root / "metadata"
        if self._symbols and not folder.is_dir():
            # A folder that vanished is a disk that failed, not the withdrawal of every model.
            self._unlisted = f"{folder} is gone; what is in memory stays in service"
            return
        try:
            symbols = self.registry.symbols()
        except (TickgraphError, OSError) as error:
            self._unlisted = f"{folder} cannot be read: {error}"
            return
        self._symbols, self._trained, self._unlisted = symbols, frozenset(symbols), None
        with contextlib.suppress(TickgraphError, OSError):  # the symbols of the last look stay known
            self._stored = tuple(self.store.symbols(self.source))
        failed = [text for step in self._steps() if (text := _failure(step)) is not None]
        self._failing = failed[0] if failed else None

    def _steps(self) -> tuple[Callable[[], None], ...]:
        """What a look does one after the other: none is left out because another failed."""
        return self.models.revalidate, self.panels.refresh, lambda: self._forecaster.renew(self.panels.held)

    def in_memory(self, symbol: str) -> Prepared | None:
        """Predictive distribution of a canonical symbol; None if something would have to be read or computed."""
        return self._forecaster.in_memory(
            symbol, self.panels.held, has_model=symbol in self._trained, renewing=self._looking
        )

    def forecast_many(
        self, symbols: Iterable[str], prices: Mapping[str, float] | None = None, *, fallback: str = "momentum"
    ) -> Forecasts:
        """Forecast several symbols in one call, as :meth:`Forecaster.forecast_many`; may read and compute."""
        return self._forecaster.forecast_many(symbols, prices, fallback=fallback)

    def prepare(self, symbol: str, *, fallback: str = "momentum") -> Prepared:
        """Predictive distribution of a canonical symbol; raises what it failed on."""
        found, failures = self._forecaster.prepare((symbol,), fallback=fallback)
        for error in failures.values():
            raise error
        return found[symbol]

    def answer(self, prepared: Prepared, price: float | None, *, trained_now: bool = False) -> Forecast:
        """Answer at a price; :class:`InputError` for one that is not a positive number."""
        return self._forecaster.answer(prepared, price, trained_now=trained_now)

    def answer_values(self, prepared: Prepared, price: float | None) -> dict[str, Any]:
        """Fields of :meth:`answer` in their order, for a price that was checked."""
        return self._forecaster.answer_values(prepared, price)

    def graph(self, symbol: str) -> TargetGraph:
        """Graph behind a canonical symbol's forecast; may read and compute."""
        return self._forecaster.graph(symbol)

    def sessions_behind(self) -> dict[str, int]:
        """Completed sessions that the prices in memory lack, by source."""
        return {
            source: sessions_behind(panel.sessions[-1], self._now() if self._now else None)
            for source, panel in self.panels.everything().items()
            if len(panel.sessions)
        }

    def clear(self) -> int:
        """Forget models, prices and forecasts; returns how many models were in memory."""
        self.panels.clear()
        return self._forecaster.clear()

    def _watch(self) -> None:
        while True:
            self._wake.wait(self._poll_seconds)
            self._wake.clear()
            if self._stopping:
                return
            try:
                self.look()
            except Exception as error:  # noqa: BLE001  a fault in one look must not end all later ones
                self._failing = f"looking for newer models and prices failed: {error}"
                _log.exception("looking for newer models and prices failed")


def _failure(step: Callable[[], None]) -> str | None:
    """Carry out one step of a look; gives what it failed on."""
    try:
        step()
    except Exception as error:  # noqa: BLE001  the other steps are taken all the same
        _log.exception("looking for newer models and prices failed")
        return f"looking for newer models and prices failed: {error}"
    return None
