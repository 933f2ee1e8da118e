"""What the timetable and the lease say, for who only looks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from tickgraph.errors import StorageError
from tickgraph.operations.lease import read_lease
from tickgraph.operations.records import RunLog
from tickgraph.operations.timetable import DEFAULT, Timetable, due_between, missed, next_due

GRACE = timedelta(hours=1)
"""Time that a refresh may take before its absence counts."""
LOOK = timedelta(days=14)


@dataclass(frozen=True)
class Schedule:
    """Where a moment lies in the timetable.

    Attributes
    ----------
    last_due
        Newest due moment that should have been seen to by now: stored prices and models are judged as of then.
    next_due, next_kind
        The one that comes next.
    missed
        Due moments that no run stands for, in words.
    """

    last_due: datetime
    next_due: datetime
    next_kind: str
    missed: tuple[str, ...] = ()


def schedule_at(runs: RunLog, now: datetime, timetable: Timetable = DEFAULT) -> Schedule:
    """Say what is due before and after a moment."""
    past = due_between(now - LOOK, now - GRACE, timetable)
    coming = next_due(now, timetable)
    late = missed(runs, now, timetable, grace=GRACE) if runs.latest("daily", "weekly") else []
    return Schedule(
        past[-1].at if past else now - GRACE,
        coming.at,
        coming.kind,
        tuple(f"the {due.kind} refresh of {due.at:%Y-%m-%d %H:%M} UTC has not been done" for due in late),
    )


def lease_in_words(state_dir: Path) -> str | None:
    """Who refreshes now; None if nobody does."""
    try:
        held = read_lease(state_dir)
    except StorageError as error:
        return str(error)
    return None if held is None else f"{held.owner}, until {held.expires_at:%Y-%m-%d %H:%M:%S} UTC"
