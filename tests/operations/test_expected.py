from __future__ import annotations

from datetime import UTC, date, datetime

from tickgraph.operations.expected import lease_in_words, schedule_at
from tickgraph.operations.lease import Lease
from tickgraph.operations.records import RefreshRun, RunLog

EVENING = datetime(2022, 12, 29, 22, tzinfo=UTC)
MORNING = datetime(2022, 12, 29, 11, tzinfo=UTC)  # 06:00 in New York


def ran(due_at, **words):
    return RefreshRun(
        id=f"{due_at:%Y%m%d}",
        kind="daily",
        due_at=due_at,
        started_at=due_at,
        owner="p",
        session=date(2022, 12, 28),
        state="done",
        **words,
    )


def test_what_was_due_and_what_comes_next(tmp_path):
    found = schedule_at(RunLog(tmp_path), EVENING)
    assert (found.last_due, found.next_due, found.next_kind) == (
        MORNING,
        datetime(2022, 12, 30, 11, tzinfo=UTC),
        "daily",
    )
    assert found.missed == (), "where nothing ever ran by the timetable, nothing is missed"


def test_a_run_has_an_hour_before_it_is_missed(tmp_path):
    log = RunLog(tmp_path)
    log.write(ran(datetime(2022, 12, 28, 11, tzinfo=UTC)))
    log.write(ran(datetime(2022, 12, 25, 7, tzinfo=UTC)).model_copy(update={"kind": "weekly"}))
    assert schedule_at(log, MORNING.replace(minute=50)).missed == ()
    late = schedule_at(log, MORNING.replace(hour=12, minute=1))
    assert late.missed == ("the daily refresh of 2022-12-29 11:00 UTC has not been done",)


def test_without_a_lease_nobody_refreshes(tmp_path):
    assert lease_in_words(tmp_path) is None


def test_a_lease_names_its_owner(tmp_path):
    with Lease(tmp_path, "r1", lambda: EVENING):
        assert "process" in lease_in_words(tmp_path)
