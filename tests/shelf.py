"""A registry in memory, for tests of the cache of models."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass

from tickgraph.errors import ArtefactError, ModelNotFoundError, StorageError


@dataclass(frozen=True)
class Model:
    symbol: str
    generation: str
    nbytes: int = 100


class Shelf:
    """A registry in memory: generations that can be broken, withdrawn or made unreadable."""

    def __init__(self):
        self.published: dict[str, Model] = {}
        self.broken: set[str] = set()  # generations
        self.unreadable = False
        self.loads = Counter()
        self.gates: dict[str, threading.Event] = {}
        self.started = threading.Semaphore(0)

    def publish(self, symbol, generation, *, broken=False, nbytes=100):
        self.published[symbol] = Model(symbol, generation, nbytes)
        if broken:
            self.broken.add(generation)

    def generation(self, symbol):
        if self.unreadable:
            raise StorageError("the disk is gone")
        return self.published[symbol].generation if symbol in self.published else None

    def load(self, symbol):
        self.loads[symbol] += 1
        self.started.release()
        if symbol in self.gates:
            assert self.gates[symbol].wait(30)
        if symbol not in self.published:
            raise ModelNotFoundError(f"no model of {symbol}")
        model = self.published[symbol]
        if model.generation in self.broken:
            raise ArtefactError(f"{symbol} {model.generation} is damaged")
        return model
