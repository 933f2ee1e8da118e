from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from scipy.stats import norm

from tickgraph.graph.snapshots import build_snapshots
from tickgraph.lab.evaluation.calibrating import calibrate, walk_volatility
from tickgraph.lab.evaluation.forecast_panel import PROBABILITIES, STRIKE_DISTANCES
from tickgraph.market.store import PriceStore
from tickgraph.model.choice import training_window
from tickgraph.model.network import forward
from tickgraph.model.volatility import forecast_volatility
from tickgraph.serving.forecaster import Forecaster


@pytest.fixture(scope="module")
def walked(panel):
    """Sessions, momentum forecasts, realised returns, volatility and distributions, from 2016 on."""
    panel = panel.tail(int((panel.sessions >= np.datetime64("2016-01-01")).sum()))
    returns = panel.log_returns()
    momentum = np.full_like(returns, np.nan)
    momentum[19:] = np.lib.stride_tricks.sliding_window_view(returns, 20, axis=0).mean(axis=-1)
    realised = np.vstack([returns[1:], np.full(returns.shape[1], np.nan)])
    volatility = walk_volatility(returns)
    return panel.sessions, momentum, realised, volatility, calibrate(momentum, realised, volatility)


def years(sessions, first, last):
    year = sessions.astype("datetime64[Y]").astype(int) + 1970
    return ((first <= year) & (year <= last))[:, None]


@pytest.mark.parametrize(("first", "last"), [(2018, 2022), (2020, 2020), (2022, 2022)])
def test_intervals_cover_within_two_points_also_in_2020_and_in_2022(walked, first, last):
    sessions, _, realised, _, made = walked
    known = np.isfinite(realised) & np.isfinite(made.probability_up) & years(sessions, first, last)
    for level, low, high in ((0.95, 0, 6), (0.8, 1, 5)):
        inside = (made.quantiles[..., low] <= realised) & (realised <= made.quantiles[..., high])
        assert abs(inside[known].mean() - level) < 0.02


def test_probabilities_come_true_within_three_points_in_every_bin(walked):
    """Momentum is a poor forecast: its confidence has to say so."""
    sessions, momentum, realised, _, made = walked
    known = np.isfinite(realised) & np.isfinite(made.probability_up) & years(sessions, 2018, 2022)
    rise, rose, up = made.probability_up[known], realised[known] > 0, momentum[known] >= 0
    strikes = (realised[..., None] > np.array(STRIKE_DISTANCES))[known]
    for said, came in (
        (rise, rose),
        (np.where(up, rise, 1 - rise), rose == up),
        (made.above_strike[known].ravel(), strikes.ravel()),
    ):
        band, checked = np.floor(20 * said).astype(int), 0
        for one in np.unique(band):
            if (band == one).sum() >= 1000:
                checked += 1
                assert abs(said[band == one].mean() - came[band == one].mean()) < 0.03
        assert checked >= 2


