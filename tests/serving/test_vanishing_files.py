"""Files that vanish, cannot be read or change at a bad moment: memory answers, and nothing old comes back."""

from __future__ import annotations

import os
from datetime import date, timedelta

import numpy as np
import pytest

from tickgraph.errors import PriceDataError, StorageError
from tickgraph.model.weights import initial_weights, weight_shapes


def republish(registry, symbol, *, factor=1.0, **config):
    """Publish a symbol's model again, its weights multiplied or its architecture another."""
    stored = registry.load(symbol, weight_shapes)
    changed = stored.metadata.training_config.model_copy(update=config)
    new, old = initial_weights(changed, 1), stored.weights
    weights = {
        path: old[path] if np.shape(old.get(path)) == shape else new[path]
        for path, shape in weight_shapes(changed).items()
    }
    weights = {path: value * np.float32(factor) for path, value in weights.items()}
    metadata = stored.metadata.model_copy(update={"training_config": changed})
    registry.publish(metadata, weights, stored.correlation)


def without_last_session(sample):
    bars = sample.fetch(sample.symbols()).bars
    return bars, bars[bars["date"] < "2022-12-30"]


def as_of(live, symbol):
    return live.answer(live.outlook(symbol), None).as_of


@pytest.fixture
def during_a_look(live, watcher, monkeypatch):
    """Look, and give what memory answers for a symbol before anything was computed anew."""

    def looked(symbol):
        seen, real = [], live.panels.refresh
        monkeypatch.setattr(live.panels, "refresh", lambda: (seen.append(live.peek(symbol)), real()))
        watcher.look()
        return seen[0]

    return looked


def test_after_the_folder_vanished_memory_answers_a_batch_and_the_rest_is_an_error(live, watcher, registry):
    before = live.forecast_many(["AAPL"]).forecasts["AAPL"]
    registry.root.rename(registry.root.with_name("gone"))
    watcher.look()
    result = live.forecast_many(["AAPL", "JPM"])
    assert result.forecasts == {"AAPL": before}
    assert isinstance(result.failures["JPM"], StorageError)  # never momentum: it has a model
    assert live.answer(live.peek("AAPL"), None) == before


def test_a_model_in_memory_needs_no_look_at_its_files(live, monkeypatch):
    before = live.forecast_many(["AAPL"])
    real = os.stat

    def refused(path, *args, **words):
        if str(path).endswith("_metadata.json"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *args, **words)

    monkeypatch.setattr("tickgraph.registry.shelf.os.stat", refused)
    assert live.forecast_many(["AAPL"]) == before


def test_when_no_file_can_be_opened_requests_fail_and_recover(live):
    resource = pytest.importorskip("resource", reason="there is no such limit here")
    live.models._threads.submit(lambda: None).result()  # a thread could not start without a file
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        during = live.forecast_many(live.symbols(), fallback="none")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert set(during.failures) == set(live.symbols())
    assert set(live.forecast_many(live.symbols(), fallback="none").forecasts) == set(live.symbols())


def test_a_folder_in_place_of_a_price_file_holds_up_no_other_symbol(live, watcher, store, sample):
    bars, older = without_last_session(sample)
    store.write("sample", older)
    for symbol in ("AAPL", "XOM", "TSLA"):
        live.outlook(symbol)
    store.write("sample", bars)
    path = store.root / "sample" / "TSLA.parquet"
    path.unlink()
    path.mkdir()
    watcher.look()
    watcher.look()
    assert as_of(live, "XOM") == date(2022, 12, 30)
    assert as_of(live, "TSLA") == date(2022, 12, 29)


def test_a_folder_in_place_of_a_price_file_fails_those_who_need_it(live, store):
    path = store.root / "sample" / "TSLA.parquet"
    path.unlink()
    path.mkdir()
    result = live.forecast_many(["JPM", "TSLA"])
    assert set(result.forecasts) == {"JPM"}
    assert isinstance(result.failures["TSLA"], PriceDataError)


