"""Sessions of the exchange in force, and moments of the clock."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tickgraph.errors import InputError

if TYPE_CHECKING:
    from exchange_calendars import ExchangeCalendar

NEW_YORK = "XNYS"
_EXAMPLES = "XNYS (New York), XLON (London), XTKS (Tokyo), XTSE (Toronto), 24/7 (coins)"
_FIRST_DAY = "1990-01-01"
_KEPT = timedelta(minutes=5)  # how long a clock keeps what it worked out
_LAST_YEAR = 2100  # nothing is known of later sessions, and pandas has no dates after 2262

Day = np.datetime64 | date | str

_exchange = NEW_YORK


def use_exchange(name: str) -> None:
    """Put an exchange in force in this process.

    Raises
    ------
    InputError
        No calendar has this name, or exchange_calendars cannot make it.
    """
    global _exchange
    known = exchange_named(name)
    if known != NEW_YORK:  # New York's costs a tenth of a second, and many commands never ask for a session
        _calendar(known, _this_year() + 1)
    _exchange = known


def exchange() -> str:
    """Name of the exchange in force, such as ``XNYS``."""
    return _exchange


def exchange_named(name: str) -> str:
    """Name that a calendar has in exchange_calendars: ``lse`` gives ``XLON``, ``XNAS`` gives ``XNYS``.

    Raises
    ------
    InputError
        No calendar has this name.
    """
    if name == NEW_YORK:
        return name
    import exchange_calendars  # slow to import, and New York's name is known without it

    known = exchange_calendars.get_calendar_names()
    wanted = name.strip()
    for spelling in (wanted, wanted.upper(), wanted.lower()):  # us_futures is a lower-case name
        if spelling in known:
            resolved: str = exchange_calendars.resolve_alias(spelling)
            return resolved
    similar = difflib.get_close_matches(wanted.upper(), known, n=3)
    meant = f" Did you mean {' or '.join(similar)}?" if similar else ""
    raise InputError(
        f"{name!r} is not an exchange.{meant} Write a name of exchange_calendars, such as {_EXAMPLES}."
    )


def timezone() -> str:
    """Time zone of the exchange in force, such as ``America/New_York``."""
    return "America/New_York" if _exchange == NEW_YORK else str(_calendar(_exchange, _this_year() + 1).tz)


def first_session() -> np.datetime64:
    """First session that the calendar knows: in 1990, or later where the exchange's records begin later."""
    return _sessions_until(_exchange, _this_year() + 1)[0]


def sessions_a_year() -> int:
    """How many sessions a year has: 252 in New York, as is usual, 365 where a market never closes."""
    if _exchange == NEW_YORK:
        return 252
    years = _sessions_until(_exchange, _this_year() + 1).astype("datetime64[Y]")
    _, counts = np.unique(years[years < np.datetime64(f"{_this_year()}")], return_counts=True)
    return int(np.median(counts[-10:]))


@cache
def _calendar(name: str, last_year: int) -> ExchangeCalendar:
    import exchange_calendars

    first, last = _FIRST_DAY, f"{last_year}-12-31"
    try:
        try:
            return exchange_calendars.get_calendar(name, start=first, end=last)
        except ValueError:  # some exchanges are not recorded that far back or ahead
            usual = exchange_calendars.get_calendar(name)
            begins, ends = usual.bound_min(), usual.bound_max()
            start = first if begins is None else max(first, f"{begins:%Y-%m-%d}")
            end = last if ends is None else min(last, f"{ends:%Y-%m-%d}")
            return exchange_calendars.get_calendar(name, start=start, end=end)
    except Exception as error:  # a calendar raises whatever its own rules meet
        version = exchange_calendars.__version__
        raise InputError(
            f"exchange_calendars {version} cannot make the calendar of {name} "
            f"({str(error)[:100] or type(error).__name__}). Install another version of it, or set another exchange."
        ) from error


@cache
def _sessions_until(name: str, last_year: int) -> NDArray[np.datetime64]:
    return _calendar(name, last_year).sessions.to_numpy().astype("datetime64[D]")


@cache
def _closes_until(name: str, last_year: int) -> NDArray[np.datetime64]:
    """``[n]`` datetime64[us], UTC: the close of each session."""
    closes = _calendar(name, last_year).closes.dt.tz_convert(None)
    return closes.to_numpy().astype("datetime64[us]")


def _this_year() -> int:
    return system_time().year


def _last_year(at_least: np.datetime64) -> int:
    """The year up to whose end sessions are asked for: the one after now or after a date, whichever is later."""
    year = int(at_least.astype("datetime64[Y]").astype(int)) + 1970
    return min(max(_this_year(), year) + 1, _LAST_YEAR)


def _all_sessions(at_least: np.datetime64) -> NDArray[np.datetime64]:
    """``[n]`` all known sessions, up to the end of the year after now or after a date, whichever is later."""
    return _sessions_until(_exchange, _last_year(at_least))


