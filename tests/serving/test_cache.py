from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tickgraph.errors import ArtefactError, ModelNotFoundError, StorageError
from tickgraph.serving.cache import ModelCache
from tickgraph.serving.observer import Observer


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


class Heard(Observer):
    def __init__(self):
        self.counts = Counter()

    def hit(self, symbol):
        self.counts["hit"] += 1

    def missed(self, symbol):
        self.counts["miss"] += 1

    def loaded(self, symbol, seconds):
        self.counts["loaded"] += 1

    def refused(self, symbol, error):
        self.counts["refused"] += 1

    def evicted(self, symbol, idle):
        self.counts["evicted"] += 1


@pytest.fixture
def shelf():
    return Shelf()


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture
def clock():
    return [0.0]


@pytest.fixture
def cache(shelf, heard, clock):
    made = ModelCache(
        shelf.load, shelf.generation, max_models=3, max_bytes=1000, now=lambda: clock[0], observer=heard
    )
    yield made
    made.close()


def test_a_hundred_first_requests_load_once(shelf, cache):
    shelf.publish("AAPL", "g1")
    shelf.gates["AAPL"] = threading.Event()
    with ThreadPoolExecutor(100) as pool:
        asked = [pool.submit(cache.get, "AAPL") for _ in range(100)]
        assert shelf.started.acquire(timeout=30)
        shelf.gates["AAPL"].set()
        assert {future.result(30).generation for future in asked} == {"g1"}
    assert shelf.loads["AAPL"] == 1


def test_different_symbols_load_side_by_side(shelf, cache):
    for symbol in ("AAPL", "MSFT"):
        shelf.publish(symbol, "g1")
        shelf.gates[symbol] = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(cache.get, symbol) for symbol in ("AAPL", "MSFT")]
        assert shelf.started.acquire(timeout=30)
        assert shelf.started.acquire(timeout=30)  # the second began although the first has not ended
        shelf.gates["MSFT"].set()
        assert asked[1].result(30).symbol == "MSFT"
        assert not asked[0].done()
        shelf.gates["AAPL"].set()
        asked[0].result(30)


def test_a_caller_that_gives_up_does_not_end_the_load(shelf, cache):
    shelf.publish("AAPL", "g1")
    shelf.gates["AAPL"] = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        pool.submit(cache.get, "AAPL")
        assert shelf.started.acquire(timeout=30)
        future = cache._begin("AAPL")
        assert not future.cancel()
        shelf.gates["AAPL"].set()
        assert future.result(30).generation == "g1"
    assert cache.held("AAPL") is not None


def test_a_missing_model_is_not_remembered_as_missing(shelf, cache):
    with pytest.raises(ModelNotFoundError):
        cache.get("AAPL")
    shelf.publish("AAPL", "g1")
    assert cache.get("AAPL").generation == "g1"


def test_a_broken_generation_is_remembered_for_a_while_and_until_another_appears(shelf, cache, clock, heard):
    shelf.publish("AAPL", "g1", broken=True)
    for _ in range(3):
        with pytest.raises(ArtefactError, match="g1 is damaged"):
            cache.get("AAPL")
    assert shelf.loads["AAPL"] == 1
    clock[0] = 6.0
    with pytest.raises(ArtefactError):
        cache.get("AAPL")
    assert shelf.loads["AAPL"] == 2
    shelf.publish("AAPL", "g2")
    assert cache.get("AAPL").generation == "g2"
    assert cache.refusals() == {}


def test_a_newer_generation_is_swapped_in_and_requests_in_flight_keep_theirs(shelf, cache):
    shelf.publish("AAPL", "g1")
    in_flight = cache.get("AAPL")
    shelf.publish("AAPL", "g2")
    assert cache.get("AAPL") is in_flight  # no request waits for the newer one
    cache.revalidate()
    assert cache.get("AAPL").generation == "g2"
    assert in_flight.generation == "g1"


def test_the_old_model_answers_while_the_new_one_loads(shelf, cache):
    shelf.publish("AAPL", "g1")
    cache.get("AAPL")
    assert shelf.started.acquire(timeout=30)
    shelf.publish("AAPL", "g2")
    shelf.gates["AAPL"] = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(cache.revalidate)
        assert shelf.started.acquire(timeout=30)
        assert cache.get("AAPL").generation == "g1"
        shelf.gates["AAPL"].set()
        looking.result(30)
    assert cache.get("AAPL").generation == "g2"


