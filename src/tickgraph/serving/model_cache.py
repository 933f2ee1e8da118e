"""Models in memory: each is loaded once, verified before it counts, and replaced when a newer one is published.

The rules:

- However many callers ask for a symbol, it is loaded once. Different symbols load side by side, up to a bound.
- A model is loaded and verified before another makes room for it: a failed load costs no model that works.
- A load belongs to no request: a caller that gives up does not end it.
- A load that hangs costs its own symbol, and the end of the process does not wait for it.
- A newer generation replaces the older one whole. Callers finish on the model that they hold.
- A generation that fails verification leaves the one before it in service.
- A missing model is looked for again at each request. A broken generation is left alone for a few seconds.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass

from tickgraph.errors import ModelNotFoundError, StorageError, TickgraphError, error_of
from tickgraph.market.spelling import Symbol
from tickgraph.serving.loaded_model import LoadedModel
from tickgraph.serving.observer import Observer
from tickgraph.threads import HungError, Threads

MAX_MODELS = 2_000
MAX_BYTES = 512 * 1024 * 1024
LOADERS = 4  # loads that run side by side
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

    def error(self) -> TickgraphError:
        """Make the error anew: an error that is kept would keep its traceback, and all that was read of the file."""
        return self.kind(self.text)


class ModelCache:
    """The models used last, under two bounds.

    Parameters
    ----------
    load
        Reads and verifies a symbol's current generation.
    generation
        Identity of a symbol's current generation, None without one; cheap.
    max_models, max_bytes
        Bounds; bytes are those of the models' arrays. A model larger than ``max_bytes`` is used and not kept.
    load_seconds
        How long a load may take before its callers are told that storage does not answer; None is without limit.
    retry_seconds
        How long a broken generation is left alone.
    now
        Monotonic seconds.
    observer
        Hears of hits, loads, refusals and evictions.
    """

    def __init__(
        self,
        load: Callable[[Symbol], LoadedModel],
        generation: Callable[[Symbol], str | None],
        *,
        max_models: int = MAX_MODELS,
        max_bytes: int = MAX_BYTES,
        load_seconds: float | None = None,
        retry_seconds: float = RETRY_SECONDS,
        now: Callable[[], float] = time.monotonic,
        observer: Observer | None = None,
    ) -> None:
        self._load, self._generation = load, generation
        self._max_models, self._max_bytes = max_models, max_bytes
        self._load_seconds, self._retry_seconds = load_seconds, retry_seconds
        self._now = now
        self._observer = observer or Observer()
        self._lock = threading.Lock()  # for accounting only: nothing is read or computed under it
        self._models: OrderedDict[Symbol, LoadedModel] = OrderedDict()  # the least recently used first
        self._used: dict[Symbol, float] = {}
        self._loading: dict[Symbol, Future[LoadedModel]] = {}
        self._refused: dict[Symbol, Refusal] = {}
        self._threads = Threads(LOADERS, "tickgraph-load", spare=HUNG)
        self.nbytes = 0
        """Bytes of the models in memory."""
        self.changes = 0
        """How often a model came into memory or left it."""

    def __len__(self) -> int:
        return len(self._models)

    @property
    def idle_seconds(self) -> float:
        """How long the least recently used model has not been asked for; a few seconds mean thrashing."""
        with self._lock:
            oldest = next(iter(self._models), None)
            return 0.0 if oldest is None else self._now() - self._used[oldest]

    def symbols(self) -> tuple[Symbol, ...]:
        """Symbols in memory."""
        return tuple(self._used)  # in an order that no use changes, so that a round over them takes in each

    def refusals(self) -> dict[Symbol, TickgraphError]:
        """Symbols whose current generation could not be loaded, and why."""
        return {symbol: refusal.error() for symbol, refusal in tuple(self._refused.items())}

    def refusal(self, symbol: Symbol) -> TickgraphError | None:
        """Why a symbol's current generation could not be loaded; None if it could."""
        refusal = self._refused.get(symbol)
        return refusal.error() if refusal else None

    def peek(self, symbol: Symbol) -> LoadedModel | None:
        """Model in memory, None without one: no file is looked at, and it counts as no use."""
        return self._models.get(symbol)

    def use(self, symbol: Symbol) -> LoadedModel | None:
        """As :meth:`peek`, but it counts as a use and as a hit."""
        with self._lock:
            model = self._models.get(symbol)
            if model is None:
                return None
            self._models.move_to_end(symbol)
            self._used[symbol] = self._now()
        self._observer.hit(symbol)
        return model

    def get(self, symbol: Symbol) -> LoadedModel:
        """Give a symbol's model, loading it if it is not in memory.

        Raises
        ------
        ModelNotFoundError
            None is published now.
        ArtefactError, StorageError
            Its generation is damaged, foreign or cannot be read.
        """
        return self.wait(symbol, self.begin(symbol))

    def begin(self, symbol: Symbol) -> Future[LoadedModel]:
        """Begin to load a symbol's model if it is not in memory; :meth:`wait` gives it."""
        model = self.use(symbol)
        if model is not None:
            return _known(model)
        self._observer.missed(symbol)
        refusal = self._refused.get(symbol)
        if refusal and self._now() < refusal.until and refusal.generation == self._current(symbol):
            raise refusal.error()
        return self._begin(symbol)

    def wait(self, symbol: Symbol, load: Future[LoadedModel], *, hurry: bool = False) -> LoadedModel:
        """Give the model of a load that was begun; errors as in :meth:`get`, or :class:`HungError`.

        In a hurry a load that has not ended is not waited for.
        """
        try:
            return self._threads.result(load, self._load_seconds, hurry=hurry)
        except (HungError, CancelledError):
            with self._lock:
                if load.cancelled() and self._loading.get(symbol) is load:
                    del self._loading[symbol]
            raise HungError(
                f"The model of {symbol} could not be loaded: storage does not answer. "
                "Look at the disk or network mount that holds the models."
            ) from None

    def revalidate(self, symbols: Iterable[Symbol] | None = None) -> None:
        """Look for newer generations of models in memory, and take in those that pass verification.

        A look costs one file status a symbol, and a symbol that fails holds up no other. The old model answers
        until the new one is whole. A model that was withdrawn leaves memory. A model stays if its files cannot be
        looked at, or if its new generation is broken.
        """
        begun = []
        for symbol in (*self._models, *self._refused) if symbols is None else symbols:
            model, refusal = self.peek(symbol), self._refused.get(symbol)
            if model is None and refusal is None:
                continue
            try:
                current = self._generation(symbol)
                if current is None:
                    self._drop(symbol)
                elif model is not None and current == model.generation:
                    self._refused.pop(symbol, None)
                elif not refusal or refusal.generation != current or self._now() >= refusal.until:
                    begun.append((symbol, self._begin(symbol, renew=True)))
            except Exception as error:  # noqa: BLE001  foreseen or not, it fails this symbol
                self._refuse(symbol, None, _in_storage(symbol, error))
        for symbol, future in begun:
            try:
                self.wait(symbol, future)
            except HungError as error:
                self._refuse(symbol, None, error)
            except TickgraphError:  # recorded where it failed
                continue

    def clear(self) -> int:
        """Forget every model and every refusal; gives how many models were in memory."""
        with self._lock:
            count = len(self._models)
            self.changes += 1
            for known in (self._models, self._used, self._refused):
                known.clear()
            self.nbytes = 0
        return count

    def close(self) -> None:
        """Let running loads end, unless they hang, and take no more."""
        self._threads.close(END_SECONDS)

    def _begin(self, symbol: Symbol, *, renew: bool = False) -> Future[LoadedModel]:
        """Join the load that is running, or start one."""
        with self._lock:
            if not renew and (model := self._models.get(symbol)):  # came while this caller looked
                return _known(model)
            if symbol not in self._loading:
                self._loading[symbol] = self._threads.submit(self._load_one, symbol)
            return self._loading[symbol]

    def _load_one(self, symbol: Symbol) -> LoadedModel:
        generation, started = None, time.perf_counter()
        failure: Refusal | None = None
        try:
            generation = self._current(symbol)
            model = self._load(symbol)
        except Exception as error:  # noqa: BLE001  foreseen or not, it fails this symbol
            known = _in_storage(symbol, error)
            failure = Refusal(type(known), str(known))
            del known
        if failure is not None:  # raised here, it has neither a cause nor a context that hold what was read
            with self._lock:
                self._loading.pop(symbol, None)
            if failure.kind is not ModelNotFoundError:
                self._refuse(symbol, generation, failure.error())
            raise failure.error()
        self._observer.loaded(symbol, time.perf_counter() - started)
        with self._lock:
            self._loading.pop(symbol, None)
            self._refused.pop(symbol, None)
            self._keep(symbol, model)
        return model

    def _keep(self, symbol: Symbol, model: LoadedModel) -> None:
        """Put a model in memory, and let the least recently used make room; the lock is held."""
        before = self._models.get(symbol)
        self.changes += 1
        if before is not None and self.nbytes - before.nbytes + model.nbytes <= self._max_bytes:
            self.nbytes += model.nbytes - before.nbytes
            # A newer generation is no use of the model: its turn stays what it was.
            self._models[symbol] = model
            return
        self._remove(symbol)  # it makes room for itself first
        if model.nbytes > self._max_bytes:  # not kept: nothing makes room for it
            return
        while len(self._models) >= self._max_models or self.nbytes + model.nbytes > self._max_bytes:
            oldest = next(iter(self._models))
            self._observer.evicted(oldest, self._now() - self._used[oldest])
            self._remove(oldest)
        self._models[symbol] = model
        self._used[symbol] = self._now()
        self.nbytes += model.nbytes

    def _remove(self, symbol: Symbol) -> None:
        model = self._models.pop(symbol, None)
        self._used.pop(symbol, None)
        self.changes += 1
        if model is not None:
            self.nbytes -= model.nbytes

    def _drop(self, symbol: Symbol) -> None:
        with self._lock:
            self._remove(symbol)
            self._refused.pop(symbol, None)

    def _refuse(self, symbol: Symbol, generation: str | None, error: TickgraphError) -> None:
        with self._lock:
            until = self._now() + self._retry_seconds
            self._refused[symbol] = Refusal(type(error), str(error), generation, until)
        self._observer.refused(symbol, error)

    def _current(self, symbol: Symbol) -> str | None:
        try:
            return self._generation(symbol)
        except Exception:  # noqa: BLE001  loading says what is wrong
            return None


def _known(model: LoadedModel) -> Future[LoadedModel]:
    future: Future[LoadedModel] = Future()
    future.set_result(model)
    return future


def _in_storage(symbol: Symbol, error: Exception) -> TickgraphError:
    """Name an error of the operating system that the registry did not foresee."""
    if isinstance(error, OSError) and not isinstance(error, TickgraphError):
        return StorageError(f"The model of {symbol} cannot be read: {error}")
    return error_of(symbol, error)
