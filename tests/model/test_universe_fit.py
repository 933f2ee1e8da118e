from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from made_universe import CONFIG, changed, corrupted_after, short_training
from tickgraph.market.range_variance import range_variance
from tickgraph.model import universe_fit as module
from tickgraph.model.training_config import TrainingConfig
from tickgraph.model.universe_fit import fit_universe
from tickgraph.model.variance_examples import universe_of
from tickgraph.model.weights import CORRECTION_KERNEL, LINEAR_KERNEL, SHARE, variance_shapes


def refit(panel, config=CONFIG):
    with short_training():
        return fit_universe(panel, config)


class TestTheFit:
    def test_it_is_a_whole_network_of_its_configuration(self, small_universe, small_fit):
        shapes = {path: value.shape for path, value in small_fit.weights.items()}
        assert shapes == variance_shapes(CONFIG)
        assert all(
            value.dtype == np.float32 and np.isfinite(value).all() for value in small_fit.weights.values()
        )
        assert small_fit.suits(CONFIG)
        assert not small_fit.suits(CONFIG.model_copy(update={"horizons": (1, 5)}))
        assert not small_fit.suits(CONFIG.model_copy(update={"variance_dim": 16}))
        np.testing.assert_array_equal(small_fit.kernel.coefficients, small_fit.weights[LINEAR_KERNEL])

    def test_it_says_what_it_was_fitted_on(self, small_universe, small_fit):
        sessions = small_universe.sessions
        assert small_fit.symbols == small_universe.symbols
        assert small_fit.first_session == sessions[0]
        assert small_fit.last_session == sessions[-1]
        assert small_fit.held_out_first == sessions[-(len(sessions) // 3)]
        assert small_fit.data_version == small_universe.data_version
        assert small_fit.source == "sample"

    def test_it_forecasts_better_than_the_average_of_a_month(self, small_fit):
        network, linear, today = small_fit.qlike
        assert np.isfinite(small_fit.qlike).all()
        assert (linear[:2] < today[:2]).all()  # of a month there are too few here
        assert (network <= linear).all()  # by a share of zero it is the linear path

    def test_shares_are_of_the_correction_as_a_whole(self, small_fit):
        assert ((small_fit.weights[SHARE] >= 0) & (small_fit.weights[SHARE] <= 1)).all()

    def test_the_same_prices_and_seed_give_the_same_fit(self, small_universe, small_fit):
        again = refit(small_universe)
        assert again.version == small_fit.version
        for path, value in small_fit.weights.items():
            np.testing.assert_array_equal(again.weights[path], value)
        np.testing.assert_array_equal(again.scores, small_fit.scores)
        np.testing.assert_array_equal(again.qlike, small_fit.qlike)

    def test_another_seed_draws_another_nonlinear_path(self, small_universe, small_fit):
        other = refit(small_universe, CONFIG.model_copy(update={"seed": 1}))
        assert other.version != small_fit.version
        assert (other.weights[CORRECTION_KERNEL] != small_fit.weights[CORRECTION_KERNEL]).any()
        np.testing.assert_array_equal(other.weights[LINEAR_KERNEL], small_fit.weights[LINEAR_KERNEL])

    def test_its_version_is_of_its_numbers(self, small_fit):
        scores = small_fit.scores.copy()
        scores[0, 0] -= 1e-9
        others = [
            replace(small_fit, scores=scores),
            replace(small_fit, source="yahoo"),
            replace(small_fit, last_session=small_fit.last_session + 1),
            replace(small_fit, weights=small_fit.weights | {SHARE: small_fit.weights[SHARE] / 2}),
        ]
        assert len({small_fit.version, *(other.version for other in others)}) == 5


class TestTooLittle:
    def test_few_symbols_or_sessions_give_none(self, small_universe):
        assert fit_universe(small_universe.select(small_universe.symbols[:4]), CONFIG) is None
        assert fit_universe(small_universe.tail(749), CONFIG) is None

    def test_prices_that_are_mostly_missing_give_none(self, small_universe):
        gone = np.arange(len(small_universe.sessions))[:, None] < 700
        empty = changed(small_universe, lambda values: np.where(gone, np.nan, values))
        assert fit_universe(empty, CONFIG) is None


class TestNothingOfTheFuture:
    """What the fit of each stretch is given, recorded in place of the training."""

    @pytest.fixture
    def given(self, monkeypatch):
        seen = []
        real = module.fit_linear_path

        def linear(features, known, variance, horizons):
            seen.append((features.copy(), known.copy(), variance.copy()))
            return real(features, known, variance, horizons)

        def correction(examples, config, seed):
            seen.append((examples.inputs, examples.adjacency, examples.ratio, examples.known))
            shapes = variance_shapes(config)
            return {
                path: np.zeros(shape, np.float32) for path, shape in shapes.items() if "dense/" not in path
            } | {
                path: np.ones(shape, np.float32)
                for path, shape in shapes.items()
                if "standardisation" in path
            }

        monkeypatch.setattr(module, "fit_linear_path", linear)
        monkeypatch.setattr(module, "train_correction", correction)

        def run(panel):
            seen.clear()
            assert fit_universe(panel, CONFIG) is not None
            return list(seen)

        return run

    def test_the_fit_of_a_stretch_ignores_the_stretch_and_all_after_it(
        self, given, small_universe, small_fit
    ):
        real = given(small_universe)
        assert len(real) == 6  # two stretches and the whole, two paths each
        first = int(np.searchsorted(small_universe.sessions, small_fit.held_out_first))
        second = (first + len(small_universe.sessions)) // 2
        for end, calls in ((first, slice(0, 2)), (second, slice(2, 4))):
            corrupt = given(corrupted_after(small_universe, small_universe.sessions[end - 1]))
            for one, other in zip(real[calls], corrupt[calls], strict=True):
                for value, others in zip(one, other, strict=True):
                    np.testing.assert_allclose(value, others, rtol=1e-4, atol=1e-5)
            assert any((a != b).any() for a, b in zip(real[-1], corrupt[-1], strict=True))

    def test_overlapping_targets_of_long_horizons_are_not_known(self, given, small_universe):
        """Of the last h sessions before a stretch the variance of the next h sessions is not known yet."""
        for _, _, variance in given(small_universe)[::2]:
            for place, horizon in enumerate(CONFIG.horizons):
                assert np.isnan(variance[-horizon:, :, place]).all()
                assert np.isfinite(variance[-horizon - 1, :, place]).all()


class TestUniverse:
    def test_targets_are_what_came_true(self, small_universe):
        universe = universe_of(small_universe, CONFIG, sessions=100)
        daily = range_variance(small_universe)
        assert universe.features.values.shape[:2] == (100, 6)
        np.testing.assert_allclose(universe.variance[10, :, 2], daily[-89:-68].sum(axis=0))
        np.testing.assert_allclose(
            universe.returns[10, :, 1],
            np.log(small_universe.adj_close[-85] / small_universe.adj_close[-90]),
        )
        np.testing.assert_array_equal(universe.daily, small_universe.log_returns()[-100:])
        assert np.isnan(universe.variance[-21:, :, 2]).all()

    def test_some_symbols_hear_all_of_them(self, small_universe):
        names = small_universe.symbols[4:1:-1]
        some, whole = universe_of(small_universe, CONFIG, names), universe_of(small_universe, CONFIG)
        columns = [whole.features.columns[name] for name in names]
        np.testing.assert_allclose(
            some.features.values, whole.features.values[:, columns], rtol=1e-5, atol=1e-6
        )
        np.testing.assert_allclose(some.variance, whole.variance[:, columns])
        np.testing.assert_allclose(some.returns, whole.returns[:, columns])


class TestScores:
    def test_they_ascend_and_are_about_standard(self, small_fit):
        assert small_fit.scores.shape == (3, module.SCORES)
        assert (np.diff(small_fit.scores) >= 0).all()
        assert (small_fit.scores[:, 0] < -1.5).all()
        assert (small_fit.scores[:, -1] > 1.5).all()
        lower, upper = small_fit.scores[0, [39, 359]]  # 10 and 90 %
        assert 0.8 < (upper - lower) / 2 < 1.6

    def scored(self, shared, horizons=(1, 21), symbols=8, sessions=1000):
        """Standardised returns of symbols that move alike by so much, and their quantiles."""
        generator = np.random.default_rng(0)
        own, common = generator.normal(size=(symbols, sessions, 1)), generator.normal(size=(1, sessions, 1))
        values = np.repeat(np.sqrt(1 - shared) * own + np.sqrt(shared) * common, len(horizons), axis=-1)
        values -= values.mean(axis=(0, 1))
        return values, module._scores(values, horizons)

    def test_fewer_independent_ones_are_wider(self):
        """Wider than the plain quantiles; the more so, the more stretches overlap and symbols move together."""
        ranks = np.arange(1, module.SCORES + 1) / (module.SCORES + 1)
        lower, upper = ranks < 0.5, ranks > 0.5
        gains = []
        for shared in (0.0, 0.9):
            values, scores = self.scored(shared)
            for place in range(2):
                plain = np.quantile(values[..., place], ranks)
                assert (scores[place, lower] <= plain[lower]).all()
                assert (scores[place, upper] >= plain[upper]).all()
                gains.append((scores[place, -20] - scores[place, 19]) / (plain[-20] - plain[19]) - 1)
        alone_day, alone_month, alike_day, alike_month = gains
        assert 0 < alone_day < alike_day < alike_month
        assert alone_day < alone_month < alike_month

    def test_a_quantile_is_the_rank_that_covers_a_new_value(self):
        """Of n independent ones: the share k / (P + 1) lies beyond with the correction (n + 1) / n of the rest."""
        values, scores = self.scored(0.0, horizons=(1,), symbols=1, sessions=100)
        tail = 1 - (1 - 20 / 400) * 101 / 100
        assert scores[0, 19] == pytest.approx(np.quantile(values, tail))
        assert scores[0, 379] == pytest.approx(np.quantile(values, 1 - tail))

    def test_a_drift_is_drawn_to_zero(self):
        """What some sessions say of the drift counts little, and the less, the longer the horizon."""
        values, scores = self.scored(0.0)
        kept = np.median(module._scores(values + 0.1, (1, 21)) - scores, axis=1)
        assert 0 < kept[1] < kept[0] < 0.1


def test_large_configurations_do_not_fit_small_ones(small_fit):
    assert not small_fit.suits(TrainingConfig())
