from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fuzzing import examples
from tickgraph.errors import InputError
from tickgraph.model.calibration import PredictiveDistribution
from tickgraph.model.horizon_distribution import MOST_KEPT, HorizonDistribution, _ranked

GRID = np.array([1, 2, 3, 5, 10, 21, 42, 63])
EVERY = np.arange(1, 64)


def even(daily=0.0004, count=199, **others):
    """Variance that grows with the horizon, and the same scores at each."""
    scores = np.linspace(-2.5, 2.5, count)
    return HorizonDistribution(GRID, daily * GRID, np.tile(scores, (len(GRID), 1)), **others)


def contradicting(seed, count, equal):
    """Forecasts that contradict each other: variances and scores of each horizon at random, some equal."""
    rng = np.random.default_rng(seed)
    ahead = rng.choice(np.arange(2, 64), rng.integers(0, 8), replace=False)
    horizons = np.array([1, *np.sort(ahead)])
    variances = 10 ** rng.uniform(-6, -1, len(horizons))
    scores = rng.normal(rng.uniform(-1, 1), rng.uniform(0.1, 3), (len(horizons), count))
    scores = np.sort(scores.round() if equal else scores, axis=1)
    return HorizonDistribution(horizons, variances, scores, centre=rng.uniform(-0.05, 0.05))


distributions = st.builds(contradicting, st.integers(0, 10_000), st.integers(2, 30), st.booleans())
log_returns = arrays(float, 20, elements=st.floats(-3, 3))
many = settings(deadline=None, max_examples=examples(60))
NOISE = 1e-12


@many
@given(distributions)
def test_quantiles_never_cross_at_any_horizon(distribution):
    assert (np.diff(distribution.returns(np.arange(1, distribution.longest + 1)), axis=1) >= 0).all()


def outer(distribution):
    """Probability of the innermost rank that never comes nearer."""
    count = distribution.scores.shape[1]
    return max(int((count + 1) * 0.25), 1) / (count + 1)


@many
@given(distributions, st.floats(0, 1))
def test_outer_quantiles_never_come_nearer_with_the_horizon(distribution, probability):
    ahead = np.arange(1, distribution.longest + 1)
    steps = np.diff(distribution.quantile(probability, ahead))
    if probability >= 1 - outer(distribution):
        assert (steps >= -NOISE).all()
    if probability <= outer(distribution):
        assert (steps <= NOISE).all()


def test_in_the_middle_a_drift_moves_all_quantiles_one_way():
    """The median of the longest horizon lies above all of the shortest's middle, and nothing is torn apart there."""
    scores = np.linspace(-2.5, 2.5, 199)
    drifting = HorizonDistribution(GRID, 0.0004 * GRID, scores + 0.02 * np.arange(len(GRID))[:, None])
    middle = drifting.quantile(np.array([0.3, 0.45, 0.49, 0.5, 0.51, 0.55]), 63)
    probabilities = np.array([0.3, 0.45, 0.49, 0.5, 0.51, 0.55])
    expected = np.sqrt(0.0004 * 63) * (np.interp(probabilities * 200, np.arange(1, 200), scores) + 0.14)
    np.testing.assert_allclose(middle, expected, rtol=1e-6)


@many
@given(distributions, st.floats(0.05, 0.99))
def test_variance_and_the_width_of_an_interval_never_fall_with_the_horizon(distribution, level):
    ahead = np.arange(1, distribution.longest + 1)
    assert (np.diff(distribution.variance(ahead)) >= -NOISE).all()
    if level >= 1 - 2 * outer(distribution):
        lower, upper = distribution.interval(level, ahead).T
        assert (np.diff(upper - lower) >= -NOISE).all()


@many
@given(distributions, log_returns, st.integers(1, 63))
def test_probabilities_fall_as_the_strike_rises_and_are_never_certain(distribution, strikes, sessions):
    ahead = min(sessions, distribution.longest)
    above = distribution.probability_above(np.sort(strikes), ahead)
    assert (np.diff(above) <= 0).all()
    assert above.min() > 0
    assert above.max() < 1


