from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import ndtri

from fuzzing import examples
from tickgraph.errors import InputError
from tickgraph.model.horizon_distribution import HorizonDistribution
from tickgraph.options.touch import TYPICAL_GAP, TouchDistribution, gap_shares

GRID = np.array([1, 2, 3, 5, 10, 21, 42, 63])
many = settings(deadline=None, max_examples=examples(60))
NOISE = 1e-12


def contradicting(seed, count, drag, gap):
    """Forecasts and dividends that contradict each other, and a share of any size."""
    rng = np.random.default_rng(seed)
    ahead = np.sort(rng.choice(np.arange(2, 64), rng.integers(0, 8), replace=False))
    horizons = np.array([1, *ahead])
    scores = np.sort(
        rng.normal(rng.uniform(-1, 1), rng.uniform(0.1, 3), (len(horizons), count)).round(1), axis=1
    )
    paid = None
    if drag == "ex-dates":
        paid = np.cumsum(rng.uniform(0, 0.05, 63) * (rng.random(63) < 0.05))
    elif drag == "yield":
        paid = rng.uniform(0, 0.002) * np.arange(1, 64)
    variances = 10 ** rng.uniform(-6, -1, len(horizons))
    return TouchDistribution(
        HorizonDistribution(horizons, variances, scores, rng.uniform(-0.05, 0.05), paid), gap
    )


touches = st.builds(
    contradicting,
    st.integers(0, 10_000),
    st.integers(2, 30),
    st.sampled_from(["none", "ex-dates", "yield"]),
    st.floats(0, 0.6),
)
levels = arrays(float, 20, elements=st.floats(-2, 2))


def brownian(volatility=0.02, gap=0.0):
    """Normal returns, a price that never jumps."""
    scores = ndtri(np.arange(1, 2000) / 2000)
    return TouchDistribution(
        HorizonDistribution(GRID, volatility**2 * GRID, np.tile(scores, (len(GRID), 1))), gap
    )


@many
@given(touches, levels)
def test_a_touch_is_at_least_as_likely_as_an_end_beyond_at_every_session_up_to_then(touch, level):
    ahead = np.arange(1, touch.distribution.longest + 1)[:, None]
    above = touch.distribution.probability_above(level, ahead)
    ends = np.where(level > 0, above, 1 - above)
    touched = touch.probability_touched(level, ahead)
    best = np.maximum.accumulate(ends)
    assert (touched >= np.where(level == 0, 0, best) - NOISE).all()
    assert (touched > 0).all()
    assert (touched <= 1).all()


@many
@given(touches, levels)
def test_a_touch_never_becomes_less_likely_with_sessions(touch, level):
    ahead = np.arange(1, touch.distribution.longest + 1)[:, None]
    assert (np.diff(touch.probability_touched(level, ahead), axis=0) >= -NOISE).all()


@many
@given(touches, levels, st.integers(1, 63))
def test_a_touch_becomes_less_likely_with_the_distance_of_the_level(touch, level, sessions):
    ahead = min(sessions, touch.distribution.longest)
    for side in (1, -1):
        touched = touch.probability_touched(side * np.sort(np.abs(level)), ahead)
        assert (np.diff(touched) <= NOISE).all()


@many
@given(touches, levels, arrays(int, 20, elements=st.integers(1, 63)))
def test_many_levels_at_once_are_the_same_as_one_by_one(touch, level, sessions):
    ahead = np.minimum(sessions, touch.distribution.longest)
    at_once = touch.probability_touched(level, ahead)
    for cell in range(0, len(ahead), 4):
        one = touch.probability_touched(float(level[cell]), int(ahead[cell]))
        assert one.shape == ()
        assert at_once[cell] == pytest.approx(float(one), abs=NOISE)


def test_of_a_price_that_moves_evenly_and_never_jumps_it_is_the_reflection_principle():
    touch = brownian()
    level = np.array([0.01, 0.05, 0.1, -0.01, -0.05, -0.1])
    for sessions in (1, 5, 21, 63):
        above = touch.distribution.probability_above(np.abs(level), sessions)
        np.testing.assert_allclose(touch.probability_touched(level, sessions), 2 * above, rtol=2e-3)


def test_a_level_at_the_price_is_touched_already_and_the_next_one_with_the_share_of_sessions_that_get_there():
    touch = brownian(gap=0.16)
    assert touch.probability_touched(0.0, 5) == 1.0
    near = touch.probability_touched(np.array([1e-9, -1e-9]), np.array([[1], [4]]))
    np.testing.assert_allclose(near, [[0.84, 0.84], [0.92, 0.92]], atol=1e-3)
    far = touch.probability_touched(0.06, 1), brownian().probability_touched(0.06, 1)
    assert far[0] == pytest.approx(float(far[1]), rel=0.01)


