"""Every forecaster by horizon: what it forecasts, and what it looks at."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from made_universe import corrupted_after
from test_no_lookahead import CUT
from tickgraph.lab.horizons.garch_paths import GarchPaths, _quantiles, expected_sums, filtered
from tickgraph.lab.horizons.horizon_catalogue import HORIZON_FORECASTERS, make_horizon_forecasters
from tickgraph.lab.horizons.method import PROBABILITIES
from tickgraph.lab.horizons.moves import Moves
from tickgraph.lab.horizons.range_regressions import RangeRegression, own_range
from tickgraph.lab.horizons.walk import walk_forecaster
from tickgraph.model.training_config import TrainingConfig


@pytest.fixture(
    scope="module", params=[name for name in HORIZON_FORECASTERS if not name.startswith("network")]
)
def walked(request, few, moves, schedule):
    """A forecaster on real prices, and on prices whose future is another."""
    (forecaster,) = make_horizon_forecasters([request.param], trees=5)
    cut = int(np.searchsorted(few.sessions, CUT))
    assert 0 < cut - (schedule.first + 63) < 21  # a fit shortly before, when long targets were not known yet
    other = Moves.of(corrupted_after(few, CUT), moves.horizons)
    return cut, *(walk_forecaster(each, forecaster, schedule) for each in (moves, other))


def test_forecasts_look_at_nothing_that_came_later(walked, schedule, moves):
    """The cut lies inside a stretch, after a fit at which the targets of long horizons were not known yet."""
    cut, real, corrupt = walked
    before = cut - schedule.first + 1
    # Sums in another order differ in the last digits, and fits end a step earlier or later.
    np.testing.assert_allclose(real.variance[:before], corrupt.variance[:before], rtol=1e-6)
    # A distribution is judged by what came: both are the same where that was known before the cut.
    known = schedule.origins[:, None] + np.array(moves.horizons) <= cut  # [O, H]
    for name in ("crps", "probability"):
        one, two = (np.moveaxis(getattr(each.densities, name), 1, -1)[known] for each in (real, corrupt))
        np.testing.assert_allclose(one, two, rtol=1e-6)
    one, two = (each.densities.width[schedule.origins <= cut] for each in (real, corrupt))
    np.testing.assert_allclose(one, two, rtol=1e-6)


def test_it_can_see_the_corruption_afterwards(walked, schedule):
    cut, real, corrupt = walked
    after = slice(cut - schedule.first + 2, None)
    assert (real.variance[after] != corrupt.variance[after]).any()


def test_variances_and_widths_are_of_the_size_of_what_came(walked, moves, schedule):
    _, real, _ = walked
    came = moves.variance_ahead[schedule.first : schedule.stop]
    known = np.isfinite(came) & np.isfinite(real.variance)
    assert known.mean() > 0.85
    assert 0.5 < came[known].mean() / real.variance[known].mean() < 2
    assert (np.diff(np.nanmedian(real.variance, axis=(0, 1))) > 0).all()
    inside = np.abs(real.densities.probability - 0.5) <= 0.4
    assert 0.6 < inside[np.isfinite(real.densities.probability)].mean() < 0.95


def test_weights_that_sum_to_one_follow_the_unit_of_variance(moves, schedule):
    """A fit with a free sum has a level of its own to return to."""
    stretch = schedule.stretches(63, with_scores=False)[0]
    doubled = dataclasses.replace(moves, variance=moves.variance * 4)
    forecaster = RangeRegression(own_range)
    one, two = (forecaster.prepare(each)(stretch).variance for each in (moves, doubled))
    np.testing.assert_allclose(4 * one, two, rtol=1e-4)


def test_garch_sums_are_the_means_of_its_paths():
    parameters = np.array([[0.05], [0.05], [0.06], [0.88]])
    shocks = np.random.default_rng(0).choice([-1.0, 1.0], (750, 1))
    shocks -= shocks.mean()
    horizons = np.array([1, 5, 21])
    forecaster = GarchPaths(asymmetric=True, paths=4000)
    quantiles = forecaster._simulate(np.array([2.0]), shocks, parameters, horizons, 0)[0] * 100  # percent
    expected = expected_sums(np.array([[2.0]]), parameters, horizons)[0, 0]
    np.testing.assert_allclose((quantiles**2).mean(axis=-1), expected, rtol=0.08)


def test_a_large_fall_leaves_the_variance_above_zero(monkeypatch):
    """The estimate may say that falls lower the variance by more than moves raise it."""
    import arch

    class Estimated:
        params = {"omega": 0.01, "alpha[1]": 0.1, "gamma[1]": -0.15, "beta[1]": 0.5}  # noqa: RUF012

        def fit(self, **_):
            return self

    monkeypatch.setattr(arch, "arch_model", lambda *_, **__: Estimated())
    returns = np.random.default_rng(0).standard_normal((750, 1))
    returns[-3:] = -20.0
    following, _ = filtered(returns, GarchPaths(asymmetric=True)._fit(returns))
    assert following.min() > 0


def test_quantiles_of_paths_are_those_of_numpy():
    paths = np.random.default_rng(0).standard_normal((777, 3)).astype(np.float32)
    np.testing.assert_allclose(_quantiles(paths), np.quantile(paths, PROBABILITIES, axis=0), atol=1e-6)


def test_a_filtered_variance_answers_the_session_before():
    parameters = np.array([[0.1], [0.1], [0.2], [0.7]])
    returns = np.array([[1.0], [-2.0], [np.nan], [1.0]])
    following, shocks = filtered(returns, parameters)
    first = (1 + 4 + 1) / 3
    second = 0.1 + 0.1 * 1 + 0.7 * first
    third = 0.1 + 0.3 * 4 + 0.7 * second
    np.testing.assert_allclose(following[:, 0], [second, third, np.nan, 0.1 + 0.1 + 0.7 * third])
    np.testing.assert_allclose(shocks[:, 0], [1 / first**0.5, -2 / second**0.5, np.nan, 1 / third**0.5])


def test_two_parts_of_an_evaluation_share_what_the_network_fits():
    config = TrainingConfig(seed=9)
    first, second = (make_horizon_forecasters(("network",), config=config)[0] for _ in range(2))
    (other,) = make_horizon_forecasters(("network",), config=TrainingConfig(seed=10))
    assert first is second
    assert other is not first
