"""A few symbols and short windows, so that every forecaster by horizon runs in moments."""

from __future__ import annotations

import numpy as np
import pytest

from tickgraph.lab.horizons.moves import Moves
from tickgraph.lab.horizons.schedule import HorizonWindows, make_schedule

SMALL = ("AAPL", "CVX", "JPM", "MSFT", "UBER", "XOM")
HORIZONS = (1, 5, 21)


@pytest.fixture(scope="session")
def few(panel):
    """Six symbols over three years; UBER begins in May 2019."""
    return panel.select(SMALL).through(np.datetime64("2022-06-30")).tail(800)


@pytest.fixture(scope="session")
def moves(few):
    return Moves.of(few, HORIZONS)


@pytest.fixture(scope="session")
def windows():
    return HorizonWindows(
        horizons=HORIZONS, train_sessions=300, refit_every=63, density_every=5, start="2022-01-03"
    )


@pytest.fixture(scope="session")
def schedule(few, windows):
    return make_schedule(few.sessions, windows)
