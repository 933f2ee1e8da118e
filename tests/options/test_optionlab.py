"""Strategies against the array model of optionlab, on the same draws.

``scripts/record_optionlab.py`` wrote ``optionlab.json``, and says how it is run.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from tickgraph.model.horizon_distribution import HorizonDistribution
from tickgraph.options.legs import Leg, Position
from tickgraph.options.profit_shape import ProfitShape
from tickgraph.options.strategy import CENT, mean_profits, strategy_figures

RECORD = json.loads((Path(__file__).parent / "optionlab.json").read_text("utf-8"))
SPOT = RECORD["spot"]
STRATEGIES = pytest.mark.parametrize("name", RECORD["strategies"])
near = {"rel": 1e-6, "abs": 1e-6}


@pytest.fixture(scope="module")
def prices():
    moves = np.random.RandomState(RECORD["seed"]).standard_t(4, RECORD["draws"])
    drawn = SPOT * np.exp(0.055 * moves)
    np.testing.assert_allclose(drawn[: len(RECORD["first_prices"])], RECORD["first_prices"], rtol=1e-12)
    return drawn


def position(name):
    target, legs, years = date.fromisoformat(RECORD["target"]), [], []
    for kind, side, quantity, *option in RECORD["strategies"][name]["legs"]:
        strike, premium, *later = option or (None, SPOT)
        expiry = date.fromisoformat(later[0]) if later else target
        legs.append(Leg(kind, side, quantity, strike, expiry if option else None, premium))
        years.append((expiry - target).days / 365)
    return Position.of_legs(
        legs,
        years=np.array(years),
        volatility=np.full(len(legs), RECORD["volatility"]),
        rate=RECORD["rate"],
        dividend_yield=RECORD["dividend_yield"],
    )


@STRATEGIES
def test_profits_and_costs_on_the_same_draws_are_optionlabs(name, prices):
    said, held = RECORD["strategies"][name], position(name)
    profits = held.profit_at(prices)
    assert profits[: len(said["first_profits"])] == pytest.approx(said["first_profits"], **near)
    assert held.cost == pytest.approx(said["strategy_cost"], **near)
    assert (profits >= CENT).mean() == pytest.approx(said["probability_of_profit"], **near)


@STRATEGIES
def test_mean_profits_on_the_same_draws_are_optionlabs(name, prices):
    said = RECORD["strategies"][name]
    profits = position(name).profit_at(prices)
    expected, if_profitable, if_not = mean_profits(profits, np.full(len(prices), 1 / len(prices)))
    assert if_profitable == pytest.approx(said["expected_profit_if_profitable"], **near)
    assert if_not == pytest.approx(said["expected_loss_if_unprofitable"], **near)
    probability = said["probability_of_profit"]
    assert expected == pytest.approx(probability * if_profitable + (1 - probability) * if_not, **near)


@STRATEGIES
def test_on_a_distribution_whose_ranks_are_the_draws_the_probability_is_optionlabs(name, prices):
    ranks = HorizonDistribution(np.array([1]), np.array([1.0]), np.sort(np.log(prices / SPOT))[None])
    figures = strategy_figures(position(name), ranks, SPOT, 1)
    said = RECORD["strategies"][name]["probability_of_profit"]
    assert figures.probability_of_profit == pytest.approx(said, abs=2 / RECORD["draws"])


@STRATEGIES
def test_a_profit_is_made_at_optionlabs_prices(name):
    """Where legs go on, optionlab interpolates on a grid of cents."""
    said, held = RECORD["strategies"][name], position(name)
    ranges = [[low, high or np.inf] for low, high in said["profit_ranges"]]
    apart = 1e-4 if held.is_curved else 1e-6
    np.testing.assert_allclose(ProfitShape(held).ranges_above(CENT), ranges, atol=apart)


@STRATEGIES
def test_the_most_that_is_gained_or_lost_is_optionlabs_where_there_is_a_bound(name):
    said, shape = RECORD["strategies"][name], ProfitShape(position(name))
    slope = shape.position.last_slope
    assert (shape.least() is None, shape.most() is None) == (slope < 0, slope > 0)
    apart = 1e-3 if shape.position.is_curved else 1e-6
    for ours, theirs in ((shape.least(), said["least"]), (shape.most(), said["most"])):
        assert ours is None or ours == pytest.approx(theirs, abs=apart)
