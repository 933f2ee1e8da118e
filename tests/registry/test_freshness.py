from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from tickgraph.registry.freshness import CORRELATION_AGE, is_current, staleness

NOW = datetime(2022, 11, 1, 12, tzinfo=UTC)
DAY = date(2022, 10, 31)


@pytest.mark.parametrize(
    ("session", "age", "expected"),
    [
        (DAY, timedelta(hours=23), None),
        (np.datetime64(DAY), timedelta(hours=23), None),
        (DAY, CORRELATION_AGE, "age"),
        (DAY, -timedelta(minutes=4), None),  # clocks of two machines differ
        (date(2022, 11, 1), timedelta(0), "session"),
    ],
)
def test_correlations_are_fresh_for_their_session_and_a_day(session, age, expected):
    assert staleness(DAY, NOW - age, session, NOW) == expected


def test_a_refresh_computes_correlations_from_the_future_again(registry):
    metadata = registry.metadata("AAPL")
    as_of, computed_at = metadata.correlations.as_of, metadata.correlations_at
    assert is_current(metadata, as_of, computed_at)
    assert not is_current(metadata, as_of, computed_at - timedelta(hours=1))
    assert not is_current(metadata, as_of, computed_at + CORRELATION_AGE)
