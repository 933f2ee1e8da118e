"""Calendars of other exchanges: their names, sessions, closes and limits."""

from __future__ import annotations

from datetime import UTC, datetime

import exchange_calendars
import numpy as np
import pytest

from made_prices import made_bars
from tickgraph.errors import InputError
from tickgraph.market import calendar
from tickgraph.market.quality import check
from tickgraph.market.sources import open_source


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("XLON", "XLON"), ("lse", "XLON"), (" Xtks ", "XTKS"), ("NASDAQ", "XNYS"), ("xnys", "XNYS"), ("24/7", "24/7"),
        ("US_FUTURES", "us_futures"),
    ],
)  # fmt: skip
def test_an_exchange_may_be_written_in_any_case_and_by_another_name(given, name):
    assert calendar.exchange_named(given) == name


@pytest.mark.parametrize(
    ("given", "said"), [("XLN", "Did you mean XLON?"), ("", "such as XNYS"), ("Nowhere", "24/7")]
)
def test_a_name_that_is_no_exchange_is_refused_with_names_that_are(given, said):
    with pytest.raises(InputError, match=said):
        calendar.use_exchange(given)
    assert calendar.exchange() == "XNYS"


@pytest.mark.parametrize(
    ("exchange", "now", "last"),
    [
        ("XLON", "2022-12-28T16:29", "2022-12-23"),  # 27 December is a holiday in London, and none in New York
        ("XLON", "2022-12-28T16:30", "2022-12-28"),
        ("XTKS", "2022-12-30T05:59", "2022-12-29"),
        ("XTKS", "2022-12-30T06:00", "2022-12-30"),
        ("XASX", "2022-11-27T23:30", "2022-11-25"),  # Monday's session, which has begun
        ("XASX", "2022-11-28T05:10", "2022-11-28"),
        ("CMES", "2022-11-28T22:59", "2022-11-25"),  # began on Sunday evening
        ("24/7", "2022-12-25T23:59", "2022-12-24"),
        ("24/7", "2022-12-26T00:00", "2022-12-25"),
        ("24/5", "2022-12-24T00:00", "2022-12-23"),
        ("24/5", "2022-12-25T12:00", "2022-12-23"),
    ],
)  # fmt: skip
def test_a_session_of_any_exchange_is_complete_from_its_own_close(exchange, now, last):
    calendar.use_exchange(exchange)
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert calendar.last_completed_session(moment) == np.datetime64(last)
    close = calendar.session_closes(np.array([last], "datetime64[D]"))[0]
    assert close <= np.datetime64(now)


def test_sessions_zone_and_length_of_a_year_are_the_exchanges_own():
    calendar.use_exchange("24/7")
    assert len(calendar.sessions("2022-12-24", "2022-12-26")) == 3
    assert (calendar.timezone(), calendar.sessions_a_year()) == ("UTC", 365)
    calendar.use_exchange("XTKS")
    assert calendar.next_session("2022-12-30") == np.datetime64("2023-01-04")
    assert calendar.timezone() == "Asia/Tokyo"
    assert 240 < calendar.sessions_a_year() < 250
    calendar.use_exchange("XNYS")
    assert (calendar.timezone(), calendar.sessions_a_year()) == ("America/New_York", 252)


def test_of_a_calendar_that_begins_late_earlier_bars_are_not_judged():
    calendar.use_exchange("XTKS")
    first = calendar.first_session()
    assert first > np.datetime64("1996-12-31")
    bars = made_bars(["AAPL"], count=2).assign(date=np.array(["1980-01-01", first], "datetime64[us]"))
    assert not [found for found in check(bars) if found.kind == "not a session"]


def test_what_a_calendar_does_not_know_yet_is_said_with_the_remedy():
    calendar.use_exchange("XSHG")
    last = calendar.sessions("2026-01-01", "2099-12-31")[-1]  # its holidays are known a year ahead at most
    assert last < np.datetime64("2090-01-01")
    with pytest.raises(InputError, match="XSHG ends with .* pip install --upgrade exchange_calendars"):
        calendar.next_session(last)
    with pytest.raises(InputError, match="pip install --upgrade exchange_calendars"):
        calendar.last_completed_session(datetime(2095, 1, 5, tzinfo=UTC))


def test_a_calendar_that_the_library_cannot_make_is_refused_and_the_one_in_force_stays(monkeypatch):
    def unable(name, **_):
        raise NotImplementedError("implemented by subclasses")

    monkeypatch.setattr(exchange_calendars, "get_calendar", unable)
    with pytest.raises(InputError, match=r"cannot make the calendar of XWBO .* set another exchange"):
        calendar.use_exchange("XWBO")
    assert calendar.exchange() == "XNYS"


@pytest.mark.parametrize("source", ["sample", "yahoo", "tiingo", "live"])
def test_sources_of_new_york_are_refused_for_other_exchanges(source):
    calendar.use_exchange("XLON")
    with pytest.raises(InputError, match=f"'{source}' has prices of New York .* Use --source files"):
        open_source(source)
