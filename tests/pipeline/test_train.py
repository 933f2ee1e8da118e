from __future__ import annotations

import dataclasses
import errno
import os
from concurrent.futures import Future

import numpy as np
import pytest

from made_walk_forward import made_walk_forward
from tickgraph.errors import ClusterError, StorageError
from tickgraph.model import choice, fitting
from tickgraph.model.weights import symbol_seed, weight_shapes
from tickgraph.pipeline import train as module
from tickgraph.pipeline.engines import LocalEngine, plan
from tickgraph.pipeline.train import train_symbols
from tickgraph.registry.metadata import ModelMetadata
from tickgraph.registry.registry import ModelRegistry


@pytest.fixture
def own(tmp_path):
    return ModelRegistry(tmp_path / "models")


def test_alone_or_among_others_a_symbol_gets_the_same_model(panel, program, own, trained_dir):
    train_symbols(panel, ["JPM"], own, program=program)
    alone = own.load("JPM", weight_shapes)
    among = ModelRegistry(trained_dir).load("JPM", weight_shapes)
    assert alone.metadata.training_config == among.metadata.training_config
    assert alone.metadata.data_version == among.metadata.data_version
    for path, value in alone.weights.items():
        np.testing.assert_allclose(value, among.weights[path], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(
        alone.metadata.calibration.scores, among.metadata.calibration.scores, rtol=1e-4
    )


def test_peers_are_chosen_once_for_all_symbols_and_are_those_that_each_would_choose_alone(
    panel, program, own, monkeypatch
):
    """What one symbol costs must not grow with the number of the others."""
    chosen = []

    def choose(prices, symbols, *rest):
        chosen.append(tuple(symbols))
        return module_choose(prices, symbols, *rest)

    module_choose = choice.choose
    for place in (choice, fitting, module):
        monkeypatch.setattr(place, "choose", choose)
    pool = tuple(name for name in panel.symbols if name != "XOM")
    train_symbols(panel, ["JPM", "XOM"], own, pool=pool, program=program)
    assert chosen == [("JPM", "XOM")]
    for symbol in ("JPM", "XOM"):
        alone = panel.select(sorted({symbol, *pool}))
        whole = fitting.fit(alone, symbol, program)
        assert own.metadata(symbol).training_config.correlated_symbols == whole.peers
        weights = own.load(symbol, weight_shapes).weights
        assert all((weights[name] == values).all() for name, values in whole.weights.items())


def test_metadata_says_what_was_done(panel, config, program, trained_dir):
    metadata = ModelRegistry(trained_dir).metadata("XOM")
    assert metadata.training_config.symbol_seed == symbol_seed(config.seed, "XOM")
    assert metadata.training_config.correlated_symbols[:2] == ("CVX", "COP")
    assert len(metadata.training_config.correlated_symbols) == 10
    assert metadata.data_stats.training_sessions == 240
    assert metadata.data_stats.calibration_sessions == 60
    assert str(metadata.data_stats.last_session) == "2022-12-30"
    assert metadata.correlations.as_of == metadata.data_stats.last_session
    assert metadata.performance_metrics.num_params == 9025
    figures = metadata.performance_metrics.out_of_sample
    assert figures.sessions == 60
    assert figures.beats_zero == (figures.mse < figures.mse_zero)
    assert not metadata.data_stats.short_history
    calibration = metadata.calibration
    assert calibration.method == "split-conformal, forecast-volatility-normalised"
    assert len(calibration.scores) == 60 * 11  # of the target and its peers
    assert list(calibration.scores) == sorted(calibration.scores)
    assert 0 <= calibration.trust <= 1
    assert sum(calibration.volatility[1:]) == pytest.approx(1)
    assert {"jax", "keras", "numpy", "h5py", "tickgraph"} <= set(metadata.versions)


def test_a_symbol_that_fails_is_named_and_the_others_go_on(panel, program, own):
    outcomes = []
    early = panel.through(np.datetime64("2021-03-31"))  # ABNB has 75 sessions
    report = train_symbols(early, ["AAPL", "ABNB", "MSFT"], own, program=program, on_outcome=outcomes.append)
    assert set(report.done) == {"AAPL", "MSFT"} == set(own.symbols())
    assert report.failed["ABNB"].startswith("History too short for ABNB: 76 sessions, need 261")
    assert "Lower --min-sessions" in report.failed["ABNB"]
    assert {outcome.symbol for outcome in outcomes} == {"AAPL", "ABNB", "MSFT"}


def test_a_short_history_is_trained_on_what_there_is_and_says_so(panel, program, own):
    train_symbols(panel.through(np.datetime64("2022-01-31")), ["ABNB"], own, program=program)
    stats = own.metadata("ABNB").data_stats
    assert stats.short_history
    assert stats.training_sessions + stats.calibration_sessions == stats.historical_days - 61


def test_a_session_without_a_price_costs_few_snapshots(panel, program, own):
    recent = panel.tail(400)
    gap = (np.arange(400)[:, None] == 370) & (
        np.array(recent.symbols) == "AAPL"
    )  # where the model is calibrated
    close, adj_close = (np.where(gap, np.nan, values) for values in (recent.close, recent.adj_close))
    holed = dataclasses.replace(recent, close=close, adj_close=adj_close)
    for prices, folder in ((recent, "whole"), (holed, "holed")):
        train_symbols(
            prices, ["AAPL"], ModelRegistry(own.root / folder), program=program, pool=["AAPL", "MSFT", "JPM"]
        )
    whole, holed = (ModelRegistry(own.root / name).metadata("AAPL").data_stats for name in ("whole", "holed"))
    snapshots = [stats.training_sessions + stats.calibration_sessions for stats in (whole, holed)]
    assert 0 < snapshots[0] - snapshots[1] <= 3


def test_few_symbols_still_make_a_graph(panel, program, own):
    report = train_symbols(panel, ["AAPL"], own, program=program, pool=["AAPL", "MSFT"])
    assert report.done["AAPL"].training_config.correlated_symbols == ("MSFT",)
    assert not own.load("AAPL", weight_shapes).correlation[2:].any()


def test_interrupting_keeps_what_is_finished(panel, program, own):
    def stop(outcome):
        raise KeyboardInterrupt

    report = train_symbols(
        panel, list(panel.symbols), own, program=program, engine=LocalEngine(1), on_outcome=stop
    )
    assert report.interrupted
    assert 1 <= len(own.symbols()) < 10
    for symbol in own.symbols():
        assert own.load(symbol, weight_shapes).symbol == symbol


def test_a_full_disk_ends_the_run_and_keeps_what_was_published(panel, program, own, monkeypatch):
    train_symbols(panel, ["AAPL"], own, program=program)
    before = own.load("AAPL", weight_shapes)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="disk is full"):
        train_symbols(panel, ["AAPL", "MSFT"], own, program=program)
    assert own.symbols() == ("AAPL",)
    assert own.load("AAPL", weight_shapes).generation == before.generation


