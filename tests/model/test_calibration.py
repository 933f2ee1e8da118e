from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickgraph.model.calibration import PredictiveDistribution, conformal_scores
from tickgraph.model.measures import measure


def column(*values):
    return np.array(values, dtype=float)[:, None]


def test_scores_are_sorted_residuals_in_units_of_volatility():
    scored = conformal_scores(
        column(0.0, 0.0, np.nan, 0.0), column(0.02, -0.02, 0.1, 0.1), column(0.01, 0.02, 0.01, 0.0)
    )
    # Their mean, 0.5, is drawn to zero as 2 sessions against 500 are.
    np.testing.assert_allclose(scored.values, np.array([-1.0, 2.0]) - 0.5 * 500 / 502)
    assert scored.sessions == 2


def test_scores_of_a_symbol_and_its_peers_are_pooled_and_their_sessions_counted_once():
    generator = np.random.default_rng(0)
    realised = generator.normal(0, 0.02, (200, 11))
    scored = conformal_scores(np.zeros_like(realised), realised, np.full_like(realised, 0.02))
    assert (len(scored.values), scored.sessions) == (2200, 200)
    assert (np.diff(scored.values) >= 0).all()


def test_a_forecast_is_trusted_as_far_as_it_was_borne_out():
    generator = np.random.default_rng(0)
    volatility = np.full((500, 1), 0.02)
    signal, noise = generator.normal(0, 0.02, (2, 500, 1))
    good = conformal_scores(signal, signal + 0.5 * noise, volatility)
    none = conformal_scores(signal, noise, volatility)
    wrong = conformal_scores(signal, -signal, volatility)
    small = conformal_scores(0.1 * signal, 0.1 * signal + noise, volatility)
    assert good.trust > 0.85
    assert none.trust < 0.1
    assert wrong.trust == 0  # never the other way round
    assert 0 < small.trust < 0.2  # true, but of five sessions' weight against fifty


def test_a_distribution_is_centred_on_the_trusted_share_of_the_forecast():
    scores = np.linspace(-2, 2, 99)
    half = PredictiveDistribution(0.02, 0.01, scores, trust=0.5)
    all_of_it = PredictiveDistribution(0.01, 0.01, scores)
    assert half.interval(0.8) == all_of_it.interval(0.8)
    assert half.probability_above(0.013) == all_of_it.probability_above(0.013)
    assert half.is_beyond(0.031)
    assert not half.is_beyond(0.029)


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
    probabilities = np.array([0.1, 0.5, 0.9])
    above = [distribution.probability_above(float(at)) for at in distribution.quantile(probabilities)]
    assert above == pytest.approx(list(1 - probabilities), abs=1e-9)


def test_measures_of_a_perfect_and_of_a_useless_forecast():
    realised = np.random.default_rng(0).normal(0, 0.01, (400, 1))
    volatility, momentum = np.full((400, 1), 0.01), np.zeros(400)
    perfect = measure(realised, realised, volatility, momentum, 0.0)
    assert perfect.ic == pytest.approx(1)
    assert perfect.hit_rate == 1
    assert perfect.r2_vs_zero == 1
    assert perfect.beats_zero
    nothing = measure(np.zeros((400, 1)), realised, volatility, momentum, 0.0)
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
    volatility = np.full((100, 1), 0.01)
    measured = measure(np.zeros((100, 1)), realised[:, None], volatility, np.zeros(100), 0.0)
    assert measured.coverage == {"0.8": 0.0, "0.95": 0.0}
