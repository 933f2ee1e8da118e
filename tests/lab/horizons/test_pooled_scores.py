from __future__ import annotations

import numpy as np

from tickgraph.lab.horizons.method import PROBABILITIES
from tickgraph.lab.horizons.pooled_scores import WINDOW, score_quantiles


def test_scores_known_at_a_session_are_those_whose_horizon_has_passed():
    scores = np.random.default_rng(0).standard_normal((900, 3))
    for horizon in (1, 21):
        expected = score_quantiles(scores, 800, horizon)
        other = scores.copy()
        other[800 - horizon + 1 :] = 1e3
        other[: 800 - horizon - WINDOW + 1] = 1e3
        np.testing.assert_array_equal(score_quantiles(other, 800, horizon), expected)
        other[800 - horizon] = 1e3
        assert (score_quantiles(other, 800, horizon) != expected).any()


def test_the_drift_of_the_window_is_nearly_taken_off_at_long_horizons():
    scores = np.random.default_rng(0).standard_normal((900, 30)) + 0.5
    middle = int(np.argmin(np.abs(PROBABILITIES - 0.5)))
    short, long = (score_quantiles(scores, 800, horizon)[middle] for horizon in (1, 63))
    assert abs(short - 0.25) < 0.05
    assert abs(long) < 0.05


def test_too_few_scores_give_no_quantiles():
    scores = np.full((900, 1), np.nan)
    scores[:100] = 1.0
    assert np.isnan(score_quantiles(scores, 300, 1)).all()
