"""The clock, and times from the future: what a wrong clock has left on disk."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

SKEW = timedelta(minutes=5)
"""How far the clocks of two machines may differ while both are right."""


def system_time() -> datetime:
    """What the machine's clock says; aware, UTC."""
    return datetime.now(UTC)


def is_future(moment: datetime, now: datetime) -> bool:
    """Whether a recorded moment is so far after now that one of the two clocks was wrong; both aware."""
    return moment - now > SKEW
