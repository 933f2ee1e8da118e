from __future__ import annotations

import numpy as np
import pytest

from tickgraph.graph.variance_features import (
    ACTIVITY,
    COMMON,
    LEVELS,
    num_variance_features,
    season_columns,
)
from tickgraph.model import linear_path
from tickgraph.model.linear_path import MIN_ROWS, Kernel, fit_linear_path
from tickgraph.model.variance_network import MIDDLE

HORIZONS = (1, 5)
SHARED = len(COMMON) - ACTIVITY
WEIGHTS = np.array([0.1, 0.2, 0.3, 0.2, 0.1, 0.1])  # of the levels: they sum to one


def truth(excess=0.0, bias=0.2):
    """A kernel over :data:`HORIZONS`: the levels' weights sum to one and what is in excess."""
    kernel = np.zeros((num_variance_features(HORIZONS), len(HORIZONS)))
    kernel[: len(LEVELS)] = WEIGHTS[:, None]
    kernel[MIDDLE] += excess
    kernel[COMMON.index("shock")] = -0.1
    for place in range(len(HORIZONS)):
        kernel[season_columns(place).start, place] = 0.3
    return Kernel(kernel, bias + np.log(HORIZONS))


def simulated(kernel, sessions, symbols=4, seed=0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features and gamma draws of the variance that the kernel gives."""
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(sessions, symbols, len(kernel.coefficients)))
    common = generator.normal(-9, 0.8, (sessions, symbols, 1))
    features[..., : len(LEVELS)] = common + 0.5 * features[..., : len(LEVELS)]
    features = features.astype(np.float32)
    expected = np.exp(features @ kernel.coefficients + kernel.bias)
    return features, np.ones((sessions, symbols), bool), expected * generator.gamma(2.0, 0.5, expected.shape)


@pytest.fixture(scope="module")
def fitted():
    return fit_linear_path(*simulated(truth(), 6000), HORIZONS)


def levels_sum(kernel):
    return kernel.coefficients[: len(LEVELS)].sum(axis=0)


class TestFreeFit:
    def test_it_finds_known_coefficients(self, fitted):
        np.testing.assert_allclose(fitted.coefficients, truth().coefficients, atol=0.04)

    def test_the_variance_of_more_sessions_is_a_multiple(self, fitted):
        """The bias counts the sessions: at the centre of the features the expected variance is the true one."""
        centre = np.zeros(len(fitted.coefficients))
        centre[: len(LEVELS)] = -9.0
        np.testing.assert_allclose(
            centre @ fitted.coefficients + fitted.bias,
            centre @ truth().coefficients + truth().bias,
            atol=0.03,
        )

    def test_features_of_the_nonlinear_path_and_of_other_horizons_have_no_coefficient(self, fitted):
        assert not fitted.coefficients[SHARED : len(COMMON)].any()
        assert not fitted.coefficients[season_columns(1), 0].any()
        assert not fitted.coefficients[season_columns(0), 1].any()
        assert fitted.coefficients[:SHARED].all()

    @pytest.mark.parametrize("excess", [-0.4, 0.3])
    def test_weights_of_levels_are_drawn_to_a_sum_of_one(self, excess, fitted):
        drawn = levels_sum(fit_linear_path(*simulated(truth(excess), 3000), HORIZONS))
        assert (np.abs(drawn - 1) < 0.9 * abs(excess)).all()
        assert (np.sign(drawn - 1) == np.sign(excess)).all()
        np.testing.assert_allclose(levels_sum(fitted), 1.0, atol=0.01)

    def test_too_few_rows_give_none(self):
        features, known, variance = simulated(truth(), MIN_ROWS, symbols=1)
        assert fit_linear_path(features, known, variance, HORIZONS) is not None
        known[0] = False
        assert fit_linear_path(features, known, variance, HORIZONS) is None

    def test_of_many_rows_so_many_are_drawn(self, monkeypatch):
        """They are drawn from all sessions, and always the same ones."""
        rows = simulated(truth(), 4000)
        whole = fit_linear_path(*rows, HORIZONS)
        monkeypatch.setattr(linear_path, "MAX_ROWS", 12_000)
        counts, real = [], linear_path.fit_qlike
        monkeypatch.setattr(
            linear_path,
            "fit_qlike",
            lambda design, *rest: (counts.append(len(design)), real(design, *rest))[1],
        )
        drawn = fit_linear_path(*rows, HORIZONS)
        assert max(counts) == 12_000
        np.testing.assert_array_equal(drawn.coefficients, fit_linear_path(*rows, HORIZONS).coefficients)
        np.testing.assert_allclose(drawn.coefficients, whole.coefficients, atol=0.03)
        first = fit_linear_path(rows[0][:3000], rows[1][:3000], rows[2][:3000], HORIZONS)
        assert np.abs(drawn.coefficients - first.coefficients).max() > 1e-3


class TestRowsThatDoNotCount:
    @pytest.fixture(scope="class")
    @staticmethod
    def short():
        return simulated(truth(), 1000)

    @pytest.mark.parametrize("absent", [np.nan, 0.0])
    def test_an_unknown_variance_and_a_price_that_stood_still(self, short, absent):
        features, known, variance = short
        gone = variance.copy()
        gone[-100:, :, 1] = absent
        fit = fit_linear_path(features, known, gone, HORIZONS)
        fewer = fit_linear_path(features[:-100], known[:-100], variance[:-100], HORIZONS)
        whole = fit_linear_path(features, known, variance, HORIZONS)
        np.testing.assert_allclose(fit.coefficients[:, 1], fewer.coefficients[:, 1], atol=1e-9)
        np.testing.assert_allclose(fit.coefficients[:, 0], whole.coefficients[:, 0], atol=1e-9)

    def test_features_that_are_not_known(self, short):
        features, known, variance = (array.copy() for array in short)
        features[:100, 2], known[:100, 2] = 0.0, False
        fit = fit_linear_path(features, known, variance, HORIZONS)
        variance[:100, 2] = np.nan
        again = fit_linear_path(features, known, variance, HORIZONS)
        np.testing.assert_array_equal(fit.coefficients, again.coefficients)


class TestDrawnToTheUniverse:
    UNIVERSE = truth(excess=-0.1, bias=0.5)

    def test_with_too_few_rows_it_is_the_universes(self):
        features, known, variance = simulated(truth(), 100)
        assert fit_linear_path(features, known, variance, HORIZONS, self.UNIVERSE) is self.UNIVERSE

    def test_rows_that_agree_with_it_leave_it_alone(self):
        fit = fit_linear_path(*simulated(self.UNIVERSE, 4000), HORIZONS, self.UNIVERSE)
        np.testing.assert_allclose(fit.coefficients, self.UNIVERSE.coefficients, atol=0.02)
        np.testing.assert_allclose(levels_sum(fit), 0.9, atol=0.01)

    def test_it_lies_between_its_own_fit_and_the_universes(self):
        """A symbol with another reaction to shocks keeps a part of it."""
        own = truth()
        own.coefficients[COMMON.index("shock")] = 0.5
        rows = simulated(own, 1000)
        shock = COMMON.index("shock")
        free = fit_linear_path(*rows, HORIZONS).coefficients[shock]
        drawn = fit_linear_path(*rows, HORIZONS, self.UNIVERSE).coefficients[shock]
        assert (free > 0.4).all()
        assert (drawn > -0.1 + 0.05).all()
        assert (drawn < free - 0.05).all()

    def test_it_is_the_universes_where_the_pull_is_strong(self, monkeypatch):
        monkeypatch.setattr("tickgraph.model.linear_path.TO_UNIVERSE", 1e6)
        fit = fit_linear_path(*simulated(truth(), 1000), HORIZONS, self.UNIVERSE)
        np.testing.assert_allclose(fit.coefficients, self.UNIVERSE.coefficients, atol=1e-4)
        np.testing.assert_allclose(fit.bias, self.UNIVERSE.bias, atol=1e-3)
