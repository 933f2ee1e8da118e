from __future__ import annotations

import gc
import json
import weakref
from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pytest

from made_prices import StoreOf
from tickgraph.errors import (
    ArtefactError,
    HistoryTooShortError,
    InputError,
    ModelNotFoundError,
    PriceDataError,
    SymbolError,
)
from tickgraph.graph.snapshots import build_snapshots
from tickgraph.market.store import PriceStore
from tickgraph.model.calibration import PredictiveDistribution
from tickgraph.model.network import build_network
from tickgraph.model.volatility import forecast_volatility
from tickgraph.model.weights import weight_shapes
from tickgraph.pipeline.train import train_symbols
from tickgraph.registry.registry import ModelRegistry
from tickgraph.serving import outlook_cache
from tickgraph.serving.forecaster import Forecaster
from tickgraph.serving.loaded_model import LoadedModel
from tickgraph.serving.observer import Observer

EVENING = datetime(2022, 12, 30, 22, tzinfo=UTC)


@pytest.fixture
def forecaster(registry, prices_dir):
    return Forecaster(registry, PriceStore(prices_dir), now=lambda: EVENING)


def test_a_forecast_says_what_it_is_and_where_it_came_from(forecaster, registry):
    answer = forecaster.forecast("aapl", price=130)
    assert (answer.symbol, answer.status, answer.model) == ("AAPL", "pre-trained", "gnn")
    assert (answer.as_of, answer.target_session, answer.horizon) == (date(2022, 12, 30), date(2023, 1, 3), 1)
    assert (answer.price, answer.price_source) == (130, "request")
    assert answer.prediction == pytest.approx(130 * np.exp(answer.predicted_return))
    assert (answer.prices_source, answer.last_close) == ("sample", pytest.approx(129.93, abs=0.01))
    assert (answer.stale, answer.sessions_behind) == (False, 0)
    assert answer.generation == registry.generation("AAPL")
    narrow, wide = answer.intervals
    assert wide.lower < narrow.lower < narrow.upper < wide.upper
    assert 0 < answer.probability_up < 1
    sign_up = answer.predicted_return >= 0
    assert answer.confidence == (answer.probability_up if sign_up else 1 - answer.probability_up)


def test_without_a_price_the_last_close_is_used_and_said(forecaster):
    answer = forecaster.forecast("AAPL")
    assert (answer.price, answer.price_source) == (answer.last_close, "last close")


def test_the_forecast_is_keras_own_from_the_stored_file(forecaster, registry, panel):
    """Load the stored weights into a freshly built Keras model and forecast the same snapshot."""
    metadata = registry.metadata("JPM")
    config = metadata.training_config
    snapshots = build_snapshots(panel.tail(61), ("JPM", *config.correlated_symbols), config)
    model = build_network(config)
    model.load_weights(registry.paths("JPM").weights)
    keras_says = model.predict([snapshots.features, snapshots.adjacency], verbose=0)[0, 0]
    assert forecaster.forecast("JPM").predicted_return == pytest.approx(float(keras_says), rel=1e-3, abs=1e-6)


def test_all_at_once_is_each_alone(forecaster):
    together = forecaster.forecast_all({"MSFT": 250.0})
    assert list(together.forecasts) == ["AAPL", "JPM", "MSFT", "XOM"]
    assert not together.failures
    for symbol, answer in together.forecasts.items():
        alone = forecaster.forecast(symbol, 250.0 if symbol == "MSFT" else None)
        assert alone.predicted_return == pytest.approx(answer.predicted_return, rel=1e-4, abs=1e-8)
        assert alone.probability_up == pytest.approx(answer.probability_up, abs=1e-4)
        assert alone.price == answer.price


def test_all_at_once_is_one_network_call(forecaster, monkeypatch):
    from tickgraph.serving import network_outlooks as module

    calls, real = [], module.forward
    monkeypatch.setattr(module, "forward", lambda *args: calls.append(args) or real(*args))
    assert len(forecaster.forecast_all().forecasts) == 4
    assert len(calls) == 1


def test_confidence_is_measured_not_constant(forecaster):
    answers = forecaster.forecast_all().forecasts.values()
    assert len({answer.confidence for answer in answers}) == len(answers)
    assert all(answer.calibration_sessions >= 40 for answer in answers)


