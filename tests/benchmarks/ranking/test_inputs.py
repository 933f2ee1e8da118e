import numpy as np
import pytest

from benchmarks.ranking.entries import MarketInputs
from benchmarks.ranking.inputs import (
    FACTORS,
    LAGS,
    bounded_returns,
    features,
    graph_inputs,
    leading_factors,
    remove_factors,
)
from made_market import corrupted_after, rescaled


@pytest.fixture(scope="module")
def graph(market):
    return graph_inputs(market)


def test_peers_are_the_most_correlated_of_the_last_60_returns(market, graph):
    day = 125  # one on which they are chosen: 65 after the first
    correlation = np.corrcoef(bounded_returns(market)[:, day - 59 : day + 1])
    np.fill_diagonal(correlation, -np.inf)
    for stock in (0, 3, 17):
        best = np.argsort(-correlation[stock])[:10]
        assert set(graph.peers[day, stock]) == set(best)
        expected = correlation[stock, graph.peers[day, stock]]
        np.testing.assert_allclose(graph.edges[day, stock], np.where(expected >= 0.3, expected, 0), atol=1e-6)
    assert (graph.edges[day] > 0).any()
    assert (graph.edges[day] == 0).any()
    for later in range(126, 130):
        np.testing.assert_array_equal(graph.peers[later], graph.peers[day])


def test_factors_are_orthonormal_and_begin_with_the_constant(graph):
    for day in (64, 100, 198):
        columns = graph.factors[day].astype(np.float64)
        np.testing.assert_allclose(columns.T @ columns, np.eye(1 + FACTORS), atol=1e-5)
        np.testing.assert_allclose(np.abs(columns[:, 0]), 1 / np.sqrt(40), atol=1e-6)


def test_factors_span_the_leading_eigenvectors_of_the_covariance():
    returns = np.random.default_rng(0).standard_normal((30, 80)) * np.linspace(1, 3, 30)[:, None]
    columns = leading_factors(returns)
    _, vectors = np.linalg.eigh(np.cov(returns))
    strongest = vectors[:, -FACTORS:]
    np.testing.assert_allclose(columns @ (columns.T @ strongest), strongest, atol=1e-4)


def test_a_market_of_one_movement_has_one_factor_and_zeros():
    move = np.random.default_rng(0).standard_normal(70)
    columns = leading_factors(np.outer(np.linspace(0.5, 2, 25), move))
    assert (np.abs(columns).sum(axis=0) > 0).sum() == 2  # the constant, and the movement
    assert np.isfinite(columns).all()


def test_what_is_left_of_values_is_orthogonal_to_the_factors(graph):
    values = np.random.default_rng(0).standard_normal((199, 40))
    left = remove_factors(values, graph.factors)
    loading = np.einsum("ts,tsq->tq", left, graph.factors)
    assert np.abs(loading[64:]).max() < 1e-5
    np.testing.assert_array_equal(left[:60], values[:60])  # before there are factors


def test_features_are_what_their_names_say(market, graph):
    columns = features(market, graph, "causal")
    assert columns.shape == (199, 40, LAGS + 4 + 2 + 10)
    day, stock = 150, 7
    closes = market.close[stock]
    np.testing.assert_allclose(
        columns[day, stock, :LAGS],
        np.clip([np.log(closes[day - lag] / closes[day - lag - 1]) for lag in range(LAGS)], -0.15, 0.15),
        rtol=1e-4,
        atol=1e-7,
    )
    np.testing.assert_allclose(
        columns[day, stock, LAGS : LAGS + 4],
        np.log(closes[day] / market.inputs[stock, day, :4]),
        rtol=1e-4,
        atol=1e-7,
    )
    own = remove_factors(bounded_returns(market)[:, day - 2], graph.factors[day - 2])
    assert columns[day, stock, LAGS + 8] == pytest.approx(own[stock], abs=1e-7)
    weight = graph.edges[day - 2, stock]
    theirs = (weight * own[graph.peers[day - 2, stock]]).sum() / weight.sum()
    assert columns[day, stock, LAGS + 13] == pytest.approx(theirs, abs=1e-7)


def test_a_stock_whose_prices_are_missing_has_finite_features(market, graph):
    for scaling in ("causal", "published"):
        assert np.isfinite(features(market, graph, scaling)).all()


def _everything(market):
    inputs = MarketInputs(market, "causal")
    return {
        **{name: getattr(inputs.graph, name) for name in ("peers", "edges", "factors")},
        **{name: getattr(inputs, name) for name in ("sequence", "features")},
    }


@pytest.mark.parametrize("day", [90, 131, 164, 180])
def test_no_causal_input_knows_what_came_after(market, day):
    before, after = _everything(market), _everything(corrupted_after(market, day))
    for name, values in before.items():
        np.testing.assert_array_equal(values[: day + 1], after[name][: day + 1], err_msg=name)
        assert (values[day + 1 :] != after[name][day + 1 :]).any(), name


def test_no_causal_input_knows_a_stocks_scale(market):
    before, after = _everything(market), _everything(rescaled(market, 5, 0.5))
    for name, values in before.items():
        np.testing.assert_array_equal(values, after[name], err_msg=name)


def test_published_features_do_know_the_scale(market):
    before, after = (MarketInputs(own, "published").features for own in (market, rescaled(market, 5, 0.5)))
    assert (before[:, 5] != after[:, 5]).any()
