"""The band of coverage by horizon: wide where little is known, and left by sound models as rarely as it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickgraph.model.measures import LEVELS
from tickgraph.operations.horizon_drift import (
    CHANCE,
    MIN_SESSIONS,
    MIN_STRETCHES,
    independent_stretches,
    usual_coverage,
)

WINDOW = 60


def test_stretches_of_one_session_do_not_overlap_and_long_ones_are_nearly_one():
    assert independent_stretches(WINDOW, 1) == WINDOW
    assert independent_stretches(WINDOW, 5) == pytest.approx(WINDOW / 5, rel=0.05)
    assert 1 < independent_stretches(WINDOW, 63) < 2
    assert independent_stretches(1, 63) == 1


def test_stretches_are_what_the_variance_of_a_mean_of_overlapping_sums_says():
    ahead = 10
    moves = np.random.default_rng(0).standard_normal((20_000, WINDOW + ahead - 1))
    sums = np.lib.stride_tricks.sliding_window_view(moves, ahead, axis=1).sum(axis=-1) / np.sqrt(ahead)
    assert independent_stretches(WINDOW, ahead) == pytest.approx(1 / sums.mean(axis=1).var(), rel=0.05)


@settings(max_examples=60, deadline=None)  # the first imports scipy
@given(st.integers(1, 63), st.integers(1, 250), st.integers(1, 500), st.sampled_from(LEVELS))
def test_a_band_holds_the_level_and_narrows_with_every_session_and_symbol(ahead, sessions, symbols, level):
    band = usual_coverage(level, ahead, sessions, sessions * symbols)
    if sessions < MIN_SESSIONS or independent_stretches(sessions, ahead) < MIN_STRETCHES:
        assert band is None
        return
    low, high = band
    assert 0 <= low < level < high <= 1
    for more in ((sessions + 1, symbols), (sessions, symbols + 1)):
        narrower = usual_coverage(level, ahead, more[0], more[0] * more[1])
        assert narrower[1] - narrower[0] <= high - low + 1e-9


def test_of_a_window_the_long_horizons_get_no_verdict():
    judged = [ahead for ahead in (1, 2, 3, 5, 10, 21, 42, 63) if usual_coverage(0.8, ahead, WINDOW, 2400)]
    assert judged == [1, 2, 3, 5, 10]


@pytest.mark.parametrize("ahead", [1, 5, 10])
def test_false_alarms_are_as_rare_as_promised(ahead):
    """Forty sound symbols that move together, through overlapping stretches."""
    generator, scorings, symbols, share = np.random.default_rng(ahead), 300, 40, 0.35
    outside = []
    for _ in range(scorings):
        common = generator.standard_normal((WINDOW + ahead - 1, 1))
        own = generator.standard_normal((WINDOW + ahead - 1, symbols))
        moves = np.sqrt(share) * common + np.sqrt(1 - share) * own
        z = np.lib.stride_tricks.sliding_window_view(moves, ahead, axis=0).sum(axis=-1) / np.sqrt(ahead)
        low, high = usual_coverage(0.8, ahead, WINDOW, z.size)
        outside.append(not low <= (np.abs(z) < 1.2816).mean() <= high)
    assert np.mean(outside) <= 2 * CHANCE
