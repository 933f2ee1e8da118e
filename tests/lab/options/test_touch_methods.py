from __future__ import annotations

import numpy as np
import pytest

from tickgraph.lab.options.touch_methods import lognormal_touch, reflection


@pytest.mark.parametrize("drift", [0.0, -0.5])
def test_the_formulas_are_those_of_a_watched_random_walk(drift):
    """Steps of a hundredth of the time, and the level moved towards the price for the time between two looks."""
    variance, steps = 0.04, 400
    rng = np.random.default_rng(0)
    moves = rng.normal(drift * variance / steps, np.sqrt(variance / steps), (8000, steps))
    walk = np.cumsum(moves, axis=1)
    between = 0.5826 * np.sqrt(variance / steps)  # Broadie, Glasserman & Kou 1997
    level = np.array([0.1, 0.3, -0.1, -0.3])
    came = [
        (walk.max(axis=1) >= x - between if x > 0 else walk.min(axis=1) <= x + between).mean() for x in level
    ]
    said = (reflection if drift == 0 else lognormal_touch)(level, np.full(4, variance))
    np.testing.assert_allclose(said, came, atol=0.02)


def test_a_lognormal_price_without_interest_falls_to_a_level_oftener_than_its_log_rises_as_far():
    up, down = lognormal_touch(np.array([0.2, -0.2]), np.array([0.04, 0.04]))
    assert down > up
    assert up == pytest.approx(float(down) * np.exp(-0.2))  # the price is a martingale
