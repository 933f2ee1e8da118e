"""The request's path: models from the registry, prices from the store, one network call for all symbols."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from tickgraph.errors import ModelNotFoundError, StorageError, TickgraphError
from tickgraph.graph.config import GraphConfig
from tickgraph.market.panel import PricePanel
from tickgraph.market.price import checked_price, prices_by_symbol
from tickgraph.market.universe import canonical
from tickgraph.model.weights import weight_shapes
from tickgraph.registry.registry import ModelRegistry
from tickgraph.serving.answer import Clock, answer, answer_values
from tickgraph.serving.batch import last_session, prepare_models, prepare_momentum, target_graph, until
from tickgraph.serving.cache import MAX_BYTES, MAX_MODELS, ModelCache
from tickgraph.serving.failures import failure_of
from tickgraph.serving.forecast import Forecast
from tickgraph.serving.journal import ForecastJournal
from tickgraph.serving.observer import Observer
from tickgraph.serving.prepared import Prepared
from tickgraph.serving.remembered import HeldPrices, Remembered
from tickgraph.serving.served import ServedModel
from tickgraph.serving.snapshot import TargetGraph
from tickgraph.threads import HungError

_log = logging.getLogger(__name__)

Panels = Callable[[str, Sequence[str]], PricePanel]
Trainer = Callable[[str, str], None]


@dataclass
class Forecasts:
    """Answers for several symbols: what was forecast, and what failed and why."""

    forecasts: dict[str, Forecast] = field(default_factory=dict)
    failures: dict[str, TickgraphError] = field(default_factory=dict)


class Forecaster:
    """Forecast from trained models and stored prices; safe to call from several threads.

    Models are loaded on first use and verified. What does not depend on the request's price is computed once per
    model and prices, and several symbols in one network call.

    Parameters
    ----------
    registry
        Trained models.
    panels
        ``panels(source, symbols)`` gives stored prices, of those symbols at least, such as
        :class:`tickgraph.serving.prices.PanelCache`.
    source
        Source of prices for a symbol without a model; a model uses the source it was trained on.
    source_of
        Source of prices for one symbol without a model; None is ``source`` for all.
    train
        ``train(symbol, source)`` trains and publishes a model; needed for ``fallback="train"``.
    graph
        Windows of the momentum fallback.
    now
        Clock that staleness is measured against; None is the system's.
    models
        Models in memory; None is a cache of its own with the default bounds.
    watched
        Whether someone else looks for newer models. Otherwise every call looks for those it uses.
    has_model
        Whether a watcher has seen a model of a canonical symbol; then no file is looked at.
    generation
        Looks up a symbol's current generation; None asks the registry.
    fault
        Says why the models cannot be listed at present, and gives None if they can. None asks the registry.
    observer
        Hears of computations and fallbacks.
    journal
        Keeps a record of what was prepared from the newest prices; None keeps none.
    """

    def __init__(
        self,
        registry: ModelRegistry,
        panels: Panels,
        *,
        source: str = "sample",
        source_of: Callable[[str], str] | None = None,
        train: Trainer | None = None,
        graph: GraphConfig | None = None,
        now: Callable[[], datetime] | None = None,
        models: ModelCache | None = None,
        watched: bool = False,
        has_model: Callable[[str], bool] = lambda symbol: False,
        generation: Callable[[str], str | None] | None = None,
        fault: Callable[[], str | None] | None = None,
        observer: Observer | None = None,
        journal: ForecastJournal | None = None,
    ) -> None:
        self._registry = registry
        self._panels = panels
        self._source = source
        self._source_of = source_of or (lambda symbol: source)
        self._train = train
        self._graph = graph or GraphConfig()
        self._clock = Clock(now)
        self._observer = observer or Observer()
        self._journal = journal
        # An empty cache is false, so `or` would not do.
        self._models = open_models(registry, observer=self._observer) if models is None else models
        self._watched = watched
        self._has_model, self._fault = has_model, fault or registry.fault
        self._generation = generation or registry.generation
        self._remembered = Remembered(self._models, self._clock)
        self._training = threading.Lock()

    def symbols(self) -> tuple[str, ...]:
        """Symbols that have a trained model."""
        return tuple(self._registry.symbols())

    def model(self, symbol: str) -> ServedModel:
        """Load a symbol's model, or give the one in memory.

        Raises
        ------
        ModelNotFoundError
            No model was published for the symbol.
        ArtefactError
            Its files are damaged, foreign or mismatched.
        """
        symbol = canonical(symbol)
        if not self._watched:
            self._models.revalidate((symbol,))
        return self._models.get(symbol)

    def clear(self) -> int:
        """Forget models and what was computed from them; returns how many models were in memory."""
        self._remembered.clear()
        return self._models.clear()

    def forecast(
        self,
        symbol: str,
        price: float | None = None,
        *,
        as_of: date | None = None,
        fallback: str = "momentum",
    ) -> Forecast:
        """Forecast one symbol's next close.

        Parameters
        ----------
        symbol
            Ticker; aliases are followed.
        price
            Current price in dollars; None takes the last stored close.
        as_of
            Answer as on the evening of this day, from prices up to it; None uses all that are stored. A model
            that has seen later prices says so in the notes.
        fallback
            For a symbol without a model: ``momentum``, ``train`` (train it now) or ``none`` (an error).

        Raises
        ------
        InputError
            Malformed symbol, or a price that is not a positive number.
        ModelNotFoundError
            No model, and ``fallback="none"``.
        ArtefactError
            The model's files are damaged; nothing is served in their place.
        PriceDataError
            Prices are missing or too few.
        """
        prices = {} if price is None else {symbol: price}
        result = self.forecast_many([symbol], prices, as_of=as_of, fallback=fallback)
        for error in result.failures.values():
            raise error
        return next(iter(result.forecasts.values()))

    def forecast_all(
        self, prices: Mapping[str, float] | None = None, *, as_of: date | None = None
    ) -> Forecasts:
        """Forecast every symbol that has a model, in one batched call."""
        return self.forecast_many(self.symbols(), prices, as_of=as_of, fallback="none")

    def forecast_many(
        self,
        symbols: Iterable[str],
        prices: Mapping[str, float] | None = None,
        *,
        as_of: date | None = None,
        fallback: str = "momentum",
    ) -> Forecasts:
        """Forecast several symbols; one that fails is reported and the others go on.

        Raises
        ------
        InputError
            A malformed symbol, or a price that is not a positive number.
        """
        wanted = tuple(dict.fromkeys(canonical(symbol) for symbol in symbols))
        given = prices_by_symbol((prices or {}).items())
        trained: set[str] = set()
        found, failures = self.prepare(wanted, as_of=as_of, fallback=fallback, trained=trained)
        refusals = self._models.refusals()
        clock = self._clock if as_of is None else Clock(lambda: min(self._clock.now(), _end_of(as_of)))
        answers: dict[str, Forecast] = {}
        for symbol in wanted:
            if symbol in found:
                try:
                    answers[symbol] = answer(
                        found[symbol],
                        given.get(symbol),
                        clock,
                        trained_now=symbol in trained,
                        refused=refusals.get(symbol) if found[symbol].model else None,
                    )
                except Exception as error:  # noqa: BLE001  foreseen or not, it fails this symbol
                    failures[symbol] = failure_of(symbol, error)
        return Forecasts(answers, failures)

    def prepare(
        self,
        symbols: Sequence[str],
        *,
        as_of: date | None = None,
        fallback: str = "momentum",
        trained: set[str] | None = None,
    ) -> tuple[dict[str, Prepared], dict[str, TickgraphError]]:
        """Predictive distributions of canonical symbols, and the error of each that has none.

        What is in memory and still valid is given as it is; the rest is computed together.
        """
        done: dict[str, Prepared] = {}
        made: dict[str, Prepared] = {}
        failures: dict[str, TickgraphError] = {}
        models = self._found(symbols, fallback, trained if trained is not None else set(), failures)
        together: dict[tuple[str, GraphConfig, frozenset[Any]], list[ServedModel]] = {}
        panels = self._panels_of(models, failures)
        for symbol, model in models.items():
            if symbol in failures:
                continue
            source = model.source if model else self._source_of(symbol)
            try:
                kept = self._remembered.valid(symbol, model, panels[source]) if as_of is None else None
                if kept:
                    done[symbol] = kept
                elif model is None:
                    made[symbol] = self._by_momentum(symbol, panels[source], as_of)
                else:
                    together.setdefault((source, model.graph, model.shapes), []).append(model)
            except Exception as error:  # noqa: BLE001  foreseen or not, it fails this symbol
                failures[symbol] = failure_of(symbol, error)
        for (source, *_), group in together.items():
            panel = until(panels[source], as_of)
            for session, those in _by_last_session(panel, group, failures).items():
                made |= self._by_network(panels[source], session, those, failures, keep=as_of is None)
        if together:
            self._remembered.forget_evicted()
        if self._journal is not None and made and as_of is None:
            self._log_forecasts(self._journal, made)
        return done | made, failures

    def _log_forecasts(self, journal: ForecastJournal, made: Mapping[str, Prepared]) -> None:
        try:
            self._observer.journaled(*journal.log(made.values()))
        except Exception:  # noqa: BLE001  the forecasts are sound, whatever became of their record
            _log.exception("forecasts could not be logged")
            self._observer.journaled(0, len(made))

    def _found(
        self, symbols: Sequence[str], fallback: str, trained: set[str], failures: dict[str, TickgraphError]
    ) -> dict[str, ServedModel | None]:
        """Model of each symbol, loaded side by side; None for those that momentum answers for."""
        begun: dict[str, Callable[..., ServedModel | None]] = {}
        for symbol in symbols:
            try:
                begun[symbol] = self._find(symbol, fallback, trained)
            except Exception as error:  # noqa: BLE001  foreseen or not, it fails this symbol
                failures[symbol] = failure_of(symbol, error)
        models: dict[str, ServedModel | None] = {}
        hurry = False
        for symbol, model in begun.items():
            try:
                models[symbol] = model(hurry=hurry)
            except Exception as error:  # noqa: BLE001  foreseen or not, it fails this symbol
                failures[symbol] = failure_of(symbol, error)
                # Symbols in memory need not wait for every load that hangs.
                hurry = hurry or isinstance(error, HungError)
        return models

    def in_memory(
        self, symbol: str, held: HeldPrices, *, has_model: bool, renewing: bool = False
    ) -> Prepared | None:
        """Give what was prepared, as :meth:`Remembered.in_memory`: no file is looked at."""
        return self._remembered.in_memory(symbol, held, has_model=has_model, renewing=renewing)

    def renew(self, held: HeldPrices) -> None:
        """Compute again, in one call, what newer models or prices made invalid."""
        self._remembered.forget_evicted()  # such a model is loaded again when it is asked for, not before
        outdated = self._remembered.outdated(held)
        if outdated:
            _, failures = self.prepare(outdated)
            self._remembered.forget(failures)

    def answer(self, prepared: Prepared, price: float | None, *, trained_now: bool = False) -> Forecast:
        """Answer at a price; :class:`InputError` for one that is not a positive number."""
        given = None if price is None else checked_price(prepared.symbol, price)
        refused = self._models.refusal(prepared.symbol) if prepared.model else None
        return answer(prepared, given, self._clock, trained_now=trained_now, refused=refused)

    def answer_values(self, prepared: Prepared, price: float | None) -> dict[str, Any]:
        """Fields of :meth:`answer` in their order, for a price that was checked."""
        refused = self._models.refusal(prepared.symbol) if prepared.model else None
        return answer_values(prepared, price, self._clock, refused=refused)

    def graph(self, symbol: str) -> TargetGraph:
        """Graph that a canonical symbol's forecast comes from now; raises as :meth:`forecast`."""
        model = self.model(symbol)
        return target_graph(model, self._panels(model.source, model.nodes), self._clock.now())

    def _find(self, symbol: str, fallback: str, trained: set[str]) -> Callable[..., ServedModel | None]:
        """Begin to load a symbol's model; call what is given to wait for it."""
        if not self._watched or fallback == "train":
            return lambda **_: self._find_now(symbol, fallback, trained)
        seen = self._models.peek(symbol) is not None or self._has_model(symbol)
        if fallback == "momentum" and not seen and self._generation(symbol) is None:
            # Known from one file status, without a search for similar names.
            self._must_be_able_to_tell(symbol)
            return lambda **_: None
        begun = self._models.begin(symbol)  # from memory, whatever became of its files

        def found(*, hurry: bool = False) -> ServedModel | None:
            try:
                return begun(hurry=hurry)
            except ModelNotFoundError:
                self._must_be_able_to_tell(symbol)
                if fallback == "momentum":
                    return None
                raise

        return found

    def _find_now(self, symbol: str, fallback: str, trained: set[str]) -> ServedModel | None:
        try:
            if fallback == "momentum" and self._registry.generation(symbol) is None:
                self._must_be_able_to_tell(symbol)
                return None
            return self.model(symbol)
        except ModelNotFoundError:
            self._must_be_able_to_tell(symbol)
            if fallback == "momentum":
                return None
            if fallback == "train" and self._train is not None:
                with self._training:
                    if self._registry.generation(symbol) is None:  # or another thread has just trained it
                        self._train(symbol, self._source)
                trained.add(symbol)
                return self.model(symbol)
            raise

    def _must_be_able_to_tell(self, symbol: str) -> None:
        """Raise :class:`StorageError` where a model that is not found is no sign that the symbol has none."""
        if (fault := self._fault()) is not None:
            raise StorageError(f"The model of {symbol} cannot be looked up: {fault}")

    def _panels_of(
        self, models: Mapping[str, ServedModel | None], failures: dict[str, TickgraphError]
    ) -> dict[str, PricePanel]:
        """One panel per source with all that the models need; a symbol without prices is set aside."""
        needs: dict[str, dict[str, tuple[str, ...]]] = {}
        for symbol, model in models.items():
            source, nodes = (model.source, model.nodes) if model else (self._source_of(symbol), (symbol,))
            needs.setdefault(source, {})[symbol] = nodes
        panels = {}
        for source, nodes_of in needs.items():
            try:
                panels[source] = self._panels(source, _distinct(nodes_of.values()))
            except Exception:  # noqa: BLE001  foreseen or not, it fails those symbols that need what failed
                for symbol, nodes in nodes_of.items():
                    try:
                        self._panels(source, nodes)
                    except Exception as error:  # noqa: BLE001
                        failures[symbol] = failure_of(symbol, error)
                usable = {symbol: nodes for symbol, nodes in nodes_of.items() if symbol not in failures}
                try:
                    if usable:
                        panels[source] = self._panels(source, _distinct(usable.values()))
                except Exception as error:  # noqa: BLE001
                    failures |= {symbol: failure_of(symbol, error) for symbol in usable}
        return panels

    def _by_momentum(self, symbol: str, panel: PricePanel, as_of: date | None) -> Prepared:
        prepared = prepare_momentum(symbol, panel, as_of, self._graph)
        self._observer.fell_back(symbol, "no model")
        if as_of is None:
            self._remembered.keep(prepared)
        return prepared

    def _by_network(
        self,
        panel: PricePanel,
        session: np.datetime64,
        models: list[ServedModel],
        failures: dict[str, TickgraphError],
        *,
        keep: bool,
    ) -> dict[str, Prepared]:
        started = time.perf_counter()
        done: dict[str, Prepared] = {}
        try:
            results = prepare_models(panel, session, models, self._clock.now())
        except Exception as error:  # noqa: BLE001  foreseen or not, it fails the symbol that it is of
            if len(models) == 1:
                failures[models[0].symbol] = failure_of(models[0].symbol, error)
                return {}
            for model in models:
                done |= self._by_network(panel, session, [model], failures, keep=keep)
            return done
        self._observer.computed(len(models), time.perf_counter() - started)
        for model, prepared in zip(models, results, strict=True):
            if isinstance(prepared, TickgraphError):
                failures[model.symbol] = prepared
                continue
            try:
                if prepared.recomputed:
                    self._observer.correlated(model.symbol, prepared.recomputed)
                if keep:
                    self._remembered.keep(prepared)
            except Exception as error:  # noqa: BLE001  foreseen or not, it fails this symbol
                failures[model.symbol] = failure_of(model.symbol, error)
            else:
                done[model.symbol] = prepared
        return done


