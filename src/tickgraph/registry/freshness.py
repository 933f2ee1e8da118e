"""Whether a model's stored correlations may still be used: the one place that decides it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Literal

import numpy as np

from tickgraph.market.clock import is_younger

CORRELATION_AGE = timedelta(hours=24)

Day = date | np.datetime64


def is_recent(computed_at: datetime, now: datetime) -> bool:
    """Whether correlations were computed in the last 24 hours; no moment in the future is recent."""
    return is_younger(computed_at, CORRELATION_AGE, now)


def staleness(
    as_of: Day, computed_at: datetime, session: Day, now: datetime
) -> Literal["session", "age"] | None:
    """Say why stored correlations are not fresh; None if they are.

    Parameters
    ----------
    as_of, computed_at
        Last session of the correlations' lookback, and when they were computed.
    session
        The session that a forecast starts from.
    now
        Aware.
    """
    if as_of != session:
        return "session"
    return None if is_recent(computed_at, now) else "age"
