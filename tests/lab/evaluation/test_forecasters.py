from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tickgraph.errors import InputError
from tickgraph.graph.snapshots import build_snapshots
from tickgraph.lab.evaluation.forecasters.method_catalogue import (
    FORECASTERS,
    ForecasterSettings,
    make_forecasters,
)
from tickgraph.lab.evaluation.forecasters.pooled_network import PooledTraining, fine_tuned, pooled
from tickgraph.lab.evaluation.forecasters.pooled_rows import (
    forecast_rows,
    graph_features,
    lagged_returns,
    sequences,
    training_rows,
)
from tickgraph.lab.evaluation.forecasters.symbol_networks import (
    ShuffledEdges,
    SymbolForecasts,
    unconnected,
    windowed,
)
from tickgraph.market.panel import PANEL_COLUMNS
from tickgraph.model.fitting import fit, fitting_data
from tickgraph.model.network import forward
from tickgraph.model.training import TrainingProgram

COUNT = 30


def no_check():
    pass


@pytest.fixture(scope="module")
def past(small_panel, short):
    """What training may see: ABNB included, whose history is long enough."""
    return small_panel.through(small_panel.sessions[-COUNT - 1]).tail(short.history + short.sessions)


@pytest.fixture(scope="module")
def later(small_panel, short):
    return small_panel.tail(COUNT + 2 * short.history)


@pytest.fixture(scope="module")
def trained(forecasters, past):
    return {name: own.train(past, no_check) for name, own in forecasters.items()}


@pytest.mark.parametrize("name", FORECASTERS)
def test_every_forecaster_forecasts_every_symbol(name, trained, later):
    forecast = trained[name](later, COUNT)
    assert forecast.shape == (COUNT, len(later.symbols))
    assert np.isfinite(forecast).all()
    assert np.abs(forecast).max() < 0.1  # daily log returns


@pytest.mark.parametrize("name", FORECASTERS)
def test_no_forecast_reads_what_came_after_it(name, trained, later):
    """Corrupt every price and volume after session t: the forecasts up to t stay as they were."""
    generator = np.random.default_rng(0)
    cut = len(later.sessions) - COUNT // 2

    def corrupt(values):
        changed = values.copy()
        changed[cut:] = generator.uniform(1, 1e5, changed[cut:].shape)
        return changed

    corrupted = dataclasses.replace(later, **{name: corrupt(getattr(later, name)) for name in PANEL_COLUMNS})
    before = COUNT - COUNT // 2
    real, shaken = trained[name](later, COUNT), trained[name](corrupted, COUNT)
    np.testing.assert_allclose(real[:before], shaken[:before], rtol=1e-4, atol=1e-8)
    if name not in ("zero", "historical-mean"):
        assert not np.allclose(real[before:], shaken[before:], rtol=1e-4)


@pytest.mark.parametrize("name", FORECASTERS)
def test_a_forecast_needs_no_more_rows_than_it_is_given(name, trained, later, small_panel):
    """More history in front changes nothing: the rows handed over hold all that features need."""
    np.testing.assert_allclose(
        trained[name](later, COUNT), trained[name](small_panel, COUNT), rtol=1e-4, atol=1e-7
    )


def test_a_symbol_without_prices_is_not_forecast(trained, later):
    gone = later.adj_close.copy()
    gone[-10:, 0] = np.nan
    panel = dataclasses.replace(later, adj_close=gone)
    for name, forecast in trained.items():
        assert np.isnan(forecast(panel, COUNT)[-10:, 0]).all(), name
        assert np.isfinite(forecast(panel, COUNT)[-10:, 1:]).all(), name


def test_the_simple_ones_by_hand(trained, past, later):
    returns, past_returns = later.log_returns()[-COUNT:], past.log_returns()[1:]
    np.testing.assert_array_equal(trained["zero"](later, COUNT), 0.0)
    np.testing.assert_allclose(
        trained["historical-mean"](later, COUNT)[3], past_returns.mean(axis=0), rtol=1e-12
    )
    np.testing.assert_allclose(
        trained["momentum"](later, COUNT)[-1], later.log_returns()[-20:].mean(axis=0), rtol=1e-12
    )
    share = -trained["reversal"](later, COUNT) / returns
    assert np.ptp(share) < 1e-12
    assert 0 < share[0, 0] <= 1


