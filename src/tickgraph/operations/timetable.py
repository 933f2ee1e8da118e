"""When a refresh is due: daily before the open on exchange days, and once a week in full.

Times are those of a wall clock in the exchange's time zone. Each due moment exists exactly once: a time that daylight
saving skips is due as the clocks jump over it, and a time that happens twice is due the first time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tickgraph.errors import InputError
from tickgraph.market import calendar
from tickgraph.operations.records import Kind, RunLog

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
EXCHANGE_ZONE = ZoneInfo("America/New_York")
# Until what is still due is tried again; it doubles from the first to the last.
FIRST_RETRY, LAST_RETRY = timedelta(minutes=15), timedelta(hours=2)
GRACE = timedelta(hours=1)  # time that a refresh may take before its absence counts
LOOK_BACK = timedelta(days=14)  # longer than a week, and than the exchange has ever been closed since 1990


@dataclass(frozen=True)
class Due:
    """A moment at which a refresh is due.

    Attributes
    ----------
    kind
        ``daily``, or ``weekly``: every model is trained anew.
    at
        UTC.
    """

    kind: Literal["daily", "weekly"]
    at: datetime


@dataclass(frozen=True)
class Timetable:
    """Times of the day and of the week.

    Attributes
    ----------
    daily
        Time of the daily run on exchange days.
    weekday, weekly
        Day of the week, 0 for Monday, and time of the weekly run, whether or not the exchange is open.
    zone
        Time zone of both.
    """

    daily: time = time(6)
    weekday: int = 6
    weekly: time = time(2)
    zone: ZoneInfo = EXCHANGE_ZONE

    @classmethod
    def parse(cls, daily: str, weekly: str, timezone: str) -> Timetable:
        """Read ``06:00``, ``Sunday 02:00`` and the name of a time zone; :class:`InputError` says what is wrong."""
        day, _, hour = weekly.strip().partition(" ")
        if day.capitalize() not in WEEKDAYS:
            raise InputError(
                f"Weekly run {weekly!r} names no day. Write a day and a time, such as 'Sunday 02:00'."
            )
        try:
            zone = ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise InputError(
                f"{timezone!r} is not a time zone. Write one such as 'America/New_York'."
            ) from error
        return cls(_time(daily), WEEKDAYS.index(day.capitalize()), _time(hour), zone)

    def at(self, day: date, clock: time) -> datetime:
        """UTC moment of a time on a day."""
        # Python takes a skipped time at the offset before the jump: 02:00 is 03:00 of daylight saving, which is the
        # instant of the jump only for a time at the start of the gap.
        moment = datetime.combine(day, clock, self.zone)
        exists = moment.astimezone(UTC).astimezone(self.zone).replace(tzinfo=None) == moment.replace(
            tzinfo=None
        )
        if exists:
            return moment.astimezone(UTC)
        return _jump(moment.astimezone(UTC), self.zone)


DEFAULT = Timetable()


def due_between(after: datetime, until: datetime, timetable: Timetable = DEFAULT) -> list[Due]:
    """Due moments later than ``after`` and not later than ``until``, in order; both aware."""
    first = after.astimezone(timetable.zone).date()
    last = until.astimezone(timetable.zone).date()
    if first > last:
        return []
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    moments = [
        Due("daily", timetable.at(session.item(), timetable.daily))
        for session in calendar.sessions(first, last)
    ]
    moments += [
        Due("weekly", timetable.at(day, timetable.weekly))
        for day in days
        if day.weekday() == timetable.weekday
    ]
    return sorted((due for due in moments if after < due.at <= until), key=lambda due: (due.at, due.kind))


def next_due(after: datetime, timetable: Timetable = DEFAULT) -> Due:
    """First due moment later than ``after``."""
    # Every week has a weekly run; a day more, because daylight saving may put it off by an hour.
    return due_between(after, after + timedelta(days=8), timetable)[0]


def missed(
    runs: RunLog, now: datetime, timetable: Timetable = DEFAULT, *, grace: timedelta = timedelta(0)
) -> list[Due]:
    """Due moments that have not been seen to, in order: at most the latest daily and the latest weekly.

    A due moment is over once a run ended well after it. A weekly run does all that a daily run does, so it also sees
    to the daily moments before it. A run for a due moment in the future counts for nothing: the clock was wrong when
    it ran.

    Parameters
    ----------
    runs
        What was done.
    now
        Aware.
    timetable
        When a refresh is due.
    grace
        How long after its due moment a refresh may be late.
    """
    past = due_between(now - grace - LOOK_BACK, now - grace, timetable)
    latest = {due.kind: due for due in past}  # the last of each kind
    late = [due for due in latest.values() if not is_done(runs, due, now)]
    weekly = latest.get("weekly")
    if weekly is not None and weekly in late:
        late = [due for due in late if due is weekly or due.at > weekly.at]
    return sorted(late, key=lambda due: due.at)


def is_done(runs: RunLog, due: Due, now: datetime) -> bool:
    """Whether a run that ended well saw to a due moment, or to a later one that is past."""
    kinds: tuple[Kind, ...] = ("weekly",) if due.kind == "weekly" else ("daily", "weekly")
    for run in runs.newest_first():
        if run.kind in kinds and run.due_at is not None and run.due_at <= now:
            if run.state == "done" and run.due_at >= due.at:
                return True
            if run.due_at < due.at - LOOK_BACK:
                return False
    return False


@dataclass(frozen=True)
class Schedule:
    """Where a moment lies in the timetable.

    Attributes
    ----------
    last_due
        Newest due moment that should have been seen to by now: stored prices and models are judged as of then.
    next_due, next_kind
        The next due moment.
    missed
        Due moments that have not been seen to, in words.
    """

    last_due: datetime
    next_due: datetime
    next_kind: str
    missed: tuple[str, ...] = ()


def schedule_at(runs: RunLog, now: datetime, timetable: Timetable = DEFAULT) -> Schedule:
    """Say which due moments lie before and after a moment."""
    past = due_between(now - LOOK_BACK, now - GRACE, timetable)
    coming = next_due(now, timetable)
    late = missed(runs, now, timetable, grace=GRACE) if runs.latest("daily", "weekly") else []
    return Schedule(
        past[-1].at if past else now - GRACE,
        coming.at,
        coming.kind,
        tuple(f"the {due.kind} refresh of {due.at:%Y-%m-%d %H:%M} UTC has not been done" for due in late),
    )


def _time(text: str) -> time:
    try:
        read = time.fromisoformat(text.strip())
    except ValueError as error:
        raise InputError(f"{text!r} is not a time of day. Write it as 06:00.") from error
    if read.tzinfo is not None:
        raise InputError(f"{text!r} has a time zone of its own. Write it as 06:00, and the zone as timezone.")
    return read


def _jump(near: datetime, zone: ZoneInfo) -> datetime:
    """Moment within the day around ``near`` at which the zone's clocks jump forward, to the second."""
    low, high = near - timedelta(days=1), near + timedelta(days=1)
    before = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        low, high = (middle, high) if middle.astimezone(zone).utcoffset() == before else (low, middle)
    return high.replace(microsecond=0)
