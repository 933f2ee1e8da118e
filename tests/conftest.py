"""Real prices and real models for every test; nothing here needs a network."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile

os.environ.setdefault("KERAS_BACKEND", "jax")
# What one process of a test compiles the next one finds. Each worker has a folder, since JAX writes without a lock.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["JAX_COMPILATION_CACHE_DIR"] += "/" + os.environ["PYTEST_XDIST_WORKER"]
else:
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="tickgraph-compiled-")
    atexit.register(shutil.rmtree, os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)

from pathlib import Path

import pytest
from hypothesis import settings

import checked_types  # noqa: F401  before the modules whose types it checks
import made_storage
import made_universe
from real_redis import start_redis
from tickgraph.market.calendar import NEW_YORK, use_exchange
from tickgraph.market.panel import PricePanel
from tickgraph.market.sources.sample import SampleSource
from tickgraph.market.store import PriceStore
from tickgraph.model.training import TrainingProgram
from tickgraph.model.training_config import TrainingConfig
from tickgraph.model.universe_fit import UniverseFit, fit_universe
from tickgraph.pipeline.train import train_symbols
from tickgraph.registry.registry import ModelRegistry

SYMBOLS = ("AAPL", "MSFT", "JPM", "XOM")

settings.register_profile("no deadline", deadline=None)  # a test says nothing about seconds
settings.load_profile("no deadline")


def _forget_settings():
    for name in list(os.environ):
        if name.startswith("TICKGRAPH_"):
            del os.environ[name]


_forget_settings()  # a developer's


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch, tmp_path):
    """Keep a developer's tickgraph.toml out of the tests, and what one test sets out of the next."""
    monkeypatch.chdir(tmp_path)
    yield
    _forget_settings()  # --config sets a variable, for worker processes
    use_exchange(NEW_YORK)


@pytest.fixture(scope="session")
def sample() -> SampleSource:
    return SampleSource()


@pytest.fixture(scope="session")
def panel(sample) -> PricePanel:
    """All 42 symbols of the bundled sample."""
    return PricePanel.from_bars(sample.fetch(sample.symbols()).bars, "sample")


@pytest.fixture(scope="session")
def config() -> TrainingConfig:
    """The real architecture, trained briefly, for the next session alone: no test waits for a fit of the universe."""
    return TrainingConfig(epochs=2, sessions=300, min_sessions=200, horizons=())


@pytest.fixture(scope="session")
def program(config) -> TrainingProgram:
    return TrainingProgram(config)


@pytest.fixture(scope="session")
def small_universe(panel) -> PricePanel:
    """Six symbols with 900 sessions."""
    return panel.select(made_universe.NAMES).tail(900)


@pytest.fixture(scope="session")
def small_program() -> TrainingProgram:
    """The training program beside the small network's."""
    return TrainingProgram(made_universe.CONFIG)


@pytest.fixture(scope="session")
def small_fit(small_universe) -> UniverseFit:
    """A fit of the six symbols, of a small network with three horizons."""
    with made_universe.short_training():
        return fit_universe(small_universe, made_universe.CONFIG)


@pytest.fixture(scope="session")
def prices_dir(sample, tmp_path_factory) -> Path:
    """A price store that holds the sample; tests must not write to it."""
    folder = tmp_path_factory.mktemp("prices")
    PriceStore(folder).update(sample, sample.symbols())
    return folder


@pytest.fixture(scope="session")
def trained_dir(panel, program, tmp_path_factory) -> Path:
    """A registry with four trained models; tests must not write to it."""
    folder = tmp_path_factory.mktemp("models") / "gnn"
    report = train_symbols(panel, SYMBOLS, ModelRegistry(folder), program=program)
    assert set(report.done) == set(SYMBOLS)
    return folder


@pytest.fixture(scope="session")
def few(panel) -> PricePanel:
    """Eight symbols of the sample, with enough sessions for a fit of their universe."""
    return panel.select(("AAPL", "AMZN", "BAC", "CVX", "GOOGL", "JPM", "MSFT", "XOM")).tail(1200)


@pytest.fixture(scope="session")
def ahead() -> TrainingConfig:
    """Two horizons and narrow layers, trained briefly."""
    return TrainingConfig(
        epochs=1,
        sessions=300,
        min_sessions=200,
        num_stocks=4,
        hidden_dim=8,
        horizons=(1, 5),
        variance_dim=8,
    )


@pytest.fixture(scope="session")
def drawn_dir(few, ahead, tmp_path_factory) -> Path:
    """A registry with a fit of a universe, its state and two models drawn to it; tests must not write to it."""
    folder = tmp_path_factory.mktemp("drawn") / "gnn"
    report = train_symbols(few, ("AAPL", "JPM"), ModelRegistry(folder), config=ahead)
    assert set(report.done) == {"AAPL", "JPM"}, report
    return folder


@pytest.fixture
def drawn(drawn_dir, tmp_path) -> ModelRegistry:
    """A registry of the test's own, with the fit, the state and the two models."""
    return ModelRegistry(shutil.copytree(drawn_dir, tmp_path / "drawn" / "gnn"))


@pytest.fixture
def registry(trained_dir, tmp_path) -> ModelRegistry:
    """A registry of the test's own, with the four trained models."""
    folder = tmp_path / "own" / "gnn"
    shutil.copytree(
        trained_dir, folder, ignore=shutil.ignore_patterns(".operations")
    )  # what others have logged
    return ModelRegistry(folder)


@pytest.fixture(scope="session")
def s3():
    """A real S3 server behind a proxy that breaks requests."""
    made = made_storage.Storage()
    yield made
    made.stop()


@pytest.fixture
def storage(s3, monkeypatch):
    """That server with an empty bucket, and credentials in the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", made_storage.KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", made_storage.SECRET)
    s3.reset()
    return s3


@pytest.fixture
def redis(tmp_path):
    """A Redis server of the test's own."""
    server = start_redis(tmp_path)
    yield server
    server.kill()


@pytest.fixture
def command(monkeypatch, capsys):
    """``command("list", "--json")`` gives exit code, standard output and standard error.

    ``app`` is another command line than tickgraph's.
    """

    def call(*words, app=None):
        from tickgraph.cli import commands

        monkeypatch.setattr(sys, "argv", ["tickgraph", *map(str, words)])
        code = 0
        try:
            commands.main(app or commands.app)
        except SystemExit as stop:
            code = stop.code or 0
        out, err = capsys.readouterr()
        return code, out, err

    return call
