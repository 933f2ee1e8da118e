from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import brier_score_loss, mean_pinball_loss

from lab.evaluation.measured_panels import VOLATILITY, noisy_panel, normal_distribution, panel_of
from tickgraph.lab.evaluation.distributions import (
    calibration_error,
    lognormal_above,
    measure_distribution,
    reliability,
    score_strikes,
)
from tickgraph.lab.evaluation.forecast_panel import PROBABILITIES, STRIKE_DISTANCES, DistributionPanel
from tickgraph.lab.evaluation.resampling import SessionBootstrap

PANEL = noisy_panel(sessions=400, missing=0.05)


def _measure(panel, distribution):
    bootstrap = SessionBootstrap(len(panel.sessions), resamples=300)
    return measure_distribution(panel, distribution, bootstrap=bootstrap)


def _score(panel, distribution, lognormal):
    bootstrap = SessionBootstrap(len(panel.sessions), resamples=300)
    return score_strikes(panel, distribution, lognormal, bootstrap=bootstrap)


@pytest.mark.parametrize("sign", [1, -1])
def test_both_ends_of_an_interval_are_inside(sign):
    panel = panel_of([[0.0]], [[sign * 0.02]])
    quantiles = np.array([[[-0.02, -0.02, -0.01, 0.0, 0.01, 0.02, 0.02]]])
    above = np.full((1, 1, len(STRIKE_DISTANCES)), 0.5)
    measured = _measure(panel, DistributionPanel(quantiles, np.array([[0.5]]), above))
    assert {level: figure.value for level, figure in measured.coverage.items()} == {"0.8": 1.0, "0.95": 1.0}


def test_the_figures_of_one_session_by_hand():
    panel = panel_of([[0.0, 0.0]], [[0.02, -0.01]])
    quantiles = np.tile([-0.04, -0.02, -0.01, 0.0, 0.01, 0.02, 0.04], (1, 2, 1))
    quantiles[0, 1] = [-0.009, -0.008, -0.005, 0.0, 0.005, 0.008, 0.009]
    above = np.full((1, 2, len(STRIKE_DISTANCES)), 0.5)
    measured = _measure(panel, DistributionPanel(quantiles, np.array([[0.7, 0.4]]), above))
    assert measured.coverage["0.8"].value == 0.5
    assert measured.coverage["0.95"].value == 0.5
    assert measured.width == {"0.8": pytest.approx(0.028), "0.95": pytest.approx(0.049)}
    assert measured.brier.value == pytest.approx((0.3**2 + 0.4**2) / 2)
    assert measured.brier_base.value == 0.25
    bins = [(each.predicted, each.observed, each.count) for each in measured.reliability]
    assert bins == [(pytest.approx(0.4), 0.0, 1), (pytest.approx(0.7), 1.0, 1)]
    assert measured.calibration_error == pytest.approx((0.4 + 0.3) / 2)
    # Above the strike: of 9 distances 0.02 exceeds 6 (not 0.02 itself), -0.01 exceeds 3.
    assert [(b.predicted, b.observed, b.count) for b in measured.strike_reliability] == [(0.5, 0.5, 18)]
    assert measured.strike_calibration_error == 0.0


def test_pinball_and_brier_are_scikit_learns():
    distribution = normal_distribution(PANEL)
    measured = _measure(PANEL, distribution)
    known = np.isfinite(PANEL.realised) & np.isfinite(PANEL.forecast)
    realised = PANEL.realised[known]
    losses = [
        mean_pinball_loss(realised, distribution.quantiles[known][:, i], alpha=p)
        for i, p in enumerate(PROBABILITIES)
    ]
    assert measured.pinball.value == pytest.approx(np.mean(losses))
    brier = brier_score_loss(realised > 0, distribution.probability_up[known])
    assert measured.brier.value == pytest.approx(brier)


def test_the_true_distribution_covers_and_is_calibrated():
    panel = noisy_panel(sessions=2000, symbols=10, skill=0.3, seed=1)
    measured = _measure(panel, normal_distribution(panel, volatility=VOLATILITY * np.sqrt(1 - 0.3**2)))
    for level, figure in measured.coverage.items():
        assert figure.value == pytest.approx(float(level), abs=0.01)
        assert figure.low < figure.value < figure.high
    assert measured.calibration_error < 0.02
    assert measured.strike_calibration_error < 0.01
    assert measured.brier.high < measured.brier_base.value
    assert len(measured.reliability) >= 6


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_wrong_width_shows_in_coverage_and_costs_pinball_loss(factor):
    right, wrong = (_measure(PANEL, normal_distribution(PANEL, VOLATILITY * f)) for f in (1.0, factor))
    assert (wrong.coverage["0.8"].value < right.coverage["0.8"].value) == (factor < 1)
    assert wrong.pinball.value > right.pinball.value
    assert wrong.width["0.8"] == pytest.approx(factor * right.width["0.8"])
    assert wrong.strike_calibration_error > right.strike_calibration_error + 0.03


def test_a_symbol_missing_on_some_days_counts_on_the_others():
    full = noisy_panel(sessions=60, symbols=3)
    distribution = normal_distribution(full)
    realised = full.realised.copy()
    realised[:, 2] = np.nan
    fewer = panel_of(full.forecast[:, :2], full.realised[:, :2])
    missing = _measure(panel_of(full.forecast, realised), distribution)
    assert missing == _measure(fewer, normal_distribution(fewer))


