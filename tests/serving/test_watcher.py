"""What the watcher sees is driven by hand: ``look()`` is its step, so nothing here waits."""

from __future__ import annotations

import shutil
import threading
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from tickgraph.errors import PriceDataError
from tickgraph.model.weights import weight_shapes
from tickgraph.registry.registry import ModelRegistry
from tickgraph.serving import network_outlooks, outlook_cache, rounds
from tickgraph.serving.forecaster import Forecaster
from tickgraph.serving.watcher import Watcher

EVENING = datetime(2022, 12, 30, 22, tzinfo=UTC)


def warm(live, symbol, price=None):
    """Answer from memory, None if there is none."""
    outlook = live.peek(symbol)
    return None if outlook is None else live.answer(outlook, price)


def publish(registry: ModelRegistry, symbol: str, factor: float, *, name: str | None = None):
    """Publish a symbol's model again with its last layer's weights multiplied, perhaps under another name."""
    stored = registry.load(symbol, weight_shapes)
    weights = {path: value * np.float32(factor) for path, value in stored.weights.items()}
    metadata = stored.metadata
    if name:
        config = metadata.training_config
        peers = tuple(peer if peer != name else symbol for peer in config.correlated_symbols)
        config = config.model_copy(update={"correlated_symbols": peers})
        metadata = metadata.model_copy(update={"symbol": name, "training_config": config})
    registry.publish(metadata, weights, stored.correlation)


def test_nothing_is_loaded_before_it_is_asked_for(live, heard):
    assert live.symbols() == ("AAPL", "JPM", "MSFT", "XOM")
    assert len(live.models) == 0
    assert warm(live, "AAPL") is None
    live.outlook("AAPL")
    assert live.models.symbols() == ("AAPL",)
    assert warm(live, "AAPL", 130).price == 130
    assert heard.counts["loaded", "AAPL"] == 1


def test_a_warm_answer_reads_and_computes_nothing(live, watcher, store, heard, monkeypatch):
    live.outlook("AAPL")
    watcher.look()
    computed = heard.counts["computed"]
    monkeypatch.setattr(network_outlooks, "forward", None)
    monkeypatch.setattr(store, "panel", None)
    monkeypatch.setattr(live.registry, "load", None)
    for price in (100, 130, None):
        assert warm(live, "AAPL", price).generation == live.registry.generation("AAPL")
    assert heard.counts["computed"] == computed


def test_a_new_generation_is_served_after_a_look_without_a_slow_request(live, watcher, registry, heard):
    live.outlook("AAPL")
    old = warm(live, "AAPL")
    publish(registry, "AAPL", 1.5)
    assert warm(live, "AAPL").generation == old.generation  # no request looks, loads or computes
    watcher.look()
    new = warm(live, "AAPL")
    assert new.generation == registry.generation("AAPL") != old.generation
    assert new.predicted_return != old.predicted_return
    assert heard.counts["loaded", "AAPL"] == 2


def test_a_broken_generation_leaves_the_old_one_in_service_with_a_note(live, watcher, registry, heard):
    live.outlook("AAPL")
    old = warm(live, "AAPL")
    publish(registry, "AAPL", 1.5)
    path = registry.paths("AAPL").weights
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    watcher.look()
    answer = warm(live, "AAPL")
    assert answer.predicted_return == old.predicted_return
    assert any("a newer model is not used" in note for note in answer.notes)
    assert heard.counts["refused", "AAPL"] == 1
    live.outlook("JPM")  # others are not held up
    publish(registry, "JPM", 1.5)
    watcher.look()
    assert warm(live, "JPM").generation == registry.generation("JPM")
    path.write_bytes(whole)
    live.clear()
    assert live.answer(live.outlook("AAPL"), None).generation == registry.generation("AAPL")


