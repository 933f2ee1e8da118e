from __future__ import annotations

import numpy as np
import pytest

from tickgraph.evaluation.calibrating import FEWEST_SCORES, PAST_SESSIONS, split_conformal
from tickgraph.evaluation.forecasts import PROBABILITIES, STRIKE_DISTANCES
from tickgraph.model.calibration import PredictiveDistribution, conformal_scores

T, S = 300, 5


@pytest.fixture
def arrays():
    generator = np.random.default_rng(0)
    volatility = generator.uniform(0.005, 0.03, (T, S))
    forecast = generator.normal(0, 0.002, (T, S))
    return forecast, forecast + volatility * generator.standard_t(4, (T, S)), volatility


def test_a_row_is_the_products_distribution_of_the_residuals_before_it(arrays):
    forecast, realised, volatility = arrays
    panel = split_conformal(*arrays)
    t, s = 200, 3
    past = slice(t - PAST_SESSIONS, t)
    scores = conformal_scores(forecast[past], realised[past], volatility[past])
    expected = PredictiveDistribution(forecast[t, s], volatility[t, s], scores)
    np.testing.assert_allclose(panel.quantiles[t, s], expected.quantile(np.array(PROBABILITIES)))
    np.testing.assert_allclose(panel.probability_up[t, s], expected.probability_above(0.0))
    np.testing.assert_allclose(
        panel.above_strike[t, s], [expected.probability_above(d) for d in STRIKE_DISTANCES]
    )


def test_the_intervals_cover_what_they_say(arrays):
    _, realised, _ = arrays
    panel = split_conformal(*arrays)
    known = np.isfinite(panel.probability_up)
    low, high = (panel.quantiles[..., PROBABILITIES.index(p)][known] for p in (0.1, 0.9))
    inside = (low <= realised[known]) & (realised[known] <= high)
    assert inside.mean() == pytest.approx(0.8, abs=0.03)


def test_todays_return_and_later_ones_have_no_say(arrays):
    forecast, realised, volatility = arrays
    changed = realised.copy()
    changed[200:] = 7.0
    one, other = split_conformal(*arrays), split_conformal(forecast, changed, volatility)
    for name in ("quantiles", "probability_up", "above_strike"):
        np.testing.assert_array_equal(getattr(one, name)[:201], getattr(other, name)[:201])
        assert not np.array_equal(getattr(one, name)[201:], getattr(other, name)[201:])


def test_no_distribution_without_enough_residuals_or_a_forecast(arrays):
    forecast, realised, volatility = arrays
    forecast[250, 2] = np.nan
    volatility[250, 1] = 0.0
    panel = split_conformal(forecast, realised, volatility)
    known = np.isfinite(panel.probability_up)
    assert not known[: FEWEST_SCORES // S].any()
    assert known[FEWEST_SCORES // S].all()
    assert known[250].tolist() == [True, False, False, True, True]
    assert np.isnan(panel.quantiles[250, 2]).all()
