from __future__ import annotations

import asyncio
import inspect

import pytest

import tickgraph
from made_outlooks import with_horizons
from tickgraph import compat
from tickgraph.errors import InputError, SymbolError


@pytest.fixture(autouse=True)
def _here(registry, prices_dir, monkeypatch):
    monkeypatch.setenv("TICKGRAPH_MODELS_DIR", str(registry.root))
    monkeypatch.setenv("TICKGRAPH_PRICES_DIR", str(prices_dir))
    compat.clear_cache()
    yield
    compat.clear_cache()


def test_the_calling_product_changes_one_import():
    assert inspect.iscoroutinefunction(compat.get_gnn_prediction)
    assert list(inspect.signature(compat.get_gnn_prediction).parameters) == ["symbol", "current_price"]
    answer = asyncio.run(compat.get_gnn_prediction("AAPL", 130.0))
    assert isinstance(answer, dict)
    assert {"prediction", "confidence", "status", "model"} <= set(answer)
    assert (answer["status"], answer["model"], answer["price"]) == ("pre-trained", "GNN-cached", 130.0)
    assert isinstance(answer["prediction"], float)
    assert 0 < answer["confidence"] < 1
    assert tickgraph.get_gnn_prediction is compat.get_gnn_prediction
    assert tickgraph.clear_cache is compat.clear_cache


@pytest.mark.parametrize("price", [0, -1.0, float("nan"), True, "130", 1.79e308, 10**400], ids=type)
def test_a_price_that_is_none_is_an_input_error(price):
    with pytest.raises(InputError, match="Price of AAPL must be"):
        asyncio.run(compat.get_gnn_prediction("AAPL", price))


def test_it_is_the_forecast_and_no_other():
    expected = tickgraph.load().forecast("AAPL", 130.0).model_dump(mode="json")
    answer = asyncio.run(compat.get_gnn_prediction("AAPL", 130.0))
    assert answer == {**expected, "model": "GNN-cached"}


def test_it_has_every_horizon_of_the_model(monkeypatch):
    with_horizons(monkeypatch)
    answer = asyncio.run(compat.get_gnn_prediction("AAPL", 130.0))
    assert [each["sessions"] for each in answer["horizons"]] == [1, 2, 3, 5, 10, 21, 42, 63]
    for each in answer["horizons"]:
        assert each["volatility"] > 0
        assert each["intervals"][0]["lower"] < 130 < each["intervals"][0]["upper"]


def test_many_at_once_load_the_model_once(monkeypatch):
    from tickgraph.registry.registry import ModelRegistry

    loads, real = [], ModelRegistry.load
    monkeypatch.setattr(
        ModelRegistry, "load", lambda self, symbol, shapes: loads.append(symbol) or real(self, symbol, shapes)
    )

    async def ask():
        return await asyncio.gather(*[compat.get_gnn_prediction("AAPL", 130.0) for _ in range(50)])

    answers = asyncio.run(ask())
    assert len({answer["predicted_return"] for answer in answers}) == 1
    assert loads == ["AAPL"]
    compat.clear_cache()
    asyncio.run(compat.get_gnn_prediction("AAPL", 130.0))
    assert loads == ["AAPL", "AAPL"]


def test_a_retrained_model_is_seen_without_clearing(registry):
    import numpy as np

    from tickgraph.model.weights import weight_shapes

    before = asyncio.run(compat.get_gnn_prediction("AAPL", 130.0))
    stored = registry.load("AAPL", weight_shapes)
    weights = {path: value * np.float32(2) for path, value in stored.weights.items()}
    registry.publish(stored.metadata, weights, stored.correlation)
    after = asyncio.run(compat.get_gnn_prediction("AAPL", 130.0))
    assert after["generation"] != before["generation"]


def test_a_model_that_is_trained_for_the_request_is_not_called_cached(monkeypatch, registry, panel, program):
    from tickgraph.pipeline.train import train_one

    monkeypatch.setenv("TICKGRAPH_FALLBACK", "train")
    forecaster, _ = compat._open()
    monkeypatch.setattr(
        forecaster._inputs,
        "_train",
        lambda symbol, _: train_one(panel, symbol, panel.symbols, program, registry),
    )
    first, second = (asyncio.run(compat.get_gnn_prediction("TSLA", 120.0)) for _ in range(2))
    assert (first["status"], first["model"]) == ("trained-on-demand", "gnn")
    assert (second["status"], second["model"]) == ("pre-trained", "GNN-cached")


def test_a_symbol_without_a_model_is_momentum_and_bad_input_is_an_error():
    answer = asyncio.run(compat.get_gnn_prediction("TSLA", 120.0))
    assert (answer["status"], answer["model"]) == ("momentum", "momentum")
    with pytest.raises(SymbolError):
        asyncio.run(compat.get_gnn_prediction("../x", 1.0))
    with pytest.raises(InputError):
        asyncio.run(compat.get_gnn_prediction("AAPL", float("nan")))
