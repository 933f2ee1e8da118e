"""Which sessions are forecast, when forecasters are fitted again, and which distributions are scored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from tickgraph.errors import HistoryTooShortError, InputError
from tickgraph.lab.horizons.method import Stretch
from tickgraph.lab.horizons.moves import HORIZONS
from tickgraph.lab.horizons.pooled_scores import WINDOW
from tickgraph.model.variance_examples import SESSIONS
from tickgraph.shapes import Int

WARM_UP = 60
"""Sessions before the first that is learned from."""


class HorizonWindows(BaseModel):
    """How the walk by horizon steps through the sessions.

    Attributes
    ----------
    horizons
        Sessions ahead, ascending.
    train_sessions
        Sessions before the first forecast.
    fit_sessions
        Sessions that a fit learns from, the last ones, as far as there are so many: as many as the product's.
    refit_every
        Sessions between two fits.
    density_every
        The whole distribution is scored at every so many sessions; the variance at every session.
    start, end
        First and last session of the test range; None is the earliest and the latest that the prices allow.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    horizons: tuple[int, ...] = Field(default=HORIZONS, min_length=1)
    train_sessions: int = Field(default=1000, ge=50, le=100_000)
    fit_sessions: int = Field(default=SESSIONS, ge=50, le=100_000)
    refit_every: int = Field(default=21, ge=1)
    density_every: int = Field(default=1, ge=1)
    start: date | None = None
    end: date | None = None

    def model_post_init(self, _: object) -> None:
        """Refuse horizons out of order."""
        if self.horizons[0] < 1 or any(b <= a for a, b in pairwise(self.horizons)):
            raise ValueError(f"horizons: expected ascending numbers of sessions, got {self.horizons}")


@dataclass(frozen=True)
class Schedule:
    """The test range of a walk, as positions of sessions.

    Attributes
    ----------
    first, stop
        Forecasts are judged that were made after the closes of ``first`` to ``stop - 1``.
    windows
        Lengths.
    """

    first: int
    stop: int
    windows: HorizonWindows

    @property
    def origins(self) -> Int[np.ndarray, "origins"]:
        """Sessions whose whole distribution is scored."""
        return np.arange(self.first, self.stop, self.windows.density_every)

    def span(self, sessions: NDArray[np.datetime64]) -> tuple[date, date]:
        """First and last session that is judged."""
        first, last = sessions[[self.first, self.stop - 1]].astype("datetime64[D]").tolist()
        return first, last

    def begin(self, *, with_scores: bool) -> int:
        """First session to forecast: earlier than the first that is judged, where trailing scores are needed."""
        lead = WINDOW + self.windows.horizons[-1] if with_scores else 0
        return max(0, self.first - lead)

    def stretches(self, refit_every: int, *, with_scores: bool) -> tuple[Stretch, ...]:
        """Stretches in order, one of which begins at the first session that is judged; the first may be shorter."""
        begin = self.begin(with_scores=with_scores)
        before, after = range(self.first, begin, -refit_every), range(self.first, self.stop, refit_every)
        firsts = sorted({begin, *before, *after})
        origins = self.origins
        return tuple(
            Stretch(first, stop, self.windows.fit_sessions, origins[(origins >= first) & (origins < stop)])
            for first, stop in zip(firsts, [*firsts[1:], self.stop], strict=True)
        )


def make_schedule(sessions: NDArray[np.datetime64], windows: HorizonWindows) -> Schedule:
    """Find the test range.

    Raises
    ------
    HistoryTooShortError
        No session could be forecast, or ``start`` lies before the first that could.
    InputError
        The test range holds no session with a known target.
    """
    earliest = WARM_UP + windows.train_sessions + 1
    latest = len(sessions) - 1 - windows.horizons[0]
    if earliest > latest:
        raise HistoryTooShortError(
            f"History too short to evaluate by horizon: {len(sessions)} sessions, need "
            f"{earliest + 1 + windows.horizons[0]} ({WARM_UP} to warm up + {windows.train_sessions} training + 1 to "
            f"forecast + {windows.horizons[0]} horizon). Lower --train-sessions or give more history."
        )
    first, last = earliest, latest
    if windows.start is not None:
        first = int(np.searchsorted(sessions, np.datetime64(windows.start, "D")))
        if first < earliest:
            raise HistoryTooShortError(
                f"Cannot forecast by horizon from {windows.start} on: {windows.train_sessions} training sessions reach "
                f"up to {sessions[earliest]} at the earliest. Start there, or lower --train-sessions."
            )
    if windows.end is not None:
        last = min(latest, int(np.searchsorted(sessions, np.datetime64(windows.end, "D"), side="right")) - 1)
    if first > last:
        raise InputError(
            f"Empty test range: no session whose next {windows.horizons[0]} sessions are known from "
            f"{windows.start or sessions[first]} to {windows.end or sessions[latest]}; prices end on {sessions[-1]}."
        )
    return Schedule(first, last + 1, windows)
