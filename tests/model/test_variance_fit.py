from __future__ import annotations

import numpy as np
import pytest

from made_universe import CONFIG, corrupted_after
from tickgraph.model.fitting import fit
from tickgraph.model.stack import alone
from tickgraph.model.variance_examples import universe_of
from tickgraph.model.variance_fit import fit_variance, own_volatility
from tickgraph.model.weights import (
    CORRECTION_KERNEL,
    FEATURE_MEAN,
    FEATURE_SCALE,
    LINEAR_KERNEL,
    SHARE,
    VARIANCE,
    return_shapes,
    variance_part,
    weight_shapes,
)
from tickgraph.pipeline.train import train_one
from tickgraph.registry.registry import ModelRegistry

NODES = ("AAPL", "MSFT", "NVDA", "JPM", "BAC")
CUT = np.datetime64("2022-06-30")


@pytest.fixture(scope="module")
def prices(small_universe):
    return universe_of(small_universe, CONFIG)


@pytest.fixture(scope="module")
def of_a_day(small_fit, prices):
    return variance_part(alone(fit_variance(small_fit, prices, NODES, CUT, CONFIG)))


def assert_same(one, other):
    assert one.keys() == other.keys()
    for path, value in one.items():
        np.testing.assert_allclose(value, other[path], rtol=1e-4, atol=1e-5)


class TestFitVariance:
    def test_both_paths_are_its_own_and_near_the_universes(self, small_fit, of_a_day):
        assert of_a_day.keys() == small_fit.weights.keys()
        for path, value in of_a_day.items():
            assert value.dtype == np.float32
            same = (value == small_fit.weights[path]).all()
            assert same == (path in (FEATURE_MEAN, FEATURE_SCALE, SHARE)), path
        for path in (LINEAR_KERNEL, CORRECTION_KERNEL):
            away = of_a_day[path] - small_fit.weights[path]
            assert 1e-3 < np.abs(away).max() < 0.5, path

    def test_it_ignores_what_came_later(self, small_universe, small_fit, of_a_day):
        """The prices reach beyond the session: targets that overlap it are not known yet."""
        later = universe_of(corrupted_after(small_universe, CUT), CONFIG)
        assert_same(variance_part(alone(fit_variance(small_fit, later, NODES, CUT, CONFIG))), of_a_day)
        sooner = universe_of(small_universe.through(CUT), CONFIG)
        assert_same(variance_part(alone(fit_variance(small_fit, sooner, NODES, CUT, CONFIG))), of_a_day)
        end = small_universe.sessions[-1]
        changed = alone(fit_variance(small_fit, later, NODES, end, CONFIG))[VARIANCE + LINEAR_KERNEL]
        assert np.abs(changed - of_a_day[LINEAR_KERNEL]).max() > 0.01

    def test_with_little_history_it_is_the_universes(self, small_universe, small_fit, prices):
        early = small_universe.sessions[250]
        own = variance_part(alone(fit_variance(small_fit, prices, NODES[:2], early, CONFIG)))
        assert_same(own, small_fit.weights)

    def test_it_reads_no_other_symbol(self, small_fit, prices):
        """The nodes' features and targets are all of it, whatever the order of the peers."""
        one = alone(fit_variance(small_fit, prices, NODES, CUT, CONFIG))
        assert_same(alone(fit_variance(small_fit, prices, (NODES[0], *NODES[:0:-1]), CUT, CONFIG)), one)


class TestOwnVolatility:
    FIRST = np.datetime64("2021-09-01")

    def test_it_is_about_the_size_of_the_moves(self, prices):
        volatility = own_volatility(prices, NODES, self.FIRST, CUT)
        sessions = prices.features.sessions
        assert volatility.shape == (int((sessions <= CUT).sum()), len(NODES))
        held_out = sessions[: len(volatility)] > self.FIRST
        moves = np.abs(prices.returns[: len(volatility), :5, 0])[held_out]
        assert 0.8 < np.sqrt((moves**2).mean() / (volatility[held_out] ** 2).mean()) < 1.25
        assert np.corrcoef(moves.ravel(), volatility[held_out].ravel())[0, 1] > 0.1

    def test_it_is_not_known_where_the_features_are_not(self, prices):
        volatility = own_volatility(prices, NODES, self.FIRST, CUT)
        columns = [prices.features.columns[node] for node in NODES]
        np.testing.assert_array_equal(
            np.isfinite(volatility), prices.features.known[: len(volatility), columns]
        )

    def test_its_fit_saw_nothing_after_the_first_session_held_out(self, small_universe, prices):
        """Volatility up to that session stays the same, whatever comes after it."""
        before = own_volatility(prices, NODES, self.FIRST, CUT)
        later = universe_of(corrupted_after(small_universe, self.FIRST), CONFIG)
        after = own_volatility(later, NODES, self.FIRST, CUT)
        first = int(np.searchsorted(prices.features.sessions, self.FIRST))
        np.testing.assert_allclose(after[: first + 1], before[: first + 1], rtol=1e-5)
        assert (after[first + 1] != before[first + 1]).all()

    def test_with_little_history_there_is_none(self, small_universe, prices):
        assert own_volatility(prices, NODES[:2], small_universe.sessions[300], CUT) is None


class TestWholeModel:
    @pytest.fixture(scope="class")
    @staticmethod
    def model(small_universe, small_fit, small_program):
        return fit(small_universe, "AAPL", small_program, universe=small_fit)

    def test_its_weights_are_of_both_networks(self, model, small_fit):
        assert {path: value.shape for path, value in model.weights.items()} == weight_shapes(model.config)
        assert model.config == CONFIG
        assert model.universe is small_fit

    def test_alone_and_among_others_it_is_the_same(
        self, model, small_universe, small_fit, small_program, prices
    ):
        among = fit(small_universe, "AAPL", small_program, universe=small_fit, prices=prices)
        assert among.peers == model.peers
        assert_same(among.weights, model.weights)
        np.testing.assert_allclose(among.scores.values, model.scores.values, rtol=1e-5)

    def test_without_a_universe_it_forecasts_one_session(self, model, small_universe, small_program):
        """Its forecast of the return is the same."""
        one = fit(small_universe, "AAPL", small_program)
        assert one.config == CONFIG.model_copy(update={"horizons": ()})
        assert one.universe is None
        assert {path: value.shape for path, value in one.weights.items()} == return_shapes(CONFIG)
        assert_same(
            one.weights, {path: value for path, value in model.weights.items() if path in one.weights}
        )

    def test_it_is_published_as_one_file(self, model, small_universe, small_fit, small_program, tmp_path):
        registry = ModelRegistry(tmp_path)
        metadata = train_one(small_universe, "AAPL", None, small_program, registry, universe=small_fit)
        stored = registry.load("AAPL", weight_shapes)
        assert_same(dict(stored.weights), model.weights)
        assert stored.metadata == metadata
        assert metadata.training_config.horizons == CONFIG.horizons
        assert metadata.variance.universe == small_fit.version
        np.testing.assert_allclose(metadata.variance.scores, small_fit.scores, atol=1e-5)
        assert list(metadata.variance.qlike) == ["1", "5", "21"]
        assert metadata.variance.qlike["5"].network == pytest.approx(small_fit.qlike[0, 1], rel=1e-3)