def test_a_symbol_that_gets_a_model_stops_being_answered_by_momentum(live, watcher, registry, heard):
    live.outlook("TSLA")
    assert warm(live, "TSLA").status == "momentum"
    publish(registry, "AAPL", 1.0, name="TSLA")
    watcher.look()
    answer = warm(live, "TSLA") or live.answer(live.outlook("TSLA"), None)
    assert (answer.status, answer.symbol) == ("pre-trained", "TSLA")


def test_a_withdrawn_model_is_no_longer_served(live, watcher, registry):
    live.outlook("AAPL")
    registry.paths("AAPL").metadata.unlink()
    watcher.look()
    assert warm(live, "AAPL") is None
    assert live.answer(live.outlook("AAPL"), None).status == "momentum"


def test_a_folder_that_cannot_be_listed_is_a_fault_and_not_an_empty_one(live, watcher, registry, monkeypatch):
    from tickgraph import storage

    live.outlook("AAPL")

    def refused(folder):
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(storage.os, "scandir", refused)
    watcher.look()
    assert "Permission denied" in watcher.fault
    assert live.symbols() == ("AAPL", "JPM", "MSFT", "XOM")
    assert warm(live, "AAPL").status == "pre-trained"


def test_while_a_look_is_under_way_requests_are_answered_from_before(live, watcher, registry, monkeypatch):
    live.outlook("AAPL")
    old = warm(live, "AAPL")
    publish(registry, "AAPL", 1.5)
    seen, real = [], live.panels.refresh

    def between():  # the newer model is loaded, and nothing is computed from it yet
        assert live.models.peek("AAPL").generation == registry.generation("AAPL")
        seen.append(warm(live, "AAPL"))
        real()

    monkeypatch.setattr(live.panels, "refresh", between)
    watcher.look()
    assert [answer.generation for answer in seen] == [old.generation]
    assert warm(live, "AAPL").generation == registry.generation("AAPL")


def test_a_gap_in_the_targets_prices_is_an_error_and_costs_no_other_forecast(live, store, sample):
    bars = sample.fetch(sample.symbols()).bars
    gap = (bars["symbol"] == "AAPL") & bars["date"].between("2022-12-20", "2022-12-22")
    store.write("sample", bars[~gap])
    with pytest.raises(
        PriceDataError, match="Prices of AAPL have too large a gap in the 21 sessions up to 2022-12-30"
    ):
        live.outlook("AAPL")
    result = live.forecast_many(live.symbols())
    assert set(result.forecasts) == {"JPM", "MSFT", "XOM"}
    assert set(result.failures) == {"AAPL"}
    for answer in result.forecasts.values():
        assert np.isfinite([answer.prediction, answer.probability_up]).all()
        assert all(np.isfinite([one.lower, one.upper]).all() for one in answer.intervals)


def test_one_session_without_a_price_costs_no_forecast(live, watcher, store, sample):
    whole = live.answer(live.outlook("AAPL"), None)
    bars = sample.fetch(sample.symbols()).bars
    store.write("sample", bars[~((bars["symbol"] == "AAPL") & (bars["date"] == "2022-12-22"))])
    watcher.look()
    watcher.look()
    answer = live.answer(live.outlook("AAPL"), None)
    assert answer.generation == whole.generation
    assert answer.predicted_return == pytest.approx(whole.predicted_return, abs=0.01)
    assert answer.predicted_return != whole.predicted_return
    assert all(np.isfinite([one.lower, one.upper]).all() for one in answer.intervals)


def test_momentum_does_not_depend_on_what_else_is_in_memory(registry, store, sample):
    bars = sample.fetch(sample.symbols()).bars
    gap = (bars["symbol"] == "TSLA") & (bars["date"] == "2022-12-22")
    store.write("sample", bars[~gap])
    alone, beside = (Forecaster(registry, store, now=lambda: EVENING) for _ in range(2))
    beside.outlook("AAPL")
    assert alone.outlook("TSLA").distribution.forecast == beside.outlook("TSLA").distribution.forecast
    for live in (alone, beside):
        live.close()


