import numpy as np
import pytest

from benchmarks.ranking.scores import random_scores, score


def both(forecast, returns, scored=None):
    forecast, returns = np.atleast_2d(forecast).astype(float), np.atleast_2d(returns).astype(float)
    scored = np.ones(forecast.shape, bool) if scored is None else np.atleast_2d(scored)
    return score(forecast, returns, scored)


def test_ic_is_the_mean_over_days_of_pearsons_correlation():
    reached = both([[1, 2, 3], [1, 2, 3]], [[1, 2, 4], [3, 2, 0]])
    a, b = np.corrcoef([1, 2, 3], [1, 2, 4])[0, 1], np.corrcoef([1, 2, 3], [3, 2, 0])[0, 1]
    np.testing.assert_allclose(reached.daily_ic, [a, b])
    assert reached.ic == pytest.approx((a + b) / 2)
    assert reached.icir == pytest.approx((a + b) / 2 / (abs(a - b) / 2))  # deviation of n, not n - 1


def test_masked_stocks_do_not_count_whatever_they_hold():
    scored = np.tile([True] * 12 + [False] * 2, (2, 1))
    forecast = np.tile(np.r_[np.arange(12.0), np.nan, 1e9], (2, 1))
    returns = np.outer([1, 2], np.r_[np.linspace(-0.02, 0.03, 12) ** 3, -1.0, np.nan])
    masked = both(forecast, returns, scored)
    alone = both(forecast[:, :12], returns[:, :12])
    assert masked.ic == pytest.approx(alone.ic)
    assert masked.precision == alone.precision
    assert masked.sharpe == pytest.approx(alone.sharpe)


def test_precision_is_of_the_ten_highest_and_zero_is_not_negative():
    returns = np.r_[np.full(6, -0.01), np.zeros(1), np.full(3, 0.01), 0.5, 0.5]
    forecast = np.r_[np.arange(10, 0, -1.0), 0.0, -1.0]  # the two best returns are forecast lowest
    assert both(forecast, returns).precision == pytest.approx(4 / 10)


def test_sharpe_is_of_the_five_highest_and_by_the_year():
    forecast = np.tile(np.arange(12, 0, -1.0), (2, 1))
    returns = np.zeros((2, 12))
    returns[0, :5], returns[1, :5] = 0.03, [0.01, 0.02, 0.0, 0.01, 0.01]
    returns[:, 5] = 9
    reached = both(forecast, returns)
    assert reached.sharpe == pytest.approx(0.02 / 0.01 * 15.87)


def test_of_equal_forecasts_the_first_is_taken():
    forecast = np.r_[np.ones(4), np.zeros(12)]
    returns = np.r_[np.zeros(4), np.ones(6), -np.ones(6)]
    reached = both(forecast, returns)
    assert reached.precision == 1


@pytest.mark.parametrize("value", [0.0, 0.1, 1e9])
def test_a_constant_forecast_ranks_nothing(value):
    """0.1 three times has a mean of 0.10000000000000002: its rounding is no forecast."""
    returns = np.random.default_rng(0).standard_normal((4, 13))
    reached = both(np.full((4, 13), value), returns)
    for column in ("ic", "icir", "precision", "sharpe"):
        assert np.isnan(getattr(reached, column))


def test_days_without_a_ranking_are_in_no_mean():
    generator = np.random.default_rng(1)
    forecast, returns = generator.standard_normal((2, 3, 15))
    forecast[1] = 0.1
    reached, without = both(forecast, returns), both(forecast[[0, 2]], returns[[0, 2]])
    assert np.isnan(reached.daily_ic[1])
    for column in ("ic", "icir", "precision", "sharpe"):
        assert getattr(reached, column) == pytest.approx(getattr(without, column))


def test_with_fewer_than_ten_stocks_there_is_an_ic_and_no_portfolio():
    generator = np.random.default_rng(2)
    reached = both(*generator.standard_normal((2, 3, 9)))
    assert np.isfinite(reached.daily_ic).all()
    assert np.isnan([reached.precision, reached.sharpe]).all()


def test_a_forecast_that_is_not_finite_is_not_scored():
    with pytest.raises(FloatingPointError):
        both([1.0, np.nan, 2.0], [0, 0, 1])


def test_random_forecasts_have_no_ic_and_the_spread_of_their_stocks():
    returns = np.random.default_rng(3).standard_normal((30, 50))
    drawn = random_scores(returns, np.ones((30, 50), bool), 200, seed=1)
    assert len(drawn["ic"]) == 200
    assert abs(drawn["ic"].mean()) < 0.01
    assert drawn["ic"].std() == pytest.approx(1 / np.sqrt(30 * 49), rel=0.2)
    assert drawn["precision"].mean() == pytest.approx((returns >= 0).mean(), abs=0.02)
    np.testing.assert_array_equal(
        drawn["sharpe"], random_scores(returns, np.ones((30, 50), bool), 200, seed=1)["sharpe"]
    )
