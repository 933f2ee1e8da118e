from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickgraph.options.black_scholes import forward_price, option_value, risk_neutral_probability

SPOTS = STRIKES = st.floats(1, 1e4)
YEARS = st.floats(1 / 365, 2)
VOLATILITIES = st.floats(0.01, 3)
RATES = st.floats(-0.05, 0.2)


def test_a_textbooks_option_has_the_textbooks_value():
    """Hull, "Options, Futures, and Other Derivatives", example 15.6."""
    value = option_value(np.array(["call", "put"]), 42.0, 40.0, 0.5, 0.2, 0.1)
    np.testing.assert_allclose(value, [4.76, 0.81], atol=0.005)


def test_a_dividend_yield_lowers_the_forward():
    """Hull, example 17.1: an index at 930 with 3 % a year in dividends."""
    assert option_value("call", 930.0, 900.0, 2 / 12, 0.2, 0.08, 0.03) == pytest.approx(51.83, abs=0.005)


@given(SPOTS, STRIKES, YEARS, VOLATILITIES, RATES, RATES)
def test_a_call_less_a_put_is_the_forward_less_the_strike(spot, strike, years, volatility, rate, dividends):
    call, put = option_value(np.array(["call", "put"]), spot, strike, years, volatility, rate, dividends)
    worth = np.exp(-rate * years) * (forward_price(spot, years, rate, dividends) - strike)
    assert call - put == pytest.approx(worth, abs=1e-9 * (spot + strike))


@given(SPOTS, STRIKES, YEARS, VOLATILITIES, RATES)
def test_the_probability_above_is_how_fast_a_call_falls_with_its_strike(
    spot, strike, years, volatility, rate
):
    step = 1e-4 * strike
    low, high = option_value("call", spot, np.array([strike - step, strike + step]), years, volatility, rate)
    above = risk_neutral_probability(spot, strike, years, volatility, rate)
    assert (low - high) / (2 * step) * np.exp(rate * years) == pytest.approx(float(above), abs=0.02)


@pytest.mark.parametrize(("years", "volatility"), [(0.0, 0.3), (0.5, 0.0), (0.0, 0.0)])
def test_without_time_or_volatility_an_option_is_worth_what_it_pays(years, volatility):
    strikes = np.array([90.0, 100.0, 110.0])
    np.testing.assert_allclose(option_value("call", 100.0, strikes, years, volatility), [10, 0, 0])
    np.testing.assert_allclose(option_value("put", 100.0, strikes, years, volatility), [0, 0, 10])


def test_all_parameters_are_broadcast():
    kinds, years = np.array(["call", "put"])[:, None, None], np.array([0.1, 0.5])[:, None]
    values = option_value(kinds, 100.0, np.array([90.0, 100.0, 110.0]), years, 0.3, 0.01, 0.02)
    assert values.shape == (2, 2, 3)
    assert values[1, 0, 2] == option_value("put", 100.0, 110.0, 0.1, 0.3, 0.01, 0.02)


def test_a_kind_that_is_neither_is_an_error():
    with pytest.raises(ValueError, match="'straddle'"):
        option_value(np.array(["call", "straddle"]), 100.0, 100.0, 1.0, 0.2)