def test_a_generation_that_fails_verification_leaves_the_one_before_in_service(shelf, cache, heard):
    shelf.publish("AAPL", "g1")
    cache.get("AAPL")
    shelf.publish("AAPL", "g2", broken=True)
    cache.revalidate()
    cache.revalidate()  # not tried again at once
    assert cache.get("AAPL").generation == "g1"
    assert "g2 is damaged" in str(cache.refusals()["AAPL"])
    assert heard.counts["refused"] == 1
    shelf.publish("AAPL", "g3")
    cache.revalidate()
    assert cache.get("AAPL").generation == "g3"
    assert cache.refusals() == {}


def test_a_withdrawn_model_leaves_memory_and_an_unreadable_disk_takes_nothing(shelf, cache):
    shelf.publish("AAPL", "g1")
    shelf.publish("MSFT", "g1")
    cache.get("AAPL"), cache.get("MSFT")
    shelf.unreadable = True
    cache.revalidate()
    assert cache.symbols() == ("AAPL", "MSFT")
    assert "disk is gone" in str(cache.refusals()["AAPL"])
    shelf.unreadable = False
    del shelf.published["AAPL"]
    cache.revalidate()
    assert cache.symbols() == ("MSFT",)
    assert cache.refusals() == {}


def test_a_refusal_ends_when_its_model_is_withdrawn_or_repaired(shelf, cache, clock):
    for symbol in ("A", "B"):
        shelf.publish(symbol, f"broken {symbol}", broken=True)
        with pytest.raises(ArtefactError):
            cache.get(symbol)
    del shelf.published["A"]
    cache.revalidate()
    assert set(cache.refusals()) == {"B"}
    shelf.broken.clear()  # its files were put back as they were
    cache.revalidate()
    assert set(cache.refusals()) == {"B"}  # not tried again at once
    clock[0] = 6.0
    cache.revalidate()
    assert cache.refusals() == {}
    assert cache.held("B").generation == "broken B"


def test_an_error_of_the_operating_system_is_an_error_of_storage(shelf, cache, monkeypatch):
    shelf.publish("A", "g1")

    def load(symbol):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(cache, "_load", load)
    with pytest.raises(StorageError, match="A cannot be read.*Too many open files"):
        cache.get("A")


def test_a_failed_load_costs_no_model_that_works(shelf, cache):
    for symbol in ("A", "B", "C"):
        shelf.publish(symbol, "g1")
        cache.get(symbol)
    shelf.publish("D", "bad", broken=True)
    with pytest.raises(ArtefactError):
        cache.get("D")
    assert set(cache.symbols()) == {"A", "B", "C"}


def test_bounds_by_count_and_by_bytes(shelf, cache, heard, clock):
    for number, symbol in enumerate(("A", "B", "C", "D")):
        clock[0] = float(number)
        shelf.publish(symbol, "g1")
        cache.get(symbol)
    assert set(cache.symbols()) == {"B", "C", "D"}
    assert cache.idle_seconds == 2.0
    shelf.publish("E", "g1", nbytes=900)
    cache.get("E")
    assert cache.symbols()[-1] == "E"
    assert cache.nbytes == 1000
    shelf.publish("F", "g1", nbytes=5000)  # larger than all the room: served, not kept
    assert cache.get("F").nbytes == 5000
    assert "F" not in cache.symbols()
    assert heard.counts["evicted"] == 3


def test_looking_for_newer_models_is_no_use_of_them(shelf, cache):
    for symbol in ("A", "B", "C"):
        shelf.publish(symbol, "g1")
        cache.get(symbol)
    cache.peek("A")
    cache.revalidate()
    shelf.publish("D", "g1")
    cache.get("D")
    assert "A" not in cache.symbols()


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
        if model.nbytes > 250:
            self.held.pop(symbol, None)
            return
        while symbol not in self.held and len(self.held) >= 3:
            self.held.popitem(last=False)
        others = lambda: sum(m.nbytes for s, m in self.held.items() if s != symbol)  # noqa: E731
        while others() + model.nbytes > 250:
            self.held.popitem(last=False)
        self.held.pop(symbol, None)
        self.held[symbol] = model

    @rule(symbol=SYMBOLS, broken=st.booleans(), nbytes=st.sampled_from([50, 100, 200, 300]))
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
        assert self.cache.nbytes == sum(model.nbytes for model in self.held.values())
        assert len(self.cache) <= 3


TestAgainstAReference = AgainstAReference.TestCase
TestAgainstAReference.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def test_threads_never_see_a_model_of_another_symbol_or_an_older_one_than_before(shelf):
    """Readers, a publisher and a watcher at once, with room for two of four models."""
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