def test_a_vanished_folder_takes_nothing_out_of_service(live, watcher, registry):
    live.outlook("AAPL")
    old = warm(live, "AAPL")
    registry.root.rename(registry.root.with_name("gone"))
    watcher.look()
    assert "is gone" in watcher.fault
    assert warm(live, "AAPL").predicted_return == old.predicted_return
    registry.root.with_name("gone").rename(registry.root)
    watcher.look()
    assert watcher.fault is None


def test_new_prices_are_served_once_they_have_settled(live, watcher, store, sample, heard):
    bars = sample.fetch(sample.symbols()).bars
    store.write("sample", bars[bars["date"] < "2022-12-30"])
    live.outlook("AAPL")
    assert warm(live, "AAPL").as_of == date(2022, 12, 29)
    store.write("sample", bars)
    watcher.look()  # sees the files change
    assert warm(live, "AAPL").as_of == date(2022, 12, 29)
    watcher.look()  # and finds them unchanged
    assert warm(live, "AAPL").as_of == date(2022, 12, 30)
    assert warm(live, "AAPL").correlations == "stored"


def test_prices_that_can_no_longer_be_read_stay_in_use_while_others_move_on(
    live, watcher, store, sample, heard
):
    bars = sample.fetch(sample.symbols()).bars
    store.write("sample", bars[bars["date"] < "2022-12-30"])
    live.outlook("AAPL")
    live.outlook("XOM")
    store.write("sample", bars)
    (store.root / "sample" / "XOM.parquet").write_bytes(b"PAR1 not really")
    watcher.look()
    watcher.look()
    assert heard.counts["prices kept"] >= 1
    assert warm(live, "AAPL").as_of == date(2022, 12, 30)
    assert warm(live, "XOM").as_of == date(2022, 12, 29)
    shutil.rmtree(store.root)
    watcher.look()
    watcher.look()
    assert warm(live, "AAPL").as_of == date(2022, 12, 30)


def test_correlations_over_24_hours_old_are_computed_and_counted(live, clock, heard, registry):
    live.outlook("AAPL")
    assert warm(live, "AAPL").correlations == "stored"
    trained = registry.metadata("AAPL").training_date
    clock[0] = trained + timedelta(hours=24, seconds=-1)
    assert warm(live, "AAPL").correlations == "stored"
    clock[0] = trained + timedelta(hours=24)
    assert warm(live, "AAPL") is None  # what was prepared no longer holds
    answer = live.answer(live.outlook("AAPL"), None)
    assert answer.correlations == "computed"
    assert any("over 24 hours old" in note for note in answer.notes)
    assert heard.counts["correlated", "age"] == 1


def test_correlations_of_an_older_session_are_computed_and_counted(live, watcher, registry, heard, panel):
    earlier = np.datetime64("2022-12-29")
    stored = registry.load("AAPL", weight_shapes)
    old = stored.metadata.correlations.model_copy(update={"as_of": date(2022, 12, 29)})
    metadata = stored.metadata.model_copy(update={"correlations": old})
    nodes = ("AAPL", *metadata.training_config.correlated_symbols)
    returns = panel.through(earlier).log_returns()[-60:][:, [panel.column(name) for name in nodes]]
    registry.publish(metadata, stored.weights, np.corrcoef(returns.T).astype(np.float32))
    watcher.look()
    answer = live.answer(live.outlook("AAPL"), None)
    assert (answer.correlations, answer.correlations_as_of) == ("computed", date(2022, 12, 30))
    assert heard.counts["correlated", "session"] == 1
    # What was computed is what would have been published.
    fresh = live.answer(live.outlook("JPM"), None)
    assert fresh.correlations == "stored"


def test_another_symbols_first_forecast_makes_no_warm_one_cold(live, watcher, heard):
    for symbol in live.symbols():
        live.outlook(symbol)
        assert warm(live, "AAPL") is not None
    assert heard.counts["computed"] == 4
    watcher.look()
    assert heard.counts["computed"] == 4