def test_old_prices_are_marked_stale(registry, prices_dir):
    later = Forecaster(registry, PriceStore(prices_dir), now=lambda: datetime(2023, 1, 4, 22, tzinfo=UTC))
    answer = later.forecast("AAPL")
    assert (answer.stale, answer.sessions_behind) == (True, 2)
    assert any("2 completed sessions are missing" in text for text in answer.notes)


def test_a_forecast_as_of_a_day_uses_nothing_later(forecaster, panel):
    answer = forecaster.forecast("AAPL", as_of=date(2022, 6, 18))  # a Saturday
    assert (answer.as_of, answer.target_session) == (date(2022, 6, 17), date(2022, 6, 21))
    row = np.searchsorted(panel.sessions, np.datetime64("2022-06-17"))
    assert answer.price == pytest.approx(panel.close[row, panel.column("AAPL")])
    assert any("correlations were published for 2022-12-30" in text for text in answer.notes)
    assert any(
        "trained and calibrated on prices up to 2022-12-30, later than" in text for text in answer.notes
    )
    assert (answer.stale, answer.sessions_behind) == (False, 0)  # on that evening nothing was missing
    with pytest.raises(InputError, match="Empty date range"):
        forecaster.forecast("AAPL", as_of=date(1999, 1, 1))


def test_a_symbol_without_a_model_falls_back_to_momentum_and_says_so(forecaster, panel):
    answer = forecaster.forecast("TSLA")
    assert (answer.status, answer.model, answer.generation) == ("momentum", "momentum", None)
    returns = panel.log_returns()[-20:, panel.column("TSLA")]
    assert answer.predicted_return == pytest.approx(returns.mean())
    assert answer.calibration_sessions == 250
    assert any("no model for TSLA" in text for text in answer.notes)


def test_fallbacks_can_be_refused_or_trained(registry, prices_dir, panel, program):
    from tickgraph.pipeline.train import train_one

    trained = []

    def train(symbol, source):
        trained.append((symbol, source))
        train_one(panel, symbol, panel.symbols, program, registry)

    forecaster = Forecaster(registry, PriceStore(prices_dir), train=train, now=lambda: EVENING)
    with pytest.raises(ModelNotFoundError, match="No model of TSLA"):
        forecaster.forecast("TSLA", fallback="none")
    first = forecaster.forecast("TSLA", fallback="train")
    second = forecaster.forecast("TSLA", fallback="train")
    assert (first.status, second.status) == ("trained-on-demand", "pre-trained")
    assert first.predicted_return == second.predicted_return
    assert trained == [("TSLA", "sample")]


def test_a_damaged_model_is_an_error_never_a_fallback(forecaster, registry):
    path = registry.paths("AAPL").weights
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ArtefactError, match=r"AAPL\.weights\.h5 is damaged"):
        forecaster.forecast("AAPL")
    result = forecaster.forecast_all()
    assert set(result.forecasts) == {"JPM", "MSFT", "XOM"}
    assert set(result.failures) == {"AAPL"}


def test_a_model_is_loaded_once_and_a_new_generation_is_picked_up(forecaster, registry, monkeypatch):
    loads, real = [], registry.load
    monkeypatch.setattr(registry, "load", lambda *args: loads.append(args) or real(*args))
    before, *_ = (forecaster.forecast("AAPL") for _ in range(3))
    assert len(loads) == 1
    model = real("AAPL", weight_shapes)
    changed = {path: value * np.float32(0.5) for path, value in model.weights.items()}
    registry.publish(model.metadata, changed, model.correlation)
    after = forecaster.forecast("AAPL")
    assert len(loads) == 2
    assert after.generation != before.generation
    assert after.predicted_return != before.predicted_return


def test_a_missing_model_is_not_remembered_as_missing(forecaster, registry, panel, program):
    from tickgraph.pipeline.train import train_one

    assert forecaster.forecast("NVDA").status == "momentum"
    train_one(panel, "NVDA", panel.symbols, program, registry)
    assert forecaster.forecast("NVDA").status == "pre-trained"


@pytest.mark.parametrize("price", [0, -1.0, float("nan"), float("inf"), "130"])
def test_a_price_must_be_a_positive_number(forecaster, price):
    with pytest.raises(InputError, match="positive number"):
        forecaster.forecast("AAPL", price=price)


def test_a_price_has_a_most_and_a_symbol_has_one(forecaster):
    for price in (1.79e308, 10**400):
        with pytest.raises(InputError, match="Price of AAPL must be 1,000,000,000 dollars at most"):
            forecaster.forecast("AAPL", price)
    with pytest.raises(InputError, match="AAPL is given two prices, 31 and 40"):
        forecaster.forecast_many(["AAPL"], {"AAPL": 31.0, "aapl.us": 40.0})


