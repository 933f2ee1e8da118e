from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzzing import examples
from made_outlooks import horizons
from tickgraph.model.horizon_distribution import HorizonDistribution
from tickgraph.options.terminal_price import TerminalPrice

LEVELS = np.linspace(0.4, 2.0, 161)


@st.composite
def terminals(draw):
    """Of any scores, some of them equal, some all on one side."""
    scores = sorted(draw(st.lists(st.floats(-5, 5), min_size=2, max_size=40)))
    variance, centre = draw(st.floats(0, 0.1)), draw(st.floats(-0.1, 0.1))
    made = HorizonDistribution(np.array([1]), np.array([variance]), np.array([scores]), centre)
    return TerminalPrice.of(made, 1)


@pytest.fixture(scope="module")
def quarter():
    return horizons(drag=np.linspace(0, 0.02, 63))


def drawn(distribution, sessions, count=400_000):
    """Prices at evenly spread probabilities."""
    return np.exp(distribution.quantile((np.arange(count) + 0.5) / count, sessions))


@pytest.mark.parametrize("sessions", [1, 4, 21, 63])
def test_a_put_pays_what_it_pays_on_average_over_the_quantiles(quarter, sessions):
    """At every level up to the highest rank; above it the tails differ."""
    made, prices = TerminalPrice.of(quarter, sessions), drawn(quarter, sessions)
    levels = np.exp(np.linspace(4 * made.returns[0], made.returns[-1], 30))
    _, puts = made.call_and_put(levels)
    for level, put in zip(levels, puts, strict=True):
        assert put == pytest.approx(np.maximum(level - prices, 0).mean(), abs=2e-6)


def test_a_call_spread_within_the_ranks_pays_what_it_pays_on_average_over_the_quantiles(quarter):
    prices = drawn(quarter, 21)
    calls, _ = TerminalPrice.of(quarter, 21).call_and_put(np.array([1.0, 1.1, 1.15]))
    paid = [np.maximum(prices - level, 0).mean() for level in (1.0, 1.1, 1.15)]
    assert np.diff(calls) == pytest.approx(np.diff(paid), abs=2e-6)


def test_above_the_highest_rank_the_rise_has_the_tail_of_the_cubic_law(quarter):
    made = TerminalPrice.of(quarter, 21)
    top, scale = np.exp(made.returns[-1] - made.centre) - 1, np.exp(made.centre)
    rises = top * (made.share / ((np.arange(2_000_000) + 0.5) / 2e6 * made.share)) ** (
        1 / 3
    )  # inverse of c (y_P / y)^3
    for times in (1.0, 1.3, 2.0):
        level = scale * (1 + times * top)
        (call,), _ = made.call_and_put(np.array([level]))
        assert call == pytest.approx(made.share * np.maximum(scale * (1 + rises) - level, 0).mean(), rel=0.01)


@given(terminals())
@settings(max_examples=examples(100))
def test_a_call_less_a_put_is_the_mean_less_the_level(made):
    calls, puts = made.call_and_put(LEVELS)
    np.testing.assert_allclose(calls - puts, made.mean - LEVELS, atol=1e-9 * made.mean)


@given(terminals())
@settings(max_examples=examples(100))
def test_calls_fall_and_puts_rise_with_their_level_and_both_are_convex(made):
    calls, puts = made.call_and_put(LEVELS)
    rounding = 1e-12 * max(made.mean, 1.0)
    for falling in (calls, -puts):
        assert (np.diff(falling) <= rounding).all()
        assert (np.diff(falling) >= -np.diff(LEVELS) - rounding).all()  # by no more than the level itself
    assert (np.diff(calls, 2) >= -10 * rounding).all()
    assert (calls >= 0).all()
    assert (puts >= 0).all()


@given(terminals())
@settings(max_examples=examples(50))
def test_a_call_falls_with_its_level_as_fast_as_the_close_is_likely_to_be_above(made):
    """C'(k) = -P(S > k), within the ranks."""
    low, high = np.exp(made.returns[[0, -1]])
    levels = np.linspace(low, high, 9)[1:-1]
    step = 1e-7
    if high - low < 0.01:
        return
    calls = [made.call_and_put(levels + sign * step)[0] for sign in (1, -1)]
    above = 1 - np.interp(
        np.log(levels), made.returns, np.arange(1, len(made.returns) + 1) * made.share
    )  # jumps where ranks are equal
    rise = (calls[1] - calls[0]) / (2 * step)
    near = np.abs(np.subtract.outer(np.log(levels), made.returns)).min(axis=1) < 2 * step
    np.testing.assert_allclose(rise[~near], above[~near], atol=1e-6)


def test_without_variance_an_option_pays_what_it_pays_at_the_centre():
    still = TerminalPrice.of(horizons(volatility=0.0, centre=0.01), 21)
    calls, puts = still.call_and_put(np.array([0.9, 1.1]))
    np.testing.assert_allclose(calls, [np.exp(0.01) - 0.9, 0], atol=1e-12)
    np.testing.assert_allclose(puts, [0, 1.1 - np.exp(0.01)], atol=1e-12)
    assert still.mean == pytest.approx(np.exp(0.01))


@given(terminals())
@settings(deadline=None, max_examples=examples(50))
def test_points_are_the_distribution(made):
    """Their mean is that of the price, and what they pay is what options pay, but for the steps between them."""
    prices, weights = made.points()
    assert weights.sum() == pytest.approx(1.0)
    assert (weights >= 0).all()
    assert (np.diff(prices) >= -1e-12 * prices[1:]).all()
    steps = np.diff(np.exp(made.returns)).max(initial=0.0) + np.abs(np.exp(made.returns[[0, -1]]) - 1).sum()
    assert weights @ prices == pytest.approx(made.mean, abs=0.05 * steps + 1e-12)


@pytest.mark.parametrize("sessions", [1, 21, 63])
def test_points_pay_what_options_pay(quarter, sessions):
    made = TerminalPrice.of(quarter, sessions)
    prices, weights = made.points()
    levels = np.linspace(0.5, 1.8, 40)
    calls, puts = made.call_and_put(levels)
    np.testing.assert_allclose(np.maximum(prices - levels[:, None], 0) @ weights, calls, atol=1e-4)
    np.testing.assert_allclose(np.maximum(levels[:, None] - prices, 0) @ weights, puts, atol=1e-4)
