"""Sessions of the New York Stock Exchange: what comes next, and what is missing."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tickgraph.errors import InputError

if TYPE_CHECKING:
    from exchange_calendars import ExchangeCalendar

EXCHANGE = "XNYS"
FIRST_SESSION = "1990-01-01"
_LAST_YEAR = 2100  # nothing is known of later sessions, and pandas has no dates after 2262

Day = np.datetime64 | date | str


@cache
def _calendar(last_year: int) -> ExchangeCalendar:
    import exchange_calendars  # slow to import, and many commands never ask for a session

    return exchange_calendars.get_calendar(EXCHANGE, start=FIRST_SESSION, end=f"{last_year}-12-31")


@cache
def _sessions_until(last_year: int) -> NDArray[np.datetime64]:
    return _calendar(last_year).sessions.to_numpy().astype("datetime64[D]")


def _all_sessions(at_least: np.datetime64) -> NDArray[np.datetime64]:
    """``[n]`` every known session from 1990 to the end of the year after the later of now and a date."""
    year = max(datetime.now(UTC).year, at_least.astype("datetime64[Y]").astype(int) + 1970) + 1
    return _sessions_until(min(year, _LAST_YEAR))


def as_day(day: Day) -> np.datetime64:
    """Read a date; :class:`InputError` for text that is none."""
    try:
        read: np.datetime64 = np.datetime64(day, "D")  # type: ignore[call-overload]
    except ValueError as error:
        raise InputError(f"{day!r} is not a date. Write it as 2022-12-30.") from error
    if np.isnat(read):  # what NumPy makes of empty text
        raise InputError(f"{day!r} is not a date. Write it as 2022-12-30.")
    return read


def sessions(first: Day, last: Day) -> NDArray[np.datetime64]:
    """``[n]`` datetime64[D]: the sessions from ``first`` to ``last``, both included.

    Raises
    ------
    InputError
        ``first`` is after ``last``: an empty date range.
    """
    start, end = as_day(first), as_day(last)
    check_range(start, end)
    known = _all_sessions(end)
    return known[np.searchsorted(known, start) : np.searchsorted(known, end, side="right")]


def check_range(first: Day | None, last: Day | None) -> None:
    """Raise :class:`InputError` where a range of dates is empty."""
    if first is not None and last is not None and as_day(first) > as_day(last):
        raise InputError(f"Empty date range: it starts on {first}, after it ends on {last}.")


def next_session(after: Day) -> np.datetime64:
    """First session after a date."""
    day = as_day(after)
    known = _all_sessions(day)
    place = np.searchsorted(known, day, side="right")
    if place == len(known):
        raise InputError(f"No session is known after {day}: the calendar ends with {known[-1]}.")
    return known[place]


def last_completed_session(now: datetime | None = None) -> np.datetime64:
    """Last session whose close lies before ``now`` (aware; None is the system's clock).

    Half days and daylight saving are the calendar's: it knows each session's own close.
    """
    moment = now or datetime.now(UTC)
    day = np.datetime64(moment.astimezone(UTC).date(), "D")
    known = _all_sessions(day)
    latest = known[np.searchsorted(known, day, side="right") - 1]
    year = int(known[-1].astype("datetime64[Y]").astype(int)) + 1970
    close = _calendar(year).session_close(str(latest)).to_pydatetime()
    return latest if close <= moment else known[np.searchsorted(known, latest) - 1]


def session_closes(days: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
    """``[n]`` datetime64[us], UTC: when each of ``[n]`` sessions closes; not-a-time for a day that is none."""
    if not len(days):
        return np.array([], dtype="datetime64[us]")
    year = int(_all_sessions(days.max())[-1].astype("datetime64[Y]").astype(int)) + 1970
    known = _sessions_until(year)
    places = np.minimum(np.searchsorted(known, days), len(known) - 1)
    closes = _calendar(year).closes.dt.tz_convert(None).to_numpy().astype("datetime64[us]")[places]
    return np.where(known[places] == days, closes, np.datetime64("NaT"))


def sessions_behind(as_of: Day, now: datetime | None = None) -> int:
    """Completed sessions after ``as_of``; 0 means nothing newer exists."""
    last = last_completed_session(now)
    known = _all_sessions(last)
    behind = np.searchsorted(known, last) - np.searchsorted(known, as_day(as_of), side="right") + 1
    return max(0, int(behind))
