"""Outlooks in memory: computed from models in a registry and prices in a store, many in one network call."""

from __future__ import annotations

import logging
import operator
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np

from tickgraph.errors import TickgraphError, error_of
from tickgraph.graph.graph_config import GraphConfig
from tickgraph.market.calendar import Clock
from tickgraph.market.panel import PricePanel
from tickgraph.market.spelling import Symbol
from tickgraph.market.store import PriceStore
from tickgraph.model.universe_state import UniverseState
from tickgraph.model.weights import weight_shapes
from tickgraph.registry.registry import ModelRegistry
from tickgraph.serving.catalogue import Catalogue
from tickgraph.serving.fallback import momentum_outlook
from tickgraph.serving.journal import ForecastJournal
from tickgraph.serving.last_prices import last_session, until
from tickgraph.serving.loaded_model import LoadedModel
from tickgraph.serving.model_cache import MAX_BYTES, MAX_MODELS, ModelCache
from tickgraph.serving.network_outlooks import network_outlooks
from tickgraph.serving.observer import Observer
from tickgraph.serving.outlook import Outlook, Outlooks
from tickgraph.serving.outlook_inputs import Fallback, OutlookInputs, SourceInputs, Trainer
from tickgraph.serving.panels import PanelCache
from tickgraph.serving.rounds import ALL, Rounds
from tickgraph.serving.target_graph import TargetGraph, target_graph
from tickgraph.serving.universe_states import UniverseStates

