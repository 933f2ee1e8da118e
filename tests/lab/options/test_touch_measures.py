from __future__ import annotations

import numpy as np
import pytest

from tickgraph.lab.options.touch_measures import touch_horizon

RNG = np.random.default_rng(0)
CHANCE = RNG.uniform(0.01, 0.99, (400, 3, 4))
TOUCHED = (RNG.random(CHANCE.shape) < CHANCE).astype(float)


def figures(said, touched=TOUCHED, product=None):
    return touch_horizon(said, touched, product, 5, 1, 0, 200)


def test_a_true_probability_is_reliable_in_every_tenth_and_a_wrong_one_is_not():
    right, wrong = figures(CHANCE), figures(np.minimum(CHANCE + 0.1, 1.0))
    assert len(right.deciles) == 10
    assert sum(each.levels for each in right.deciles) == right.levels == CHANCE.size
    for each in right.deciles:
        assert each.error.low < 0 < each.error.high or abs(each.error.value) < 0.05
        assert each.error.value == pytest.approx(each.came - each.said)
    middle = wrong.deciles[5].error
    assert middle.value == pytest.approx(-0.1, abs=0.05)
    assert middle.high < 0


def test_the_brier_score_of_the_product_is_set_over_the_others_on_the_same_levels():
    blunt = figures(np.full(CHANCE.shape, 0.5), product=CHANCE)
    assert blunt.brier.value == pytest.approx(0.25)
    assert blunt.brier_ratio.value == pytest.approx(figures(CHANCE).brier.value / 0.25)
    assert blunt.brier_ratio.high < 1
    assert blunt.p_value < 0.001
    assert figures(CHANCE).brier_ratio is None


def test_what_is_not_known_of_both_counts_for_neither():
    half = CHANCE.copy()
    half[::2] = np.nan
    own = figures(half, product=CHANCE)
    assert own.levels == CHANCE.size // 2
    assert own.brier_ratio.value == pytest.approx(1)
    assert figures(CHANCE * np.nan) is None
