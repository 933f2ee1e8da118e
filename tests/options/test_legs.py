from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from fuzzing import examples
from made_legs import CONDOR, leg, ongoing, options, position, strategies
from tickgraph.errors import InputError
from tickgraph.options.legs import Leg, Position, check_legs

PRICES = np.linspace(0.0, 300.0, 61)
many = settings(deadline=None, max_examples=examples(40))


def untyped(**fields):
    """A leg of stock as a caller makes it whose types nobody checks."""
    made = leg("stock", "buy")
    for name, value in fields.items():
        object.__setattr__(made, name, value)
    return made


def test_an_iron_condor_keeps_its_credit_between_the_sold_strikes():
    condor = Position.of_legs(CONDOR)
    assert condor.cost == pytest.approx(170.0)
    profits = condor.profit_at(np.array([0.0, 115.0, 117.5, 120.0, 130.0, 140.0, 145.0, 1e6]))
    np.testing.assert_allclose(profits, [-330, -330, -80, 170, 170, 170, -330, -330])


def test_stock_earns_what_it_rises():
    held = Position.of_legs([leg("stock", "buy", premium=130.0, quantity=50.0)])
    np.testing.assert_allclose(held.profit_at(np.array([0.0, 130.0, 140.0])), [-6500, 0, 500])


@many
@given(strategies)
def test_the_legs_add_up_to_the_strategy(legs):
    each = sum(Position.of_legs([one]).profit_at(PRICES) for one in legs)
    np.testing.assert_allclose(Position.of_legs(legs).profit_at(PRICES), each, atol=1e-6)


@many
@given(strategies, options)
def test_a_leg_bought_and_sold_cancels(legs, more):
    both = [replace(more, side="buy"), replace(more, side="sell")]
    np.testing.assert_allclose(
        Position.of_legs([*legs, *both]).profit_at(PRICES),
        Position.of_legs(legs).profit_at(PRICES),
        atol=1e-6,
    )


@many
@given(ongoing())
def test_a_leg_that_goes_on_is_worth_at_least_what_it_would_pay_without_interest(drawn):
    held = position(drawn)
    later = replace(held, rate=0.0)
    settled = replace(held, years=np.zeros_like(held.years))
    assert (later.value_at(PRICES) >= settled.value_at(PRICES) - 1e-9).all()


@pytest.mark.parametrize(
    ("legs", "said"),
    [
        ([], "legs must be 1 to 20 calls, puts or stock, got 0"),
        ([leg("call", "buy", 130.0)] * 21, "legs must be 1 to 20"),
        ([leg("call", "buy", 130.0), leg("call", "buy", 0.0)], r"legs\.1\.strike must be a positive number"),
        ([leg("call", "buy", math.nan)], r"legs\.0\.strike must be a positive number"),
        ([untyped(kind="future")], r"legs\.0\.kind must be call or put or stock, got 'future'"),
        ([untyped(side="long")], r"legs\.0\.side must be buy or sell, got 'long'"),
        ([Leg("put", "buy", strike=130.0)], r"legs\.0\.expiry is missing: a put has one"),
        ([leg("put", "buy")], r"legs\.0\.strike is missing: a put has one"),
        ([leg("stock", "buy", 130.0)], r"legs\.0\.strike must be left out: stock has none"),
        ([leg("call", "buy", 130.0, quantity=-100.0)], r"legs\.0\.quantity must be above 0 .* the side sell"),
        ([leg("call", "buy", 130.0, quantity=math.nan)], r"legs\.0\.quantity"),
        ([leg("call", "buy", 130.0, -1.0)], r"legs\.0\.premium must be 0 or more"),
        ([leg("call", "buy", 130.0, math.inf)], r"legs\.0\.premium must be 0 or more"),
    ],
)
def test_legs_that_are_no_strategy_are_refused_by_name(legs, said):
    with pytest.raises(InputError, match=said):
        check_legs(legs)
