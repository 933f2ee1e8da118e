"""Models in memory: loaded once on first use, verified before they count, bounded, never older than need be.

The contract, learned from other model servers (see the serving contract in the design):

- one load per symbol however many ask, and loads of different symbols side by side, up to a bound;
- load, verify, then evict: a failed load costs no model that works;
- a load belongs to no request, so no caller that goes away can end it;
- a load that hangs costs its symbol alone, and the end of the process does not wait for it;
- a new generation is swapped in whole; callers in flight finish on the model they hold;
- a generation that fails verification leaves the one before it in service;
- a missing model is not remembered; a broken generation is, for a short while, until another appears.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass

from cachetools import Cache, LRUCache

from tickgraph.errors import ModelNotFoundError, StorageError, TickgraphError
from tickgraph.serving.failures import failure_of
from tickgraph.serving.observer import Observer
from tickgraph.serving.served import ServedModel
from tickgraph.threads import HungError, Threads

MAX_MODELS = 2_000
MAX_BYTES = 512 * 1024 * 1024
LOADERS = 4
HUNG = 16  # loads that may hang before others are refused
RETRY_SECONDS = 5.0
END_SECONDS = 2.0  # for loads that run when the cache is closed


@dataclass(frozen=True)
class Refusal:
    """Why a generation could not be loaded, and when it may be tried again (monotonic seconds)."""

    kind: type[TickgraphError]
    text: str
    generation: str | None = None
    until: float = 0.0

    @classmethod
    def of(cls, error: TickgraphError, generation: str | None = None, until: float = 0.0) -> Refusal:
        """Keep an error's text."""
        return cls(type(error), str(error), generation, until)

    def raised(self) -> TickgraphError:
        """Make the error anew: one that is kept would keep its traceback, and what was read of the file, in memory."""
        return self.kind(self.text)


class _LeastRecentlyUsed(LRUCache[str, ServedModel]):
    def __init__(self, max_bytes: int, evicted: Callable[[str], None]) -> None:
        super().__init__(max_bytes, getsizeof=lambda model: model.nbytes)
        self._evicted = evicted

    def popitem(self) -> tuple[str, ServedModel]:
        symbol, model = super().popitem()
        self._evicted(symbol)
        return symbol, model