def test_renewing_after_new_prices_is_one_network_call(live, watcher, store, sample, heard):
    live.forecast_many(live.symbols())
    bars = sample.fetch(sample.symbols()).bars
    store.write("sample", bars[bars["date"] < "2022-12-30"])
    before = heard.counts["computed"]
    watcher.look()
    watcher.look()
    assert heard.counts["computed"] == before + 1
    assert {warm(live, symbol).as_of for symbol in live.symbols()} == {date(2022, 12, 29)}


def test_eviction_costs_a_load_and_no_forecast_changes(registry, store, heard):
    live = Forecaster(registry, store, max_models=2, now=lambda: EVENING, observer=heard)
    watcher = Watcher(live)
    watcher.look()
    first = {symbol: live.answer(live.outlook(symbol), None) for symbol in live.symbols()}
    again = {symbol: live.answer(live.outlook(symbol), None) for symbol in live.symbols()}
    assert again == first
    assert len(live.models) == 2
    watcher.look()
    assert len(live.models) == 2  # a look loads nothing back
    live.close()


def test_the_watcher_survives_a_fault_and_says_it(registry, store, monkeypatch):
    looked = threading.Semaphore(0)
    live = Forecaster(registry, store)
    watcher = Watcher(live, poll_seconds=0.001)
    real = live.panels.refresh

    def broken():
        looked.release()
        raise RuntimeError("unforeseen")

    watcher.start()
    monkeypatch.setattr(live.panels, "refresh", broken)
    for _ in range(3):
        assert looked.acquire(timeout=30)
    assert "unforeseen" in watcher.fault
    again = threading.Event()
    monkeypatch.setattr(live.panels, "refresh", lambda: (again.set(), real()))
    assert again.wait(30)
    watcher.stop()
    watcher.look()
    assert watcher.fault is None


def test_a_nudge_makes_it_look_at_once(registry, store, monkeypatch):
    looked = threading.Event()
    live = Forecaster(registry, store)
    watcher = Watcher(live, poll_seconds=3600)
    watcher.start()
    monkeypatch.setattr(live.panels, "refresh", looked.set)
    watcher.nudge()
    assert looked.wait(30)
    watcher.stop()
    live.close()


def test_news_is_for_the_next_look_and_leaves_the_one_that_goes_on_alone(registry, store, monkeypatch):
    """What a look has asked object storage stays valid for it, or every model would be asked for by itself."""
    asked, live = [], Forecaster(registry, store)
    watcher = Watcher(live, poll_seconds=3600)
    monkeypatch.setattr(live.catalogue, "ask_anew", lambda: asked.append("anew"))
    monkeypatch.setattr(live, "renew", lambda: (watcher.nudge(), asked.append("look"))[0])
    watcher.look()
    watcher.look()
    assert asked == ["look", "anew", "look"]
    live.close()


def test_a_look_at_many_models_asks_their_folder_and_a_share_of_the_files(live, watcher, monkeypatch):
    for module in (rounds, outlook_cache):
        monkeypatch.setattr(module, "ALL", 1)
    moment = [0.0]
    live._rounds = rounds.Rounds(live.registry.folder_stamp, lambda: moment[0])
    live.models._generation = counted = Counted(live.models._generation)
    live.forecast_all()
    watcher.look()
    assert len(live.symbols()) > 1
    moment[0] += rounds.SETTLED_SECONDS
    counted.asked.clear()
    for _ in range(rounds.ROUND):
        watcher.look()
    assert sorted(counted.asked) == sorted(live.symbols())  # in a round each file has one turn
    counted.asked.clear()
    metadata = live.registry.paths(live.symbols()[0]).metadata
    metadata.with_suffix(".tmp").write_bytes(metadata.read_bytes())
    metadata.with_suffix(".tmp").replace(metadata)  # as a publication does
    watcher.look()
    assert sorted(counted.asked) == sorted(live.symbols())


class Counted:
    """A function that notes what it was asked for."""

    def __init__(self, call):
        self.call, self.asked = call, []

    def __call__(self, symbol):
        self.asked.append(symbol)
        return self.call(symbol)
