"""The clock of serving: the time, the session to forecast, and how far a history is behind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import numpy as np

from tickgraph.market.calendar import next_session, sessions_behind

MODEL_AGE = timedelta(days=7)
"""An older model is due for training."""
INTERVAL = timedelta(minutes=5)
"""How long the clock keeps what it worked out from the calendar."""


class Clock:
    """The time, the session to forecast and how far a history is behind.

    Parameters
    ----------
    now
        Gives an aware time; None is the system's clock.
    """

    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        self._now = now
        self._kept: dict[np.datetime64, tuple[datetime, datetime, date, int]] = {}

    def now(self) -> datetime:
        """Aware time."""
        return self._now() if self._now else datetime.now(UTC)

    def read(self, as_of: np.datetime64, now: datetime) -> tuple[date, int]:
        """Session after ``as_of``, and how many completed sessions a history that ends there lacks."""
        kept = self._kept.get(as_of)
        if kept is None or not kept[0] <= now < kept[1]:
            if len(self._kept) > 1000:
                self._kept.clear()
            since = now.replace(minute=now.minute // 5 * 5, second=0, microsecond=0)
            kept = since, since + INTERVAL, next_session(as_of).astype(date), sessions_behind(as_of, now)
            self._kept[as_of] = kept
        return kept[2], kept[3]
