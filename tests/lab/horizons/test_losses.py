from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from scoringrules import crps_normal

from tickgraph.lab.horizons.losses import LEVELS, STRIKES, density_losses, probability_below, qlike
from tickgraph.lab.horizons.method import PROBABILITIES

NORMAL = norm.ppf(PROBABILITIES)


def test_qlike_is_least_where_the_forecast_is_right():
    realised = np.array([1.0, 1.0, 1.0, 0.0, 1.0, np.nan])
    loss = qlike(realised, np.array([1.0, 2.0, 0.5, 1.0, 0.0, 1.0]))
    assert loss[0] == 0
    np.testing.assert_allclose(loss[1:3], [0.5 - np.log(0.5) - 1, 2 - np.log(2) - 1])
    assert np.isnan(loss[3:]).all()


def test_losses_of_a_normal_are_those_of_its_closed_forms():
    realised = np.array([-2.3, -0.4, 0.0, 0.7, 1.9])
    own = density_losses(np.tile(NORMAL, (5, 1)), realised, np.ones(5))
    np.testing.assert_allclose(own.crps, crps_normal(realised, 0.0, 1.0), rtol=0.02)
    above = norm.sf(STRIKES)
    came = realised[:, None] > np.array(STRIKES)
    np.testing.assert_allclose(own.brier, (above - came) ** 2, atol=2e-3)
    np.testing.assert_allclose(own.probability, norm.cdf(realised), atol=1e-3)
    np.testing.assert_allclose(own.width, [[2 * norm.ppf((1 + level) / 2) for level in LEVELS]] * 5)


def test_a_missing_return_or_quantile_has_no_loss():
    quantiles = np.tile(NORMAL, (2, 1))
    quantiles[1, 7] = np.nan
    own = density_losses(quantiles, np.array([np.nan, 0.1]), np.ones(2))
    for each in (own.crps, own.pinball, own.probability, own.brier):
        assert np.isnan(each).all()


@given(
    st.lists(st.floats(-1, 1), min_size=len(PROBABILITIES), max_size=len(PROBABILITIES)),
    st.lists(st.floats(-2, 2), min_size=2, max_size=8),
)
def test_a_cumulative_probability_rises_and_stays_between_0_and_1(quantiles, points):
    below = probability_below(np.sort(np.array(quantiles)), np.sort(np.array(points)))
    assert (np.diff(below) >= -1e-12).all()
    assert ((below > 0) & (below < 1)).all()


def test_it_goes_through_every_quantile():
    np.testing.assert_allclose(probability_below(NORMAL, NORMAL)[1:], PROBABILITIES[1:], atol=1e-12)
    outside = probability_below(NORMAL, np.array([-9.0, 9.0]))
    assert outside[0] < PROBABILITIES[0] < PROBABILITIES[-1] < outside[1]
