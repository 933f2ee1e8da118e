from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from made_outlooks import horizons
from tickgraph.errors import InputError
from tickgraph.options.black_scholes import option_value
from tickgraph.options.held_legs import Day, hold
from tickgraph.options.strategy_question import ask_strategy
from tickgraph.options.terminal_price import TerminalPrice

AS_OF, NEAR, LATER = date(2022, 12, 30), date(2023, 1, 20), date(2023, 2, 17)
DRAG = np.linspace(0, 0.01, 63)


def day(distribution=None, on=NEAR, sessions=13):
    return Day(distribution or horizons(), 130.0, AS_OF, on, sessions)


def test_premiums_come_from_the_request_or_are_fair_values():
    condor = ask_strategy(
        "iron-condor", strikes=[115.0, 120.0, 140.0, 145.0], expiries=NEAR, premiums=[0.5, 1.2, 1.6, 0.6]
    )
    held, position = hold(condor, day(), [13] * 4)
    assert {each.source for each in held} == {"request"}
    assert position.cost == pytest.approx(170.0)
    whole = ask_strategy("iron-condor", strikes=[115.0, 120.0, 140.0, 145.0], expiries=NEAR, premium=1.7)
    held, position = hold(whole, day(), [13] * 4)
    assert {(each.source, each.leg.premium) for each in held} == {("net premium", None)}
    assert position.cost == pytest.approx(170.0)


def test_stock_costs_the_price_and_a_net_premium_is_of_the_options_alone():
    covered = ask_strategy("covered-call", strikes=[140.0], expiries=NEAR, premium=1.6)
    (stock, call), position = hold(covered, day(), [None, 13])
    assert (stock.source, stock.leg.premium, call.source) == ("price", 130.0, "net premium")
    assert position.cost == pytest.approx(160.0 - 13_000.0)


def test_at_fair_value_a_call_less_a_put_is_the_forward_less_the_strike():
    straddle = ask_strategy("straddle", strikes=[125.0], expiries=NEAR, rate=0.04)
    (put, call), _ = hold(straddle, day(horizons(drag=DRAG)), [13, 13])
    years = 21 / 365
    forward = 130.0 * np.exp(0.04 * years - DRAG[12])
    assert call.leg.premium - put.leg.premium == pytest.approx((forward - 125.0) * np.exp(-0.04 * years))
    assert call.source == put.source == "fair value"


def test_a_fair_value_is_the_mean_payoff_of_the_distribution_around_the_forward():
    put = ask_strategy("cash-secured-put", strikes=[125.0], expiries=NEAR)
    (held,), _ = hold(put, day(), [13])
    terminal = TerminalPrice.of(horizons(), 13)
    level = np.array([125.0 * terminal.mean / 130.0])
    assert held.leg.premium == pytest.approx(
        float(terminal.call_and_put(level)[1][0]) * 130.0 / terminal.mean
    )


def test_what_goes_on_has_the_forecasts_volatility_of_that_time_or_the_stated_one():
    calendar = {"strikes": [130.0], "expiries": [NEAR, LATER]}
    (near, later), position = hold(ask_strategy("calendar", **calendar), day(horizons(drag=DRAG)), [13, 32])
    assert (near.years, later.years) == (0.0, 28 / 365)
    spread = horizons().returns(np.array([13, 32])).var(axis=1)
    assert later.volatility == pytest.approx(np.sqrt((spread[1] - spread[0]) / later.years))
    assert later.dividends == pytest.approx(130.0 * (np.exp(-DRAG[12]) - np.exp(-DRAG[31])))
    worth = option_value("call", 128.0 - later.dividends, 130.0, 28 / 365, later.volatility)
    assert position.value_at(np.array(128.0))[1] == pytest.approx(float(worth))
    stated = ask_strategy("calendar", **calendar, volatility=0.3, dividend_yield=0.02)
    (_, later), position = hold(stated, day(horizons(drag=DRAG)), [13, 32])
    assert (later.volatility, later.dividends, position.dividend_yield) == (0.3, 0.0, 0.02)


def test_dividends_in_dollars_bound_the_loss_of_a_calendar():
    """With a yield, a call that goes on lags behind a price without a bound."""
    calendar = {"strikes": [130.0], "expiries": [NEAR, LATER], "premiums": [3.0, 4.5]}
    _, position = hold(ask_strategy("calendar", **calendar), day(horizons(drag=DRAG)), [13, 32])
    assert position.last_slope == 0
    _, position = hold(ask_strategy("calendar", **calendar, dividend_yield=0.02), day(), [13, 32])
    assert position.last_slope < 0


def test_before_the_expiry_every_option_goes_on():
    early = ask_strategy("straddle", strikes=[130.0], expiries=NEAR, on=date(2023, 1, 13), premium=8.0)
    held, position = hold(early, day(on=date(2023, 1, 13), sessions=9), [13, 13])
    assert [each.years for each in held] == [7 / 365] * 2
    assert position.is_curved


def test_beyond_the_forecast_premium_and_volatility_are_asked_for():
    far = {"strikes": [130.0], "expiries": [NEAR, date(2023, 6, 16)]}
    with pytest.raises(
        InputError, match="premium is missing: expiries.1 2023-06-16 is further ahead than 63 sessions"
    ):
        hold(ask_strategy("calendar", **far, volatility=0.3), day(), [13, None])
    with pytest.raises(InputError, match="volatility is missing: expiries.1 2023-06-16"):
        hold(ask_strategy("calendar", **far, premium=5.0), day(), [13, None])
    (_, later), _ = hold(ask_strategy("calendar", **far, premium=5.0, volatility=0.3), day(), [13, None])
    assert later.years == pytest.approx(147 / 365)
