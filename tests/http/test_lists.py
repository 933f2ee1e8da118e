"""Several symbols in one request, and what becomes of those without a model."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from real_service import here, settings_of
from tickgraph.market.store import PriceStore
from tickgraph.model.calibration import PredictiveDistribution


def test_each_symbol_has_its_own_price(service):
    body = service.get("/forecast?symbols=AAPL:130, msft ,,XOM:99.5,AAPL").json()
    assert list(body["forecasts"]) == ["AAPL", "MSFT", "XOM"]
    assert not body["failures"]
    prices = {symbol: (one["price"], one["price_source"]) for symbol, one in body["forecasts"].items()}
    assert prices["AAPL"] == (130.0, "request")  # named again without one
    assert prices["XOM"] == (99.5, "request")
    assert prices["MSFT"][1] == "last close"
    alone = service.get("/forecast/XOM?price=99.5").json()
    assert body["forecasts"]["XOM"]["prediction"] == alone["prediction"]


def test_a_bad_price_costs_its_own_symbol_only(service):
    assert service.get("/forecast?symbols=AAPL:2e9").json()["failures"]["AAPL:2e9"]["status"] == 422
    body = service.get("/forecast?symbols=AAPL:-1,MSFT:x,XOM:0,JPM:130").json()
    assert list(body["forecasts"]) == ["JPM"]
    assert {name: one["status"] for name, one in body["failures"].items()} == {
        "AAPL:-1": 422,
        "MSFT:x": 422,
        "XOM:0": 422,
    }
    assert (
        "Price of MSFT must be a positive number of dollars, got 'x'" in body["failures"]["MSFT:x"]["detail"]
    )
    assert service.get("/forecast?symbols=,").status_code == 422


class _NoPool:
    def submit(self, *_):
        from concurrent.futures import Future

        return Future()

    def shutdown(self, **_):
        pass


def test_those_without_a_model_are_trained_meanwhile(registry, prices_dir, config):
    settings = settings_of(registry.root, prices_dir, config, train_on_demand=True, max_jobs=2)
    with here(settings) as service:
        service.service.background._pool = _NoPool()
        body = service.get("/forecast?symbols=AAPL,TSLA,META,NVDA").json()
        notes = {symbol: one["notes"] for symbol, one in body["forecasts"].items()}
        assert not any("being trained" in text for text in notes["AAPL"])
        for symbol in ("TSLA", "META"):
            assert notes[symbol][-1] == "a model is being trained"
            assert service.service.background.running(symbol) is not None
        assert notes["NVDA"][-1].startswith("no model is being trained: 2 background jobs are waiting")
        service.service.background._running.clear()  # nobody will end them


def test_a_service_can_be_told_to_answer_with_models_only(registry, prices_dir, config):
    settings = settings_of(registry.root, prices_dir, config)
    with here(settings.model_copy(update={"fallback": "none"})) as service:
        assert service.get("/forecast/AAPL").status_code == 200
        answer = service.get("/forecast/TSLA")
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:tickgraph:problem:no-model")
        assert service.get("/forecast?symbols=TSLA").json()["failures"]["TSLA"]["status"] == 404
        assert service.get("/forecast/APPL").json()["suggestions"][0] == "AAPL"


def test_there_is_nothing_to_wait_for_where_nothing_is_trained(service):
    notes = service.get("/forecast/TSLA?wait=true").json()["notes"]
    assert "the service trains no models on demand: there is nothing to wait for" in notes


def test_a_strike_beyond_every_calibrated_move_says_so(service):
    distribution = service.service.forecaster.outlook("AAPL").distribution
    scores = distribution.scores
    outermost = distribution.trust * distribution.forecast + distribution.volatility * scores[-1]
    for move, beyond in ((outermost - 1e-6, False), (outermost + 1e-6, True), (-2.0, True), (0.0, False)):
        strike = 130 * np.exp(move)
        body = service.get(f"/forecast/AAPL/probability?strike={strike:.9f}&price=130").json()
        assert body["beyond_calibration"] is beyond, move
    assert body["probability_above"] + body["probability_below"] == 1


@pytest.fixture
def halted(registry, prices, config):
    """AAPL, which has a model, and TSLA, which has none, have not moved for 25 sessions."""
    store = PriceStore(prices)
    bars = store.read("sample", ["AAPL", "TSLA"])
    names = ["open", "high", "low", "close", "adj_close"]
    parts = []
    for _, rows in bars.groupby("symbol"):
        still = rows.copy()
        still.loc[still.index[-25:], names] = still.iloc[-25][names].to_numpy(dtype=float)
        parts.append(still)
    store.write("sample", pd.concat(parts))
    with here(settings_of(registry.root, prices, config)) as running:
        yield running


def test_a_price_that_does_not_move_is_no_certain_forecast(halted):
    for path in ("/forecast/AAPL", "/forecast/TSLA", "/forecast/AAPL/probability?strike=100"):
        answer = halted.get(path)
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:tickgraph:problem:prices-unusable")
        assert "has not moved in the 20 sessions" in answer.json()["detail"]
    everything = halted.get("/forecast/all").json()
    assert sorted(everything["forecasts"]) == ["JPM", "MSFT", "XOM"]
    assert list(everything["failures"]) == ["AAPL"]


def test_without_volatility_a_distribution_is_a_point():
    scores = np.linspace(-2, 2, 99)
    point = dataclasses.replace(PredictiveDistribution(0.01, 0.02, scores), volatility=0.0)
    assert point.probability_above(0.009) > 0.99
    assert point.probability_above(0.01) == point.probability_above(0.011) < 0.01
