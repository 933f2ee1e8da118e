from __future__ import annotations

import numpy as np
import pytest

from made_universe import corrupted_after
from test_no_lookahead import CUT
from tickgraph.lab.horizons import embedded_network
from tickgraph.lab.horizons.embedded_network import EMBEDDING, correction, fit_embedded
from tickgraph.lab.horizons.moves import Moves
from tickgraph.lab.horizons.network_forecasts import UniverseFits, known_universe
from tickgraph.model import linear_path
from tickgraph.model.training_config import TrainingConfig

CONFIG = TrainingConfig(num_stocks=4, variance_dim=4, horizons=(1, 5, 21))


@pytest.fixture(scope="module")
def stretch(schedule):
    """The fit before the cut comes some sessions earlier, when long targets were not known yet."""
    return schedule.stretches(63, with_scores=False)[1]


@pytest.fixture(scope="module")
def walked(few, moves, stretch):
    """Forecasts of real prices, and of prices whose future is another; trained in two passes."""
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(embedded_network, "UNIVERSE", embedded_network.UNIVERSE._replace(epochs=2))
        changed.setattr(linear_path, "MIN_ROWS", 300)
        forecaster = embedded_network.embedded_network(UniverseFits(CONFIG, "none"))
        panels = moves, Moves.of(corrupted_after(few, CUT), moves.horizons)
        yield [forecaster.prepare(each)(stretch) for each in panels]


def test_forecasts_look_at_nothing_that_came_later(walked, few, stretch):
    real, corrupt = walked
    cut = int(np.searchsorted(few.sessions, CUT))
    before = cut - stretch.first + 1
    np.testing.assert_allclose(real.variance[:before], corrupt.variance[:before], rtol=1e-5)
    one, two = (each.quantiles[stretch.origins <= cut] for each in walked)
    np.testing.assert_allclose(one, two, rtol=1e-5)
    assert (real.variance[before + 1 :] != corrupt.variance[before + 1 :]).any()


def test_forecasts_are_of_the_size_of_what_came(walked, moves, stretch):
    came, forecast = moves.variance_ahead[stretch.rows], walked[0].variance
    known = np.isfinite(came) & np.isfinite(forecast)
    assert known.mean() > 0.7
    assert 0.4 < came[known].mean() / forecast[known].mean() < 2.5


def test_it_learns_who_moves_more_than_the_others_from_their_names(moves, stretch, monkeypatch):
    """Where every symbol has the same features, only its own vector can tell it from the others."""
    monkeypatch.setattr(linear_path, "MIN_ROWS", 300)
    config, universe = UniverseFits(CONFIG, "none").prepare(moves)
    past = known_universe(universe, stretch.first, config.horizons)
    past.features.values[:] = past.features.values[:, :1]
    past.variance[:] = 1e-4 * np.where(np.arange(past.variance.shape[1]) < 3, 1.0, 4.0)[:, None]
    fit = fit_embedded(past, stretch.first, config.horizons, 0)
    _, more = fit.paths(past.features.values, past.features.known)
    everyone = past.features.known.all(axis=1)
    calm, wild = more[everyone][:, :3].mean(), more[everyone][:, 3:].mean()
    assert calm < 0 < wild
    assert wild - calm > 0.5 * np.log(4)


def test_the_mean_over_symbols_that_are_present_is_taken_off():
    generator = np.random.default_rng(0)
    weights = embedded_network._first_weights(generator, (5, 3), 2)
    weights["last"] = 0.1 * generator.standard_normal(weights["last"].shape).astype(np.float32)
    present = np.array([[1, 1, 0, 1, 0]], np.float32)
    more = correction(weights, generator.standard_normal((1, 5, 3)).astype(np.float32), present)
    np.testing.assert_allclose(more[0, present[0] > 0].mean(axis=0), 0, atol=1e-6)
    assert weights["embedding"].shape == (5, EMBEDDING)