@many
@given(distributions, st.floats(0, 3))
def test_a_far_strike_never_becomes_less_likely_with_the_horizon(distribution, beyond):
    ahead = np.arange(1, distribution.longest + 1)
    above = distribution.probability_above(distribution.returns(1)[-1] + beyond, ahead)
    far = np.minimum(above, outer(distribution))  # a likelier strike is not far
    assert (np.diff(far) >= -NOISE).all()


@many
@given(distributions, st.floats(1e-6, 1 - 1e-6), st.integers(1, 63))
def test_a_quantile_and_its_probability_undo_each_other(distribution, probability, sessions):
    """Where many scores are equal, the probability of the value jumps over that of the quantile."""
    ahead = min(sessions, distribution.longest)
    at = float(distribution.quantile(probability, ahead))
    below = 1 - distribution.probability_above(np.array([at - 1e-9, at + 1e-9]), ahead)
    assert below[0] - 1e-6 <= probability <= below[1] + 1e-6


def test_beyond_the_outermost_scores_the_tails_fall_with_the_cube_of_the_distance():
    distribution = even(centre=0.01)
    outermost = distribution.returns(21)[-1] - 0.01
    above = distribution.probability_above(0.01 + outermost * np.array([1.0, 2.0, 4.0, 1e6]), 21)
    np.testing.assert_allclose(above, [1 / 200, 1 / 1600, 1 / 12800, 1e-9])
    below = 1 - distribution.probability_above(0.01 - outermost * np.array([1.0, 2.0, 4.0, 1e6]), 21)
    np.testing.assert_allclose(below, above, rtol=1e-6)
    assert distribution.quantile(1 - 1 / 1600, 21) == pytest.approx(0.01 + 2 * outermost)
    assert distribution.is_beyond(0.01 + 2 * outermost, 21)


@many
@given(distributions, log_returns, arrays(int, 20, elements=st.integers(1, 63)))
def test_many_cells_at_once_are_the_same_as_one_by_one(distribution, strikes, sessions):
    ahead = np.minimum(sessions, distribution.longest)
    above = distribution.probability_above(strikes, ahead)
    quantiles = distribution.quantile(above, ahead)
    beyond = distribution.is_beyond(strikes, ahead)
    for cell in range(0, len(ahead), 5):
        one = int(ahead[cell])
        assert above[cell] == distribution.probability_above(float(strikes[cell]), one)
        assert quantiles[cell] == distribution.quantile(float(above[cell]), one)
        assert beyond[cell] == distribution.is_beyond(float(strikes[cell]), one)


def test_a_chain_of_strikes_and_expiries_is_answered_in_one_call():
    above = even().probability_above(np.linspace(-0.3, 0.3, 50), EVERY[:, None])
    assert above.shape == (63, 50)
    assert (np.diff(above, axis=1) < 0).any()


@many
@given(distributions, st.integers(1, 63), arrays(float, 63, elements=st.floats(0, 0.02)))
def test_dividends_lower_every_quantile_of_a_horizon_alike(distribution, sessions, yields):
    ahead = min(sessions, distribution.longest)
    drag = np.cumsum(yields)
    paying = HorizonDistribution(
        distribution.horizons, distribution.variances, distribution.scores, distribution.centre, drag
    )
    np.testing.assert_allclose(
        paying.returns(ahead), distribution.returns(ahead) - drag[ahead - 1], atol=1e-12
    )
    assert paying.variance(ahead) == distribution.variance(ahead)


def test_equal_scores_and_even_variance_follow_the_square_root_of_the_horizon():
    distribution = even(centre=0.001)
    one_session = distribution.returns(1) - 0.001
    np.testing.assert_allclose(
        distribution.returns(EVERY) - 0.001, np.sqrt(EVERY)[:, None] * one_session, atol=1e-14
    )
    np.testing.assert_allclose(distribution.volatility(EVERY), np.sqrt(0.0004 * 252))
    np.testing.assert_allclose(distribution.volatility(EVERY, 365), np.sqrt(0.0004 * 365))


def test_at_a_horizon_of_the_grid_it_is_the_forecast_times_the_scores():
    scores = np.sort(np.random.default_rng(0).standard_t(4, 100)) * np.linspace(1, 0.9, len(GRID))[:, None]
    variances = 0.0003 * GRID**1.1
    distribution = HorizonDistribution(GRID, variances, scores)
    np.testing.assert_array_equal(distribution.variance(GRID), variances)
    signs = np.where(np.arange(100) < 50, -1, 1)
    outward = (scores * signs > 0).all(
        axis=0
    )  # those of the other sign are held where the first session has them
    np.testing.assert_allclose(
        distribution.returns(GRID)[:, outward], (np.sqrt(variances)[:, None] * scores)[:, outward]
    )


