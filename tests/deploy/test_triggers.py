"""Cron's lines and the CronJobs fire when a refresh is due, in every week of a year."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from ready_files import crontab, manifests
from tickgraph.operations.timetable import due_between

NEW_YORK = ZoneInfo("America/New_York")


def fires(schedule, year):
    """Hours of a year, in UTC, that a cron line's fields match; a local hour that does not exist matches none."""
    minute, hours, month_day, month, week_days = schedule.split()
    assert (minute, month_day, month) == ("0", "*", "*")
    first, last = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    every = (first + timedelta(hours=n) for n in range(int((last - first).total_seconds()) // 3600))
    local = ((moment, moment.astimezone(NEW_YORK)) for moment in every)
    return [
        moment
        for moment, there in local
        if there.hour in expand(hours) and there.isoweekday() % 7 in expand(week_days)
    ]


def expand(field):
    ranges = (part.partition("-") for part in field.split(","))
    return {n for low, _, high in ranges for n in range(int(low), int(high or low) + 1)}


def cronjobs():
    return [one["spec"] for one in manifests().values() if one["kind"] == "CronJob"]


def timed(lines):
    return [schedule for schedule, _ in lines if not schedule.startswith("@")]


def test_cron_and_kubernetes_have_the_same_schedules_in_new_york():
    environment, lines = crontab()
    assert environment["CRON_TZ"] == "America/New_York"
    assert [one["timeZone"] for one in cronjobs()] == ["America/New_York"] * 2
    assert timed(lines) == [one["schedule"] for one in cronjobs()]


def test_daily_runs_are_at_six_of_every_weekday():
    daily = fires(timed(crontab()[1])[0], 2027)
    assert {(there.hour, there.minute) for there in (one.astimezone(NEW_YORK) for one in daily)} == {(6, 0)}
    days = [one.astimezone(NEW_YORK).date() for one in daily]
    assert len(days) == len(set(days)) == 261
    assert max(day.weekday() for day in days) == 4


@pytest.mark.parametrize("year", [2027, 2028])
def test_a_weekly_run_is_in_every_week_of_a_year_also_where_clocks_jump_over_two(year):
    weekly = fires(timed(crontab()[1])[1], year)
    sundays = sorted({one.astimezone(NEW_YORK).date() for one in weekly})
    assert {later - earlier for earlier, later in pairwise(sundays)} == {timedelta(days=7)}
    only_at_two = fires("0 2 * * 0", year)
    assert len({one.date() for one in only_at_two}) == len(sundays) - 1  # why there are two hours


def test_every_due_moment_of_a_year_has_a_trigger():
    triggers = {moment for schedule in timed(crontab()[1]) for moment in fires(schedule, 2027)}
    due = due_between(datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 12, 31, tzinfo=UTC))
    assert len(due) > 290
    assert [one for one in due if one.at not in triggers] == []


def test_cron_makes_up_for_what_was_missed_when_the_machine_starts_again():
    lines = dict(crontab()[1])
    assert "refresh --scheduled" in lines["@reboot"]


def test_output_of_every_line_goes_to_the_log_and_secrets_come_from_a_file():
    environment, lines = crontab()
    assert environment["MAILTO"] == ""
    for _, command in lines:
        assert command.endswith("2>&1 | logger -t tickgraph")
        assert command.startswith("set -a; . /etc/tickgraph/secrets.env; ")
        assert "%" not in command  # cron's line end


def test_two_runs_of_one_cronjob_never_overlap_and_bad_settings_are_not_tried_again():
    for one in cronjobs():
        job = one["jobTemplate"]["spec"]
        assert one["concurrencyPolicy"] == "Forbid"
        assert one["startingDeadlineSeconds"] >= 600
        assert job["backoffLimit"] >= 1
        first = job["podFailurePolicy"]["rules"][0]
        assert (first["action"], first["onExitCodes"]["values"]) == ("FailJob", [2])
        container = job["template"]["spec"]["containers"][0]
        assert first["onExitCodes"]["containerName"] == container["name"]
