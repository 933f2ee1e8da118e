from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from tickgraph.errors import InputError
from tickgraph.market.calendar import use_exchange
from tickgraph.operations.records import RefreshRun, RunLog
from tickgraph.operations.timetable import Due, Timetable, due_between, missed, next_due, schedule_at

NEW_YORK = ZoneInfo("America/New_York")
HOLIDAYS_2022 = {
    "01-17", "02-21", "04-15", "05-30", "06-20", "07-04", "09-05", "11-24", "12-26",
}  # fmt: skip


def utc(*parts):
    return datetime(*parts).replace(tzinfo=UTC)


@pytest.fixture(scope="module")
def year():
    return due_between(utc(2022, 1, 1), utc(2023, 1, 1))


def test_daily_runs_are_at_six_in_new_york_on_every_exchange_day_of_a_year(year):
    daily = [due.at.astimezone(NEW_YORK) for due in year if due.kind == "daily"]
    assert len(daily) == 251
    assert {moment.time() for moment in daily} == {time(6)}
    assert {moment.weekday() for moment in daily} == {0, 1, 2, 3, 4}
    days = {f"{moment:%m-%d}" for moment in daily}
    assert "11-25" in days  # a half day is a session
    assert not days & HOLIDAYS_2022
    assert Due("daily", utc(2022, 3, 11, 11)) in year
    assert Due("daily", utc(2022, 3, 14, 10)) in year  # the Monday after the clocks went forward
    assert Due("daily", utc(2022, 11, 4, 10)) in year
    assert Due("daily", utc(2022, 11, 7, 11)) in year


def test_weekly_runs_are_once_on_every_sunday_through_both_changes_of_the_clocks(year):
    weekly = [due.at for due in year if due.kind == "weekly"]
    assert len(weekly) == 52
    assert {moment.astimezone(NEW_YORK).weekday() for moment in weekly} == {6}
    assert utc(2022, 3, 6, 7) in weekly
    assert utc(2022, 3, 13, 7) in weekly  # 02:00 does not exist: the moment the clocks jump to 03:00
    assert utc(2022, 3, 20, 6) in weekly
    assert utc(2022, 10, 30, 6) in weekly
    assert utc(2022, 11, 6, 7) in weekly


def test_a_time_that_does_not_exist_is_due_at_the_jump_and_one_that_happens_twice_the_first_time():
    assert Timetable.parse("06:00", "sunday 02:30", "America/New_York").at(
        datetime(2022, 3, 13).date(), time(2, 30)
    ) == utc(2022, 3, 13, 7)
    twice = Timetable.parse("06:00", "Sunday 01:30", "America/New_York")
    found = [due.at for due in due_between(utc(2022, 11, 6), utc(2022, 11, 7), twice)]
    assert found == [utc(2022, 11, 6, 5, 30)]


def test_due_moments_are_after_the_first_time_and_not_after_the_second():
    six = utc(2022, 11, 1, 10)
    assert due_between(six - timedelta(seconds=1), six) == [Due("daily", six)]
    assert due_between(six, six + timedelta(hours=1)) == []
    assert due_between(six, six - timedelta(days=2)) == []
    assert next_due(six) == Due("daily", utc(2022, 11, 2, 10))
    assert next_due(utc(2022, 11, 4, 10)) == Due("weekly", utc(2022, 11, 6, 7))


@pytest.mark.parametrize(
    ("daily", "weekly", "zone", "text"),
    [
        ("6 o'clock", "Sunday 02:00", "America/New_York", "time of day"),
        ("06:00", "02:00", "America/New_York", "names no day"),
        ("06:00", "Sunday", "America/New_York", "time of day"),
        ("06:00", "Sunday 02:00", "New York", "time zone"),
        ("06:00+01:00", "Sunday 02:00", "America/New_York", "zone of its own"),
    ],
)
def test_a_timetable_that_cannot_be_read_is_refused(daily, weekly, zone, text):
    with pytest.raises(InputError, match=text):
        Timetable.parse(daily, weekly, zone)