def test_bad_symbols_and_symbols_without_prices_are_errors(forecaster):
    with pytest.raises(SymbolError):
        forecaster.forecast("../../etc/passwd")
    with pytest.raises(PriceDataError, match="No prices of ZZZZ are stored"):
        forecaster.forecast("ZZZZ")
    with pytest.raises(HistoryTooShortError, match="History too short for UBER"):
        forecaster.forecast("UBER", as_of=date(2019, 6, 3))


def test_a_price_far_from_the_last_close_is_pointed_out(forecaster):
    assert any("from the last close" in text for text in forecaster.forecast("AAPL", price=500).notes)


def test_fresh_correlations_are_those_that_were_stored(forecaster, registry, prices_dir):
    """The stored matrix and one computed from prices give the same forecast."""
    stored = forecaster.forecast("XOM").predicted_return
    model = registry.load("XOM", weight_shapes)
    registry.publish_correlation("XOM", np.eye(11), date(2022, 12, 1))  # of an older session: not used
    assert forecaster.forecast("XOM").predicted_return == pytest.approx(stored, rel=1e-5)
    registry.publish_correlation("XOM", np.eye(11), date(2022, 12, 30))  # claims to be current: used
    assert forecaster.forecast("XOM").predicted_return != pytest.approx(stored, rel=1e-5)
    assert model.symbol == "XOM"


def test_a_model_with_fewer_peers_than_its_graph_has_places_says_so(panel, program, tmp_path):
    registry = ModelRegistry(tmp_path / "few")
    train_symbols(panel, ["AAPL", "JPM"], registry, program=program, pool=["AAPL", "MSFT", "JPM"])
    few = Forecaster(registry, StoreOf(lambda _, nodes: panel.select(nodes)), now=lambda: EVENING).forecast(
        "AAPL"
    )
    assert any("trained with 2 of 10 peers" in text for text in few.notes)


@pytest.fixture
def keeping(registry, prices_dir):
    """A forecaster that keeps what it computed: its prices stay the same."""
    return Forecaster(registry, PriceStore(prices_dir), now=lambda: EVENING)


@pytest.mark.parametrize("symbol", ["AAPL", "TSLA"])  # with a model, and without
def test_a_forecast_as_of_a_day_and_todays_leave_each_other_alone(keeping, registry, prices_dir, symbol):
    fresh = Forecaster(registry, PriceStore(prices_dir), now=lambda: EVENING)
    day = date(2022, 6, 17)
    then, now = fresh.forecast(symbol, as_of=day), fresh.forecast(symbol)
    assert then.as_of != now.as_of
    for _ in range(2):
        for as_of, expected in ((day, then), (None, now)):
            answer = keeping.forecast(symbol, as_of=as_of)
            assert answer.as_of == expected.as_of
            assert answer.predicted_return == pytest.approx(expected.predicted_return, rel=1e-4)


def test_a_model_uses_the_prices_of_its_own_source(registry, panel):
    """The service's source has other prices of the same symbols."""
    asked = {}

    def panels(source, symbols):
        asked[source] = set(symbols)
        factor = 1 if source == "sample" else 2
        return replace(panel, close=panel.close * factor, source=source).select(sorted(symbols))

    forecaster = Forecaster(registry, StoreOf(panels), source="yahoo", now=lambda: EVENING)
    trained, untrained = forecaster.forecast_many(["AAPL", "TSLA"]).forecasts.values()
    assert (trained.prices_source, untrained.prices_source) == ("sample", "yahoo")
    assert trained.last_close == panel.close[-1, panel.column("AAPL")]
    assert untrained.last_close == 2 * panel.close[-1, panel.column("TSLA")]
    assert asked["yahoo"] == {"TSLA"}


def test_a_model_that_made_room_for_another_leaves_memory(registry, prices_dir):
    forecaster = Forecaster(registry, PriceStore(prices_dir), now=lambda: EVENING, max_models=1)
    seen = []
    for symbol in registry.symbols():
        forecaster.forecast(symbol)
        seen.append(weakref.ref(forecaster.models.peek(symbol)))
    gc.collect()
    assert [model() is not None for model in seen] == [False, False, False, True]