def test_every_symbol_runs_through_one_compilation(panel, config, own):
    program = module.TrainingProgram(config)
    train_symbols(panel, ["AAPL", "ABNB", "UBER", "JPM", "XOM"], own, program=program)
    assert program.compilations == 1


def test_training_again_the_same_way_keeps_the_walk_forward_figures_and_another_way_drops_them(
    panel, config, program, own
):
    train_symbols(panel, ["AAPL"], own, program=program)
    figures = made_walk_forward(config, panel.symbols)
    assert own.record_evaluation("AAPL", figures) is None
    first = own.metadata("AAPL")
    again = train_symbols(panel.through(np.datetime64("2022-12-15")), ["AAPL"], own, program=program)
    assert again.done["AAPL"].data_version != first.data_version
    assert again.done["AAPL"].evaluation == own.metadata("AAPL").evaluation == figures
    train_symbols(panel, ["AAPL"], own, config=config.model_copy(update={"threshold": 0.4}))
    assert own.metadata("AAPL").evaluation is None


class TestResume:
    @pytest.fixture
    def begun(self, panel, program, own):
        train_symbols(panel, ["JPM", "XOM"], own, program=program)
        return own

    def test_models_of_the_same_prices_settings_and_versions_are_kept(self, panel, program, begun):
        before, outcomes = begun.generation("JPM"), []
        symbols = ["JPM", "XOM", "AAPL"]
        report = train_symbols(
            panel, symbols, begun, program=program, resume=True, on_outcome=outcomes.append
        )
        assert report.kept == ["JPM", "XOM"]
        assert set(report.done) == {"AAPL"}
        assert begun.generation("JPM") == before
        assert {outcome.symbol: outcome.kept for outcome in outcomes} == {
            "JPM": True,
            "XOM": True,
            "AAPL": False,
        }

    def test_no_model_is_looked_for_that_the_folder_does_not_list(self, panel, program, begun, monkeypatch):
        """A search for one ends with similar names, which takes the longer the more models there are."""
        looked, verified = [], begun.verified
        monkeypatch.setattr(begun, "verified", lambda symbol: looked.append(symbol) or verified(symbol))
        train_symbols(panel, ["AAPL", "JPM"], begun, program=program, resume=True)
        assert looked == ["JPM"]

    def test_another_price_of_a_peer_is_another_model(self, panel, program, begun):
        peer = begun.metadata("XOM").training_config.correlated_symbols[0]
        adjusted = panel.adj_close.copy()
        adjusted[-30, panel.columns[peer]] *= 1.01
        changed = dataclasses.replace(panel, adj_close=adjusted)
        assert "XOM" not in train_symbols(changed, ["XOM"], begun, program=program, resume=True).kept

    def test_another_setting_is_another_model(self, panel, config, begun):
        other = config.model_copy(update={"seed": 1})
        assert not train_symbols(panel, ["XOM"], begun, config=other, resume=True).kept

    def test_another_version_is_another_model(self, panel, program, begun, monkeypatch):
        monkeypatch.setattr(plan, "library_versions", lambda: {"tickgraph": "9"})
        assert not train_symbols(panel, ["XOM"], begun, program=program, resume=True).kept

    @pytest.mark.parametrize("part", ["metadata/XOM_metadata.json", "weights/XOM.weights.h5"])
    def test_a_damaged_model_is_made_again(self, panel, program, begun, part):
        (begun.root / part).write_text("{")
        report = train_symbols(panel, ["XOM"], begun, program=program, resume=True)
        assert not report.kept
        assert set(report.done) == {"XOM"}


