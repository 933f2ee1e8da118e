from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from tickgraph.lab.options.strategy_rules import RULES, STRATEGIES
from tickgraph.options.profit_shape import ProfitShape

PRICE, DEVIATION = 80.0, 0.06


def deltas(position):
    """Black-Scholes deltas of the options, from the strikes alone."""
    options = position.strikes > 0
    first = np.log(PRICE / position.strikes[options]) / DEVIATION + DEVIATION / 2
    return np.where(position.is_put[options], ndtr(first) - 1, ndtr(first))


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("strangle-16", [-0.16, 0.16]),
        ("strangle-30", [-0.3, 0.3]),
        ("put-spread-30-16", [-0.3, -0.16]),
        ("covered-call-30", [0.3]),
    ],
)
def test_strikes_have_the_deltas_that_the_name_says(name, wanted):
    np.testing.assert_allclose(deltas(RULES[name].position(PRICE, DEVIATION)), wanted, atol=1e-12)


def test_every_strategy_makes_and_loses_money_somewhere():
    for name in STRATEGIES:
        shape = ProfitShape(RULES[name].position(PRICE, DEVIATION))
        assert 1 <= len(shape.break_evens()) <= 2


def test_what_is_paid_is_the_price_of_the_model():
    """On the log-normal of the forecast volatility the options are worth what they cost: nothing is earned."""
    generator = np.random.default_rng(3)
    normal = generator.standard_normal(400_000)
    prices = PRICE * np.exp(DEVIATION * np.concatenate([normal, -normal]) - DEVIATION**2 / 2)
    for name in STRATEGIES:
        mean = RULES[name].position(PRICE, DEVIATION).profit_at(prices).mean()
        assert abs(mean) < 0.01 * 100 * PRICE * DEVIATION
