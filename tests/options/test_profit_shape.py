from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzzing import examples
from made_legs import CONDOR, leg, ongoing, position
from tickgraph.options.legs import Position
from tickgraph.options.profit_shape import ProfitShape

many = settings(deadline=None, max_examples=examples(60))


def shape(*legs, **more):
    return ProfitShape(Position.of_legs(legs, **more))


def test_an_iron_condor_breaks_even_twice_and_is_bounded():
    condor = shape(*CONDOR)
    np.testing.assert_allclose(condor.break_evens(), [118.3, 141.7])
    np.testing.assert_allclose(condor.ranges_above(0.0), [[118.3, 141.7]])
    assert (condor.least(), condor.most()) == pytest.approx((-330, 170))


def test_beyond_all_strikes_it_breaks_even_too():
    straddle = shape(leg("put", "buy", 130.0, 3.0), leg("call", "buy", 130.0, 4.0))
    np.testing.assert_allclose(straddle.ranges_above(0.0), [[0.0, 123.0], [137.0, np.inf]])
    far = shape(leg("call", "buy", 130.0, 500.0))
    np.testing.assert_allclose(far.break_evens(), [630.0])
    assert far.most() is None
    assert far.least() == pytest.approx(-50_000)


def test_what_is_sold_may_lose_without_a_bound():
    naked = shape(leg("call", "sell", 130.0, 4.0))
    assert naked.least() is None
    assert naked.most() == pytest.approx(400)
    short = shape(leg("stock", "sell", premium=130.0))
    assert short.least() is None
    assert short.most() == pytest.approx(13_000)
    np.testing.assert_allclose(short.break_evens(), [130.0])


def test_a_profit_of_nothing_is_no_profit():
    """A spread that costs nothing earns nothing below its strikes, and breaks even at the lower one."""
    free = shape(leg("call", "buy", 130.0, 1.1), leg("call", "sell", 140.0, 1.1))
    np.testing.assert_allclose(free.break_evens(), [130.0])
    np.testing.assert_allclose(free.ranges_above(0.0), [[130.0, np.inf]])
    nothing = shape(leg("call", "buy", 130.0, 1.1), leg("call", "sell", 130.0, 1.1))
    assert len(nothing.break_evens()) == 0
    assert (nothing.least(), nothing.most()) == (0.0, 0.0)


def test_a_level_that_is_touched_is_no_end_of_a_range():
    """A butterfly's tip turned down: at its strike it earns exactly its credit's rest, nothing."""
    touching = shape(leg("put", "buy", 130.0, 0.0), leg("call", "buy", 130.0, 0.0))
    np.testing.assert_allclose(touching.ranges_above(0.0), [[0.0, np.inf]])


def test_a_calendar_is_worth_most_at_its_strike():
    near, later = leg("call", "sell", 130.0, 3.0), leg("call", "buy", 130.0, 4.5)
    calendar = shape(near, later, years=np.array([0.0, 28 / 365]), volatility=np.full(2, 0.3))
    low, high = calendar.break_evens()
    assert low < 130 < high
    np.testing.assert_allclose(calendar.position.profit_at(np.array([low, high])), 0.0, atol=1e-5)
    assert calendar.most() == pytest.approx(float(calendar.position.profit_at(np.array(130.0))))
    assert calendar.least() == pytest.approx(-150, abs=1e-6)


@many
@given(ongoing(), st.floats(-500, 500))
def test_the_profit_exceeds_the_level_within_the_ranges_alone(drawn, level):
    """Tried at prices of a grid that is not the shape's, but for those at which rounding decides."""
    held = position(drawn)
    ranges = ProfitShape(held).ranges_above(level)
    prices = np.linspace(0.5, 400.0, 997)
    over = held.profit_at(prices) - level
    inside = ((prices[:, None] > ranges[:, 0]) & (prices[:, None] < ranges[:, 1])).any(axis=1)
    clear = np.abs(over) > 1e-3
    np.testing.assert_array_equal(inside[clear], over[clear] > 0)


@many
@given(ongoing())
def test_no_profit_is_beyond_the_bounds(drawn):
    held = position(drawn)
    shape = ProfitShape(held)
    profits = held.profit_at(np.linspace(0.0, 400.0, 997))
    slope = held.last_slope
    assert (shape.least() is None, shape.most() is None) == (slope < 0, slope > 0)
    near = 1e-6 + 1e-8 * np.abs(profits).max()  # an extreme before the expiry is searched for
    assert shape.least() is None or profits.min() >= shape.least() - near
    assert shape.most() is None or profits.max() <= shape.most() + near