def test_a_machine_may_fit_stacks_of_symbols(panel, program, own, trained_dir):
    report = train_symbols(
        panel, ["JPM", "XOM", "AAPL"], own, program=program, engine=LocalEngine(2, stack=2)
    )
    assert set(report.done) == {"JPM", "XOM", "AAPL"}
    alone, stacked = (registry.load("XOM", weight_shapes) for registry in (ModelRegistry(trained_dir), own))
    for path, value in alone.weights.items():
        np.testing.assert_allclose(stacked.weights[path], value, rtol=1e-3, atol=2e-5)


class Lost:
    """An engine whose cluster is lost."""

    closed = 0

    def start(self, plan, symbols, program, publish):
        future: Future[ModelMetadata] = Future()
        future.set_exception(ClusterError("the cluster was lost"))
        return {future: symbols[0]}

    def close(self):
        self.closed += 1


def test_a_lost_cluster_ends_the_run_and_the_engine_is_closed(panel, program, own):
    engine = Lost()
    with pytest.raises(ClusterError):
        train_symbols(panel, ["JPM"], own, program=program, engine=engine)
    assert engine.closed


def test_an_engine_is_closed_where_the_run_cannot_begin(panel, program, own, monkeypatch):
    def fail(_):
        raise StorageError("the folder is away")

    monkeypatch.setattr(ModelRegistry, "recover", fail)
    engine = Lost()
    with pytest.raises(StorageError):
        train_symbols(panel, ["JPM"], own, program=program, engine=engine)
    assert engine.closed