BATCH = 500
"""Models of one network call: their weights are copied side by side for it, 45 MB of so many."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class _Basis:
    """What outlooks in memory depend on, but for their age: prices and states, and how often models came or went."""

    read: tuple[object, ...]
    changes: int

    def is_same(self, other: _Basis) -> bool:
        """Whether both are of the very same prices, states and models."""
        same = len(self.read) == len(other.read) and all(map(operator.is_, self.read, other.read))
        return same and self.changes == other.changes


class OutlookCache:
    """The outlooks of symbols, computed when they are asked for and kept; safe to call from several threads.

    Models are loaded on first use and verified. An outlook is computed once per model and prices, and for several
    symbols in one network call, :data:`BATCH` at most.

    Without a watcher every call looks for newer models and prices of the symbols that it is asked for. Under a
    :class:`tickgraph.serving.watcher.Watcher` a call looks at no file of a symbol that is in memory.

    Parameters
    ----------
    registry, store
        Trained models and stored prices.
    source
        Source of prices for a symbol without a model; a model uses the source it was trained on.
    train
        ``train(symbol, source)`` trains and publishes a model; needed for ``fallback="train"``.
    graph
        Windows of the momentum fallback.
    now
        Clock that staleness is measured against; None is the system's.
    max_models, max_bytes
        Bounds of the models in memory.
    storage_seconds
        How long a model or prices may take to be read before callers are told that storage does not answer; None is
        without limit.
    observer
        Hears of loads, computations and failures.
    journal
        Keeps a record of the forecasts computed from the newest prices; None keeps none.
    price_sessions
        How many sessions of prices are kept in memory, the last ones; None is all. Forecasts as of a day before them
        cannot be made then.
    """

    def __init__(
        self,
        registry: ModelRegistry,
        store: PriceStore,
        *,
        source: str = "sample",
        train: Trainer | None = None,
        graph: GraphConfig | None = None,
        now: Callable[[], datetime] | None = None,
        max_models: int = MAX_MODELS,
        max_bytes: int = MAX_BYTES,
        storage_seconds: float | None = None,
        observer: Observer | None = None,
        journal: ForecastJournal | None = None,
        price_sessions: int | None = None,
    ) -> None:
        self.registry, self.source = registry, source
        self.observer = observer or Observer()
        self.models = ModelCache(
            lambda symbol: LoadedModel.from_stored(registry.load(symbol, weight_shapes)),
            registry.generation,
            observer=self.observer,
            max_models=max_models,
            max_bytes=max_bytes,
            load_seconds=storage_seconds,
        )
        self.panels = PanelCache(store, self.observer, storage_seconds, price_sessions)
        self.states = UniverseStates(registry.universe, storage_seconds)
        self.catalogue = Catalogue(registry, store, source, storage_seconds)
        self._inputs = OutlookInputs(
            registry, self.models, self.panels, self.states, self.catalogue, source, train
        )
        self._graph = graph or GraphConfig()
        self._clock = Clock(now)
        self._journal = journal
        self._outlooks: dict[Symbol, Outlook] = {}  # in memory, the oldest first
        self._max_outlooks = max(MAX_MODELS, max_models)
        self._lock = threading.Lock()  # for putting an outlook in memory
        self._renewing = False
        self._rounds = Rounds(registry.folder_stamp)
        self._basis: _Basis | None = None  # of the last time that all outlooks were looked at

    def symbols(self) -> tuple[Symbol, ...]:
        """Symbols that have a trained model; under a watcher, those of its last look."""
        return self.catalogue.symbols()

    def outlook(self, symbol: Symbol, *, fallback: Fallback = "momentum") -> Outlook:
        """Outlook of one symbol; it raises what a forecast of it raises."""
        outlooks = self.outlooks((symbol,), fallback=fallback)
        for error in outlooks.failures.values():
            raise error
        return outlooks.found[symbol]

    def outlooks(
        self, symbols: Sequence[Symbol], *, as_of: date | None = None, fallback: Fallback = "momentum"
    ) -> Outlooks:
        """Outlooks of several symbols: from memory where they hold, the others are computed together."""
        result = Outlooks()
        computed: list[Outlook] = []
        for inputs in self._inputs.gather(symbols, fallback, result):
            computed += self._computed(inputs, as_of, result)
        for outlook in computed:
            with result.alone(outlook.symbol):
                if as_of is None:
                    self._keep(outlook)
                result.found[outlook.symbol] = outlook
        if as_of is None and computed:
            self._forget_evicted()
            if self._journal is not None:
                answered = [outlook for outlook in computed if outlook.symbol in result.found]
                self.observer.journaled(*self._journal.log(answered))
        return result

    def peek(self, symbol: Symbol) -> Outlook | None:
        """Outlook of a symbol under a watcher if it is in memory and holds now: no file is looked at.

        While models and prices are being renewed, what was computed from those before still answers.
        """
        outlook = self._outlooks.get(symbol)
        # Momentum answers only for a symbol without a model.
        if outlook is None or (outlook.model is None) is (symbol in self.catalogue.trained):
            return None
        if self._renewing and outlook.model is not None and self.models.peek(symbol) is not None:
            holds = outlook.is_fresh(self._clock.now())
        else:
            holds = self._holds(outlook)
        if not holds:
            return None
        if outlook.model is not None:
            self.models.use(symbol)
        return outlook

    def in_memory(self) -> dict[Symbol, Outlook]:
        """Outlooks in memory, whether they still hold or not."""
        with self._lock:
            return dict(self._outlooks)

    def graph_behind(self, symbol: Symbol, *, as_of: date | None = None) -> TargetGraph:
        """Graph that a symbol's forecast comes from, now or as of a day; it raises what the forecast raises."""
        model = self.models.get(symbol)
        prices = until(self._inputs.panel(model.source, model.nodes), as_of)
        return target_graph(model, prices, self._clock.now())

    def sessions_behind(self) -> dict[str, int]:
        """Completed sessions that the prices in memory lack, by source."""
        return self.panels.sessions_behind(self._clock.now())

    def renew(self) -> str | None:
        """Bring models, prices and outlooks in memory up to date with what is stored; gives what failed, if any.

        Meanwhile requests are answered from what was in memory before, so that none has to load or compute.
        """
        failed = None
        self._renewing = True
        try:
            for step in (self._revalidate, self.panels.refresh, self.states.refresh, self._recompute):
                try:
                    step()
                except Exception as error:  # noqa: BLE001  the other steps are taken all the same
                    _log.exception("looking for newer models and prices failed")
                    failed = failed or f"looking for newer models and prices failed: {error}"
        finally:
            self._renewing = False
        return failed

    def clear(self) -> int:
        """Forget models, prices and outlooks; gives how many models were in memory."""
        self.panels.clear()
        self.states.clear()
        self._outlooks.clear()
        return self.models.clear()

    def close(self) -> None:
        """Let reads that run end, unless they hang, and read no more."""
        self.models.close()
        self.panels.close()
        self.states.close()
        self.catalogue.close()

    def _computed(self, inputs: SourceInputs, as_of: date | None, result: Outlooks) -> list[Outlook]:
        """Compute what is not in memory; what is there and holds goes into the result."""
        panel, state = inputs.panel, inputs.state
        prices, now = until(panel, as_of), self._clock.now()
        computed: list[Outlook] = []
        together: dict[tuple[Any, ...], list[LoadedModel]] = {}
        for symbol, model in inputs.models.items():
            if symbol in result.failures:
                continue
            with result.alone(symbol):
                kept = self._outlooks.get(symbol) if as_of is None else None
                if kept is not None and kept.holds(model, panel, state, now):
                    result.found[symbol] = kept
                elif model is not None:
                    session = last_session(prices, symbol)
                    together.setdefault((model.graph, model.shapes, session), []).append(model)
                else:
                    computed.append(momentum_outlook(symbol, panel, as_of, self._graph))
                    self.observer.fell_back(symbol, "no model")
        for (*_, session), group in together.items():
            for start in range(0, len(group), BATCH):
                computed += self._by_network(panel, session, group[start : start + BATCH], state, result)
        return computed

    def _by_network(
        self,
        panel: PricePanel,
        session: np.datetime64,
        models: list[LoadedModel],
        state: UniverseState | None,
        result: Outlooks,
    ) -> list[Outlook]:
        """Forecast with models in one call; where that fails, with each alone, so that only those at fault fail."""
        started = time.perf_counter()
        try:
            outlooks = network_outlooks(panel, session, models, self._clock.now(), state)
        except Exception as error:  # noqa: BLE001  foreseen or not, it fails the symbol that it is of
            if len(models) > 1:
                alone = [self._by_network(panel, session, [model], state, result) for model in models]
                return [outlook for outlooks in alone for outlook in outlooks]
            outlooks = [error_of(models[0].symbol, error)]
        else:
            self.observer.computed(len(models), time.perf_counter() - started)
        found = []
        for model, outlook in zip(models, outlooks, strict=True):
            if isinstance(outlook, TickgraphError):
                result.failures[model.symbol] = outlook
                continue
            if outlook.recomputed:
                self.observer.correlated(model.symbol, outlook.recomputed)
            found.append(outlook)
        return found

    def _keep(self, outlook: Outlook) -> None:
        """Put an outlook in memory, unless its model was replaced or evicted meanwhile: it would come back."""
        if outlook.model is not None and self.models.peek(outlook.symbol) is not outlook.model:
            return
        with self._lock:
            self._outlooks.pop(outlook.symbol, None)
            self._outlooks[outlook.symbol] = outlook
            if len(self._outlooks) > self._max_outlooks:
                del self._outlooks[next(iter(self._outlooks))]

    def _holds(self, outlook: Outlook) -> bool:
        """Whether computing again from the model and the prices in memory would give the same."""
        panel = self.panels.peek(outlook.source)
        model = self.models.peek(outlook.symbol)
        state = self.states.peek(outlook.source)
        return panel is not None and outlook.holds(model, panel, state, self._clock.now())

    def _revalidate(self) -> None:
        """Look for newer models of those in memory that are due, and of those that were refused."""
        self.models.revalidate((*self._rounds.due(self.models.symbols()), *self.models.refusals()))

    def _recompute(self) -> None:
        """Compute again, in one call, what newer models or prices made invalid."""
        # Where nothing came or went since the last time, only age can have made an outlook invalid.
        basis = _Basis((*self.panels.lineages(), *self.states.held()), self.models.changes)
        is_same = self._basis is not None and basis.is_same(self._basis)
        if is_same and len(self._outlooks) > ALL and not self._rounds.is_first_turn:
            return
        self._basis = None  # until all is done
        self._forget_evicted()  # such a model is loaded again when it is asked for, not before
        outdated = [outlook.symbol for outlook in tuple(self._outlooks.values()) if not self._holds(outlook)]
        if outdated:
            for symbol in self.outlooks(outdated).failures:
                self._outlooks.pop(Symbol(symbol), None)
        self._basis = basis

    def _forget_evicted(self) -> None:
        """Let go of models that left memory: their outlooks would hold them there, whatever the bounds."""
        for symbol, outlook in tuple(self._outlooks.items()):
            if outlook.model is not None and self.models.peek(symbol) is None:
                self._outlooks.pop(symbol, None)
