"""A small universe of real prices, a small variance network of three horizons, and panels that are changed."""

from __future__ import annotations

import dataclasses
from contextlib import contextmanager

import numpy as np
import pytest

from tickgraph.market.panel import PANEL_COLUMNS
from tickgraph.model import universe_fit, variance_training
from tickgraph.model.training_config import TrainingConfig

NAMES = ("AAPL", "MSFT", "NVDA", "JPM", "BAC", "XOM")
CONFIG = TrainingConfig(
    num_stocks=5, variance_dim=8, horizons=(1, 5, 21), epochs=2, sessions=300, min_sessions=200
)
PRICES = ("open", "high", "low", "close", "adj_close")


@contextmanager
def short_training():
    """Train the nonlinear path of a network on few graphs; a program of :data:`CONFIG` is compiled once for all tests.

    Every test that trains one of these shapes must do it here: the program's shapes follow from the number of graphs.
    """
    with pytest.MonkeyPatch.context() as patch:
        for module in (universe_fit, variance_training):
            patch.setattr(module, "UNIVERSE", variance_training.Schedule(1024, 8))
        yield


def changed(panel, change, columns=PANEL_COLUMNS):
    """The panel with ``change(values)`` in place of the values of some columns."""
    return dataclasses.replace(panel, **{name: change(getattr(panel, name)) for name in columns})


def corrupted_after(panel, session, seed=0):
    """Every price and volume after a session is another number, and every symbol's own."""
    generator = np.random.default_rng(seed)
    later = (panel.sessions > session)[:, None]
    return changed(panel, lambda values: np.where(later, generator.uniform(1, 1e5, values.shape), values))
