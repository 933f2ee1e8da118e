"""A few symbols and short windows, so that every forecaster by horizon runs in moments."""

from __future__ import annotations

import pytest

from tickgraph.lab.horizons.moves import Moves
from tickgraph.lab.horizons.schedule import HorizonWindows, make_schedule

SMALL = ("AAPL", "ABNB", "CVX", "JPM", "MSFT", "XOM")
HORIZONS = (1, 5, 21)


@pytest.fixture(scope="session")
def few(panel):
    """Six symbols over three years; ABNB begins in December 2020."""
    return panel.select(SMALL).tail(800)


@pytest.fixture(scope="session")
def moves(few):
    return Moves.of(few, HORIZONS)


@pytest.fixture(scope="session")
def windows():
    return HorizonWindows(
        horizons=HORIZONS,
        train_sessions=300,
        fit_sessions=300,
        refit_every=63,
        density_every=7,
        start="2022-03-15",
    )


@pytest.fixture(scope="session")
def schedule(few, windows):
    return make_schedule(few.sessions, windows)
