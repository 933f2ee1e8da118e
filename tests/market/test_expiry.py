from __future__ import annotations

import numpy as np
import pytest

from tickgraph.errors import InputError
from tickgraph.market import calendar
from tickgraph.market.calendar import known_sessions, next_session, next_sessions, sessions, use_exchange
from tickgraph.market.expiry import read_expiry, read_sessions, sessions_ahead

FRIDAY = np.datetime64("2022-12-30")  # the last session of 2022; Monday the 2nd is a holiday


@pytest.mark.parametrize(
    ("expiry", "ahead"), [("2023-01-03", 1), ("2023-01-20", 13), ("2023-02-17", 33), ("2023-04-03", 63)]
)
def test_an_expiry_is_so_many_sessions_of_the_exchange_ahead(expiry, ahead):
    """The 13 sessions to 2023-01-20: holidays are the 2nd and, for Martin Luther King, the 16th."""
    assert sessions_ahead(FRIDAY, 63, expiry=np.datetime64(expiry)) == (ahead, np.datetime64(expiry))
    assert sessions_ahead(FRIDAY, 63, sessions=ahead) == (ahead, np.datetime64(expiry))
    assert len(sessions("2023-01-01", expiry)) == ahead


@pytest.mark.parametrize(
    ("expiry", "message"),
    [
        ("2022-12-30", "expiry 2022-12-30 is not after 2022-12-30, the last session whose prices are known"),
        ("2022-11-18", "is not after"),
        ("2023-01-21", "no session of XNYS.*settles on the session before: write 2023-01-20"),
        ("2023-01-16", "no session of XNYS.*write 2023-01-13"),
        ("2022-12-31", "settles on the session before: 2022-12-30, whose close is known"),
        ("2023-04-04", "2023-04-03 at the latest, 63 sessions after 2022-12-30, got 2023-04-04.*independent"),
        ("2099-01-15", "2023-04-03 at the latest"),
    ],
)
def test_an_expiry_that_cannot_be_forecast_is_refused_with_the_reason(expiry, message):
    with pytest.raises(InputError, match=message):
        sessions_ahead(FRIDAY, 63, expiry=np.datetime64(expiry))


@pytest.mark.parametrize("ahead", [0, -3, 64])
def test_sessions_out_of_reach_are_refused(ahead):
    with pytest.raises(InputError, match=f"sessions must be 1 to 63, got {ahead}"):
        sessions_ahead(FRIDAY, 63, sessions=ahead)


def test_one_of_sessions_and_expiry_is_needed_and_no_more():
    with pytest.raises(InputError, match="neither came"):
        sessions_ahead(FRIDAY, 63)
    with pytest.raises(InputError, match="both came"):
        sessions_ahead(FRIDAY, 63, sessions=3, expiry="2023-01-20")


def test_sessions_are_those_of_the_exchange_in_force():
    use_exchange("24/7")
    assert sessions_ahead("2022-12-30", 63, expiry="2023-01-01") == (2, np.datetime64("2023-01-01"))


def test_an_exchange_that_has_not_published_so_many_sessions_is_asked_for_those_that_it_has(monkeypatch):
    until = np.datetime64("2023-01-31")
    known = calendar._all_sessions
    monkeypatch.setattr(calendar, "_all_sessions", lambda day: known(day)[known(day) <= until])
    assert sessions_ahead(FRIDAY, 63, expiry="2023-01-20")[0] == 13
    assert len(known_sessions(FRIDAY, 63)) == 20
    for words in ({"expiry": "2023-02-17"}, {"sessions": 21}):
        with pytest.raises(InputError, match="the calendar of XNYS ends with 2023-01-31"):
            sessions_ahead(FRIDAY, 63, **words)


@pytest.mark.parametrize("text", ["", "1.5", "+3", "1e1", " 3", "three", "٣", "1_0", "-1", "12345"])
def test_what_is_no_number_of_sessions_is_refused(text):
    with pytest.raises(InputError, match="sessions must be a whole number of sessions, such as 21"):
        read_sessions(text)


@pytest.mark.parametrize(
    "text", ["", "2023-02-30", "20230120", "2023-1-20", "20 Jan 2023", "2023-W03-5", "0"]
)
def test_what_is_no_day_is_refused(text):
    with pytest.raises(InputError, match="expiry must be a day, such as 2023-01-20"):
        read_expiry(text)


def test_sessions_and_expiries_are_read_as_people_write_them():
    assert read_sessions("21") == 21
    assert read_expiry("2023-01-20") == np.datetime64("2023-01-20")


def test_the_next_sessions_begin_with_the_next_one():
    following = next_sessions(FRIDAY, 5)
    assert following[0] == next_session(FRIDAY) == np.datetime64("2023-01-03")
    assert len(following) == 5
    with pytest.raises(InputError, match="Only .* of 10000 sessions are known after 2022-12-30"):
        next_sessions(FRIDAY, 10_000)
