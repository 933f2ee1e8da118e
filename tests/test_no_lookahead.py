"""Corrupt the future: nothing that was forecast before it may change."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest

from made_outlooks import ahead, record
from made_prices import StoreOf
from made_universe import corrupted_after, short_training
from tickgraph.model.weights import weight_shapes
from tickgraph.operations.scoring import score
from tickgraph.pipeline.train import train_symbols
from tickgraph.registry.registry import ModelRegistry
from tickgraph.serving.forecaster import Forecaster

CUT = np.datetime64("2022-06-30")


def test_models_and_forecasts_as_of_a_day_ignore_what_came_later(panel, program, tmp_path):
    """Peers, scaling, weights, calibration, measures, correlations and the forecast itself."""
    symbols, answers, models = ["AAPL", "JPM", "ABNB"], [], []
    for name, prices in (("real", panel), ("corrupt", corrupted_after(panel, CUT))):
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


def test_distributions_of_every_horizon_ignore_what_came_later(small_universe, small_program, tmp_path):
    """As of the day of the universe's state, and as of a day before it, when the models' own peers are heard."""
    symbols, days = ["AAPL", "JPM"], (date(2022, 6, 30), date(2022, 6, 15))
    answers, touched, paths = [], [], []
    for name, prices in (("real", small_universe), ("corrupt", corrupted_after(small_universe, CUT))):
        registry = ModelRegistry(tmp_path / name)
        with short_training():
            report = train_symbols(prices.through(CUT), symbols, registry, program=small_program)
        assert set(report.done) == set(symbols)
        assert registry.universe.state("sample").session == CUT
        forecaster = Forecaster(
            registry,
            StoreOf(lambda _, nodes, prices=prices: prices.select(nodes)),
            now=lambda: datetime(2022, 7, 1, tzinfo=UTC),
        )
        answers.append([forecaster.forecast_many(symbols, as_of=day).forecasts for day in days])
        touched.append(
            [
                forecaster.probability("AAPL", 150, sessions=21, price=140, as_of=day).probability_touched
                for day in days
            ]
        )
        paths.append([forecaster.paths(symbols, sessions=5, as_of=day, paths=50).highs for day in days])
        # What came later does change what is forecast after it.
        answers[-1].append(forecaster.forecast_many(symbols, as_of=date(2022, 7, 1)).forecasts)
    for place, day in enumerate(days):
        for symbol in symbols:
            said, other = (answer[place][symbol] for answer in answers)
            assert said.as_of == other.as_of == day
            assert [each.sessions for each in said.horizons] == [1, 5, 21]
            for one, corrupt in zip(said.horizons, other.horizons, strict=True):
                assert one.volatility == pytest.approx(corrupt.volatility, rel=1e-5)
                assert one.expected_move == pytest.approx(corrupt.expected_move, rel=1e-5)
                for interval, beside in zip(one.intervals, corrupt.intervals, strict=True):
                    assert interval.lower == pytest.approx(beside.lower, rel=1e-5)
                    assert interval.upper == pytest.approx(beside.upper, rel=1e-5)
    np.testing.assert_allclose(touched[0], touched[1], rtol=1e-5)
    np.testing.assert_allclose(paths[0], paths[1], rtol=1e-5)
    later, shaken = (answer[-1].get("JPM") for answer in answers)
    assert later is not None
    assert shaken is None or shaken.horizons[0].volatility != later.horizons[0].volatility


def test_the_corruption_is_seen_by_who_may_see_it(panel, program, tmp_path):
    """The same corruption changes a model that is trained after it: the test above can fail."""
    weights = []
    for name, prices in (("real", panel), ("corrupt", corrupted_after(panel, CUT))):
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


def test_scores_of_forecasts_ignore_what_came_after_their_last_session(panel):
    """Every horizon's: what was not over by the cut is not scored then, and what was has the same figures."""
    records = pd.DataFrame(
        [
            record(name, as_of=str(base), target=str(base + 1), logged=f"{base + 1}T11:00")
            | ahead(base, 1, 2, 3, 5, 10, 21, 42, 63)
            for name in ("AAPL", "JPM", "XOM")
            for base in np.array(["2022-04-18", "2022-05-16", "2022-06-13", "2022-06-29"], "datetime64[D]")
        ]
    )

    def quality(prices, now):
        return score(records, lambda source, symbols, first: prices.select(symbols), now)

    corrupt = corrupted_after(panel, CUT)
    at_the_cut, later = (datetime(2022, *day, 22, tzinfo=UTC) for day in ((6, 30), (7, 29)))
    real = quality(panel, at_the_cut)
    assert real == quality(corrupt, at_the_cut)
    # Of 18 April 42 sessions are over by 30 June, of 16 May 21, of 13 June 10.
    found = {ahead: figures.forecasts for ahead, figures in real.horizons.items()}
    assert found == {"1": 12, "2": 9, "3": 9, "5": 9, "10": 9, "21": 6, "42": 3}
    assert quality(panel, later) != quality(corrupt, later), "this test can fail"
