"""The clock of a simulation."""

from __future__ import annotations

from datetime import UTC, datetime


class SimulatedClock:
    """Says what time it is in the replayed year; it goes forward only.

    Parameters
    ----------
    start
        Aware time.
    """

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """Aware time, UTC."""
        return self._now

    def advance(self, moment: datetime) -> None:
        """Let time pass until a moment; :class:`ValueError` for one that has passed."""
        if moment < self._now:
            raise ValueError(
                f"A simulated clock does not go back: it is {self._now}, and {moment} was asked for."
            )
        self._now = moment.astimezone(UTC)
