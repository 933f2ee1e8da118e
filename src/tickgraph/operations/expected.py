"""What the timetable and the lease say, for who only looks."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tickgraph.errors import StorageError
from tickgraph.operations.records import RunLog

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
    next_due: datetime | None = None
    next_kind: str | None = None
    missed: tuple[str, ...] = ()


def schedule_at(runs: RunLog, now: datetime) -> Schedule:
    """Say what is due before and after a moment. Without a timetable, all is due at all times, an hour late."""
    timetable = _module("timetable")
    if timetable is None:
        return Schedule(now - GRACE)
    past = timetable.due_between(now - LOOK, now - GRACE)
    coming = timetable.due_between(now, now + LOOK)
    missed = timetable.missed(runs, now - GRACE) if runs.latest("daily", "weekly") else []
    return Schedule(
        past[-1].at if past else now - GRACE,
        coming[0].at if coming else None,
        coming[0].kind if coming else None,
        tuple(f"the {due.kind} refresh of {due.at:%Y-%m-%d %H:%M} UTC has not been done" for due in missed),
    )


def lease_in_words(state_dir: Path) -> str | None:
    """Who refreshes now; None if nobody does."""
    lease = _module("lease")
    if lease is None:
        return None
    try:
        held = lease.read_lease(state_dir)
    except StorageError as error:
        return str(error)
    return None if held is None else f"{held.owner}, until {held.expires_at:%Y-%m-%d %H:%M:%S} UTC"


def _module(name: str) -> Any | None:
    try:
        return importlib.import_module(f"tickgraph.operations.{name}")
    except ModuleNotFoundError:
        return None
