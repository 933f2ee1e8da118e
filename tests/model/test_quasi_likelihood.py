from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzzing import examples
from tickgraph.model.quasi_likelihood import fit_qlike

TRUE = np.array([-9.0, 0.7, -0.3])


@pytest.fixture(scope="module")
def simulated():
    """Gamma draws whose mean is exp(X b), such as squared returns of a known variance."""
    generator = np.random.default_rng(0)
    design = np.column_stack([np.ones(20_000), generator.normal(size=(20_000, 2))])
    return design, np.exp(design @ TRUE) * generator.gamma(0.5, 2.0, len(design))


def test_it_finds_known_coefficients(simulated: tuple[np.ndarray, np.ndarray]):
    np.testing.assert_allclose(fit_qlike(*simulated), TRUE, atol=0.05)


@given(
    seed=st.integers(0, 2**32 - 1), shape=st.floats(0.3, 5.0), zeros=st.floats(0.0, 0.5), drawn=st.booleans()
)
@settings(max_examples=examples(15), deadline=None)
def test_where_it_ends_nothing_is_left_to_gain(seed, shape, zeros, drawn):
    """The slope of the loss is zero there, whatever the draws, with a prior or without; some targets may be zero."""
    generator = np.random.default_rng(seed)
    design = np.column_stack([np.ones(300), generator.normal(size=(300, 2))])
    target = np.exp(design @ TRUE) * generator.gamma(shape, 1 / shape, 300)
    target[generator.uniform(size=300) < zeros] = 0.0
    prior, pull = TRUE + generator.normal(size=3), np.diag(generator.uniform(0, 1, 3))
    fitted = fit_qlike(design, target, *((prior, pull) if drawn else ()))
    slope = design.T @ (1 - target * np.exp(-(design @ fitted))) / 300
    np.testing.assert_allclose(slope + drawn * 2 * pull @ (fitted - prior), 0.0, atol=1e-4)


class TestPrior:
    PRIOR = np.array([-8.0, 0.0, 1.0])

    def test_a_strong_pull_gives_the_prior(self, simulated: tuple[np.ndarray, np.ndarray]):
        np.testing.assert_allclose(fit_qlike(*simulated, self.PRIOR, 1e6 * np.eye(3)), self.PRIOR, atol=1e-5)

    def test_no_pull_gives_the_free_fit(self, simulated: tuple[np.ndarray, np.ndarray]):
        free = fit_qlike(*simulated)
        np.testing.assert_allclose(fit_qlike(*simulated, self.PRIOR, np.zeros((3, 3))), free, atol=1e-4)

    def test_a_stronger_pull_comes_nearer(self, simulated: tuple[np.ndarray, np.ndarray]):
        strengths = (0.01, 0.1, 1.0, 10.0)
        away = [
            np.abs(fit_qlike(*simulated, self.PRIOR, s * np.eye(3)) - self.PRIOR).sum() for s in strengths
        ]
        assert away == sorted(away, reverse=True)
        assert away[0] > 5 * away[-1]

    def test_one_coefficient_can_be_drawn_alone(self, simulated: tuple[np.ndarray, np.ndarray]):
        fitted = fit_qlike(*simulated, self.PRIOR, np.diag([0.0, 0.0, 1e6]))
        assert fitted[2] == pytest.approx(1.0, abs=1e-5)
        assert fitted[1] == pytest.approx(0.7, abs=0.1)

    def test_without_a_prior_it_is_drawn_to_zero(self, simulated: tuple[np.ndarray, np.ndarray]):
        fitted = fit_qlike(*simulated, pull=np.diag([0.0, 1e6, 1e6]))
        np.testing.assert_allclose(fitted[1:], 0.0, atol=1e-5)
        assert fitted[0] == pytest.approx(np.log(simulated[1].mean()), abs=1e-4)

    def test_the_prior_is_left_alone(self, simulated: tuple[np.ndarray, np.ndarray]):
        prior = self.PRIOR.copy()
        fit_qlike(*simulated, prior, 0.1 * np.eye(3))
        np.testing.assert_array_equal(prior, self.PRIOR)


def test_equal_columns_share_what_one_would_have(simulated: tuple[np.ndarray, np.ndarray]):
    design, target = simulated
    fitted = fit_qlike(np.column_stack([design, design[:, 1]]), target)
    np.testing.assert_allclose(fitted[1] + fitted[3], fit_qlike(design, target)[1], atol=1e-3)


def test_where_it_starts_changes_nothing(simulated: tuple[np.ndarray, np.ndarray]):
    prior, pull = TRUE + 1, 0.1 * np.eye(3)
    for drawn in ((), (prior, pull)):
        start = np.array([-8.0, 0.0, 0.5])
        np.testing.assert_allclose(
            fit_qlike(*simulated, *(drawn or (None, None)), start), fit_qlike(*simulated, *drawn), atol=1e-4
        )
        assert start.tolist() == [-8.0, 0.0, 0.5]


def test_a_start_far_away_still_ends_at_the_fit(simulated: tuple[np.ndarray, np.ndarray]):
    """A prior of another unit, without any pull: the steps are halved until they help."""
    far = np.array([6.0, -2.0, 2.0])
    np.testing.assert_allclose(fit_qlike(*simulated, far, np.zeros((3, 3))), fit_qlike(*simulated), atol=1e-3)
