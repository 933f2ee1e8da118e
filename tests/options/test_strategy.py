from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzzing import examples
from made_legs import CONDOR, leg, ongoing, position, strategies
from made_outlooks import horizons
from tickgraph.options.legs import Position
from tickgraph.options.strategy import CENT, PROBABILITIES, mean_of_the_worst, strategy_figures
from tickgraph.options.terminal_price import TerminalPrice

PRICE = 130.0
SESSIONS = st.integers(1, 63)
distributions = st.builds(
    horizons,
    st.integers(3, 50).map(lambda each: each / 1000),
    st.integers(-10, 10).map(lambda each: each / 1000),
)
many = settings(deadline=None, max_examples=examples(40))


def figures(position, distribution=None, sessions=13):
    return strategy_figures(position, distribution or horizons(), PRICE, sessions)


@many
@given(ongoing(), distributions, SESSIONS)
def test_the_probability_of_profit_is_how_often_draws_from_the_quantiles_make_one(
    drawn, distribution, sessions
):
    held = position(drawn)
    found = figures(held, distribution, sessions).probability_of_profit
    assert 0 <= found <= 1
    draws = (np.arange(4_000) + 0.5) / 4_000
    profits = held.profit_at(PRICE * np.exp(distribution.quantile(draws, sessions)))
    # Between the last two ranks on each side, and beyond them, the distribution has a jump of half a rank.
    assert (profits >= CENT).mean() == pytest.approx(found, abs=0.003)


@many
@given(ongoing(), distributions, SESSIONS)
def test_profit_quantiles_ascend_within_the_bounds(drawn, distribution, sessions):
    held = position(drawn)
    found = figures(held, distribution, sessions)
    quantiles = found.quantiles
    assert (np.diff(quantiles) >= 0).all()
    assert found.least is None or quantiles[0] >= found.least
    assert found.most is None or quantiles[-1] <= found.most
    assert found.expected_shortfall <= quantiles[PROBABILITIES.index(0.05)] + 1e-6
    assert found.expected_shortfall <= found.expected_profit + 1e-6


@many
@given(strategies, distributions, SESSIONS)
def test_the_expected_profit_is_the_sum_of_the_legs(legs, distribution, sessions):
    whole = figures(Position.of_legs(legs), distribution, sessions).expected_profit
    each = [figures(Position.of_legs([one]), distribution, sessions).expected_profit for one in legs]
    assert whole == pytest.approx(sum(each), abs=1e-6)


def test_stock_earns_what_the_distribution_expects():
    distribution = horizons(centre=0.01)
    held = figures(Position.of_legs([leg("stock", "buy", premium=PRICE, quantity=10.0)]), distribution)
    mean = TerminalPrice.of(distribution, 13).mean
    assert held.expected_profit == pytest.approx(10 * PRICE * (mean - 1), rel=1e-3)
    assert held.probability_of_profit == pytest.approx(
        float(distribution.probability_above(np.log1p(CENT / 10 / PRICE), 13))
    )


@pytest.mark.parametrize("strike", [70.0, 95.0, 105.0, 130.0, 160.0, 175.0, 250.0])
def test_an_option_at_what_it_pays_on_average_is_expected_to_earn_nothing(strike):
    """However far from the price it is: what lies beyond the ranks counts."""
    distribution = horizons(centre=0.01)
    call, put = TerminalPrice.of(distribution, 13).call_and_put(np.array([strike / PRICE]))
    for kind, worth in (("call", call[0] * PRICE), ("put", put[0] * PRICE)):
        held = figures(Position.of_legs([leg(kind, "buy", strike, float(worth))]), distribution)
        assert abs(held.expected_profit) < 100 * max(0.01 * worth, 2e-4 * PRICE)


def test_what_always_earns_or_never_does_is_certain():
    certain = [leg("call", "buy", 130.0, 1.0), leg("call", "sell", 130.0, 2.0)]
    found = figures(Position.of_legs(certain))
    assert (found.probability_of_profit, found.expected_loss_if_unprofitable) == (1.0, 0.0)
    assert figures(Position.of_legs(certain[:1] * 2, cost=-1e6)).probability_of_profit < 1e-3
    turned = [replace(one, side="sell" if one.side == "buy" else "buy") for one in certain]
    found = figures(Position.of_legs(turned))
    assert (found.probability_of_profit, found.expected_profit_if_profitable) == (0.0, 0.0)


def test_a_profit_is_a_cent_at_least():
    less = figures(Position.of_legs([leg("put", "sell", 1.0, 0.00009)]))
    assert less.probability_of_profit == 0.0
    assert figures(Position.of_legs([leg("put", "sell", 1.0, 0.00011)])).probability_of_profit > 0.999


def test_the_curve_has_the_profit_and_nearly_all_of_the_probability():
    found = figures(Position.of_legs(CONDOR))
    curve = found.curve
    np.testing.assert_array_equal(curve.profits, Position.of_legs(CONDOR).profit_at(curve.prices))
    widths = np.diff(curve.prices)
    np.testing.assert_allclose(widths, widths[0])
    assert curve.densities.min() >= 0
    assert curve.densities.sum() * widths[0] == pytest.approx(1.0, abs=0.02)
    assert curve.prices[0] < 115
    assert curve.prices[-1] > 145


@pytest.mark.parametrize("volatility", [0.0, 1e-6])
def test_without_variance_there_is_one_outcome(volatility):
    found = figures(Position.of_legs(CONDOR), horizons(volatility, centre=0.0))
    assert found.probability_of_profit == pytest.approx(1.0, abs=0.01)
    assert found.quantiles == pytest.approx(170.0)
    assert np.isfinite(found.curve.densities).all()


def test_the_worst_share_counts_in_part():
    ranked = np.array([-10.0, -4.0, 0.0, 3.0, 8.0, 9.0, 9.5, 10.0, 10.0, 11.0])
    even = np.full(10, 0.1)
    assert mean_of_the_worst(ranked, even, 0.2) == pytest.approx(-7.0)
    assert mean_of_the_worst(ranked, even, 0.15) == pytest.approx((-10 - 4 * 0.5) / 1.5)
    assert mean_of_the_worst(ranked, even, 0.05) == pytest.approx(-10.0)
