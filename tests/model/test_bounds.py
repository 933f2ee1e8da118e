"""What a forecast may say: bounds by the symbol's own moves."""

from __future__ import annotations

import numpy as np
import pytest

from tickgraph.model.bounds import REACH, OwnMoves, diverged, outside_itself, unsupported
from tickgraph.model.calibration import PredictiveDistribution

SCORES = np.linspace(-3, 3, 201)
MOVES = OwnMoves(largest=0.1, typical=0.01)


def distribution(forecast=0.001, volatility=0.02, scores=SCORES, trust=0.5):
    return PredictiveDistribution(forecast, volatility, scores, trust)


def test_moves_are_those_that_are_known_and_not_zero():
    assert OwnMoves.of(np.array([np.nan, 0.0, 0.02, -0.03, 0.01, np.inf, 0.0])) == OwnMoves(0.03, 0.02)
    assert OwnMoves.of(np.array([np.nan, 0.0])) == OwnMoves(0.0, 0.0)


def test_what_the_moves_support_is_let_pass():
    for forecast in (-0.1, 0.0, 0.1):
        assert unsupported(distribution(forecast), MOVES) is None
    assert outside_itself(distribution(0.05), MOVES) is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"forecast": np.nan}, "its forecast is no number"),
        ({"forecast": np.inf}, "its forecast is no number"),
        ({"forecast": 0.1001}, "its forecast, a log return of +0.1001, is over the largest move seen, 0.1"),
        ({"volatility": np.nan}, "its volatility is no positive number"),
        ({"volatility": np.inf}, "its volatility is no positive number"),
        ({"volatility": 0.0}, "its volatility is no positive number"),
        ({"scores": SCORES * 5e307}, "its quantiles reach from"),
        ({"scores": SCORES * 40}, f"over {REACH:g} times the largest"),
        ({"trust": np.nan}, "its quantiles reach from nan"),
    ],
)
def test_what_they_do_not_support_is_said(changes, said):
    with np.errstate(all="ignore"):
        assert said in unsupported(distribution(**changes), MOVES)


def test_a_forecast_or_centre_outside_its_own_interval_is_said_unless_it_is_below_a_typical_move():
    assert "its forecast, a log return of +0.08, lies outside its own 95% interval" in outside_itself(
        distribution(0.08, trust=0.0), MOVES
    )
    assert "its forecast" in outside_itself(distribution(0.0, scores=SCORES + 6), MOVES)
    assert "its centre" in outside_itself(
        distribution(0.1, scores=SCORES + 4.5, trust=0.5), OwnMoves(0.2, 0.01)
    )
    assert (
        outside_itself(distribution(0.009, volatility=0.0001, trust=0.0), MOVES) is None
    )  # pinned by a takeover


def test_forecasts_that_vary_more_than_the_returns_come_from_a_training_that_diverged():
    returns = np.array([0.02, -0.02, np.nan, 0.02])
    assert diverged(np.array([0.019, -0.019, np.nan, 0.0]), returns, returns) is None
    assert (
        "the training diverged: forecasts of the held-out sessions are 0.03 in root mean square"
        in diverged(np.full(4, 0.03), returns, returns)
    )
    assert (
        diverged(np.full(4, 0.03), returns, np.full(4, 0.05)) is None
    )  # calmer sessions than those learned from
    assert (
        diverged(np.full(4, 0.03), np.zeros(4), np.zeros(4)) is None
    )  # a price that never moves: not for this to say
