"""The product's network in the walk: a small one, trained for a moment."""

from __future__ import annotations

import numpy as np
import pytest

from made_universe import corrupted_after
from test_no_lookahead import CUT
from tickgraph.lab.horizons import network_forecasts
from tickgraph.lab.horizons.method import PROBABILITIES
from tickgraph.lab.horizons.moves import Moves
from tickgraph.lab.horizons.network_forecasts import (
    UniverseFits,
    network,
    network_quantiles,
    scores_at_probabilities,
    wrong_symbols,
)
from tickgraph.model import linear_path, universe_fit, variance_fit, variance_training
from tickgraph.model.horizon_distribution import HorizonDistribution
from tickgraph.model.training_config import TrainingConfig

CONFIG = TrainingConfig(num_stocks=4, variance_dim=4, horizons=(1, 5, 21))
ABLATIONS = {
    "no edges": {"edges": "none"},
    "shuffled": {"edges": "shuffled"},
    "linear": {"nonlinear": False},
    "alone": {"drawn": False},
}


@pytest.fixture(scope="module")
def fits():
    return UniverseFits(CONFIG)


@pytest.fixture(scope="module")
def stretch(schedule):
    """The fit before the cut comes some sessions earlier, when long targets were not known yet."""
    return schedule.stretches(63, with_scores=False)[1]


def forecaster(fits, *, edges="graph", **left_out):
    own = fits if edges == "graph" else UniverseFits(CONFIG, edges)
    return network("n", "model", "", own, **left_out)


@pytest.fixture(scope="module")
def briefly():
    """Few graphs in one pass, and no more rows than six symbols have."""
    with pytest.MonkeyPatch.context() as changed:
        for module in (universe_fit, variance_training):
            changed.setattr(module, "UNIVERSE", variance_training.Schedule(128, 1))
        for module in (variance_fit, variance_training):
            changed.setattr(module, "SYMBOL", variance_training.Schedule(64, 1))
        changed.setattr(universe_fit, "MIN_SESSIONS", 300)
        changed.setattr(linear_path, "MIN_ROWS", 300)
        yield


@pytest.fixture(scope="module")
def whole(briefly, moves, fits, stretch):
    return forecaster(fits).prepare(moves)(stretch)


def test_forecasts_look_at_nothing_that_came_later(whole, few, moves, fits, stretch):
    corrupt = forecaster(fits).prepare(Moves.of(corrupted_after(few, CUT), moves.horizons))(stretch)
    cut = int(np.searchsorted(few.sessions, CUT))
    before = cut - stretch.first + 1
    assert 5 < before < 21
    assert np.isfinite(whole.variance[:before]).mean() > 0.8
    np.testing.assert_allclose(whole.variance[:before], corrupt.variance[:before], rtol=1e-5)
    one, two = (each.quantiles[stretch.origins <= cut] for each in (whole, corrupt))
    np.testing.assert_allclose(one, two, rtol=1e-5)
    assert (whole.variance[before + 1 :] != corrupt.variance[before + 1 :]).any()


@pytest.mark.parametrize("left_out", ABLATIONS)
def test_each_ablation_changes_the_forecasts_and_leaves_them_of_their_size(
    left_out, whole, moves, fits, stretch
):
    own = forecaster(fits, **ABLATIONS[left_out]).prepare(moves)(stretch)
    ratio = own.variance / whole.variance
    assert np.nanmax(np.abs(ratio - 1)) > 1e-4
    assert 0.3 < np.nanmedian(ratio) < 3


def test_variance_and_interval_never_fall_with_the_horizon(whole):
    interval = whole.quantiles[..., -5] - whole.quantiles[..., 4]
    for values in (whole.variance, interval):
        steps = np.diff(values, axis=-1)
        assert (steps[np.isfinite(steps)] >= 0).all()


def test_without_edges_it_hears_nobody(moves, briefly):
    _, universe = UniverseFits(CONFIG, "none").prepare(moves)
    heard = network_forecasts.HEARD + network_forecasts.OF_THE_MARKET
    assert len(heard) == 5
    assert not universe.features.values[..., heard].any()
    assert universe.features.values[..., 0].any()


def test_everyone_gets_the_edges_of_another():
    for count in (2, 7, 42):
        wrong = wrong_symbols(count, 0)
        assert sorted(wrong) == list(range(count))
        assert (wrong != np.arange(count)).all()


def test_forecasters_that_share_a_universe_fit_it_once(whole, fits, moves, stretch, monkeypatch):
    def fit(*_):
        raise AssertionError

    monkeypatch.setattr(network_forecasts, "fit_universe", fit)
    again = forecaster(fits).prepare(moves)(stretch)
    np.testing.assert_array_equal(again.variance, whole.variance)


def test_quantiles_are_those_of_the_products_distribution():
    generator = np.random.default_rng(0)
    grid = np.array([1, 2, 5, 21])
    variances = generator.gamma(2.0, size=(2, 3, 4)) * grid
    scores = np.sort(generator.standard_normal((4, 399)), axis=1)
    quantiles = network_quantiles(variances, scores_at_probabilities(scores), np.array([0, 2, 3]))
    for cell in np.ndindex(2, 3):
        product = HorizonDistribution(grid, variances[cell], scores)
        np.testing.assert_allclose(quantiles[cell], product.quantile(PROBABILITIES, grid[[0, 2, 3], None]))


def test_too_short_a_history_gives_no_forecast(moves, stretch, monkeypatch):
    monkeypatch.setattr(universe_fit, "MIN_SESSIONS", 750)
    own = forecaster(UniverseFits(CONFIG)).prepare(moves)(stretch)
    assert np.isnan(own.variance).all()
    assert np.isnan(own.quantiles).all()
