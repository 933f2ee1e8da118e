"""A simulated system of five symbols, trained briefly."""

import tempfile
from pathlib import Path

import pytest

from tickgraph.lab.simulation.faults import Faults
from tickgraph.lab.simulation.replay import known_splits
from tickgraph.lab.simulation.world import World
from tickgraph.market.universe import add_aliases
from tickgraph.model.training_config import TrainingConfig

SYMBOLS = ("AAPL", "AMZN", "JPM", "XOM", "DIS")  # AMZN split in June 2022, and DIS paid no dividend
POOL = (*SYMBOLS, "MSFT", "GOOGL", "BAC", "CVX")


@pytest.fixture(autouse=True)
def _names_of_before():
    yield
    add_aliases({})


@pytest.fixture
def folder(tmp_path):
    """In memory where that can be had: a year flushes some 15,000 files to disk."""
    shared = Path("/dev/shm")  # noqa: S108
    if not shared.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=shared) as made:
        yield Path(made)


@pytest.fixture
def make_world(sample, folder):
    def make(symbols=SYMBOLS, faults=None, pool=POOL, **config):
        return World(
            folder=folder / "world",
            bars=sample.fetch(pool).bars,
            splits=known_splits(),
            symbols=symbols,
            pool=pool,
            training=TrainingConfig(
                **{
                    "epochs": 1,
                    "sessions": 200,
                    "min_sessions": 150,
                    "num_stocks": 5,
                    "horizons": (),
                    **config,
                }
            ),
            faults=faults or Faults(),
        )

    return make
