"""A few symbols and a distribution that is known, so that strategies are judged in moments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.special import ndtri

from tickgraph.lab.horizons.method import PROBABILITIES, HorizonForecast
from tickgraph.lab.horizons.moves import Moves, trailing_deviation
from tickgraph.lab.horizons.schedule import HorizonWindows, make_schedule
from tickgraph.lab.options.network_walk import NetworkWalk

HORIZONS = (1, 5, 10)


@dataclass(frozen=True)
class KnownForecaster:
    """States a normal log return with the deviation of the last 60 sessions, times a factor."""

    factor: float = 1.0
    name: str = "known"
    kind: str = "baseline"
    description: str = "A normal log return."
    fewest_sessions: int = 1
    has_quantiles: bool = True

    @property
    def settings(self) -> Mapping[str, object]:
        return {"factor": self.factor}

    def prepare(self, moves):
        daily = (self.factor * trailing_deviation(moves.returns, 60)) ** 2
        variance = daily[..., None] * np.array(moves.horizons)

        def forecast(stretch):
            deviations = np.sqrt(variance[stretch.origins])
            return HorizonForecast(variance[stretch.rows], deviations[..., None] * ndtri(PROBABILITIES))

        return forecast


@pytest.fixture(scope="session")
def known():
    return KnownForecaster()


@pytest.fixture(scope="session")
def moves(panel):
    """Four symbols over three years; ABNB begins in December 2020."""
    return Moves.of(panel.select(("AAPL", "ABNB", "JPM", "XOM")).tail(800), HORIZONS)


@pytest.fixture(scope="session")
def schedule(moves):
    windows = HorizonWindows(
        horizons=HORIZONS,
        train_sessions=300,
        refit_every=100,
        density_every=24,
        start="2021-06-15",
    )
    return make_schedule(moves.panel.sessions, windows)


@pytest.fixture(scope="session")
def walk(moves, known, schedule):
    """The known forecaster on these prices, for all horizons."""
    return NetworkWalk(moves, known, schedule, HORIZONS)
