"""The cache against a reference, in any order of events, and under threads."""

from __future__ import annotations

import threading
from collections import OrderedDict

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shelf import Model, Shelf
from tickgraph.errors import ArtefactError, ModelNotFoundError
from tickgraph.serving.model_cache import ModelCache

SYMBOLS = st.sampled_from("ABCDE")


class AgainstAReference(RuleBasedStateMachine):
    """The cache does what an ordered dictionary with two bounds would do."""

    def __init__(self):
        super().__init__()
        self.shelf, self.time, self.numbers = Shelf(), [0.0], 0
        self.cache = ModelCache(
            self.shelf.load,
            self.shelf.generation,
            max_models=3,
            max_bytes=250,
            retry_seconds=5.0,
            now=lambda: self.time[0],
        )
        self.held: OrderedDict[str, Model] = OrderedDict()
        self.refused: dict[str, tuple[str, float]] = {}

    def teardown(self):
        self.cache.close()

    def keep(self, symbol, model):
        before = self.held.get(symbol)
        if before is not None and self.nbytes - before.nbytes + model.nbytes <= 250:
            self.held[symbol] = model  # in its turn
            return
        self.held.pop(symbol, None)
        if model.nbytes > 250:
            return
        while len(self.held) >= 3 or self.nbytes + model.nbytes > 250:
            self.held.popitem(last=False)
        self.held[symbol] = model

    @property
    def nbytes(self):
        return sum(model.nbytes for model in self.held.values())

    @rule(symbol=SYMBOLS, broken=st.booleans(), nbytes=st.sampled_from([50, 100, 200, 250, 300]))
    def publish(self, symbol, broken, nbytes):
        self.numbers += 1
        self.shelf.publish(symbol, f"g{self.numbers}", broken=broken, nbytes=nbytes)

    @rule(symbol=SYMBOLS)
    def withdraw(self, symbol):
        self.shelf.published.pop(symbol, None)

    @rule(seconds=st.sampled_from([1.0, 6.0]))
    def time_passes(self, seconds):
        self.time[0] += seconds

    @rule(symbol=SYMBOLS)
    def get(self, symbol):
        published = self.shelf.published.get(symbol)
        if symbol in self.held:
            assert self.cache.get(symbol) == self.held[symbol]
            self.held.move_to_end(symbol)
        elif published is None:
            with pytest.raises(ModelNotFoundError):
                self.cache.get(symbol)
        elif published.generation in self.shelf.broken:
            known = self.refused.get(symbol)
            loads = self.shelf.loads[symbol]
            with pytest.raises(ArtefactError):
                self.cache.get(symbol)
            remembered = known and known[0] == published.generation and self.time[0] < known[1]
            assert self.shelf.loads[symbol] == loads + (0 if remembered else 1)
            if not remembered:
                self.refused[symbol] = published.generation, self.time[0] + 5.0
        else:
            assert self.cache.get(symbol) == published
            self.refused.pop(symbol, None)
            self.keep(symbol, published)

    # Reloads run side by side, so which of several comes last is not fixed: one symbol at a time here.
    @rule(symbol=SYMBOLS)
    def revalidate(self, symbol):
        self.cache.revalidate((symbol,))
        held, published = self.held.get(symbol), self.shelf.published.get(symbol)
        if held is None and symbol not in self.refused:
            return
        if published is None:
            self.held.pop(symbol, None)
            self.refused.pop(symbol, None)
        elif held is not None and published.generation == held.generation:
            self.refused.pop(symbol, None)
        elif published.generation in self.shelf.broken:
            known = self.refused.get(symbol)
            if not known or known[0] != published.generation or self.time[0] >= known[1]:
                self.refused[symbol] = published.generation, self.time[0] + 5.0
        else:
            self.refused.pop(symbol, None)
            self.keep(symbol, published)

    @precondition(lambda self: self.held)
    @rule()
    def clear(self):
        assert self.cache.clear() == len(self.held)
        self.held.clear()
        self.refused.clear()

    @invariant()
    def the_same_models_are_held(self):
        assert {symbol: self.cache.peek(symbol) for symbol in self.cache.symbols()} == dict(self.held)
        assert self.cache.nbytes == self.nbytes
        assert len(self.cache) <= 3


TestAgainstAReference = AgainstAReference.TestCase
TestAgainstAReference.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def test_threads_never_see_a_model_of_another_symbol_or_an_older_one_than_before():
    """Readers, a publisher and a watcher at once, with room for two of four models."""
    shelf = Shelf()
    cache = ModelCache(shelf.load, shelf.generation, max_models=2, max_bytes=10_000)
    symbols = "ABCD"
    for symbol in symbols:
        shelf.publish(symbol, "0")
    stop, faults = threading.Event(), []

    def read(symbol):
        last = -1
        while not stop.is_set():
            model = cache.get(symbol)
            number = int(model.generation)
            if model.symbol != symbol or number < last:
                faults.append((symbol, model, last))
            last = number

    def watch():
        while not stop.is_set():
            cache.revalidate()

    threads = [threading.Thread(target=read, args=(symbol,)) for symbol in symbols * 2]
    threads.append(threading.Thread(target=watch))
    for thread in threads:
        thread.start()
    for number in range(1, 300):
        for symbol in symbols:
            shelf.publish(symbol, str(number))
    stop.set()
    for thread in threads:
        thread.join(30)
    cache.revalidate()
    assert not faults
    assert {cache.get(symbol).generation for symbol in symbols} == {"299"}
    cache.close()
