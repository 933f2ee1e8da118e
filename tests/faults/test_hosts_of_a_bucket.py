"""Hosts that share a bucket while a line is cut, a process is paused or a disk is full: nothing lost, nothing wrong."""

from __future__ import annotations

from collections import Counter

import httpx
import pytest

from made_cluster import MODELS, PRICES, SYMBOLS
from made_site import made_site
from real_host import Asking
from real_service import until
from tickgraph.market.calendar import system_time
from tickgraph.market.store import PriceStore
from tickgraph.model.weights import weight_shapes
from tickgraph.operations.refresh import refresh
from tickgraph.registry.registry import ModelRegistry

FULL = "No space left on device. The disk is full: free some space, or choose another folder."
AWAY = "copies on this machine stand in for s3://"


def serves(service, symbol, generation):
    return until(lambda: service.forecast(symbol)["generation"] == generation, f"{symbol} {generation[:8]}")


@pytest.mark.parametrize("fault", ["cut", "silent", "slow"])
def test_a_host_without_its_storage_answers_from_copies_and_the_other_goes_on(shared, fault):
    line, truth = shared.hosts["a"].lines["storage"], shared.truth
    asking = Asking()
    with asking.of(shared.services, SYMBOLS):
        {"cut": line.cut, "silent": line.silence, "slow": lambda: line.slow(0.4)}[fault]()
        if fault != "slow":
            until(lambda: shared.a.ready()[1]["storage_away"], "word of the storage")
            before = shared.a.forecast("AAPL")["generation"]
        newest = truth.publish("AAPL", 1.1)
        serves(shared.b, "AAPL", newest)
        asking.wait("a")
        if fault != "slow":
            status, ready = shared.a.ready()
            assert (status, AWAY in ready["storage_away"]) == (200, True)
            answer = shared.a.forecast("AAPL")
            assert answer["generation"] == before
            assert any(AWAY in note for note in answer["notes"])
            assert shared.a.metric("gnn_storage_away") >= 1
        until(lambda: shared.b.ready()[1]["storage_away"] is None, "that the other host has its storage")
        line.mend()
        serves(shared.a, "AAPL", newest)
        until(lambda: shared.a.ready()[1]["storage_away"] is None, "the end of it")
    assert asking.failed == Counter()
    truth.must_be(asking.said())


def test_clients_whose_line_is_cut_disturb_no_others(shared):
    line = shared.hosts["b"].lines["clients"]
    asking = Asking()
    with asking.of(shared.services, SYMBOLS):
        asking.wait("b")
        line.cut()
        until(lambda: asking.failed["b"] > 3, "failed requests")
        asking.wait("a")
        line.mend()
        asking.wait("b")
        failed = asking.failed["b"]
        asking.wait("b")
        assert asking.failed["b"] == failed
    assert asking.failed["a"] == 0
    shared.truth.must_be(asking.said())


def test_a_host_that_is_paused_goes_on_with_what_is_published_by_then(shared):
    with shared.a.paused():
        newest = shared.truth.publish("JPM", 0.9)
        serves(shared.b, "JPM", newest)
        with (
            httpx.Client(base_url=str(shared.a.http.base_url), timeout=0.5) as http,
            pytest.raises(httpx.TimeoutException),
        ):
            http.get("/forecast/JPM")
    serves(shared.a, "JPM", newest)
    asking = Asking()
    with asking.of(shared.services, SYMBOLS):
        asking.wait("a")
        asking.wait("b")
    assert asking.failed == Counter()
    shared.truth.must_be(asking.said())


def test_a_publisher_whose_line_is_cut_as_it_publishes_leaves_whole_models_and_ends_the_work_later(
    shared, sample
):
    host, truth = shared.hosts["c"], shared.truth
    before = {symbol: truth.registry.generation(symbol) for symbol in SYMBOLS}
    words = ("refresh", "--force", "--no-update", "--no-retrain", "--models", MODELS, "--prices-dir", PRICES)

    def cut_it(method, path):
        if method == "PUT" and "JPM.model" in path:
            host.lines["storage"].cut()  # the write is carried out, and its answer is lost

    asking = Asking()
    with asking.of(shared.services, SYMBOLS):
        shared.s3.fault = cut_it
        code, _, err = host.run(*words)
        assert code == 7, err
        assert "s3://" in err
        shared.s3.fault = None
        truth.remember()
        between = {symbol: truth.registry.generation(symbol) for symbol in SYMBOLS}
        assert between["AAPL"] != before["AAPL"]
        for symbol in SYMBOLS:
            assert truth.registry.load(symbol, weight_shapes).generation == between[symbol]
        host.mend()
        store = PriceStore(host.place(PRICES))
        site = made_site(
            host.folder,
            sample,
            system_time,
            registry=ModelRegistry(host.place(MODELS)),
            store=store,
            peer_pool=store.symbols("sample"),
            universe=(),
            operations_dir=host.folder / "operations",  # where the run before left that it had the lease
        )
        run = refresh(site, force=True, update=False, retrain=False)
        assert run.state == "done", run.error
        truth.remember()
        for symbol in SYMBOLS:
            newest = truth.registry.generation(symbol)
            assert newest not in (before[symbol], between[symbol])
            for service in shared.services.values():
                serves(service, symbol, newest)
    assert asking.failed == Counter()
    truth.must_be(asking.said())


def test_a_host_with_a_full_disk_answers_from_memory_says_so_and_recovers(shared):
    """Its copies, its jobs, its records and its log of forecasts are all on that disk."""
    if shared.disk.refused:
        pytest.skip(f"no small disk can be mounted: {shared.disk.refused}")
    truth, asking = shared.truth, Asking()
    with asking.of(shared.services, SYMBOLS):
        before = shared.a.forecast("AAPL")["generation"]
        shared.disk.fill()
        newest = truth.publish("AAPL", 1.1)
        until(lambda: shared.b.forecast("AAPL")["generation"] == newest, "the other host's new model")
        said = "a newer model is not used, since it could not be verified: Cannot use "
        until(lambda: any(said in note for note in shared.a.forecast("AAPL")["notes"]), "word of the disk")
        answer = shared.a.forecast("AAPL")
        assert answer["generation"] == before
        assert any(said in note and FULL in note for note in answer["notes"])
        assert shared.a.metric("gnn_models_refused") == 1
        assert shared.a.ready()[0] == 200
        untrained = shared.a.forecast("XOM")  # would be trained on demand
        assert (untrained["status"], untrained["training_job"]) == ("momentum", None)
        assert any("no model is being trained: " in note and FULL in note for note in untrained["notes"])
        shared.disk.free()
        until(lambda: shared.a.forecast("AAPL")["generation"] == newest, "the new model")
        assert not any(FULL in note for note in shared.a.forecast("AAPL")["notes"])
        assert shared.a.metric("gnn_models_refused") == 0
    assert asking.failed == Counter()
    truth.must_be(asking.said())