@pytest.mark.parametrize(
    "panel",
    [panel_of(np.zeros((0, 2)), np.zeros((0, 2))), panel_of(np.full((30, 2), np.nan), np.ones((30, 2)))],
)
def test_without_distributions_there_are_no_figures(panel):
    distribution = normal_distribution(panel)
    assert _measure(panel, distribution) is None
    assert _score(panel, distribution, distribution.above_strike) == []


def test_tenths_include_their_lower_end():
    bins = reliability(np.array([0.3, 0.7, 1.0, 0.0, np.nan]), np.array([True, False, True, False, True]))
    assert [(b.predicted, b.observed, b.count) for b in bins] == [
        (0.0, 0.0, 1),
        (0.3, 1.0, 1),
        (0.7, 0.0, 1),
        (1.0, 1.0, 1),
    ]
    assert reliability(np.array([1 - 0.9, 0.15]), np.array([True, False]))[0].count == 2
    grouped = reliability(np.array([0.3, 0.399, 0.4]), np.array([True, False, False]))
    assert [b.count for b in grouped] == [2, 1]
    assert calibration_error(grouped) == pytest.approx((abs(0.699 - 1.0) + 0.4) / 3)


def test_no_forecasts_have_no_calibration_error():
    assert reliability(np.zeros(0), np.zeros(0, dtype=bool)) == []
    assert calibration_error([]) == 0


def test_the_desks_lognormal_prices_by_a_martingale():
    sigma = 0.02
    above = lognormal_above(np.array([[sigma]]))[0, 0]
    assert above == pytest.approx([norm.sf(d, loc=-(sigma**2) / 2, scale=sigma) for d in STRIKE_DISTANCES])
    assert above[STRIKE_DISTANCES.index(0.0)] == pytest.approx(norm.cdf(-0.01))
    # The price expected is today's: the integral of P(ratio > x) over x is 1.
    ratios = np.linspace(1e-6, 2, 20_001)
    chances = lognormal_above(np.array([[sigma]]), tuple(np.log(ratios)))[0, 0]
    assert np.trapezoid(chances, ratios) == pytest.approx(1.0, abs=1e-6)


def test_no_volatility_gives_no_probability():
    assert np.isnan(lognormal_above(np.array([[0.0, np.nan, -1.0]]))).all()


def test_better_probabilities_score_below_the_lognormal_at_each_strike():
    panel = noisy_panel(sessions=1000, symbols=10, skill=0.6, seed=3)
    informed = normal_distribution(panel, volatility=VOLATILITY * 0.8)
    lognormal = lognormal_above(np.full(panel.forecast.shape, VOLATILITY))
    scores = _score(panel, informed, lognormal)
    assert [score.distance for score in scores] == list(STRIKE_DISTANCES)
    middle = scores[STRIKE_DISTANCES.index(0.0)]
    brier = np.mean((informed.above_strike[..., 4] - (panel.realised > 0)) ** 2)
    assert middle.brier.value == pytest.approx(brier)
    assert middle.difference.value == pytest.approx(middle.brier.value - middle.brier_lognormal.value)
    assert middle.difference.high < 0


def test_pairing_makes_the_difference_narrower_than_its_parts():
    panel = noisy_panel(sessions=400, skill=0.1)
    distribution = normal_distribution(panel)
    score = _score(panel, distribution, lognormal_above(np.full(panel.forecast.shape, VOLATILITY)))[4]
    widths = [f.high - f.low for f in (score.difference, score.brier)]
    assert widths[0] < widths[1]


def test_strikes_are_scored_where_both_are_known():
    panel = noisy_panel(sessions=60, symbols=3)
    distribution = normal_distribution(panel)
    volatility = np.full(panel.forecast.shape, VOLATILITY)
    volatility[:, 0] = np.nan
    above = distribution.above_strike.copy()
    above[:, 1] = np.nan
    score = _score(panel, replace(distribution, above_strike=above), lognormal_above(volatility))[4]
    alone = (distribution.above_strike[:, 2, 4] - (panel.realised[:, 2] > 0)) ** 2
    assert score.brier.value == pytest.approx(alone.mean())


def test_equal_probabilities_do_not_differ():
    distribution = normal_distribution(PANEL)
    for score in _score(PANEL, distribution, distribution.above_strike):
        assert (score.difference.value, score.difference.low, score.difference.high) == (0.0, 0.0, 0.0)


@settings(deadline=None)
@given(st.integers(0, 1000), st.permutations(range(4)))
def test_the_order_of_the_symbols_changes_nothing(seed, order):
    panel = noisy_panel(sessions=12, symbols=4, seed=seed, missing=0.1)
    moved = panel_of(panel.forecast[:, order], panel.realised[:, order])
    first, second = (_measure(p, normal_distribution(p)) for p in (panel, moved))
    assert second.pinball.value == pytest.approx(first.pinball.value)
    assert second.brier.value == pytest.approx(first.brier.value)
    assert second.coverage["0.8"].value == pytest.approx(first.coverage["0.8"].value)
    assert second.calibration_error == pytest.approx(first.calibration_error)
