from __future__ import annotations

import numpy as np
import pytest

from tickgraph.lab.evaluation.regimes import regimes


def _alternating(*sizes):
    """Market returns of plus and minus each size, 60 sessions each."""
    return np.concatenate([size * np.tile([1.0, -1.0], 30) for size in sizes])


def test_a_session_is_named_by_the_thirds_of_the_past_volatilities():
    named = regimes(_alternating(0.01, 0.02, 0.03, 0.002), window=20, past=30)
    assert set(named[:48]) == {""}  # 20 returns to a volatility, 30 volatilities to a third
    assert named[48] != ""
    assert named[150] == "stressed"  # the highest so far
    assert named[230] == "calm"


def test_volatility_between_the_thirds_is_normal():
    named = regimes(_alternating(0.01, 0.03, 0.02), window=20, past=30)
    assert named[145] == "normal"


def test_the_future_changes_nothing():
    market = np.random.default_rng(0).normal(0, 0.01, 600)
    corrupted = market.copy()
    corrupted[450:] *= 50
    first, second = regimes(market, past=100), regimes(corrupted, past=100)
    assert first[:450].tolist() == second[:450].tolist()
    assert set(second[470:]) == {"stressed"} != set(first[470:])


def test_the_thirds_are_about_equal_on_a_steady_market():
    named = regimes(np.random.default_rng(1).normal(0, 0.01, 4000))
    shares = [np.mean(named[300:] == name) for name in ("calm", "normal", "stressed")]
    assert shares == pytest.approx([1 / 3] * 3, abs=0.06)


@pytest.mark.parametrize("market", [np.zeros(0), np.full(5, 0.01), np.full(400, np.nan)])
def test_without_a_past_there_is_no_regime(market):
    assert set(regimes(market)) <= {""}


def test_a_missing_return_leaves_its_window_without_a_regime():
    market = np.random.default_rng(2).normal(0, 0.01, 400)
    market[350] = np.nan
    named = regimes(market, past=100)
    assert set(named[350:370]) == {""}
    assert "" not in set(named[370:])
