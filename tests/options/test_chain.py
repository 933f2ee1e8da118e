from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzzing import examples
from made_outlooks import horizons
from tickgraph.errors import InputError
from tickgraph.options.black_scholes import option_value, risk_neutral_probability
from tickgraph.options.chain import ChainQuestion, chain_rows, read_centre
from tickgraph.options.quotes import Quotes, grid
from tickgraph.options.touch import TouchDistribution

AS_OF = np.datetime64("2022-12-30")
STRIKES = [90.0, 100.0, 110.0, 120.0, 130.0, 140.0, 150.0, 170.0]
DRAG = np.where(np.arange(1, 64) >= 28, 0.002, 0.0)
QUOTED = np.array([0.45, 0.40, 0.35, 0.32, 0.30, 0.29, 0.30, 0.33])


def rows(question, touch=None, sessions=(13, 33), **made):
    return chain_rows(
        horizons(drag=DRAG, **made), 130.0, AS_OF, question, sessions[: len(question.quotes)], touch
    )


def plain(**more):
    return ChainQuestion(grid(["2023-01-20", "2023-02-17"], STRIKES), **more)


def quoted(**quotes):
    return Quotes.of("2023-01-20", STRIKES, **{name: list(each) for name, each in quotes.items()})


def test_the_probability_above_is_that_of_the_distribution():
    made = horizons(drag=DRAG)
    for row, sessions in zip(rows(plain()), (13, 33), strict=True):
        np.testing.assert_array_equal(
            row.above, made.probability_above(np.log(np.array(STRIKES) / 130), sessions)
        )
        assert (np.diff(row.above) < 0).all()
        assert row.calls is row.touched is row.implied_volatilities is None


def test_years_are_calendar_days():
    assert [row.years for row in rows(plain())] == [21 / 365, 49 / 365]


def test_touches_are_those_of_one_strike_and_expiry():
    touch = TouchDistribution(horizons(drag=DRAG))
    for row in rows(plain(), touch):
        expected = touch.probability_touched(np.log(np.array(STRIKES) / 130), row.sessions)
        np.testing.assert_allclose(row.touched, expected)
        outside = np.where(np.array(STRIKES) >= 130, row.above, 1 - row.above)
        assert (row.touched >= outside).all()
    assert rows(plain(touch=False), touch)[0].touched is None


def test_dividends_are_those_that_the_forecast_takes_off_unless_a_yield_is_given():
    before, after = rows(plain())
    assert (before.dividend_yield, before.forward) == (0.0, 130.0)
    assert after.dividend_yield == pytest.approx(0.002 * 365 / 49)
    assert after.forward == pytest.approx(130 * np.exp(-0.002))
    (given, _) = rows(plain(rate=0.05, dividend_yield=0.01))
    assert given.forward == pytest.approx(130 * np.exp(0.04 * 21 / 365))


@given(st.floats(-0.05, 0.2), st.floats(-0.05, 0.2), st.floats(0.001, 0.06), st.floats(-0.01, 0.01))
@settings(max_examples=examples(50))
def test_under_the_forward_a_call_less_a_put_is_worth_what_the_market_says(
    rate, dividends, volatility, centre
):
    question = plain(rate=rate, dividend_yield=dividends, values=True)
    for row in rows(question, volatility=volatility, centre=centre):
        parity = np.exp(-rate * row.years) * (row.forward - np.array(STRIKES))
        np.testing.assert_allclose(row.calls - row.puts, parity, atol=1e-8)
        assert (np.diff(row.calls) <= 1e-9).all()
        assert (np.diff(row.puts) >= -1e-9).all()
        assert (np.diff(row.above) <= 0).all()
        assert ((row.above > 0) & (row.above < 1)).all()


def test_strikes_may_come_in_any_order():
    question = ChainQuestion(grid(["2023-01-20"], STRIKES[::-1]), values=True)
    (turned,), (row, _) = rows(question), rows(plain(values=True))
    for column in ("above", "calls", "puts"):
        np.testing.assert_array_equal(getattr(turned, column)[::-1], getattr(row, column))


def test_under_the_forecast_a_call_less_a_put_is_worth_its_mean():
    for row in rows(plain(rate=0.03, centred_on="forecast", values=True), centre=0.01):
        parity = np.exp(-0.03 * row.years) * (row.expected - np.array(STRIKES))
        np.testing.assert_allclose(row.calls - row.puts, parity, atol=1e-8)
        assert row.expected > row.forward