def test_reversal_takes_back_the_share_that_training_saw(forecasters, past):
    """Returns that turn by half the day after teach a share of one half."""
    generator = np.random.default_rng(1)
    returns = generator.normal(0, 0.01, past.adj_close.shape)
    for t in range(1, len(returns)):
        returns[t] -= 0.5 * returns[t - 1]
    panel = dataclasses.replace(past, adj_close=100 * np.exp(returns.cumsum(axis=0)))
    forecast = forecasters["reversal"].train(panel, no_check)(panel, 5)
    np.testing.assert_allclose(-forecast / panel.log_returns()[-5:], 0.5, atol=0.06)


def test_ridge_finds_a_linear_rule(forecasters, past):
    """Returns that repeat a third of the last but two."""
    generator = np.random.default_rng(2)
    returns = generator.normal(0, 0.01, past.adj_close.shape)
    for t in range(3, len(returns)):
        returns[t] += 0.33 * returns[t - 3]
    panel = dataclasses.replace(past, adj_close=100 * np.exp(returns.cumsum(axis=0)))
    forecast = forecasters["ridge-lags"].train(panel, no_check)(panel, 50)
    rule = 0.33 * panel.log_returns()[-52:-2]
    assert np.corrcoef(forecast.ravel(), rule.ravel())[0, 1] > 0.8


def test_training_rows_are_those_of_the_graph_models(past, short):
    rows = training_rows(past, graph_features(short), short)
    data = {symbol: fitting_data(past, symbol, short) for symbol in past.symbols}
    assert len(rows.targets) == sum(len(own.training) + len(own.calibration) for own in data.values())
    assert rows.held_out.sum() == sum(len(own.calibration) for own in data.values())
    target = np.concatenate([own.training.targets[:1, 0] for own in data.values()])
    np.testing.assert_allclose(rows.targets[: len(target)], target, rtol=1e-5)


def test_features_of_lags_and_sequences_by_hand(past, short):
    returns = past.log_returns()
    np.testing.assert_array_equal(lagged_returns(3)(past)[100, 2], returns[98:101, 2])
    single = graph_features(short)
    np.testing.assert_array_equal(sequences(single, 4)(past)[100, 1], single(past)[97:101, 1])


def test_rows_without_features_are_not_predicted(past):
    features = lagged_returns(5)
    forecast = forecast_rows(past, len(past.sessions), features, lambda rows: rows.sum(axis=1))
    assert np.isnan(forecast[:5]).all()
    np.testing.assert_allclose(forecast[5], np.log(past.adj_close[5] / past.adj_close[0]), rtol=1e-9)


def test_the_model_per_symbol_is_the_products(trained, past, later, short):
    """fit() itself, asked through the network on its own peers."""
    fitted = fit(past, "JPM", TrainingProgram(windowed(short, past)))
    snapshots = build_snapshots(later, ("JPM", *fitted.peers), short)[-COUNT:]
    expected = forward(fitted.weights, snapshots.features, snapshots.adjacency)[:, 0]
    np.testing.assert_allclose(
        trained["gnn-per-symbol"](later, COUNT)[:, later.column("JPM")], expected, rtol=1e-3, atol=1e-7
    )


def test_without_edges_peers_have_no_say(trained, later):
    moved = later.adj_close.copy()
    column = later.column("MSFT")
    moved[-40:, column] *= np.exp(np.random.default_rng(3).normal(0, 0.05, 40).cumsum())
    panel = dataclasses.replace(later, adj_close=moved)
    own = later.column("AAPL")
    for name, says in (("gnn-no-edges", False), ("gnn-per-symbol", True)):
        real, shaken = (trained[name](p, COUNT)[:, own] for p in (later, panel))
        assert np.allclose(real, shaken, rtol=1e-5, atol=1e-9) != says, name