def as_day(day: Day) -> np.datetime64:
    """Read a date; :class:`InputError` for text that is no date."""
    try:
        given: Any = day  # NumPy's own types differ from version to version
        read: np.datetime64 = np.datetime64(given, "D")
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
    first: np.datetime64 = next_sessions(after, 1)[0]
    return first


def next_sessions(after: Day, count: int) -> NDArray[np.datetime64]:
    """``[count]`` datetime64[D]: the first sessions after a date.

    Raises
    ------
    InputError
        The calendar does not know so many.
    """
    following = known_sessions(after, count)
    if len(following) < count:
        missing = "No session is" if count == 1 else f"Only {len(following)} of {count} sessions are"
        raise InputError(f"{missing} known after {as_day(after)}: {_ends_with(_all_sessions(as_day(after)))}")
    return following


def known_sessions(after: Day, most: int) -> NDArray[np.datetime64]:
    """``[n]`` datetime64[D]: the first sessions after a date, as many as the calendar knows.

    Some exchanges, such as Shanghai's, publish the sessions of a year in its last weeks.
    """
    day = as_day(after)
    known = _all_sessions(day)
    place = np.searchsorted(known, day, side="right")
    return known[place : place + most]


def last_completed_session(now: datetime | None = None) -> np.datetime64:
    """Last session whose close lies before ``now`` (aware; None is the system's clock).

    Half days and daylight saving are the calendar's: it knows each session's own close. A session of a market that
    never closes ends at midnight UTC.

    Raises
    ------
    InputError
        The calendar does not reach as far as ``now``, or ``now`` is before its first close.
    """
    moment = np.datetime64((now or system_time()).astimezone(UTC).replace(tzinfo=None), "us")
    year = _last_year(moment.astype("datetime64[D]"))
    known, closes = _sessions_until(_exchange, year), _closes_until(_exchange, year)
    if closes[-1] < moment and known[-1].astype("datetime64[Y]") < moment.astype("datetime64[Y]"):
        raise InputError(f"Today's sessions are not known: {_ends_with(known)}")
    place = int(np.searchsorted(closes, moment, side="right"))
    if not place:
        raise InputError(f"The calendar of {_exchange} begins on {known[0]}, after {moment}.")
    return known[place - 1]


def session_closes(days: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
    """``[n]`` datetime64[us], UTC: when each of ``[n]`` sessions closes; not-a-time for a day without a session."""
    if not len(days):
        return np.array([], dtype="datetime64[us]")
    year = _last_year(days.max())
    known, closes = _sessions_until(_exchange, year), _closes_until(_exchange, year)
    places = np.minimum(np.searchsorted(known, days), len(known) - 1)
    return np.where(known[places] == days, closes[places], np.datetime64("NaT"))


def _ends_with(known: NDArray[np.datetime64]) -> str:
    """Say where a calendar ends, and what to do where a newer one may reach further."""
    text = f"the calendar of {_exchange} ends with {known[-1]}."
    if known[-1] < np.datetime64(f"{_LAST_YEAR}-01-01"):
        text += (
            " Newer sessions come with a newer exchange_calendars: pip install --upgrade exchange_calendars"
        )
    return text


def sessions_behind(as_of: Day, now: datetime | None = None) -> int:
    """Completed sessions after ``as_of``; 0 means nothing newer exists."""
    last = last_completed_session(now)
    known = _all_sessions(last)
    behind = np.searchsorted(known, last) - np.searchsorted(known, as_day(as_of), side="right") + 1
    return max(0, int(behind))


def system_time() -> datetime:
    """Now, by this machine's clock; aware."""
    return datetime.now(UTC)


SKEW = timedelta(minutes=5)
"""How far the clocks of two machines may differ while both are right."""


def is_future(moment: datetime, now: datetime) -> bool:
    """Whether a recorded moment lies so far after now that one of the two clocks was wrong; both aware."""
    return moment - now > SKEW


class Clock:
    """The time, the session to forecast and how far a history is behind.

    Parameters
    ----------
    now
        Gives an aware time; None is the system's clock.
    """

    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        self._now = now
        self._kept: dict[np.datetime64, tuple[datetime, datetime, date, int]] = {}

    def now(self) -> datetime:
        """Aware time."""
        return self._now() if self._now else system_time()

    def read(self, as_of: np.datetime64, now: datetime) -> tuple[date, int]:
        """Session after ``as_of``, and how many completed sessions a history that ends there lacks."""
        kept = self._kept.get(as_of)
        if kept is None or not kept[0] <= now < kept[1]:
            if len(self._kept) > 1000:
                self._kept.clear()
            since = now.replace(minute=now.minute // 5 * 5, second=0, microsecond=0)
            kept = since, since + _KEPT, next_session(as_of).astype(date), sessions_behind(as_of, now)
            self._kept[as_of] = kept
        return kept[2], kept[3]
