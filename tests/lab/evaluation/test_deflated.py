from __future__ import annotations

import numpy as np
import pytest

from tickgraph.lab.evaluation.deflated import Trials, deflated_sharpe, expected_highest, probability_positive


def test_the_papers_own_example():
    """Bailey & López de Prado 2014, "A numerical example": 100 trials, five years of 250 sessions."""
    trials = Trials(count=100, variance=0.5 / 250)
    assert expected_highest(trials) == pytest.approx(0.1132, abs=5e-5)
    probability = probability_positive(2.5 / np.sqrt(250), 1250, skewness=-3, kurtosis=10, trials=trials)
    assert probability == pytest.approx(0.9004, abs=5e-5)


def test_one_trial_is_expected_to_show_nothing():
    assert expected_highest(Trials(count=1, variance=4.0)) == 0.0
    assert expected_highest(Trials(count=10, variance=0.0)) == 0.0


def test_the_formula_agrees_with_the_best_of_simulated_trials():
    best = np.random.default_rng(0).normal(0, 0.05, size=(20_000, 50)).max(axis=1).mean()
    assert expected_highest(Trials(count=50, variance=0.05**2)) == pytest.approx(best, rel=0.02)


def test_more_trials_make_the_same_returns_less_convincing():
    returns = np.random.default_rng(1).normal(0.001, 0.01, 500)
    found = [deflated_sharpe(returns, trials) for trials in (None, Trials(5, 0.001), Trials(50, 0.001))]
    assert found == sorted(found, reverse=True)
    assert found[0] > found[2] + 0.05


def test_symmetric_returns_without_a_mean_are_as_likely_good_as_bad():
    assert deflated_sharpe(np.tile([0.01, -0.01], 50)) == pytest.approx(0.5)


@pytest.mark.parametrize("returns", [np.zeros(0), np.array([0.1, 0.2]), np.full(50, 0.01)])
def test_too_few_or_constant_returns_have_none(returns):
    assert deflated_sharpe(returns) is None
