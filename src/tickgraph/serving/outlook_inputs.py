"""What outlooks are computed from: models of several symbols, prices of all their nodes, the universe's state."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Literal

from tickgraph.errors import ModelNotFoundError, TickgraphError
from tickgraph.market.panel import PricePanel
from tickgraph.market.spelling import Symbol
from tickgraph.model.universe_state import UniverseState
from tickgraph.registry.registry import ModelRegistry
from tickgraph.serving.catalogue import Catalogue
from tickgraph.serving.loaded_model import LoadedModel
from tickgraph.serving.model_cache import ModelCache
from tickgraph.serving.outlook import Outlooks
from tickgraph.serving.panels import PanelCache
from tickgraph.serving.universe_states import UniverseStates
from tickgraph.threads import HungError

Fallback = Literal["momentum", "train", "none"]
Trainer = Callable[[Symbol, str], None]


@dataclass(frozen=True)
class SourceInputs:
    """What outlooks of some symbols are computed from, whose prices are of one source.

    Attributes
    ----------
    models
        By symbol; None where momentum answers.
    panel
        Prices of all nodes of the models.
    state
        What the universe says; None where none of the models can hear it, or where it is not known.
    """

    models: Mapping[Symbol, LoadedModel | None]
    panel: PricePanel
    state: UniverseState | None


class OutlookInputs:
    """Gathers what outlooks are computed from: from memory, and read where memory lacks it or holds it no more.

    Without a watcher each call looks for newer models and prices of its symbols. Under one it takes those in memory.

    Parameters
    ----------
    registry
        Trained models.
    models, panels, states, catalogue
        What is in memory, and what is known of files.
    source
        Source of prices that a model is trained on.
    train
        ``train(symbol, source)`` trains and publishes a model, for ``fallback="train"``; None where nothing trains.
    """

    def __init__(
        self,
        registry: ModelRegistry,
        models: ModelCache,
        panels: PanelCache,
        states: UniverseStates,
        catalogue: Catalogue,
        source: str,
        train: Trainer | None,
    ) -> None:
        self._registry, self._source = registry, source
        self._models, self._panels, self._states, self._catalogue = models, panels, states, catalogue
        self._train, self._training = train, threading.Lock()

    def gather(
        self, symbols: Sequence[Symbol], fallback: Fallback, result: Outlooks
    ) -> Iterator[SourceInputs]:
        """Give the inputs of each source in turn; what a symbol fails on goes into the result."""
        for source, models in self._by_source(self._loaded(symbols, fallback, result), result).items():
            panel = self._panel_of(source, models, result)
            if panel is not None:
                yield SourceInputs(models, panel, self._state(source, models))

    def panel(self, source: str, symbols: Sequence[Symbol]) -> PricePanel:
        """Prices of at least these symbols; errors as in :meth:`PriceStore.read`."""
        panels = self._panels.covering if self._catalogue.watched else self._panels
        return panels(source, symbols)

    def _loaded(
        self, symbols: Sequence[Symbol], fallback: Fallback, result: Outlooks
    ) -> dict[Symbol, LoadedModel | None]:
        """Model of each symbol, None for those that momentum answers for."""
        if not self._catalogue.watched:
            self._models.revalidate(symbols)
        loads: dict[Symbol, Future[LoadedModel] | None] = {}
        for symbol in symbols:
            with result.alone(symbol):
                known = self._models.peek(symbol) is not None or symbol in self._catalogue.trained
                if fallback == "momentum" and not known and self._catalogue.generation(symbol) is None:
                    # Known from one file status, without a search for similar names.
                    self._catalogue.check(symbol)
                    loads[symbol] = None
                else:
                    begun = loads[symbol] = self._models.begin(symbol)
                    if not self._catalogue.watched:
                        # Side by side, loads hold up one another. That is worth it only if one of them may hang.
                        with contextlib.suppress(TickgraphError):
                            self._models.wait(symbol, begun)
        models: dict[Symbol, LoadedModel | None] = {}
        hurry = False
        for symbol, load in loads.items():
            with result.alone(symbol):
                models[symbol] = (
                    None if load is None else self._awaited(symbol, load, hurry, fallback, result)
                )
            # Symbols in memory need not wait for every load that hangs.
            hurry = hurry or isinstance(result.failures.get(symbol), HungError)
        return models

    def _awaited(
        self, symbol: Symbol, load: Future[LoadedModel], hurry: bool, fallback: Fallback, result: Outlooks
    ) -> LoadedModel | None:
        """Wait for a model; where there is none, do as the fallback says."""
        try:
            return self._models.wait(symbol, load, hurry=hurry)
        except ModelNotFoundError:
            self._catalogue.check(symbol)
            if fallback == "momentum":
                return None
            if fallback == "none" or self._train is None:
                raise
        with self._training:
            if self._registry.generation(symbol) is None:  # or another thread has just trained it
                self._train(symbol, self._source)
        result.trained.add(symbol)
        return self._models.get(symbol)

    def _by_source(
        self, models: Mapping[Symbol, LoadedModel | None], result: Outlooks
    ) -> dict[str, dict[Symbol, LoadedModel | None]]:
        """Models by the source of their prices."""
        sources: dict[str, dict[Symbol, LoadedModel | None]] = {}
        for symbol, model in models.items():
            with result.alone(symbol):
                source = model.source if model else self._catalogue.source_of(symbol)
                sources.setdefault(source, {})[symbol] = model
        return sources

    def _panel_of(
        self, source: str, models: Mapping[Symbol, LoadedModel | None], result: Outlooks
    ) -> PricePanel | None:
        """One panel with all that the models need; a symbol whose prices cannot be read fails alone."""
        needs = {symbol: model.nodes if model else (symbol,) for symbol, model in models.items()}
        try:
            return self.panel(
                source, tuple(dict.fromkeys(node for nodes in needs.values() for node in nodes))
            )
        except Exception:  # noqa: BLE001  foreseen or not, it fails those symbols that need what failed
            panel = None
            for symbol, nodes in needs.items():
                with result.alone(symbol):
                    panel = self.panel(source, nodes)  # with all that was read before
            return panel

    def _state(self, source: str, models: Mapping[Symbol, LoadedModel | None]) -> UniverseState | None:
        """The universe's state, where one of the models can hear it."""
        if not any(model is not None and model.horizons for model in models.values()):
            return None
        return self._states.covering(source) if self._catalogue.watched else self._states.get(source)
