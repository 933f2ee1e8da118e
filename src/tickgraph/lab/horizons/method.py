"""What a forecast of the distribution by horizon is: fitted on what was known, then asked session by session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tickgraph.lab.compared import Compared
from tickgraph.lab.horizons.moves import Moves
from tickgraph.shapes import Float64, Int

PROBABILITIES: Float64[np.ndarray, "quantiles"] = np.arange(1, 200) / 200
"""Levels of every predictive distribution; the ends of the 80 and 95 % intervals are among them."""


@dataclass(frozen=True)
class Stretch:
    """Sessions that are forecast between two fits, as positions among the T sessions.

    Attributes
    ----------
    first, stop
        Forecasts are made after the closes of sessions ``first`` to ``stop - 1``. A fit sees no close after that of
        ``first - 1``.
    fit_sessions
        Sessions before ``first`` that a fit may learn from.
    origins
        ``[O]`` sessions of the stretch whose whole distribution is scored.
    """

    first: int
    stop: int
    fit_sessions: int
    origins: Int[np.ndarray, "origins"]

    def fit_rows(self, horizon: int) -> slice:
        """Rows whose target over ``horizon`` sessions was known before the first forecast.

        The target of row t ends at the close of t + horizon, which must not come after that of ``first - 1``.
        """
        return slice(max(0, self.first - self.fit_sessions), max(0, self.first - horizon))

    @property
    def rows(self) -> slice:
        """Rows that are forecast."""
        return slice(self.first, self.stop)


@dataclass(frozen=True)
class HorizonForecast:
    """Forecasts of one stretch.

    Attributes
    ----------
    variance
        ``[t, S, H]`` float64, range variance over the next h sessions; NaN where there is no forecast.
    quantiles
        ``[O, S, H, Q]`` float64, log return over the next h sessions at :data:`PROBABILITIES`, of the stretch's
        origins. None: the walk makes quantiles from the variance and trailing scores
        (:mod:`tickgraph.lab.horizons.pooled_scores`).
    """

    variance: Float64[np.ndarray, "stretch symbols horizons"]
    quantiles: Float64[np.ndarray, "origins symbols horizons quantiles"] | None = None


Forecast = Callable[[Stretch], HorizonForecast]
"""Called for each stretch in order. What it answers for session t depends on sessions up to t and on nothing else."""


@dataclass(frozen=True)
class HorizonForecaster(Compared):
    """A way to forecast how far prices move.

    Attributes
    ----------
    prepare
        Gets ready to forecast some prices; fitting belongs to the call for a stretch.
    fewest_sessions
        Sessions between two fits at least, where fitting takes long.
    has_quantiles
        Whether its forecasts carry quantiles of their own.
    """

    prepare: Callable[[Moves], Forecast]
    fewest_sessions: int = 1
    has_quantiles: bool = False
