"""Corrupt the future: nothing that was forecast before it may change."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime

import numpy as np

from made_prices import StoreOf
from tickgraph.market.panel import PANEL_COLUMNS
from tickgraph.model.weights import weight_shapes
from tickgraph.pipeline.train import train_symbols
from tickgraph.registry.registry import ModelRegistry
from tickgraph.serving.forecaster import Forecaster

CUT = np.datetime64("2022-06-30")


def corrupted(panel):
    """Every price and volume after the cut is another number, and every symbol's own."""
    generator = np.random.default_rng(0)
    later = (panel.sessions > CUT)[:, None]

    def noise(values):
        return np.where(later & np.isfinite(values), generator.uniform(1, 1e5, values.shape), values)

    return dataclasses.replace(panel, **{name: noise(getattr(panel, name)) for name in PANEL_COLUMNS})


def test_models_and_forecasts_as_of_a_day_ignore_what_came_later(panel, program, tmp_path):
    """Peers, scaling, weights, calibration, measures, correlations and the forecast itself."""
    symbols, answers, models = ["AAPL", "JPM", "ABNB"], [], []
    for name, prices in (("real", panel), ("corrupt", corrupted(panel))):
        registry = ModelRegistry(tmp_path / name)
        report = train_symbols(prices.through(CUT), symbols, registry, program=program)
        assert not report.failed
        forecaster = Forecaster(
            registry,
            StoreOf(lambda _, nodes, prices=prices: prices.select(nodes)),
            now=lambda: datetime(2022, 7, 1, tzinfo=UTC),
        )
        answers.append(forecaster.forecast_many([*symbols, "TSLA"], as_of=date(2022, 6, 30)).forecasts)
        models.append({symbol: registry.load(symbol, weight_shapes) for symbol in symbols})
    for symbol in symbols:
        real, corrupt = (model[symbol] for model in models)
        assert real.metadata.training_config == corrupt.metadata.training_config
        np.testing.assert_allclose(
            real.metadata.calibration.scores, corrupt.metadata.calibration.scores, rtol=1e-4
        )
        np.testing.assert_allclose(
            real.metadata.calibration.volatility, corrupt.metadata.calibration.volatility, rtol=1e-6
        )
        np.testing.assert_allclose(real.correlation, corrupt.correlation, atol=1e-12)
        for path, value in real.weights.items():
            np.testing.assert_allclose(value, corrupt.weights[path], rtol=1e-4, atol=1e-6)
    for symbol in (*symbols, "TSLA"):
        said, other = (answer[symbol] for answer in answers)
        assert said.as_of == other.as_of == date(2022, 6, 30)
        assert not any("later than" in text for text in said.notes)  # as a model from beyond would say
        assert abs(said.predicted_return - other.predicted_return) < 1e-6
        assert abs(said.probability_up - other.probability_up) < 1e-4
        assert abs(said.intervals[1].lower_return - other.intervals[1].lower_return) < 1e-5


def test_the_corruption_is_seen_by_who_may_see_it(panel, program, tmp_path):
    """The same corruption changes a model that is trained after it: the test above can fail."""
    weights = []
    for name, prices in (("real", panel), ("corrupt", corrupted(panel))):
        registry = ModelRegistry(tmp_path / name)
        train_symbols(prices, ["AAPL"], registry, program=program)
        weights.append(registry.load("AAPL", weight_shapes).weights)
    assert any((weights[0][path] != weights[1][path]).any() for path in weights[0])


def test_peers_come_from_the_training_part_of_the_window(panel, program, tmp_path):
    """What happened in the held-out sessions may not choose the peers that are judged on them."""
    from tickgraph.model.fitting import fit

    window = panel.tail(program.config.history + program.config.sessions)
    held_out = window.sessions[-program.config.calibration_sessions]
    real = fit(panel, "AAPL", program)
    generator = np.random.default_rng(0)
    later = (panel.sessions >= held_out)[:, None]
    shaken = np.where(
        later, panel.adj_close * np.exp(generator.normal(0, 0.05, panel.adj_close.shape)), panel.adj_close
    )
    corrupt = fit(dataclasses.replace(panel, adj_close=shaken), "AAPL", program)
    assert real.peers == corrupt.peers
    np.testing.assert_allclose(real.losses, corrupt.losses, rtol=1e-4)
    np.testing.assert_allclose(real.volatility, corrupt.volatility, rtol=1e-9)
    assert real.scores.values[0] != corrupt.scores.values[0]
    for path, value in real.weights.items():
        np.testing.assert_allclose(value, corrupt.weights[path], rtol=1e-4, atol=1e-6)