def test_one_session_ahead_it_is_the_distribution_of_the_next_return():
    scores = np.sort(np.random.default_rng(1).standard_t(4, 199))
    day = PredictiveDistribution(0.004, 0.02, scores, trust=0.5)
    horizons = HorizonDistribution(GRID, 0.0004 * GRID, np.tile(scores, (len(GRID), 1)), centre=0.002)
    assert horizons.interval(0.8, 1) == pytest.approx(day.interval(0.8))
    assert horizons.interval(0.95, 1) == pytest.approx(day.interval(0.95))
    assert float(horizons.probability_above(0.01, 1)) == pytest.approx(day.probability_above(0.01))
    alone = HorizonDistribution.of_one_session(day)
    assert alone.longest == 1
    np.testing.assert_array_equal(alone.returns(1), horizons.returns(1))


def test_a_normal_return_moves_by_what_a_straddle_costs():
    """E |exp(R) - 1| is near sqrt(2 / pi) standard deviations, and E exp(R) is exp(variance / 2)."""
    from scipy.stats import norm

    scores = norm.ppf(np.arange(1, 2000) / 2000)
    distribution = HorizonDistribution(GRID, 0.0001 * GRID, np.tile(scores, (len(GRID), 1)))
    np.testing.assert_allclose(
        distribution.expected_move(GRID), np.sqrt(2 / np.pi * 0.0001 * GRID), rtol=0.01
    )
    np.testing.assert_allclose(distribution.mean(GRID), np.exp(0.0001 * GRID / 2), rtol=1e-4)


@pytest.mark.parametrize("sessions", [0, -1, 64, 1000])
def test_sessions_out_of_reach_are_refused_with_the_reason(sessions):
    distribution = even()
    for ask in (
        distribution.variance,
        distribution.volatility,
        distribution.expected_move,
        distribution.mean,
        lambda ahead: distribution.interval(0.8, ahead),
        lambda ahead: distribution.quantile(0.5, ahead),
        lambda ahead: distribution.probability_above(0.0, np.array([21, ahead])),
    ):
        with pytest.raises(
            InputError, match=rf"sessions must be 1 to 63, got {sessions}.*independent stretches"
        ):
            ask(sessions)


def test_without_variance_all_probability_lies_at_the_centre():
    still = even(daily=0.0, centre=0.01)
    assert (still.returns(EVERY) == 0.01).all()
    assert still.probability_above(0.0099, 21) > 0.99
    assert still.probability_above(0.0101, 21) < 0.01


def test_arrays_that_are_no_distribution_are_refused():
    scores = np.tile([-1.0, 1.0], (2, 1))
    two, variances = np.array([1, 5]), np.array([0.1, 0.2])
    with pytest.raises(ValueError, match="ascend from 1"):
        HorizonDistribution(np.array([2, 5]), variances, scores)
    with pytest.raises(ValueError, match="not be negative"):
        HorizonDistribution(two, np.array([0.1, np.nan]), scores)
    with pytest.raises(ValueError, match="ascend at each horizon"):
        HorizonDistribution(two, variances, scores[:, ::-1])
    with pytest.raises(ValueError, match="drag has 3 sessions, and 5"):
        HorizonDistribution(two, variances, scores, drag=np.zeros(3))


def test_what_it_keeps_of_its_ranks_is_bounded_and_changes_no_answer():
    grid = np.array([1, 2, 3, 5, 10, 21, 42, 63])
    scores = np.sort(np.random.default_rng(0).standard_normal((8, 399)), axis=1)
    made = HorizonDistribution(grid, 0.0004 * grid, scores)
    for sessions in (*range(1, 64), *range(1, 64)):
        fresh = HorizonDistribution(grid, 0.0004 * grid, scores)
        assert made.probability_above(0.01, sessions) == fresh.probability_above(0.01, sessions)
    assert _ranked.cache_info().currsize <= _ranked.cache_info().maxsize == MOST_KEPT
