from __future__ import annotations

import math

import numpy as np
import pytest

from tickgraph.model.volatility import STILL, UNFITTED, WINDOW, fit_volatility, forecast_volatility


@pytest.fixture(scope="module")
def returns(panel):
    """Six banks and brokers and five others, 2014 to 2022."""
    names = ("JPM", "BAC", "GS", "MS", "WFC", "C", "AAPL", "MSFT", "XOM", "CVX", "KO")
    return panel.select([name for name in names if name in panel.symbols]).log_returns()


def test_moves_of_one_size_are_forecast_to_go_on():
    """|r| = 1 % each day: six averages of 1 %, and a normal of that mean move has 1.2533 times the deviation."""
    same = np.full((80, 3), 0.01) * np.tile([[1.0], [-1.0]], (40, 1))
    forecast = forecast_volatility(same, UNFITTED)
    assert np.isnan(forecast[: WINDOW - 1]).all()
    np.testing.assert_allclose(forecast[WINDOW - 1 :], 0.01 * math.sqrt(math.pi / 2))


def test_averages_weigh_a_session_by_its_age_and_the_others_apart_from_the_own():
    """One move of 6 %, ten sessions ago, among moves of 1 %."""
    moves = np.full((WINDOW, 3), 0.01)
    moves[-11, 1] = 0.06
    total = (1 - 0.8**60) / 0.2
    short = 0.01 + 0.05 * 0.8**10 / total
    own_short = np.array([0.0, 1.0, 0, 0, 0, 0, 0])
    assert forecast_volatility(moves, own_short)[-1] == pytest.approx([0.01, short, 0.01])
    others_long = np.array([0.0, 0, 0, 0, 0, 0, 1.0])
    assert forecast_volatility(moves, others_long)[-1] == pytest.approx(
        [0.01 + 0.025 / 60, 0.01, 0.01 + 0.025 / 60]
    )


def test_nothing_is_forecast_from_what_came_later(returns):
    cut = 1500
    corrupt = returns.copy()
    corrupt[cut + 1 :] = np.random.default_rng(0).normal(0, 1, corrupt[cut + 1 :].shape)
    coefficients = fit_volatility(returns[: cut + 1])
    np.testing.assert_array_equal(coefficients, fit_volatility(corrupt[: cut + 1]))
    real, other = (forecast_volatility(values, coefficients) for values in (returns, corrupt))
    np.testing.assert_allclose(real[: cut + 1], other[: cut + 1], rtol=1e-12)
    assert (real[cut + 1 :] != other[cut + 1 :]).any()
    np.testing.assert_allclose(
        forecast_volatility(returns[cut - WINDOW + 1 : cut + 1], coefficients)[-1], real[cut], rtol=1e-12
    )


def test_returns_twice_as_large_have_twice_the_volatility(returns):
    """No level is built in: the weights sum to one."""
    coefficients = fit_volatility(returns[:1000])
    assert coefficients[1:].sum() == pytest.approx(1)
    once, twice = (forecast_volatility(scale * returns, coefficients)[1000:] for scale in (1, 2))
    np.testing.assert_allclose(twice, 2 * once, rtol=1e-6)


def test_the_forecast_beats_trailing_deviations_on_sessions_it_was_not_fitted_on(returns):
    """By QLIKE on absolute returns, in calm years, in 2020 and in 2022."""
    coefficients = fit_volatility(returns[:1000])
    following = np.abs(returns[1:])
    ours = forecast_volatility(returns, coefficients)[:-1] / math.sqrt(math.pi / 2)
    for window in (20, 60):
        windows = np.lib.stride_tricks.sliding_window_view(returns, window, axis=0)
        trailing = np.full_like(ours, np.nan)
        trailing[window - 1 :] = windows[:-1].std(axis=-1, ddof=1) / math.sqrt(math.pi / 2)
        for rows in (slice(1000, 1500), slice(1510, 1762), slice(2014, None)):

            def qlike(forecast, rows=rows):
                return (np.log(forecast[rows]) + following[rows] / forecast[rows]).mean()

            assert qlike(ours) < qlike(trailing)


def test_a_price_that_stands_still_has_no_volatility(returns):
    still = returns[:200].copy()
    still[-STILL:, 0] = 0.0
    forecast = forecast_volatility(still, UNFITTED)
    assert forecast[-1, 0] == 0
    assert (forecast[-1, 1:] > 0).all()
    assert forecast[-2, 0] > 0


def test_a_gap_is_bridged_and_a_missing_return_forecasts_nothing(returns):
    gap = returns[:200].copy()
    gap[150:160, 0] = np.nan
    forecast = forecast_volatility(gap, UNFITTED)
    assert np.isnan(forecast[150:160, 0]).all()
    whole = forecast_volatility(returns[:200], UNFITTED)
    assert forecast[-1, 0] == pytest.approx(whole[-1, 0], rel=0.2)
    np.testing.assert_allclose(forecast[149], whole[149], rtol=1e-12)
    gap[: -STILL + 1, 1] = np.nan  # 19 returns are left
    assert np.isnan(forecast_volatility(gap, UNFITTED)[-1, 1])


def test_a_peer_that_is_not_listed_yet_has_no_say(returns):
    """A column without any return changes nothing."""
    coefficients = fit_volatility(returns[:500])
    unlisted = np.column_stack([returns[:500], np.full(500, np.nan)])
    np.testing.assert_allclose(fit_volatility(unlisted), coefficients, rtol=1e-9)
    np.testing.assert_allclose(
        forecast_volatility(unlisted, coefficients)[:, :-1],
        forecast_volatility(returns[:500], coefficients),
        rtol=1e-12,
    )


def test_a_symbol_without_peers_and_one_with_little_history(returns):
    alone = fit_volatility(returns[:1000, :1])
    assert np.isfinite(alone).all()
    assert forecast_volatility(returns[:1000, :1], alone)[-1, 0] == pytest.approx(
        forecast_volatility(returns[:1000], fit_volatility(returns[:1000]))[-1, 0], rel=0.5
    )
    np.testing.assert_array_equal(fit_volatility(returns[:90, :1]), UNFITTED)  # 30 moves
    np.testing.assert_array_equal(fit_volatility(returns[:30]), UNFITTED)
    assert np.isnan(forecast_volatility(returns[:30], UNFITTED)).all()


@pytest.mark.parametrize(("first", "last"), [(150, 210), (0, 336), (50, 250), (0, 400)])
def test_a_symbol_that_stands_still_among_the_others_changes_little_of_the_fit(first, last):
    """Its averages are at their floor, and weights of any size would fit them."""
    stuck = np.random.default_rng(0).normal(0, 0.01, (400, 4))
    stuck[first:last, 1] = 0.0
    forecast = forecast_volatility(stuck, fit_volatility(stuck))[59:]
    assert ((forecast[:, [0, 2, 3]] > 0.004) & (forecast[:, [0, 2, 3]] < 0.02)).all(), "0.01 is true"
    assert forecast.max() < 0.02
