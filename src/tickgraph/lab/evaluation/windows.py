"""Walk-forward windows: where training ends, where forecasting begins, and what lies between."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from tickgraph.errors import HistoryTooShortError, InputError

HORIZON = 1
"""Sessions from a forecast to the close it is about."""

Scheme = Literal["rolling", "expanding"]


class WindowSettings(BaseModel):
    """How the walk steps through the sessions.

    Attributes
    ----------
    scheme
        ``rolling`` keeps the length of training; ``expanding`` keeps its first session.
    train_sessions
        Labelled sessions in (the first) training window; 1000 as the product trains.
    retrain_every
        Sessions forecast before the next training.
    embargo
        Sessions strictly between the last close seen in training and the first forecast. The last training target
        ends at that close. With 0, training sees the session before the first forecast.
    start, end
        First and last session of the test range; None is the earliest and the latest that the prices allow.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    scheme: Scheme = "rolling"
    train_sessions: int = Field(default=1000, ge=50, le=100_000)
    retrain_every: int = Field(default=63, ge=1)
    embargo: int = Field(default=1, ge=0)
    start: date | None = None
    end: date | None = None


@dataclass(frozen=True)
class Window:
    """One step of the walk, as positions of sessions; both ends of every range belong to it.

    Attributes
    ----------
    history_first
        First session whose price is used; the features of ``train_first`` reach back to it.
    train_first, train_last
        Training forecasts are made after the closes of ``train_first`` to ``train_last - 1``. The last target is the
        return into ``train_last``, the last price that training sees.
    test_first, test_last
        Forecasts are made after the closes of these sessions. The session after the last one judges the last.
    """

    history_first: int
    train_first: int
    train_last: int
    test_first: int
    test_last: int

    @property
    def test_sessions(self) -> int:
        """Sessions forecast."""
        return self.test_last - self.test_first + 1


def walk_windows(
    sessions: NDArray[np.datetime64], settings: WindowSettings, history: int
) -> tuple[Window, ...]:
    """Lay training and test windows over the sessions.

    Parameters
    ----------
    sessions
        ``[T]`` datetime64[D], ascending.
    settings
        Scheme and lengths.
    history
        Sessions of prices behind one set of features, the session itself included.

    Returns
    -------
    tuple of Window
        In order. Their test ranges follow each other without gap or overlap. The last may be shorter.

    Raises
    ------
    HistoryTooShortError
        There is no session that could be forecast, or ``start`` lies before the first that could.
    InputError
        The test range holds no session.
    """
    # Before the first test session: the history of the first features, a row for each target, the embargo.
    earliest = history - 1 + settings.train_sessions + settings.embargo + 1
    latest = len(sessions) - 1 - HORIZON
    if earliest > latest:
        raise HistoryTooShortError(
            f"History too short to evaluate: {len(sessions)} sessions, need {earliest + 1 + HORIZON} "
            f"({history - 1} lookback + {settings.train_sessions} training + 1 for its last target + "
            f"{settings.embargo} embargo + 1 to forecast + {HORIZON} horizon). "
            "Lower --train-sessions or give more history."
        )
    first, last = earliest, latest
    if settings.start is not None:
        first = int(np.searchsorted(sessions, np.datetime64(settings.start, "D")))
        if first < earliest:
            raise HistoryTooShortError(
                f"Cannot forecast from {settings.start} on: {settings.train_sessions} training sessions and "
                f"their lookback reach up to {sessions[earliest]} at the earliest. Start there, or lower "
                "--train-sessions."
            )
    if settings.end is not None:
        last = min(latest, int(np.searchsorted(sessions, np.datetime64(settings.end, "D"), side="right")) - 1)
    if first > last:
        raise InputError(
            f"Empty test range: no session with a known next close from {settings.start or sessions[first]} "
            f"to {settings.end or sessions[latest]}; prices end on {sessions[-1]}."
        )
    windows = []
    for test_first in range(first, last + 1, settings.retrain_every):
        train_last = test_first - settings.embargo - 1
        length = settings.train_sessions
        if settings.scheme == "expanding":
            length = train_last - history + 1
        train_first = train_last - length
        windows.append(
            Window(
                history_first=train_first - history + 1,
                train_first=train_first,
                train_last=train_last,
                test_first=test_first,
                test_last=min(test_first + settings.retrain_every - 1, last),
            )
        )
    return tuple(windows)
