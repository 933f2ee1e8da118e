from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tickgraph.market.calendar import sessions
from tickgraph.market.panel import PANEL_COLUMNS, PricePanel
from tickgraph.market.range_variance import range_variance, sound_range, usable_range

DAYS = sessions("2022-06-01", "2022-12-30")


def two_days(**second):
    """A session that closed at 100, and one with these prices; dividends may lie between them."""
    bars = [
        dict.fromkeys(PANEL_COLUMNS, 100.0),
        {"open": 101, "high": 104, "low": 99, "close": 102, "adj_close": 102, "volume": 1} | second,
    ]
    grids = {name: np.array([[float(bar[name])] for bar in bars]) for name in PANEL_COLUMNS}
    return PricePanel(DAYS[:2], ("A",), source="made", **grids)


def test_it_is_the_overnight_return_squared_and_garman_and_klass():
    day = 0.5 * np.log(104 / 99) ** 2 - (2 * np.log(2) - 1) * np.log(102 / 101) ** 2
    assert range_variance(two_days())[1, 0] == pytest.approx(np.log(101 / 100) ** 2 + day)
    assert usable_range(two_days()).tolist() == [[False], [True]]


def test_a_dividend_is_no_move_overnight():
    """The close before was 100, and 2 went ex: adjusted it was 98, at which the session opened."""
    panel = two_days(open=98, high=99, low=97, close=98, adj_close=98)
    panel = dataclasses.replace(panel, adj_close=np.array([[98.0], [98.0]]))
    assert range_variance(panel)[1, 0] == pytest.approx(0.5 * np.log(99 / 97) ** 2)
    later = dataclasses.replace(panel, adj_close=panel.adj_close * 0.9)  # more dividends since change nothing
    np.testing.assert_allclose(range_variance(later), range_variance(panel))


@pytest.mark.parametrize(
    "second",
    [
        {"open": np.nan},
        {"high": np.nan},
        {"low": np.nan},
        {"open": 0},
        {"low": -1},
        {"high": np.inf},
        {"open": 102, "high": 102, "low": 102},  # one trade
        {"high": 101.5},  # the close lies above
        {"low": 101.5},  # the open lies below
        {"high": 98, "low": 104},
        {"high": 160},  # half as much again as both closes
        {"low": 66},
        {"open": 160, "high": 160},
    ],
    ids=str,
)
def test_a_range_that_cannot_be_leaves_the_squared_return(second):
    panel = two_days(**second)
    assert not usable_range(panel).any()
    assert range_variance(panel)[1, 0] == pytest.approx(np.log(1.02) ** 2)


def test_a_halted_day_has_no_variance():
    panel = two_days(**dict.fromkeys(("open", "high", "low", "close", "adj_close"), 100), volume=0)
    assert range_variance(panel)[1, 0] == 0


def test_a_close_that_rounding_put_outside_counts_as_the_end_of_the_range():
    panel = two_days(high=101.8)
    assert usable_range(panel)[1, 0]
    day = 0.5 * np.log(102 / 99) ** 2 - (2 * np.log(2) - 1) * np.log(102 / 101) ** 2
    assert range_variance(panel)[1, 0] == pytest.approx(np.log(101 / 100) ** 2 + day)


def test_a_fall_that_stayed_is_believed():
    panel = two_days(open=52, high=55, low=49, close=50, adj_close=50)
    assert usable_range(panel)[1, 0]


def test_without_a_return_there_is_no_variance(panel):
    variance, returns = range_variance(panel), panel.log_returns()
    np.testing.assert_array_equal(np.isnan(variance), np.isnan(returns))
    assert not usable_range(panel)[np.isnan(returns)].any()
    known = np.isfinite(returns)
    assert (~usable_range(panel) & known).sum() == 1  # AMD traded at one price on 2015-12-31
    assert 0.9 < (returns[known] ** 2).sum() / variance[known].sum() < 1.1


def test_closes_alone_give_squared_returns(panel):
    small = panel.tail(50)
    closes = PricePanel(
        small.sessions, small.symbols, small.close, small.adj_close, small.volume, small.source
    )
    np.testing.assert_allclose(range_variance(closes), small.log_returns() ** 2, rtol=1e-9)
    assert not usable_range(closes).any()


def test_it_is_several_times_as_exact_as_the_squared_return():
    """Sessions of a random walk whose variance is known: the mean is right, the error a fifth."""
    steps, deviation = 500, 0.02 / np.sqrt(500)
    moves = np.random.default_rng(0).normal(0, deviation, (len(DAYS), 40, steps))
    path = np.exp(np.cumsum(moves, axis=2))
    opened = np.vstack([np.ones((1, 40)), np.cumprod(path[:-1, :, -1], axis=0)])  # [T, S], the last close
    close = opened * path[:, :, -1]
    high, low = (opened * each(path, axis=2) for each in (np.max, np.min))
    high, low = np.maximum(high, opened), np.minimum(low, opened)
    names = tuple(f"S{number}" for number in range(40))
    walk = PricePanel(DAYS, names, close, close, close, "made", open=opened, high=high, low=low)
    variance, squared = range_variance(walk)[1:] / 0.02**2, walk.log_returns()[1:] ** 2 / 0.02**2
    assert variance.mean() == pytest.approx(0.91, abs=0.02)  # 500 steps hide 9 % of the range
    assert ((squared - 1) ** 2).mean() > 5 * ((variance - 1) ** 2).mean()


PRICES = arrays(np.float64, (8, 2), elements=st.one_of(st.floats(50, 200), st.sampled_from([0, -1, np.nan])))


@settings(deadline=None)
@given(st.fixed_dictionaries(dict.fromkeys(PANEL_COLUMNS, PRICES)), st.integers(0, 7), st.floats(1e-3, 1e3))
def test_it_is_never_negative_keeps_to_its_session_and_has_no_unit(grids, cut, unit):
    panel = PricePanel(DAYS[:8], ("A", "B"), source="made", **grids)
    variance = range_variance(panel)
    assert (variance[np.isfinite(variance)] >= 0).all()
    scaled = dataclasses.replace(panel, **{name: values * unit for name, values in grids.items()})
    np.testing.assert_allclose(range_variance(scaled), variance, rtol=1e-6, atol=1e-12)
    corrupt = {name: np.where(np.arange(8)[:, None] > cut, 77.0, values) for name, values in grids.items()}
    seen = range_variance(dataclasses.replace(panel, **corrupt))
    np.testing.assert_array_equal(seen[: cut + 1], variance[: cut + 1])


def test_bars_are_judged_as_panels_are(panel):
    small = panel.tail(300)
    factor = small.adj_close / small.close
    before = np.vstack([np.full((1, 42), np.nan), small.adj_close[:-1]]) / factor
    judged = sound_range(small.open, small.high, small.low, small.close, before)
    np.testing.assert_array_equal(judged[1:], usable_range(small)[1:])
    assert judged[0].all()
