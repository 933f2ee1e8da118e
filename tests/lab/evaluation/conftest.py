"""A small universe and short training, so that every forecaster runs in moments."""

from __future__ import annotations

import pytest

from tickgraph.lab.evaluation.forecasters.method_catalogue import (
    FORECASTERS,
    ForecasterSettings,
    make_forecasters,
)
from tickgraph.model.training_config import TrainingConfig

SMALL = ("AAPL", "ABNB", "CVX", "JPM", "MSFT", "XOM")


@pytest.fixture(scope="session")
def short() -> TrainingConfig:
    """Six nodes are enough for a graph; features and lookback are the real ones."""
    return TrainingConfig(epochs=1, sessions=120, min_sessions=100, num_stocks=4, hidden_dim=8, horizons=())


@pytest.fixture(scope="session")
def small_panel(panel):
    """Six symbols up to early 2022; ABNB begins in December 2020."""
    import numpy as np

    return panel.select(SMALL).through(np.datetime64("2022-03-31")).tail(420)


@pytest.fixture(scope="session")
def forecasters(short):
    settings = ForecasterSettings(training=short, pool_epochs=1, tuning_epochs=1, recurrent_epochs=1)
    return {own.name: own for own in make_forecasters(FORECASTERS, settings)}
