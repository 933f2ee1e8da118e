"""Records of refreshes and of live quality that never were, for tests of what reads them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from tickgraph.operations.records import HorizonFigures, LiveFigures, LiveQuality, RefreshRun

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


QUALITY = LiveQuality(
    as_of=date(2024, 3, 1),
    computed_at=MONDAY,
    window=60,
    panel=LiveFigures(forecasts=240, coverage={"0.8": 0.79}, hit_rate=0.51),
    symbols={"AAPL": LiveFigures(forecasts=60, coverage={"0.8": 0.75}), "XOM": LiveFigures(forecasts=60)},
    horizons={
        "5": HorizonFigures(
            forecasts=220,
            first=date(2023, 12, 8),
            last=date(2024, 3, 1),
            stretches=12.0,
            coverage={"0.8": 0.6},
            usual={"0.8": (0.65, 0.9)},
            out_of_band={"0.8": True},
        )
    },
    flagged={"XOM": "80 % intervals held 55 %"},
)