@pytest.mark.parametrize("window", [20, 60])
def test_strikes_are_priced_better_than_by_the_log_normal_with_trailing_volatility(walked, panel, window):
    sessions, _, realised, _, made = walked
    returns = panel.log_returns()[-len(sessions) :]
    trailing = np.full_like(returns, np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(returns, window, axis=0)
    trailing[window - 1 :] = windows.std(axis=-1, ddof=1)
    known = np.isfinite(realised + made.probability_up + trailing) & years(sessions, 2018, 2022)
    for index, distance in enumerate(STRIKE_DISTANCES):
        came = realised[known] > distance
        lognormal = norm.sf((distance + trailing[known] ** 2 / 2) / trailing[known])
        ours = ((made.above_strike[known][:, index] - came) ** 2).mean()
        assert ours < ((lognormal - came) ** 2).mean()


def test_probabilities_fall_with_the_strike_and_quantiles_rise(walked):
    *_, made = walked
    there = np.isfinite(made.probability_up)
    above, quantiles = made.above_strike[there], made.quantiles[there]
    assert (np.diff(above, axis=-1) <= 0).all()
    assert ((above > 0) & (above < 1)).all()
    assert (np.diff(quantiles, axis=-1) > 0).all()
    np.testing.assert_array_equal(above[:, STRIKE_DISTANCES.index(0.0)], made.probability_up[there])


def test_a_distribution_knows_nothing_of_what_came_later(panel):
    returns = panel.select(("AAPL", "JPM", "XOM")).tail(500).log_returns()
    cut = 409  # a refit: 59 sessions, then 7 times 50
    corrupt = returns.copy()
    corrupt[cut + 1 :] = np.random.default_rng(0).normal(0, 1, corrupt[cut + 1 :].shape)
    made = []
    for values in (returns, corrupt):
        realised = np.vstack([values[1:], np.full(3, np.nan)])
        made.append(calibrate(0.1 * values, realised, walk_volatility(values, refit=50)))
    for name in ("quantiles", "probability_up", "above_strike"):
        real, other = (getattr(one, name) for one in made)
        assert np.isfinite(real[cut]).all()
        np.testing.assert_allclose(real[: cut + 1], other[: cut + 1], rtol=1e-9)
        assert (
            real[cut + 1] != other[cut + 1]
        ).any()  # the return that row `cut` forecast is one of its scores


def test_a_distribution_is_of_its_window_alone():
    generator = np.random.default_rng(0)
    realised = generator.normal(0, 0.02, (300, 1))
    forecast, volatility = np.zeros((300, 1)), np.full((300, 1), 0.02)
    made = calibrate(forecast, realised, volatility, window=99)
    assert np.isnan(made.probability_up[:40]).all()  # fewer sessions than an interval of 95 % needs
    assert np.isfinite(made.probability_up[40:]).all()
    changed = realised.copy()
    changed[:200] = 5.0
    again = calibrate(forecast, changed, volatility, window=99)
    np.testing.assert_array_equal(made.quantiles[299], again.quantiles[299])
    # Ranks 2.5 and 97.5 of 99 scores, outwards: the second and the 98th, and the tenth and the 90th.
    scores = np.sort(realised[200:299, 0]) / 0.02
    scores -= 500 / 599 * scores.mean()
    expected = 0.02 * scores[[1, 9, 24, 49, 74, 89, 97]]
    np.testing.assert_allclose(made.quantiles[299, 0], expected)
    assert len(PROBABILITIES) == len(expected)


def test_without_volatility_or_forecast_there_is_no_distribution():
    generator = np.random.default_rng(0)
    realised = generator.normal(0, 0.02, (100, 2))
    forecast, volatility = np.zeros((100, 2)), np.full((100, 2), 0.02)
    forecast[98, 0], volatility[99, 1] = np.nan, 0.0
    there = np.isfinite(calibrate(forecast, realised, volatility).probability_up)
    np.testing.assert_array_equal(there[97:], [[True, True], [False, True], [True, False]])


def test_arrays_that_do_not_fit_are_errors():
    grid = np.zeros((50, 2))
    with pytest.raises(ValueError, match=r"one shape \[T, S\], got \(50, 2\), \(49, 2\)"):
        calibrate(grid, grid[1:], grid)


def test_the_service_says_what_the_evaluation_measures(panel, registry, prices_dir):
    """One model, one session: intervals and probabilities of an answer are those of the same scores here."""
    served = Forecaster(
        registry, PriceStore(prices_dir), now=lambda: datetime(2022, 12, 30, 22, tzinfo=UTC)
    ).outlook("JPM")
    model = served.model
    window = training_window(panel, registry.metadata("JPM").training_config)
    snapshots = build_snapshots(window, model.nodes, model.graph)
    held_out = snapshots[len(snapshots) - 1 - model.calibration_sessions :]  # and the last, which is open
    assert len(held_out) == 61
    forecast = forward(model.weights, held_out.features, held_out.adjacency).astype(float)
    rows = np.searchsorted(window.sessions, held_out.sessions)
    volatility = forecast_volatility(window.select(model.nodes).log_returns(), model.volatility)[rows]
    made = calibrate(forecast, held_out.targets.astype(float), volatility, window=60)
    distribution = served.distribution
    assert made.probability_up[-1, 0] == pytest.approx(distribution.probability_above(0.0), abs=1e-4)
    for index, distance in enumerate(STRIKE_DISTANCES):
        expected = distribution.probability_above(distance)
        assert made.above_strike[-1, 0, index] == pytest.approx(expected, abs=1e-4)
    assert made.quantiles[-1, 0, [0, 6]] == pytest.approx(distribution.interval(0.95), rel=1e-3)
    assert made.quantiles[-1, 0, [1, 5]] == pytest.approx(distribution.interval(0.8), rel=1e-3)