@pytest.mark.parametrize(
    "unlike", [{"hidden_dim": 32}, {"num_gcn_layers": 3}, {"num_gat_heads": 2}, {"threshold": 0.9}], ids=str
)
def test_unlike_models_in_one_request_are_each_as_alone(live, registry, unlike):
    republish(registry, "MSFT", **unlike)
    alone = {symbol: live.outlook(symbol).distribution.forecast for symbol in ("AAPL", "MSFT")}
    live.clear()
    together = live.forecast_many(live.symbols())
    assert set(together.forecasts) == set(live.symbols())
    for symbol, forecast in alone.items():
        assert together.forecasts[symbol].predicted_return == pytest.approx(forecast, rel=1e-4, abs=1e-8)


def test_a_forecast_that_its_prices_no_longer_allow_does_not_come_back(
    live, watcher, store, sample, during_a_look
):
    live.outlook("AAPL")
    bars = sample.fetch(sample.symbols()).bars
    store.write(
        "sample", bars[~((bars["symbol"] == "AAPL") & bars["date"].between("2022-12-20", "2022-12-22"))]
    )
    watcher.look()
    watcher.look()
    assert live.peek("AAPL") is None
    assert during_a_look("AAPL") is None


def test_a_slow_request_does_not_bring_an_older_model_back(
    live, watcher, registry, during_a_look, monkeypatch
):
    """One that computed from the generation before ends after the newer one was swapped in."""
    from tickgraph.serving import outlook_cache

    real = outlook_cache.network_outlooks

    def slow(*args):
        results = real(*args)
        monkeypatch.setattr(outlook_cache, "network_outlooks", real)
        republish(registry, "AAPL", factor=1.5)
        watcher.look()
        live.outlook("AAPL")
        return results

    monkeypatch.setattr(outlook_cache, "network_outlooks", slow)
    old = live.outlook("AAPL")
    assert old.model.generation != registry.generation("AAPL")
    assert live.peek("AAPL").model.generation == registry.generation("AAPL")
    assert during_a_look("AAPL").model.generation == registry.generation("AAPL")


def test_correlations_over_24_hours_old_are_not_used_during_a_look_either(
    live, registry, clock, during_a_look
):
    live.outlook("AAPL")
    clock[0] = registry.metadata("AAPL").training_date + timedelta(hours=24)
    assert live.peek("AAPL") is None
    assert during_a_look("AAPL") is None
    assert live.peek("AAPL").recomputed == "age"


def test_a_refresh_of_correlations_is_good_for_another_24_hours(live, watcher, registry, clock):
    stored = registry.load("AAPL", weight_shapes)
    made = stored.metadata.training_date
    old = stored.metadata.model_copy(update={"training_date": made - timedelta(hours=30)})
    registry.publish(old, stored.weights, stored.correlation)
    clock[0] = made
    assert live.answer(live.outlook("AAPL"), None).correlations == "computed"
    registry.publish_correlation("AAPL", stored.correlation, date(2022, 12, 30))
    watcher.look()
    assert live.answer(live.outlook("AAPL"), None).correlations == "stored"
    clock[0] = registry.metadata("AAPL").correlations.computed_at + timedelta(hours=24)
    assert live.answer(live.outlook("AAPL"), None).correlations == "computed"


def test_a_first_forecast_after_an_update_is_of_one_moments_prices(live, watcher, store, sample):
    """Its peers are in memory from before the update, itself not."""
    bars, older = without_last_session(sample)
    store.write("sample", older)
    live.outlook("AAPL")
    store.write("sample", bars)
    names = ("MSFT", "XOM", "JPM")
    first = {symbol: live.answer(live.outlook(symbol), None) for symbol in names}
    watcher.look()
    watcher.look()
    for symbol, answer in first.items():
        settled = live.answer(live.outlook(symbol), None)
        assert answer.as_of == settled.as_of == date(2022, 12, 30)
        assert answer.predicted_return == pytest.approx(settled.predicted_return, rel=1e-4)


def test_symbols_that_are_new_do_not_put_off_what_has_settled(live, watcher, store, sample):
    bars = sample.fetch(sample.symbols()).bars
    store.write("sample", bars[bars["date"] < "2022-12-30"])
    live.outlook("AAPL")
    updated = bars[bars["symbol"] != "TSLA"]
    store.write("sample", updated)
    real = live.panels._changed
    live.panels._changed = lambda *_: False  # as if the new ones were read before these changed
    for symbol in ("PFE", "DIS"):
        watcher.look()
        live.outlook(symbol)
    live.panels._changed = real
    assert live.answer(live.outlook("AAPL"), None).as_of == date(2022, 12, 30)
