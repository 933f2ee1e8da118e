from __future__ import annotations

import numpy as np
import pytest

from tickgraph.lab.horizons.loss_tests import confidence_set, diebold_mariano, lag, shortest_block


def overlapping(generator, sessions, horizon):
    """Means of ``horizon`` shocks, as differences of losses over that many sessions are."""
    return np.convolve(generator.standard_normal(sessions + horizon - 1), np.ones(horizon) / horizon, "valid")


@pytest.mark.parametrize("horizon", [1, 10, 40])
def test_no_difference_is_rarely_told_apart(horizon):
    generator = np.random.default_rng(1)
    differences = [overlapping(generator, 600, horizon) for _ in range(300)]
    short, long = (
        np.mean([diebold_mariano(each, horizon, long=long) < 0.05 for each in differences])
        for long in (False, True)
    )
    assert 0.02 < long <= short < 0.2
    assert long < 0.11


def test_without_the_lag_it_would_be_told_apart_far_too_often():
    """The overlap is what the lag is for: the test above can fail."""
    generator = np.random.default_rng(1)
    ps = [diebold_mariano(overlapping(generator, 600, 40), 1) for _ in range(100)]
    assert np.mean(np.array(ps) < 0.05) > 0.2


def test_a_difference_is_told_apart_whichever_way_it_goes():
    difference = np.random.default_rng(0).standard_normal(500) + 0.3
    assert diebold_mariano(difference, 1) < 0.001
    np.testing.assert_allclose(diebold_mariano(-difference, 1), diebold_mariano(difference, 1))


def test_the_same_losses_and_too_few_sessions():
    assert diebold_mariano(np.zeros(100), 5) == 1.0
    assert np.isnan(diebold_mariano(np.ones(19), 1))


@pytest.mark.parametrize("step", [1, 3])
def test_lags_and_blocks_span_the_horizon(step):
    for horizon in (1, 5, 21, 63):
        assert lag(1200, horizon, step) * step >= horizon - 1
        assert lag(1200, horizon, step, long=True) * step >= 3 * horizon
        assert shortest_block(horizon, step) * step >= 2 * horizon


def test_the_confidence_set_holds_the_best_and_drops_the_bad():
    generator = np.random.default_rng(0)
    base = generator.gamma(2.0, size=600)
    losses = {
        "bad": base * 1.5,
        "good": base + 0.05 * generator.standard_normal(600),
        "same": base + 0.05 * generator.standard_normal(600),
    }
    found = confidence_set(losses, 10, resamples=200)
    assert found["bad"] < 0.1 < min(found["good"], found["same"])
    assert confidence_set({"only": base}, 10) == {"only": 1.0}


def test_forecasters_with_the_same_losses_stand_as_one_in_the_confidence_set():
    """A network whose nonlinear path counts by a share of 0 is its own linear path."""
    base = np.random.default_rng(0).gamma(2.0, size=200)
    found = confidence_set({"network": base, "linear": base.copy(), "bad": base * 1.4}, 10, resamples=200)
    assert found["network"] == found["linear"] == 1.0 > found["bad"]
    assert confidence_set({"network": base, "linear": base.copy()}, 10) == {"network": 1.0, "linear": 1.0}
