from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from tickgraph.errors import InputError
from tickgraph.market import calendar


def day(text):
    return np.datetime64(text, "D")


def test_sessions_skip_weekends_and_holidays():
    assert calendar.sessions("2022-12-22", "2022-12-28").astype(str).tolist() == [
        "2022-12-22",
        "2022-12-23",
        "2022-12-27",
        "2022-12-28",
    ]


def test_an_empty_range_is_an_error():
    with pytest.raises(InputError, match="Empty date range"):
        calendar.sessions("2022-12-28", "2022-12-22")


def test_text_that_is_no_date_is_an_error():
    with pytest.raises(InputError, match="not a date"):
        calendar.next_session("yesterday")


def test_next_session_is_strictly_after():
    assert calendar.next_session("2022-12-30") == day("2023-01-03")
    assert calendar.next_session("2022-12-31") == day("2023-01-03")


@pytest.mark.parametrize(
    ("now", "last"),
    [
        ("2022-11-23T20:59", "2022-11-22"),  # winter: closes at 21:00 UTC
        ("2022-11-23T21:00", "2022-11-23"),
        ("2022-11-24T22:00", "2022-11-23"),  # Thanksgiving
        ("2022-11-25T17:59", "2022-11-23"),  # half day: closes at 18:00 UTC
        ("2022-11-25T18:00", "2022-11-25"),
        ("2022-07-01T20:00", "2022-07-01"),  # summer: closes at 20:00 UTC
        ("2022-07-01T19:59", "2022-06-30"),
        ("2022-07-03T12:00", "2022-07-01"),  # Sunday
    ],
)
def test_a_session_is_complete_from_its_own_close(now, last):
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert calendar.last_completed_session(moment) == day(last)


def test_sessions_behind_counts_completed_sessions_only():
    evening = datetime(2022, 12, 30, 22, tzinfo=UTC)
    assert calendar.sessions_behind("2022-12-30", evening) == 0
    assert calendar.sessions_behind("2022-12-23", evening) == 4
    assert calendar.sessions_behind("2023-06-01", evening) == 0


@pytest.mark.parametrize("text", ["", "NaT"])
def test_what_numpy_reads_as_no_date_is_an_error(text):
    with pytest.raises(InputError, match="not a date"):
        calendar.next_session(text)
    with pytest.raises(InputError, match="not a date"):
        calendar.sessions("2022-01-03", text)


@pytest.mark.parametrize("text", ["2101-06-01", "2300-01-01", "9999-12-31"])
def test_the_far_future_has_no_sessions(text):
    with pytest.raises(InputError, match="No session is known after"):
        calendar.next_session(text)
    assert calendar.sessions("2100-12-31", text)[-1] == day("2100-12-31")


def test_a_range_of_one_day_and_a_range_without_sessions_are_not_empty_ranges():
    assert calendar.sessions("2022-12-30", "2022-12-30").tolist() == [day("2022-12-30").item()]
    assert len(calendar.sessions("2022-12-24", "2022-12-26")) == 0


@pytest.mark.parametrize(
    ("now", "behind"),
    [
        ("2022-03-11T20:59", 0),  # Friday: still closes at 21:00 UTC
        ("2022-03-11T21:00", 1),
        ("2022-03-13T12:00", 1),
        ("2022-03-14T19:59", 1),
        ("2022-03-14T20:00", 2),  # Monday: the clocks have changed
    ],
)
def test_the_weekend_that_the_clocks_change(now, behind):
    assert calendar.sessions_behind("2022-03-10", datetime.fromisoformat(now).replace(tzinfo=UTC)) == behind
