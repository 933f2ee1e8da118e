from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from vollib.black_scholes_merton.implied_volatility import implied_volatility as vollibs

from tickgraph.options.black_scholes import option_value
from tickgraph.options.implied_volatility import implied_volatility

STRIKES = np.tile(np.linspace(80.0, 180.0, 51), 4)
YEARS = np.repeat(np.array([2, 13, 45, 91]) / 365, 51)
CALLS = STRIKES >= 130.0


@pytest.mark.parametrize(("rate", "dividends"), [(0.0, 0.0), (0.045, 0.01), (-0.01, 0.03)])
def test_it_is_that_of_vollib(rate, dividends):
    kinds = np.where(CALLS, "call", "put")
    prices = option_value(kinds, 130.0, STRIKES, YEARS, 0.2 + 0.002 * np.abs(STRIKES - 130), rate, dividends)
    quoted = np.flatnonzero(prices > 0.005)
    found = implied_volatility(prices, CALLS, 130.0, STRIKES, YEARS, rate, dividends)
    assert len(quoted) > 100
    for cell in quoted:
        flag = "c" if CALLS[cell] else "p"
        theirs = vollibs(prices[cell], 130.0, STRIKES[cell], YEARS[cell], rate, dividends, flag)
        assert found[cell] == pytest.approx(theirs, abs=1e-10)


@given(st.floats(0.02, 3), st.floats(0.5, 2), st.floats(1 / 365, 1), st.booleans())
def test_an_option_at_it_costs_its_price(volatility, moneyness, years, is_call):
    kind, strike = "call" if is_call else "put", 100.0 * moneyness
    price = option_value(kind, 100.0, strike, years, volatility, 0.03, 0.01)
    cells = [np.array([each]) for each in (price, is_call, strike, years)]
    (found,) = implied_volatility(cells[0], cells[1], 100.0, cells[2], cells[3], 0.03, 0.01)
    intrinsic = option_value(kind, 100.0, strike, years, 0.0, 0.03, 0.01)
    if price - intrinsic > 1e-8:
        assert option_value(kind, 100.0, strike, years, found, 0.03, 0.01) == pytest.approx(
            float(price), abs=1e-9
        )


@pytest.mark.parametrize(
    ("price", "is_call", "strike"),
    [
        (9.9, True, 90.0),
        (10.0, True, 90.0),
        (100.0, True, 110.0),
        (150.0, True, 110.0),
        (110.0, False, 110.0),
        (9.0, False, 110.0),
    ],
)
def test_a_price_below_what_it_pays_or_above_what_it_is_on_has_none(price, is_call, strike):
    found = implied_volatility(
        np.array([price]), np.array([is_call]), 100.0, np.array([strike]), np.array([0.1])
    )
    assert np.isnan(found).all()