def test_a_lognormal_forecast_gives_black_scholes_values():
    """The scores of a normal distribution, with 20 % a year of 365 days spread over 13 sessions."""
    from scipy.stats import norm

    from tickgraph.model.horizon_distribution import HorizonDistribution

    scores = norm.ppf(np.arange(1, 4000) / 4000)
    variance = 0.2**2 * 21 / 365
    made = HorizonDistribution(
        np.array([1, 13]), np.array([variance / 13, variance]), np.array([scores, scores])
    )
    question = ChainQuestion(grid(["2023-01-20"], [120.0, 130.0, 140.0]), values=True)
    (row,) = chain_rows(made, 130.0, AS_OF, question, [13])
    ours = np.array([row.calls, row.puts])
    theirs = option_value(np.array([["call"], ["put"]]), 130.0, row.quotes.strikes, row.years, 0.2)
    np.testing.assert_allclose(ours, theirs, atol=0.005)
    np.testing.assert_allclose(
        row.above, risk_neutral_probability(130.0, row.quotes.strikes, row.years, 0.2), atol=0.015
    )  # but for half the variance, by which the forward's median is lower


def test_implied_volatilities_are_set_beside_the_forecast():
    (row,) = rows(ChainQuestion((quoted(implied_volatilities=QUOTED),), rate=0.04))
    np.testing.assert_array_equal(row.implied_volatilities, QUOTED)
    np.testing.assert_allclose(
        row.risk_neutral_above,
        risk_neutral_probability(130.0, np.array(STRIKES), 21 / 365, QUOTED, 0.04, 0.0),
    )
    assert row.calls is not None


@pytest.mark.parametrize("both", [True, False])
def test_mid_prices_give_their_volatilities(both):
    calls, puts = option_value(
        np.array([["call"], ["put"]]), 130.0, np.array(STRIKES), 21 / 365, QUOTED, 0.04
    )
    question = ChainQuestion(
        (quoted(calls=calls, puts=puts) if both else quoted(calls=calls),), rate=0.04, dividend_yield=0.0
    )
    (row,) = rows(question)
    np.testing.assert_allclose(row.implied_volatilities, QUOTED, atol=1e-6)


def test_of_two_mid_prices_the_one_out_of_the_money_decides():
    calls, puts = option_value(np.array([["call"], ["put"]]), 130.0, np.array(STRIKES), 21 / 365, QUOTED)
    calls[:4], puts[5:] = 1.0, 1.0  # nobody would sell at that
    (row,) = rows(ChainQuestion((quoted(calls=calls, puts=puts),)))
    np.testing.assert_allclose(row.implied_volatilities, QUOTED, atol=1e-6)


def test_a_strike_without_a_quote_has_no_market():
    (row,) = rows(ChainQuestion((quoted(implied_volatilities=[0.3] * 4 + [None] * 4),)))
    assert np.isnan(row.implied_volatilities).tolist() == [False] * 4 + [True] * 4
    assert np.isnan(row.risk_neutral_above).tolist() == [False] * 4 + [True] * 4
    assert np.isfinite(row.calls).all()


@pytest.mark.parametrize(
    ("quotes", "said"),
    [
        (
            {"calls": [39.0] + [None] * 7},
            "calls of 2023-01-20: no volatility gives a call at 90 the price 39, at place 1.*more than 40 ",
        ),
        (
            {"puts": [None] * 7 + [175.0]},
            "puts of 2023-01-20: .* a put at 170 the price 175, at place 8.* less than 170",
        ),
    ],
)
def test_a_mid_price_that_no_volatility_gives_is_an_error_or_left_out(quotes, said):
    with pytest.raises(InputError, match=said):
        rows(ChainQuestion((quoted(**quotes),)))
    (row,) = rows(ChainQuestion((quoted(**quotes),), skip_impossible=True))
    assert row.left_out == 1
    assert np.isnan(row.implied_volatilities).all()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rate": 4.5}, "rate must be a share a year"),
        ({"rate": float("nan")}, "rate must be"),
        ({"dividend_yield": -2}, "dividend_yield must be"),
    ],
)
def test_what_values_cannot_assume_is_an_error(given, said):
    with pytest.raises(InputError, match=said):
        plain(**given)


def test_values_are_centred_on_one_of_two():
    assert [read_centre(word) for word in ("forward", "forecast")] == ["forward", "forecast"]
    with pytest.raises(InputError, match="centred_on must be forward or forecast, got 'median'"):
        read_centre("median")
