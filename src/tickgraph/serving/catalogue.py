"""The catalogue: which symbols have a model, and which have stored prices."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TypeVar

from tickgraph.errors import StorageError, TickgraphError
from tickgraph.market.spelling import Symbol
from tickgraph.market.store import PriceStore
from tickgraph.registry.registry import ModelRegistry
from tickgraph.serving.rounds import Rounds
from tickgraph.threads import Threads

T = TypeVar("T")
W = TypeVar("W")

QUESTIONS = 4  # small questions to storage at one time
HUNG = 8  # of them, how many may hang before others are refused
END_SECONDS = 2.0
UNREAD = "the catalogue of models has not been read yet"


class Catalogue:
    """What a registry and a store hold: as files say now or, under a watcher, as they said at its last look.

    Parameters
    ----------
    registry, store
        Trained models and stored prices.
    source
        Source whose prices are meant.
    storage_seconds
        How long storage may take to answer; None is without limit.

    Attributes
    ----------
    watched
        Whether a watcher calls :meth:`look`.
    trained
        Symbols that had a model at the last look.
    """

    def __init__(
        self, registry: ModelRegistry, store: PriceStore, source: str, storage_seconds: float | None = None
    ) -> None:
        self._registry, self._store, self._source = registry, store, source
        self._storage_seconds = storage_seconds
        self._threads = Threads(QUESTIONS, "tickgraph-ask", spare=HUNG)
        self._symbols: tuple[Symbol, ...] = ()
        self._stored: tuple[Symbol, ...] = ()
        self._known: tuple[Symbol, ...] = ()
        self._model_rounds = Rounds(registry.folder_stamp)
        self._price_rounds = Rounds(lambda: store.folder_stamp(source))
        self._prices_listed = True  # at the last look that was to list them
        self._fault: str | None = UNREAD
        self.watched = False
        self.trained: frozenset[Symbol] = frozenset()

    def symbols(self) -> tuple[Symbol, ...]:
        """Symbols that have a model; errors as in :meth:`ModelRegistry.symbols`."""
        return self._symbols if self.watched else tuple(map(Symbol, self._registry.symbols()))

    def fault(self) -> str | None:
        """Why the models cannot be listed; None if they can."""
        return self._fault if self.watched else self._registry.fault()

    @property
    def models_away(self) -> str | None:
        """Why copies of models stand in for object storage; None while it answers, or for a folder."""
        return self._registry.away

    @property
    def away(self) -> str | None:
        """As :attr:`models_away`, of models or else of prices."""
        return self._registry.away or self._store.away

    def ask_anew(self) -> None:
        """Ask object storage again at the next look: something is known to have been published."""
        self._registry.ask_anew()
        self._store.ask_anew()

    def known(self) -> tuple[Symbol, ...]:
        """Symbols that had a model or stored prices at the last look."""
        return self._known

    def known_now(self) -> tuple[Symbol, ...]:
        """As :meth:`known`, with the symbols whose prices were stored since; looks at a folder."""
        stored = self._ask(self._store.symbols, self._source)
        return tuple(dict.fromkeys((*self.known(), *map(Symbol, stored))))

    def generation(self, symbol: Symbol) -> str | None:
        """Identity of a symbol's published model, None without one; looks at a file."""
        return self._ask(self._registry.generation, symbol)

    def source_of(self, symbol: Symbol) -> str:
        """Source of the prices of a symbol without a model."""
        return self._source if self.watched else self._store.source_of(symbol, self._source)

    def check(self, symbol: Symbol) -> None:
        """Raise :class:`StorageError` where a model that is not found is no sign that the symbol has none."""
        fault = self.fault()
        if fault is not None:
            raise StorageError(f"The model of {symbol} cannot be looked up: {fault}")

    def look(self) -> bool:
        """List models and stored prices; whether the models can be listed.

        If they cannot be listed, the earlier list stays.
        """
        self.watched = True
        if self._symbols and self._registry.is_gone():
            # A folder that vanished is a disk that failed, not the withdrawal of every model.
            self._fault = f"{self._registry.root / 'metadata'} is gone; what is in memory stays in service"
            return False
        if self._fault is not None or self._model_rounds.is_list_due(len(self._symbols)):
            try:
                symbols = tuple(map(Symbol, self._registry.symbols()))
            except (TickgraphError, OSError) as error:
                self._fault = f"{self._registry.place} cannot be read: {error}"
                return False
            self._fault = None
            if symbols != self._symbols:
                self._symbols, self.trained = symbols, frozenset(symbols)
                self._known = tuple(dict.fromkeys((*symbols, *self._stored)))
        self._list_prices()
        return True

    def _list_prices(self) -> None:
        """List stored prices; where they cannot be listed the earlier list stays, and the next look tries again."""
        if not self._price_rounds.is_list_due(len(self._stored)) and self._prices_listed:
            return
        self._prices_listed = False
        with contextlib.suppress(TickgraphError, OSError):
            stored = tuple(map(Symbol, self._store.symbols(self._source)))
            self._prices_listed = True
            if stored != self._stored:
                self._stored = stored
                self._known = tuple(dict.fromkeys((*self._symbols, *stored)))

    def close(self) -> None:
        """Let questions that run end, unless they hang, and ask no more."""
        self._threads.close(END_SECONDS)

    def _ask(self, question: Callable[[W], T], word: W) -> T:
        """Ask storage; :class:`HungError` if it does not answer a watched catalogue."""
        if not self.watched:
            return question(word)
        return self._threads.result(self._threads.submit(question, word), self._storage_seconds)
