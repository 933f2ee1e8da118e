"""Times from the future: what a clock that was wrong has left on disk."""

from __future__ import annotations

from datetime import datetime, timedelta

SKEW = timedelta(minutes=5)
"""How far the clocks of two machines may differ while both are right."""


def is_future(moment: datetime, now: datetime) -> bool:
    """Whether a recorded moment lies so far after now that one of the two clocks was wrong; both aware."""
    return moment - now > SKEW


def is_younger(moment: datetime, age: timedelta, now: datetime) -> bool:
    """Whether a recorded moment is less than an age ago, and not from the future."""
    return now - moment < age and not is_future(moment, now)