def republished(registry, symbol, **calibration):
    """Publish a symbol's model again with other fields of its calibration."""
    stored = registry.load(symbol, weight_shapes)
    changed = stored.metadata.calibration.model_copy(update=calibration)
    metadata = stored.metadata.model_copy(update={"calibration": changed})
    registry.publish(metadata, stored.weights, stored.correlation)


def test_a_model_of_an_earlier_release_is_served_on_its_own_scale_and_says_so(registry, prices_dir, panel):
    """Its metadata has no volatility and no trust: the scores are in units of the trailing deviation."""
    scores = tuple(np.linspace(-2.5, 2.5, 60))
    republished(registry, "AAPL", scores=scores)
    path = registry.paths("AAPL").metadata
    metadata = json.loads(path.read_text())
    del metadata["calibration"]["volatility"], metadata["calibration"]["trust"]
    metadata["calibration"]["method"] = "split-conformal, volatility-normalised"
    del metadata["checksums"]["metadata"]
    path.write_text(json.dumps(metadata))
    forecaster = Forecaster(registry, PriceStore(prices_dir), now=lambda: EVENING)
    answers = forecaster.forecast_many(["AAPL", "JPM"]).forecasts
    trailing = panel.log_returns()[-20:, panel.column("AAPL")].std(ddof=1)
    low, high = answers["AAPL"].intervals[1].lower_return, answers["AAPL"].intervals[1].upper_return
    assert high - low == pytest.approx(trailing * (scores[-1] - scores[0]))
    assert (high + low) / 2 == pytest.approx(answers["AAPL"].predicted_return)  # all of it, as it was
    said = "of an earlier release: its intervals follow the last 20 sessions alone"
    assert any(said in note and "train --symbols AAPL" in note for note in answers["AAPL"].notes)
    assert not any(said in note for note in answers["JPM"].notes)


def test_intervals_and_probabilities_follow_the_volatility_forecast_of_symbol_and_peers(
    registry, prices_dir, panel
):
    """Twice the level, twice the interval about the same centre."""
    forecaster = Forecaster(registry, PriceStore(prices_dir), now=lambda: EVENING)
    before = forecaster.forecast("XOM")
    model = LoadedModel.from_stored(registry.load("XOM", weight_shapes))
    returns = panel.tail(61).select(model.nodes).log_returns()[1:]
    expected = forecast_volatility(returns, model.volatility)[-1, 0]
    assert forecaster.outlook("XOM").distribution.volatility == pytest.approx(expected)
    level, *weights = model.volatility
    republished(registry, "XOM", volatility=(level + np.log(2), *weights))
    after = forecaster.forecast("XOM")
    assert after.predicted_return == before.predicted_return
    for wide, narrow in zip(after.intervals, before.intervals, strict=True):
        width = wide.upper_return - wide.lower_return
        assert width == pytest.approx(2 * (narrow.upper_return - narrow.lower_return))


def test_a_forecast_that_was_not_borne_out_says_little_of_the_sign(registry, prices_dir):
    """Trust is what confidence rests on; the point forecast is left as it is."""
    forecaster = Forecaster(registry, PriceStore(prices_dir), now=lambda: EVENING)
    said = {}
    for trust in (0.0, 1.0):
        republished(registry, "JPM", trust=trust)
        said[trust] = forecaster.forecast("JPM")
    assert said[0.0].predicted_return == said[1.0].predicted_return
    scores = LoadedModel.from_stored(registry.load("JPM", weight_shapes)).scores
    without_any_forecast = PredictiveDistribution(0.0, 1.0, scores).probability_above(0.0)
    assert said[0.0].probability_up == pytest.approx(without_any_forecast)
    assert said[1.0].probability_up != said[0.0].probability_up


def test_many_models_are_computed_some_at_a_time(registry, store, monkeypatch):
    """Weights of one network call are copied side by side: of thousands of models at once they would fill memory."""
    sizes = []

    class Counting(Observer):
        def computed(self, symbols, seconds):
            sizes.append(symbols)

    whole = Forecaster(registry, store).forecast_all().forecasts
    monkeypatch.setattr(outlook_cache, "BATCH", 2)
    parts = Forecaster(registry, store, observer=Counting()).forecast_all().forecasts
    assert max(sizes) == 2
    assert sum(sizes) == len(whole)
    assert {name: one.predicted_return for name, one in parts.items()} == pytest.approx(
        {name: one.predicted_return for name, one in whole.items()}, rel=1e-5, abs=1e-9
    )
