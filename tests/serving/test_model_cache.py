from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from shelf import Shelf
from tickgraph.errors import ArtefactError, ModelNotFoundError, StorageError
from tickgraph.serving.model_cache import ModelCache
from tickgraph.serving.observer import Observer


class Heard(Observer):
    def __init__(self):
        self.counts = Counter()
        self.evictions = []

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
        self.evictions.append(symbol)


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
    assert cache.use("AAPL") is not None


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
    assert cache.use("B").generation == "broken B"


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


@pytest.mark.parametrize("nbytes", [100, 800])  # 800: all that is left
def test_a_newer_generation_is_no_use_of_the_model(shelf, cache, nbytes):
    for symbol in ("A", "B", "C"):
        shelf.publish(symbol, "g1")
        cache.get(symbol)
    shelf.publish("A", "g2", nbytes=nbytes)
    cache.revalidate()
    shelf.publish("D", "g1")
    cache.get("D")
    assert set(cache.symbols()) == {"B", "C", "D"}


@pytest.mark.parametrize(("nbytes", "evicted"), [(900, []), (901, ["B"])])
def test_a_larger_generation_takes_room_from_others_and_not_from_its_own(
    shelf, cache, heard, nbytes, evicted
):
    for symbol in ("A", "B"):
        shelf.publish(symbol, "g1")
        cache.get(symbol)
    shelf.publish("A", "g2", nbytes=nbytes)
    cache.revalidate()
    assert heard.evictions == evicted
    assert cache.use("A").generation == "g2"


def test_a_model_of_all_the_room_is_kept(shelf, cache):
    shelf.publish("A", "g1", nbytes=1000)
    cache.get("A")
    assert cache.symbols() == ("A",)


def test_a_model_that_is_not_kept_costs_none_that_is(shelf, cache):
    for symbol in ("A", "B", "C"):
        shelf.publish(symbol, "g1")
        cache.get(symbol)
    shelf.publish("D", "g1", nbytes=1001)
    assert cache.get("D").nbytes == 1001
    assert cache.symbols() == ("A", "B", "C")


def test_what_is_idle_is_what_was_not_asked_for(shelf, cache, clock):
    for number, symbol in enumerate(("A", "B")):
        clock[0] = float(number)
        shelf.publish(symbol, "g1")
        cache.get(symbol)
    clock[0] = 5.0
    cache.get("A")
    assert cache.idle_seconds == 4.0


def test_a_model_that_comes_while_a_caller_looks_is_not_loaded_again(shelf, cache, heard, monkeypatch):
    shelf.publish("A", "g1")

    def missed(symbol):  # another caller's load ends between this one's two looks
        monkeypatch.undo()
        cache.get(symbol)

    monkeypatch.setattr(heard, "missed", missed)
    assert cache.get("A").generation == "g1"
    assert shelf.loads["A"] == 1


def test_an_error_while_looking_for_the_generation_is_not_kept_as_the_answer(shelf, cache, monkeypatch):
    shelf.publish("A", "g1")

    def refused(symbol):
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as broken:
        broken.setattr(cache, "_generation", refused)
        broken.setattr(cache, "_load", refused)
        with pytest.raises(StorageError, match="Too many open files"):
            cache.get("A")
    assert cache.get("A").generation == "g1"