def test_no_edges_keeps_nodes_and_targets(past, short):
    nodes = ("AAPL", "MSFT", "JPM")
    with_edges, without = build_snapshots(past, nodes, short), unconnected(past, nodes, short)
    np.testing.assert_array_equal(without.features, with_edges.features)
    np.testing.assert_array_equal(without.targets, with_edges.targets)
    np.testing.assert_array_equal(without.present, with_edges.present)
    assert (without.adjacency.sum(axis=-1) <= 1).all()
    assert (with_edges.adjacency.sum(axis=-1) > 1).any()


def test_shuffled_edges_are_the_true_ones_and_lead_to_others(past, short):
    nodes = ("AAPL", "MSFT", "JPM")
    wiring = ShuffledEdges(0, past.symbols)
    true, shuffled = build_snapshots(past, nodes, short), wiring(past, nodes, short)
    np.testing.assert_array_equal(shuffled.adjacency, true.adjacency)
    np.testing.assert_array_equal(shuffled.features[:, 0], true.features[:, 0])
    other = build_snapshots(past, ("AAPL", wiring.stand_in("AAPL", "MSFT")), short)
    np.testing.assert_array_equal(shuffled.features[:, 1], other.features[:, 1])
    np.testing.assert_array_equal(shuffled.targets[:, 1], other.targets[:, 1])


def test_who_stands_behind_whom_is_fixed_and_nobody_behind_himself(past):
    wiring, again = ShuffledEdges(7, past.symbols), ShuffledEdges(7, past.symbols[::-1])
    for target in past.symbols:
        peers = [symbol for symbol in past.symbols if symbol != target]
        behind = [wiring.stand_in(target, peer) for peer in peers]
        assert target not in behind
        assert len(set(behind)) == len(behind)
        assert behind == [again.stand_in(target, peer) for peer in peers]
        assert all(other != peer for other, peer in zip(behind, peers, strict=True))
    assert any(
        ShuffledEdges(8, past.symbols).stand_in("AAPL", peer) != wiring.stand_in("AAPL", peer)
        for peer in past.symbols[1:]
    )


def test_fine_tuning_starts_from_the_one_model(past, later, short, monkeypatch):
    """With steps of no length it is the one model; with steps it moves away, each symbol its own way.

    The one model is trained once, whoever asks.
    """
    trainings = []
    real = TrainingProgram.train

    def counted(self, example, seed, start=None):
        trainings.append("tuned" if start else "pooled")
        return real(self, example, seed, start)

    monkeypatch.setattr(TrainingProgram, "train", counted)
    pool = PooledTraining(short, 1)
    one, still, moved = (
        own.train(past, no_check)(later, COUNT)
        for own in (pooled(pool), fine_tuned(pool, 1, 1e-12), fine_tuned(pool, 1, 1e-3))
    )
    np.testing.assert_allclose(still, one, rtol=1e-3, atol=1e-7)
    assert (np.abs(moved - one).max(axis=0) > 1e-5).all()
    assert trainings == ["pooled"] + ["tuned"] * 2 * len(past.symbols)


def test_a_model_of_a_symbol_that_is_not_asked_for_leaves_the_others_nan(past, later, short):
    forecast = SymbolForecasts({}, short)(later, COUNT)
    assert np.isnan(forecast).all()
    assert forecast.shape == (COUNT, len(later.symbols))


def test_an_unknown_name_is_refused():
    with pytest.raises(InputError, match="Unknown forecaster oracle. Choose among: zero, "):
        make_forecasters(["zero", "oracle"], ForecasterSettings())


def test_settings_that_change_a_forecast_are_told(short):
    one = make_forecasters(FORECASTERS, ForecasterSettings(training=short))
    other = make_forecasters(
        FORECASTERS,
        ForecasterSettings(
            training=short.model_copy(update={"feature_window": 10, "lookback": 30, "epochs": 2}),
        ),
    )
    for first, second in zip(one, other, strict=True):
        if first.name not in ("zero", "historical-mean"):
            assert dict(first.settings) != dict(second.settings), first.name