def test_where_rises_are_likelier_than_falls_a_touch_above_is_less_than_twice_as_likely_as_an_end():
    even = brownian().distribution
    skewed = replace(even, scores=even.scores + 0.2)  # 58 of 100 closes lie above
    touch = TouchDistribution(skewed, 0.0)
    rise = float(skewed.probability_above(0.0, 21))
    assert rise == pytest.approx(0.58, abs=0.01)
    for level, chance in ((0.1, rise), (-0.1, 1 - rise)):
        above = skewed.probability_above(np.array([level, level / 20]), 21)
        far, near = above if level > 0 else 1 - above
        # A near level is touched early, and the rest of the way tilts as the whole does; a far one is touched late.
        assert touch.probability_touched(level / 20, 21) == pytest.approx(near / chance, rel=0.015)
        tilted = sorted([far / chance, 2 * far])
        assert tilted[0] * 1.01 < touch.probability_touched(level, 21) < tilted[1] / 1.01


def test_dividends_make_a_touch_below_likelier_and_leave_what_was_touched_before_they_went_ex():
    even = brownian().distribution
    paid = np.where(np.arange(1, 64) >= 10, 0.03, 0.0)
    touch, without = TouchDistribution(replace(even, drag=paid)), TouchDistribution(even)
    for sessions, equal in ((9, True), (10, False)):
        same = touch.probability_touched(-0.05, sessions) == pytest.approx(
            float(without.probability_touched(-0.05, sessions))
        )
        assert same == equal
    above = [float(touch.probability_touched(0.05, sessions)) for sessions in (9, 10, 63)]  # one by one
    assert above[0] <= above[1] == pytest.approx(above[0], rel=0.05)
    assert above[2] < without.probability_touched(0.05, 63)


def test_sessions_beyond_the_longest_horizon_are_refused():
    with pytest.raises(InputError, match="sessions must be 1 to 63, got 64"):
        brownian().probability_touched(0.1, 64)
    assert brownian().probability_touched(np.array([]), 5).shape == (0,)


def test_the_share_of_sessions_that_miss_the_former_close_is_counted_from_highs_and_lows(panel):
    shares = gap_shares(panel, ["AAPL", "XOM"])
    for symbol, share in zip(["AAPL", "XOM"], shares, strict=True):
        own = panel.select([symbol]).tail(251)
        before = own.close[:-1]
        counted = ((own.high[1:] <= before).mean() + (own.low[1:] >= before).mean()) / 2
        assert share == pytest.approx(counted, abs=0.002)  # but for bars that cannot be
        assert 0.1 < share < 0.25


def test_without_highs_and_lows_the_share_is_the_typical_one(panel):
    few = panel.tail(200)
    closes = replace(panel, high=panel.close * np.nan)
    assert gap_shares(few, ["AAPL", "XOM"]).tolist() == [TYPICAL_GAP] * 2
    assert gap_shares(closes, ["AAPL"]).tolist() == [TYPICAL_GAP]


def test_touches_of_the_samples_prices_come_as_often_as_the_reflection_of_their_own_moves_says(panel):
    """Moves of 21 sessions of 40 symbols in units of their volatility, and their own distribution."""
    own = panel.select([s for s in panel.symbols if np.isfinite(panel.close[:, panel.column(s)]).all()])
    factor = own.adj_close / own.close
    close, high, low = np.log(own.adj_close), np.log(own.high * factor), np.log(own.low * factor)
    returns = np.diff(close, axis=0)
    starts = np.arange(60, len(close) - 21, 5)
    ends, tops, bottoms = [], [], []
    for t in starts:
        unit = returns[t - 60 : t].std(axis=0) * np.sqrt(21)
        ends.append((close[t + 21] - close[t]) / unit)
        tops.append((high[t + 1 : t + 22].max(axis=0) - close[t]) / unit)
        bottoms.append((low[t + 1 : t + 22].min(axis=0) - close[t]) / unit)
    scores = np.quantile(np.concatenate(ends), np.arange(1, 400) / 400)
    touch = TouchDistribution(
        HorizonDistribution(np.array([1, 21]), np.array([1.0, 1.0]), np.tile(scores, (2, 1)))
    )
    level = np.array([0.25, 0.5, 1.0, 1.5])
    up = [(np.concatenate(tops) >= x).mean() for x in level]
    down = [(np.concatenate(bottoms) <= -x).mean() for x in level]
    # Prices rose: what a year of rises adds above, it takes off below.
    came = (np.array(up) + down) / 2
    said = (touch.probability_touched(level, 21) + touch.probability_touched(-level, 21)) / 2
    np.testing.assert_allclose(said, came, atol=0.02)