def put(runs, due_at, kind="daily", state="done", number=0, **changes):
    run = RefreshRun(
        id=f"2022{number:04d}", kind=kind, due_at=due_at, started_at=utc(2022, 11, 7, 12), owner="here",
        session=datetime(2022, 11, 4).date(), state=state, **changes,
    )  # fmt: skip
    return runs.write(run)


def test_of_many_missed_runs_the_latest_of_each_kind_is_caught_up(tmp_path):
    runs = RunLog(tmp_path)
    sunday, monday = utc(2022, 11, 6, 7), utc(2022, 11, 7, 11)
    assert missed(runs, utc(2022, 11, 7, 12)) == [Due("weekly", sunday), Due("daily", monday)]
    assert missed(runs, utc(2022, 11, 6, 12)) == [Due("weekly", sunday)]  # it does what Friday's would have
    put(runs, sunday, "weekly", number=1)
    assert missed(runs, utc(2022, 11, 6, 12)) == []
    assert missed(runs, utc(2022, 11, 7, 12)) == [Due("daily", monday)]
    put(runs, monday, number=2)
    assert missed(runs, utc(2022, 11, 7, 12)) == []
    assert missed(runs, utc(2022, 11, 24, 23)) == [
        Due("weekly", utc(2022, 11, 20, 7)),
        Due("daily", utc(2022, 11, 23, 11)),
    ]


def test_a_run_that_did_not_end_well_or_was_asked_for_by_hand_stands_for_nothing(tmp_path):
    runs = RunLog(tmp_path)
    monday, now = utc(2022, 11, 7, 11), utc(2022, 11, 7, 12)
    put(runs, utc(2022, 11, 6, 7), "weekly", number=1)
    put(runs, monday, state="failed", number=2)
    put(runs, monday, state="interrupted", number=3)
    put(runs, None, "manual", number=5)
    assert missed(runs, now) == [Due("daily", monday)]
    put(runs, monday, number=6)
    put(runs, monday, state="failed", number=7)
    assert missed(runs, now) == []


def test_a_run_of_a_moment_yet_to_come_stands_for_nothing(tmp_path):
    """It was made while the clock was wrong; else nothing would be due until that moment."""
    runs = RunLog(tmp_path)
    put(runs, utc(2022, 11, 6, 7), "weekly", number=1)
    put(runs, utc(2024, 11, 1, 10), number=2)
    put(runs, utc(2024, 10, 27, 6), "weekly", number=3)
    monday, now = utc(2022, 11, 7, 11), utc(2022, 11, 7, 12)
    assert missed(runs, now) == [Due("daily", monday)]
    put(runs, monday, number=4)
    assert missed(runs, now) == []


def test_a_moment_within_the_grace_is_not_missed_yet_and_a_run_for_it_stands_for_those_before(tmp_path):
    runs = RunLog(tmp_path)
    put(runs, utc(2022, 11, 6, 7), "weekly", number=1)
    put(runs, utc(2022, 11, 8, 11), number=2)
    soon, grace = utc(2022, 11, 8, 11) + timedelta(minutes=30), timedelta(hours=1)
    assert missed(runs, soon, grace=grace) == []
    assert missed(RunLog(tmp_path / "none"), soon, grace=grace)[-1] == Due("daily", utc(2022, 11, 7, 11))


def test_days_and_hours_are_those_of_the_exchange_in_force():
    use_exchange("XTKS")
    tokyo = Timetable.parse("06:00", "Sunday 02:00", "Asia/Tokyo")
    found = due_between(utc(2022, 12, 28, 12), utc(2023, 1, 4, 12), tokyo)
    assert [due.at for due in found if due.kind == "daily"] == [
        utc(2022, 12, 28, 21), utc(2022, 12, 29, 21), utc(2023, 1, 3, 21),
    ]  # fmt: skip
    use_exchange("24/7")
    assert (
        len(due_between(utc(2022, 12, 23, 12), utc(2022, 12, 30, 12), Timetable(zone=ZoneInfo("UTC")))) == 8
    )


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