def open_models(
    registry: ModelRegistry,
    *,
    observer: Observer | None = None,
    max_models: int = MAX_MODELS,
    max_bytes: int = MAX_BYTES,
    load_seconds: float | None = None,
) -> ModelCache:
    """Cache of a registry's models, with the bounds of :class:`ModelCache`."""
    return ModelCache(
        lambda symbol: ServedModel.from_stored(registry.load(symbol, weight_shapes)),
        registry.generation,
        observer=observer,
        max_models=max_models,
        max_bytes=max_bytes,
        load_seconds=load_seconds,
    )


def _end_of(day: date) -> datetime:
    return datetime.combine(day, datetime.max.time(), UTC)  # the exchange closes hours before


def _distinct(groups: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(symbol for group in groups for symbol in group))


def _by_last_session(
    panel: PricePanel, models: list[ServedModel], failures: dict[str, TickgraphError]
) -> dict[np.datetime64, list[ServedModel]]:
    """Group models by the last session of their target: one that stopped trading is forecast as of then."""
    groups: dict[np.datetime64, list[ServedModel]] = {}
    for model in models:
        try:
            groups.setdefault(last_session(panel, model.symbol), []).append(model)
        except Exception as error:  # noqa: BLE001  foreseen or not, it fails this symbol
            failures[model.symbol] = failure_of(model.symbol, error)
    return groups
