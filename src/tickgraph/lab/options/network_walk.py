"""The product's network, walked forward: its distribution at each session that options are judged from.

Touched levels and strategies are judged on the same walk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from tickgraph.lab.evaluation.resampling import RESAMPLES
from tickgraph.lab.horizons.horizon_catalogue import PRODUCT, make_horizon_forecasters
from tickgraph.lab.horizons.method import HorizonForecaster
from tickgraph.lab.horizons.moves import HORIZONS as ALL_HORIZONS
from tickgraph.lab.horizons.moves import Moves
from tickgraph.lab.horizons.range_regressions import YOUNGEST
from tickgraph.lab.horizons.schedule import HorizonWindows, Schedule, make_schedule
from tickgraph.lab.horizons.walk import stretches_of, walk_identity
from tickgraph.lab.run import Listener, Progress
from tickgraph.market.panel import PricePanel
from tickgraph.model.horizon_distribution import HorizonDistribution
from tickgraph.model.training_config import TrainingConfig
from tickgraph.shapes import Bool, Float64

HORIZONS = (5, 10, 21)
"""Sessions ahead: a week, two weeks and a month."""


class OptionsSettings(BaseModel):
    """What is evaluated, and how.

    Attributes
    ----------
    windows
        The walk. Options are judged from every ``density_every`` sessions on, up to its horizons.
    training
        The product's training.
    resamples, seed
        Of the bootstrap.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    windows: HorizonWindows = HorizonWindows(horizons=HORIZONS)
    training: TrainingConfig = TrainingConfig()
    resamples: int = Field(default=RESAMPLES, ge=100)
    seed: int = Field(default=0, ge=0)


@dataclass(frozen=True)
class Origin:
    """A session, and what was forecast after its close.

    Attributes
    ----------
    place, session
        Position among the schedule's origins, and among all sessions.
    grid
        G numbers of sessions ahead, from 1.
    variance, quantiles
        ``[S, G]`` and ``[S, G, Q]``, of the log return.
    usable
        ``[S]`` whether the symbol has 150 returns and a forecast over each horizon.
    """

    place: int
    session: int
    grid: tuple[int, ...]
    variance: Float64[np.ndarray, "symbols grid"]
    quantiles: Float64[np.ndarray, "symbols grid quantiles"]
    usable: Bool[np.ndarray, "symbols"]

    def distribution(self, symbol: int) -> HorizonDistribution:
        """The distribution of a symbol's return, as the product serves it."""
        deviations = np.sqrt(self.variance[symbol])
        return HorizonDistribution(
            np.array(self.grid), deviations**2, self.quantiles[symbol] / deviations[:, None]
        )


@dataclass(frozen=True)
class NetworkWalk:
    """The network on some prices.

    Attributes
    ----------
    moves
        Of S symbols; its horizons are the grid of the distribution.
    forecaster
        Forecasts with quantiles of its own.
    schedule
        Its O origins are the sessions that options are judged from.
    horizons
        H numbers of sessions that are asked for, of the grid.
    """

    moves: Moves
    forecaster: HorizonForecaster
    schedule: Schedule
    horizons: tuple[int, ...]

    @classmethod
    def of(cls, panel: PricePanel, settings: OptionsSettings) -> NetworkWalk:
        """The walk of these settings.

        Raises
        ------
        HistoryTooShortError, InputError
            As :func:`tickgraph.lab.horizons.schedule.make_schedule`.
        """
        asked = settings.windows.horizons
        # The distribution begins at one session. With the horizons of the other part the networks' fits are the same.
        windows = settings.windows.model_copy(update={"horizons": tuple(sorted({*ALL_HORIZONS, *asked}))})
        (forecaster,) = make_horizon_forecasters((PRODUCT,), config=settings.training)
        schedule = make_schedule(panel.sessions, windows)
        return cls(Moves.of(panel, windows.horizons), forecaster, schedule, asked)

    @property
    def identity(self) -> Mapping[str, object]:
        """All that its forecasts depend on."""
        return {
            **walk_identity(self.moves, self.schedule),
            "forecaster": dict(self.forecaster.settings),
            "horizons": list(self.horizons),
        }

    @property
    def shape(self) -> tuple[int, int, int]:
        """O, S and H."""
        return len(self.schedule.origins), len(self.moves.panel.symbols), len(self.horizons)

    @property
    def stretch_count(self) -> int:
        """Stretches between fits."""
        return len(stretches_of(self.forecaster, self.schedule))

    @property
    def asked(self) -> list[int]:
        """Where the horizons stand in the grid."""
        return [self.moves.horizons.index(horizon) for horizon in self.horizons]

    def origins(self, part: str, listener: Listener, damaged: str | None = None) -> Iterator[Origin]:
        """Forecast stretch by stretch, and tell of each under the name of a part of the evaluation.

        ``damaged`` is what was wrong with the part's file on disk; it is told with the last stretch.
        """
        forecast = self.forecaster.prepare(self.moves)
        stretches = stretches_of(self.forecaster, self.schedule)
        for stretch in stretches:
            own = forecast(stretch)
            assert own.quantiles is not None  # noqa: S101
            for quantiles, session in zip(own.quantiles, stretch.origins.tolist(), strict=True):
                variance = own.variance[session - stretch.first]
                usable = np.isfinite(quantiles).all(axis=(1, 2)) & (variance > 0).all(axis=1)
                usable &= self.moves.ages[session] >= YOUNGEST
                place = int(np.searchsorted(self.schedule.origins, session))
                yield Origin(place, session, self.moves.horizons, variance, quantiles, usable)
            last = stretch is stretches[-1]
            listener.on_piece(Progress(part, done=last, damaged=damaged if last else None))
