"""Predictive distributions in memory: each is used for as long as its model and its prices are the current ones."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from cachetools import Cache, LRUCache

from tickgraph.market.panel import PricePanel
from tickgraph.serving.answer import Clock
from tickgraph.serving.cache import MAX_MODELS, ModelCache
from tickgraph.serving.prepared import Prepared
from tickgraph.serving.served import ServedModel

HeldPrices = Callable[[str], PricePanel | None]


class Remembered:
    """What was prepared, by symbol; the least recently used makes room.

    Parameters
    ----------
    models
        Models in memory: nothing is remembered of a model that is not there.
    clock
        Decides whether stored correlations are still fresh.
    """

    def __init__(self, models: ModelCache, clock: Clock) -> None:
        self._models, self._clock = models, clock
        self._prepared: LRUCache[str, Prepared] = LRUCache(max(MAX_MODELS, models.max_models))
        self._lock = threading.Lock()  # a look into an LRU cache is a change of its order

    def keep(self, prepared: Prepared) -> None:
        """Remember, unless the model was replaced or evicted meanwhile: it would answer again, and stay in memory."""
        if prepared.model is not None and self._models.peek(prepared.symbol) is not prepared.model:
            return
        with self._lock:
            self._prepared[prepared.symbol] = prepared

    def valid(self, symbol: str, model: ServedModel | None, panel: PricePanel) -> Prepared | None:
        """Give what computing from this model and these prices would give again."""
        prepared = self._get(symbol)
        return prepared if prepared and prepared.holds(model, panel, self._clock.now()) else None

    def in_memory(
        self, symbol: str, held: HeldPrices, *, has_model: bool, renewing: bool = False
    ) -> Prepared | None:
        """Give what was prepared for a canonical symbol if it is valid now: no file is looked at.

        Parameters
        ----------
        symbol
            Canonical.
        held
            Gives the prices of a source that are in memory.
        has_model
            Whether a model is published; momentum answers only for a symbol without one.
        renewing
            Whether what is :meth:`outdated` is being computed anew: until then, what was prepared from the
            model and the prices before answers.
        """
        prepared = self._get(symbol)
        if prepared is None or (prepared.model is not None) != has_model:
            return None
        model = self._models.peek(symbol) if has_model else None
        renewed_soon = renewing and model is not None and prepared.fresh(self._clock.now())
        if not renewed_soon and not self._holds(prepared, model, held):
            return None
        if has_model:
            self._models.held(symbol)  # counts, as a use and as a hit
        return prepared

    def outdated(self, held: HeldPrices) -> list[str]:
        """Symbols whose newer model or prices ask for another computation."""
        with self._lock:
            # Indexing an LRUCache marks a use; its base class's does not.
            prepared = tuple(Cache.__getitem__(self._prepared, symbol) for symbol in self._prepared)
        return [one.symbol for one in prepared if not self._holds(one, self._models.peek(one.symbol), held)]

    def forget(self, symbols: Iterable[str]) -> None:
        """Forget what was prepared for these."""
        with self._lock:
            for symbol in symbols:
                self._prepared.pop(symbol, None)

    def forget_evicted(self) -> None:
        """Let go of models that left memory: what was prepared would hold them there, whatever the bounds."""
        in_memory = set(self._models.symbols())
        with self._lock:
            for symbol in [symbol for symbol in self._prepared if symbol not in in_memory]:
                if Cache.__getitem__(self._prepared, symbol).model is not None:
                    del self._prepared[symbol]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._prepared.clear()

    def _get(self, symbol: str) -> Prepared | None:
        with self._lock:
            prepared: Prepared | None = self._prepared.get(symbol)
        return prepared

    def _holds(self, prepared: Prepared, model: ServedModel | None, held: HeldPrices) -> bool:
        panel = held(prepared.prices.source)
        return panel is not None and prepared.holds(model, panel, self._clock.now())
