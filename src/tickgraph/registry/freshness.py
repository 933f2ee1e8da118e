"""How old a model may be, and whether its stored correlations may still be used: the one place that decides it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Literal

import numpy as np

from tickgraph.market.calendar import is_future
from tickgraph.registry.metadata import ModelMetadata

MODEL_AGE = timedelta(days=7)
"""An older model is due for training."""
CORRELATION_AGE = timedelta(hours=24)
"""Older correlations are computed again."""

Day = date | np.datetime64


def is_recent(computed_at: datetime, now: datetime) -> bool:
    """Whether correlations were computed in the last 24 hours."""
    return now - computed_at < CORRELATION_AGE


def staleness(
    as_of: Day, computed_at: datetime, session: Day, now: datetime
) -> Literal["session", "age"] | None:
    """Say why a forecast may not use stored correlations; None if it may.

    Parameters
    ----------
    as_of, computed_at
        Last session of the correlations' lookback, and when they were computed.
    session
        The session that the forecast starts from.
    now
        Aware.
    """
    if as_of != session:
        return "session"
    return None if is_recent(computed_at, now) else "age"


def is_current(metadata: ModelMetadata, session: date, now: datetime) -> bool:
    """Whether a refresh may leave a model's correlations as they are: fresh, and not computed in the future."""
    computed_at = metadata.correlations_at
    return not (
        is_future(computed_at, now) or staleness(metadata.correlations.as_of, computed_at, session, now)
    )