class ModelCache:
    """Least recently used models under two bounds, each loaded by one thread however many ask.

    Parameters
    ----------
    load
        Reads and verifies a symbol's current generation.
    generation
        Identity of a symbol's current generation, None without one; cheap.
    max_models, max_bytes
        Bounds; bytes are those of the models' arrays. A model larger than ``max_bytes`` is served and not kept.
    loaders
        Loads that run side by side.
    load_seconds
        How long a load may take before its callers are told that storage does not answer; None is without limit.
    retry_seconds
        How long a broken generation is remembered as broken.
    now
        Monotonic seconds.
    observer
        Hears of hits, loads, refusals and evictions.

    Attributes
    ----------
    max_models
        The bound.
    """

    def __init__(
        self,
        load: Callable[[str], ServedModel],
        generation: Callable[[str], str | None],
        *,
        max_models: int = MAX_MODELS,
        max_bytes: int = MAX_BYTES,
        loaders: int = LOADERS,
        load_seconds: float | None = None,
        retry_seconds: float = RETRY_SECONDS,
        now: Callable[[], float] = time.monotonic,
        observer: Observer | None = None,
    ) -> None:
        self._load = load
        self._generation = generation
        self.max_models = max_models
        self._load_seconds = load_seconds
        self._retry_seconds = retry_seconds
        self._now = now
        self._observer = observer or Observer()
        self._lock = threading.Lock()  # for accounting only: nothing is read or computed under it
        self._held = _LeastRecentlyUsed(max_bytes, self._left)
        self._used: dict[str, float] = {}
        self._loading: dict[str, Future[ServedModel]] = {}
        self._refused: dict[str, Refusal] = {}
        self._executor = Threads(loaders, "tickgraph-load", spare=HUNG)

    def __len__(self) -> int:
        return len(self._held)

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays in memory."""
        return int(self._held.currsize)

    @property
    def idle_seconds(self) -> float:
        """How long the least recently used model has not been asked for; seconds mean thrashing."""
        with self._lock:
            return self._now() - min(self._used.values()) if self._used else 0.0

    def symbols(self) -> tuple[str, ...]:
        """Symbols in memory."""
        with self._lock:
            return tuple(self._held)

    def refusals(self) -> dict[str, TickgraphError]:
        """Symbols whose current generation could not be loaded, and why."""
        with self._lock:
            return {symbol: refusal.raised() for symbol, refusal in self._refused.items()}

    def refusal(self, symbol: str) -> TickgraphError | None:
        """Why a symbol's current generation could not be loaded; None if it could."""
        refused = self._refused.get(symbol)
        return refused.raised() if refused else None

    def held(self, symbol: str) -> ServedModel | None:
        """Give the model in memory, None if there is none: no file is looked at. Counts a hit."""
        with self._lock:
            model = self._held.get(symbol)
            if model is not None:
                self._used[symbol] = self._now()
        if model is not None:
            self._observer.hit(symbol)
        return model

    def peek(self, symbol: str) -> ServedModel | None:
        """As :meth:`held`, but neither counted nor a use."""
        with self._lock:
            # Indexing an LRUCache marks a use; its base class's does not.
            return Cache.__getitem__(self._held, symbol) if symbol in self._held else None

    def get(self, symbol: str) -> ServedModel:
        """Give a symbol's model, loading it if it is not in memory.

        Raises
        ------
        ModelNotFoundError
            None is published now.
        ArtefactError, StorageError
            Its generation is damaged, foreign or cannot be read.
        """
        return self.begin(symbol)()

    def begin(self, symbol: str) -> Callable[..., ServedModel]:
        """Begin to load a symbol's model if it is not in memory; call what is given to wait for it.

        With ``hurry=True`` that call waits for nothing. It raises what :meth:`get` raises, or
        :class:`tickgraph.threads.HungError` where storage does not answer.
        """
        model = self.held(symbol)
        if model is not None:
            return lambda **_: model
        self._observer.missed(symbol)
        refusal = self._refused.get(symbol)
        if refusal and self._now() < refusal.until and refusal.generation == self._current(symbol):
            raise refusal.raised()
        future = self._begin(symbol)
        return lambda *, hurry=False: self._loaded(symbol, future, hurry=hurry)

    def revalidate(self, symbols: Iterable[str] | None = None) -> None:
        """Look for newer generations of models in memory, and swap in those that verify.

        A look costs one file status a symbol, and a symbol that fails holds up no other. Callers are answered from
        the old model until the new one is whole. A model that was withdrawn leaves memory; one that cannot be
        looked at, or whose new generation is broken, stays.
        """
        begun = []
        for symbol in (*self.symbols(), *self.refusals()) if symbols is None else symbols:
            model, refusal = self.peek(symbol), self._refused.get(symbol)
            if model is None and refusal is None:
                continue
            try:
                current = self._generation(symbol)
            except Exception as error:  # noqa: BLE001  foreseen or not, it fails this symbol
                self._refuse(symbol, None, _of_storage(symbol, error))
                continue
            if current is None:
                self._drop(symbol)
            elif model is not None and current == model.generation:
                with self._lock:
                    self._refused.pop(symbol, None)
            elif not refusal or refusal.generation != current or self._now() >= refusal.until:
                try:
                    begun.append((symbol, self._begin(symbol, renew=True)))
                except (HungError, RuntimeError) as error:
                    self._refuse(symbol, None, failure_of(symbol, error))
        for symbol, future in begun:
            try:
                self._loaded(symbol, future)
            except HungError as error:
                self._refuse(symbol, None, error)
            except TickgraphError:  # recorded where it failed
                continue

    def clear(self) -> int:
        """Forget every model and every refusal; returns how many models were in memory."""
        with self._lock:
            count = len(self._held)
            self._held = _LeastRecentlyUsed(int(self._held.maxsize), self._left)
            self._used.clear()
            self._refused.clear()
        return count

    def close(self) -> None:
        """Let running loads end, unless they hang, and take no more."""
        self._executor.close(END_SECONDS)

    def _begin(self, symbol: str, *, renew: bool = False) -> Future[ServedModel]:
        """Join the load that is running, or start one."""
        with self._lock:
            if not renew and (model := self._held.get(symbol)):  # came while this caller looked
                done: Future[ServedModel] = Future()
                done.set_result(model)
                return done
            future = self._loading.get(symbol)
            if future is None:
                future = self._loading[symbol] = self._executor.submit(self._load_one, symbol)
            return future

    def _loaded(self, symbol: str, future: Future[ServedModel], *, hurry: bool = False) -> ServedModel:
        """Wait for a load that was begun."""
        try:
            return self._executor.result(future, self._load_seconds, hurry=hurry)
        except (HungError, CancelledError):
            with self._lock:
                if future.cancelled() and self._loading.get(symbol) is future:
                    del self._loading[symbol]
            raise HungError(
                f"The model of {symbol} could not be loaded: storage does not answer. "
                "Look at the disk or network mount that holds the models."
            ) from None

    def _load_one(self, symbol: str) -> ServedModel:
        generation, started = None, time.perf_counter()
        failure: Refusal | None = None
        try:
            generation = self._current(symbol)
            model = self._load(symbol)
        except Exception as error:  # noqa: BLE001  foreseen or not, it fails this symbol
            failure = Refusal.of(_of_storage(symbol, error))
        if failure is not None:  # raised here, it has neither a cause nor a context that hold what was read
            with self._lock:
                self._loading.pop(symbol, None)
            if failure.kind is not ModelNotFoundError:
                self._refuse(symbol, generation, failure.raised())
            raise failure.raised()
        self._observer.loaded(symbol, time.perf_counter() - started)
        with self._lock:
            self._loading.pop(symbol, None)
            self._refused.pop(symbol, None)
            self._keep(symbol, model)
        return model

    def _keep(self, symbol: str, model: ServedModel) -> None:
        if symbol in self._held:
            before = Cache.__getitem__(self._held, symbol)
            if self._held.currsize - before.nbytes + model.nbytes <= self._held.maxsize:
                # A newer generation is no use of it: its turn to make room stays what it was.
                Cache.__setitem__(self._held, symbol, model)
                return
            self._held.pop(symbol)  # it makes room for itself first
        if model.nbytes > self._held.maxsize:  # served, not kept: nothing makes room for it
            self._used.pop(symbol, None)
            return
        while len(self._held) >= self.max_models:
            self._held.popitem()
        self._held[symbol] = model
        self._used[symbol] = self._now()

    def _left(self, symbol: str) -> None:
        used = self._used.pop(symbol, None)
        self._observer.evicted(symbol, self._now() - used if used is not None else 0.0)

    def _drop(self, symbol: str) -> None:
        with self._lock:
            self._held.pop(symbol, None)
            self._used.pop(symbol, None)
            self._refused.pop(symbol, None)

    def _refuse(self, symbol: str, generation: str | None, error: TickgraphError) -> None:
        with self._lock:
            self._refused[symbol] = Refusal.of(error, generation, self._now() + self._retry_seconds)
        self._observer.refused(symbol, error)

    def _current(self, symbol: str) -> str | None:
        try:
            return self._generation(symbol)
        except Exception:  # noqa: BLE001  loading says what is wrong
            return None


def _of_storage(symbol: str, error: Exception) -> TickgraphError:
    """Name an error that the registry did not foresee."""
    if isinstance(error, OSError) and not isinstance(error, TickgraphError):
        return StorageError(f"The model of {symbol} cannot be read: {error}")
    return failure_of(symbol, error)
