import keras
import numpy as np
import pytest

from benchmarks.ranking.entries import MarketInputs, entries
from benchmarks.ranking.factor_neutral import PIECES, PiecewiseEncoding, quantile_edges
from benchmarks.ranking.runs import make_run
from benchmarks.ranking.scores import score
from made_market import rescaled

NETWORKS = ("LSTM", "GAT", "StockMixer", "factor-neutral")


@pytest.fixture(scope="module")
def inputs(market):
    return MarketInputs(market, "causal")


def forecast(entry, inputs, days):
    keras.utils.set_random_seed(0)
    network = entry.build(inputs)
    data = inputs.day_data(entry.inputs).inputs
    return np.asarray(network({name: values[days] for name, values in data.items()}))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_gives_a_number_for_every_stock_of_every_day(inputs, name):
    days = np.arange(100, 103)
    given = forecast(entries(1)[name], inputs, days)
    assert given.shape == (3, 40)
    assert np.isfinite(given).all()
    assert (given.std(axis=1) > 0).all()


@pytest.mark.parametrize("name", NETWORKS)
def test_days_are_forecast_one_by_one(inputs, name):
    entry = entries(1)[name]
    together = forecast(entry, inputs, np.arange(100, 103))
    np.testing.assert_allclose(forecast(entry, inputs, np.array([101]))[0], together[1], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_stocks_scale_changes_no_causal_forecast(market, inputs, name):
    days = np.arange(150, 152)
    other = MarketInputs(rescaled(market, 5, 0.5), "causal")
    entry = entries(1)[name]
    np.testing.assert_array_equal(forecast(entry, other, days), forecast(entry, inputs, days))


def test_the_factor_neutral_ranking_holds_no_common_factor(inputs):
    days = np.arange(100, 103)
    given = forecast(entries(1)["factor-neutral"], inputs, days).astype(np.float64)
    loading = np.einsum("ds,dsq->dq", given, inputs.graph.factors[days])
    assert np.abs(loading).max() < 1e-4 * np.abs(given).max()
    np.testing.assert_allclose(given.mean(axis=1), 0, atol=1e-5)


def test_only_the_lstm_looks_at_each_stock_alone(inputs):
    """GAT hears its peers, StockMixer the whole market."""
    days = np.array([150])
    moved = {}
    for name in ("LSTM", "GAT", "StockMixer"):
        entry = entries(1)[name]
        keras.utils.set_random_seed(0)
        network = entry.build(inputs)
        data = {key: values[days].copy() for key, values in inputs.day_data(entry.inputs).inputs.items()}
        before = np.asarray(network(data))
        data["sequence"][:, 7] += np.linspace(0, 1, 16)[:, None]
        moved[name] = np.flatnonzero(np.abs(np.asarray(network(data)) - before)[0] > 1e-7)
    hears = (inputs.graph.peers[150] == 7) & (inputs.graph.edges[150] > 0)
    assert moved["LSTM"].tolist() == [7]
    assert set(moved["GAT"]) == {7, *np.flatnonzero(hears.any(axis=1))}
    assert len(moved["GAT"]) > 1
    assert len(moved["StockMixer"]) == 40


@pytest.mark.parametrize("name", [*NETWORKS, "reversal", "ridge"])
def test_a_planted_signal_is_learned(reverting, name):
    """Most of each move is undone the day after: chance has an IC beyond 0.1 in one of 10,000."""
    run = make_run(entries(40)[name], MarketInputs(reverting, "causal"), 0, lambda _: None)
    days = reverting.days["test"]
    reached = score(run.forecast, np.nan_to_num(reverting.following.T[days]), reverting.scored.T[days])
    assert reached.ic > 0.1
    assert run.validation.ic > 0.1


def test_piecewise_encoding_counts_how_far_each_bin_is_passed():
    encoding = PiecewiseEncoding([[0.0, 1.0, 3.0], [-1.0, 0.0, 1.0]])
    got = np.asarray(encoding(np.array([[2.0, -2.0]], np.float32)))
    np.testing.assert_allclose(got, [[0.5, 0.0, -0.5, -0.5]])
    again = PiecewiseEncoding.from_config(encoding.get_config())
    np.testing.assert_array_equal(np.asarray(again(np.array([[2.0, -2.0]], np.float32))), got)


def test_bins_are_finer_in_the_tails_and_span_the_training_rows():
    rows = np.random.default_rng(0).standard_normal((20_000, 2)).astype(np.float32)
    edges = np.array(quantile_edges(rows))
    assert edges.shape == (2, PIECES + 1)
    np.testing.assert_allclose(edges[:, [0, -1]], np.stack([rows.min(axis=0), rows.max(axis=0)], axis=1))
    np.testing.assert_allclose(np.diff(edges[:, 3:-3], axis=1), 0.4, atol=0.1)  # even, for normal rows
    counts, _ = np.histogram(rows[:, 0], edges[0])
    assert counts[2] < counts[PIECES // 2] / 5


def test_bins_know_nothing_after_training(market):
    from made_market import corrupted_after

    def edges(own):
        network = entries(1)["factor-neutral"].build(MarketInputs(own, "causal"))
        return next(layer.edges for layer in network.layers if isinstance(layer, PiecewiseEncoding))

    assert edges(corrupted_after(market, market.validation_from - 1)) == edges(market)
    assert edges(corrupted_after(market, market.validation_from - 2)) == edges(market)  # a target, no feature
    assert edges(corrupted_after(market, market.validation_from - 9)) != edges(market)
