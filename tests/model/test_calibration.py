from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickgraph.model.calibration import PredictiveDistribution, conformal_scores
from tickgraph.model.measures import measure


def test_scores_are_sorted_residuals_in_units_of_volatility():
    scores = conformal_scores(
        np.array([0.0, 0.01, np.nan, 0.0]), np.array([0.02, 0.0, 0.1, 0.1]), np.array([0.01, 0.02, 0.01, 0.0])
    )
    np.testing.assert_allclose(scores, [-0.5, 2.0])


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_intervals_cover_new_sessions_at_their_level(level):
    generator = np.random.default_rng(0)
    covered = []
    for _ in range(2000):
        draws = generator.standard_t(3, 101)
        low, high = PredictiveDistribution(0.0, 1.0, np.sort(draws[:100])).interval(level)
        covered.append(low <= draws[100] <= high)
    assert level - 0.02 < np.mean(covered) < level + 0.04


@pytest.mark.parametrize(
    ("n", "low_rank", "high_rank"), [(99, 10, 90), (100, 10, 91), (105, 10, 96), (5, 1, 5)]
)
def test_intervals_are_the_order_statistics_of_split_conformal(n, low_rank, high_rank):
    """Ranks floor(0.1 (n + 1)) and ceil(0.9 (n + 1)), within what there is."""
    low, high = PredictiveDistribution(0.01, 0.02, np.arange(1.0, n + 1)).interval(0.8)
    assert low == pytest.approx(0.01 + 0.02 * low_rank)
    assert high == pytest.approx(0.01 + 0.02 * high_rank)


sorted_scores = st.lists(st.floats(-5, 5), min_size=2, max_size=60).map(sorted).map(np.array)


@settings(deadline=None)
@given(sorted_scores, st.floats(-0.1, 0.1), st.floats(0.001, 0.1), st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))
def test_probabilities_fall_as_the_strike_rises_and_are_never_certain(
    scores, forecast, volatility, one, other
):
    distribution = PredictiveDistribution(forecast, volatility, scores)
    low, high = sorted((one, other))
    assert 0 < distribution.probability_above(high) <= distribution.probability_above(low) < 1


@settings(deadline=None)
@given(sorted_scores, st.floats(0.05, 0.95))
def test_wider_levels_contain_narrower_ones(scores, level):
    distribution = PredictiveDistribution(0.0, 1.0, scores)
    low, high = distribution.interval(level)
    wide_low, wide_high = distribution.interval(min(level + 0.04, 0.99))
    assert wide_low <= low <= high <= wide_high


def test_quantiles_undo_probabilities():
    distribution = PredictiveDistribution(0.001, 0.02, np.linspace(-2, 2, 99))
    for probability in (0.1, 0.5, 0.9):
        above = distribution.probability_above(float(distribution.quantile(probability)))
        assert above == pytest.approx(1 - probability, abs=1e-9)


def test_measures_of_a_perfect_and_of_a_useless_forecast():
    realised = np.random.default_rng(0).normal(0, 0.01, 400)
    volatility, momentum = np.full(400, 0.01), np.zeros(400)
    perfect = measure(realised, realised, volatility, momentum, 0.0)
    assert perfect.ic == pytest.approx(1)
    assert perfect.hit_rate == 1
    assert perfect.r2_vs_zero == 1
    assert perfect.beats_zero
    nothing = measure(np.zeros(400), realised, volatility, momentum, 0.0)
    assert nothing.ic is None
    assert nothing.r2_vs_zero == 0
    assert not nothing.beats_zero
    assert 0.7 < nothing.coverage["0.8"] < 0.9
    assert nothing.brier == pytest.approx(0.25, abs=0.02)
    wrong = measure(-realised, realised, volatility, momentum, 0.0)
    assert wrong.ic == pytest.approx(-1)
    assert wrong.hit_rate == 0


def test_coverage_of_a_half_is_calibrated_on_the_other():
    realised = np.concatenate([np.full(50, 0.001), np.full(50, 0.1)]) * np.tile([1, -1], 50)
    measured = measure(np.zeros(100), realised, np.full(100, 0.01), np.zeros(100), 0.0)
    assert measured.coverage == {"0.8": 0.0, "0.95": 0.0}
