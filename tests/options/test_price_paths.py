from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tickgraph.errors import HistoryTooShortError, InputError
from tickgraph.model.horizon_distribution import HorizonDistribution
from tickgraph.options.price_paths import PricePaths, dated_moves, price_paths, seed_of
from tickgraph.options.touch import TouchDistribution, gap_shares

GRID = np.array([1, 2, 3, 5, 10, 21, 42, 63])
SYMBOLS = ("AAPL", "MSFT", "XOM")
SESSION = np.datetime64("2022-12-30")


@pytest.fixture(scope="module")
def moves(panel):
    return dated_moves(panel, SYMBOLS)


@pytest.fixture(scope="module")
def distribution(moves):
    """The fat tails of the sample's own days at 1 session, and thinner ones as sessions go by."""
    ranks = np.arange(1, 400) / 400
    days = np.sort(moves.close.ravel())
    rng = np.random.default_rng(0)
    scores = []
    for horizon in GRID:
        summed = rng.choice(days, (20_000, horizon)).sum(axis=1) / np.sqrt(horizon)
        quantiles = np.quantile(summed, ranks)
        scores.append((quantiles - quantiles[::-1]) / 2)  # rises and falls are as likely
    return HorizonDistribution(GRID, 0.018**2 * GRID, np.array(scores))


@pytest.fixture(scope="module")
def paths(distribution, moves):
    return price_paths([distribution] * 3, moves, 21, seed_of(SYMBOLS, SESSION), 3000)


def test_after_every_session_the_paths_have_the_forecasts_distribution(paths, distribution):
    ranks = np.arange(1, 3001) / 3001
    for symbol in range(3):
        for session in range(21):
            closes = np.sort(paths.close[:, symbol, session])
            np.testing.assert_allclose(closes, distribution.quantile(ranks, session + 1), atol=1e-12)


def test_a_days_high_and_low_lie_around_its_close(paths):
    assert (paths.high >= paths.close).all()
    assert (paths.low <= paths.close).all()
    assert (paths.high > paths.close).mean() > 0.5


def test_the_same_question_gets_the_same_paths_whatever_the_order_of_symbols(paths, distribution, panel):
    again = price_paths(
        [distribution] * 3, dated_moves(panel, SYMBOLS), 21, seed_of(SYMBOLS[::-1], SESSION), 3000
    )
    np.testing.assert_array_equal(again.close, paths.close)
    assert seed_of(SYMBOLS, SESSION) != seed_of(SYMBOLS, SESSION - 1) != seed_of(("AAPL",), SESSION - 1)
    other = price_paths([distribution] * 3, dated_moves(panel, SYMBOLS), 21, 1, 3000)
    assert not np.array_equal(other.close, paths.close)


def test_symbols_move_together_as_they_did(paths, moves):
    came = np.corrcoef(moves.close.T)
    for session in (0, 20):
        simulated = np.corrcoef(paths.close[:, :, session].T)
        np.testing.assert_allclose(simulated, came, atol=0.1)
    assert came[0, 1] > came[0, 2] + 0.2
    level = np.zeros(2)
    pair = [
        PricePaths(("", ""), *(each[:, both] for each in (paths.close, paths.high, paths.low)))
        for both in ([0, 1], [0, 2])
    ]
    near, far = (each.probability_all_above(level)[20] for each in pair)
    assert near > far > 0.2


def test_touched_levels_on_paths_are_those_of_the_closed_form(paths, distribution, panel):
    """Two roads to one figure: the reflection, and the sample's own days one after the other."""
    level = np.array([-0.12, -0.06, -0.03, 0.03, 0.06, 0.12])
    simulated = paths.probability_touched(np.tile(level, (3, 1)))  # [S, L, H]
    for symbol, gap in enumerate(gap_shares(panel, SYMBOLS)):
        touch = TouchDistribution(distribution, float(gap))
        for sessions in (1, 5, 10, 21):
            closed = touch.probability_touched(level, sessions)
            np.testing.assert_allclose(simulated[symbol, :, sessions - 1], closed, atol=0.045)
    assert (np.diff(simulated, axis=2) >= 0).all()
    assert paths.probability_touched(np.zeros((3, 1))).min() == 1


@pytest.mark.parametrize("first", [1, 10, 20])
def test_a_dividend_counts_on_paths_as_much_as_in_the_closed_form(distribution, moves, panel, first):
    """One percent goes ex early, in the middle, or the session before the last."""
    paid = replace(distribution, drag=np.where(np.arange(1, 64) >= first, 0.01, 0.0))
    level = np.array([-0.12, -0.06, -0.03, 0.03, 0.06, 0.12])
    simulated = price_paths([paid] * 3, moves, 21, 0, 3000).probability_touched(np.tile(level, (3, 1)))
    touch = TouchDistribution(paid, float(gap_shares(panel, SYMBOLS).mean()))
    closed = touch.probability_touched(level, 21)
    np.testing.assert_allclose(simulated[:, :, 20].mean(axis=0), closed, atol=0.05)


def test_dates_on_which_a_symbol_is_missing_are_drawn_for_none(panel, moves):
    young = dated_moves(panel, ("AAPL", "UBER"))
    assert len(young.close) < len(moves.close) == 1000
    assert np.isfinite([young.close, young.high, young.low]).all()
    assert abs(moves.close.std() - 1) < 0.2


def test_too_little_history_and_too_many_sessions_are_named(panel, distribution, moves):
    with pytest.raises(HistoryTooShortError, match="too short to simulate AAPL, MSFT: 139 dates"):
        dated_moves(panel.tail(200), ("AAPL", "MSFT"))
    with pytest.raises(InputError, match="sessions must be 1 to 63, got 64"):
        price_paths([distribution] * 3, moves, 64, 0, 10)
