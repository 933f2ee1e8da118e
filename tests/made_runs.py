"""Records of refreshes that never were, for tests of what reads them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tickgraph.operations.records import RefreshRun

MONDAY = datetime(2024, 3, 4, 11, tzinfo=UTC)


def run(number=0, **words):
    """A run that ended well so many days after Monday; words are fields that are otherwise."""
    started = MONDAY + timedelta(days=number)
    made = {
        "id": f"{started:%Y%m%d%H%M%S}",
        "kind": "daily",
        "started_at": started,
        "finished_at": started + timedelta(seconds=90),
        "owner": "test",
        "session": started.date(),
        "state": "done",
    }
    return RefreshRun(**{**made, **words})
