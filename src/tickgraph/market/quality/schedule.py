"""Dates: bars of sessions that have not closed, of days without a session, and bars that are not daily."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from tickgraph.market.calendar import exchange, first_session, last_completed_session, next_session, sessions
from tickgraph.market.quality.finding import Finding
from tickgraph.market.quality.histories import Flags, Histories, Rows

GAP = "gap"
# Share of a symbol's bars that may lie on days without a session. Of another exchange's bars at least 2 % do.
CLOSED = 0.01
REGULAR = 0.8  # share of steps that are alike where bars are weekly or monthly
FEWEST = 8  # steps that show it
STRETCH = 10  # such steps in a row show it however daily the other bars are
# Days between bars that are not daily, and their name. What is thinly traded has steps of all lengths.
PERIODS = (
    (5, 9, "weekly"),
    (12, 16, "fortnightly"),
    (26, 35, "monthly"),
    (85, 98, "quarterly"),
    (355, 375, "yearly"),
)


def unfinished(bars: Histories, now: datetime | None = None) -> tuple[list[Finding], Flags]:
    """Bars of sessions that have not closed by ``now``; None is the system's clock."""
    moment = now or datetime.now(UTC)
    today = np.datetime64(moment.astimezone(UTC).date(), "D")
    later = bars.days >= today  # whatever the exchange, the sessions before have closed
    if not later.any():
        return [], later
    last = last_completed_session(moment)
    later = bars.days > last
    running = later & (bars.days == next_session(last)) & (bars.days <= today)
    found, out = bars.leave_out(
        running, "unfinished session", lambda _: f"the session has not closed by {moment:%Y-%m-%d %H:%M} UTC"
    )
    more, _ = bars.leave_out(
        later & ~running,
        "future session",
        lambda row: f"{bars.days[row]} is in the future: the last session that closed is {last}",
    )
    return [*found, *more], out | later


def not_daily(bars: Histories) -> tuple[list[Finding], Flags]:
    """Symbols whose bars come regularly, and less often than once a session, all or for a time: an error."""
    flags = np.zeros(len(bars), dtype=np.bool_)
    follows = bars.follows()
    steps = np.zeros(len(bars), dtype=np.int64)
    steps[1:] = np.diff(bars.days).astype(np.int64)
    long = follows & (steps >= PERIODS[0][0])
    count = np.bincount(bars.codes[follows], minlength=len(bars.names))
    many = np.bincount(bars.codes[long], minlength=len(bars.names))
    suspect = (count >= FEWEST) & ((many >= REGULAR * count) | (many >= STRETCH))
    found: list[Finding] = []
    for code in np.flatnonzero(suspect):
        rows = np.flatnonzero(bars.codes == code)
        own = steps[rows][1:]
        for shortest, longest, name in PERIODS:
            alike = (own >= shortest) & (own <= longest)
            if alike.mean() >= REGULAR:
                days = int(np.median(own))
                detail = f"its bars come every {days} days: {name}. tickgraph needs daily bars"
                found.append(bars.finding(rows, "not daily", detail, "error"))
            elif (stretch := _longest_stretch(alike)) is not None:
                first, last = bars.days[rows[stretch.start]], bars.days[rows[stretch.stop]]
                days = int(np.median(own[stretch]))
                detail = (
                    f"its bars come every {days} days from {first} to {last}: {name}. tickgraph needs daily bars: "
                    "give these, or leave that time out"
                )
                found.append(
                    bars.finding(rows[stretch.start : stretch.stop + 1], "not daily", detail, "error")
                )
            else:
                continue
            flags[rows] = True
            break
    return found, flags


def _longest_stretch(alike: Flags) -> slice | None:
    """The longest of the stretches of at least :data:`STRETCH` steps that are alike."""
    edges = np.flatnonzero(np.diff(alike, prepend=False, append=False))
    starts, stops = edges[::2], edges[1::2]
    if not len(starts) or (stops - starts).max() < STRETCH:
        return None
    longest = (stops - starts).argmax()
    return slice(int(starts[longest]), int(stops[longest]))


def closed(bars: Histories) -> tuple[list[Finding], Flags]:
    """Bars on days on which the exchange was closed: left out where they are very few."""
    dated = ~np.isnat(bars.days)
    out = np.zeros(len(bars), dtype=np.bool_)
    if dated.any():
        days = bars.days[dated]
        out[dated] = ~np.isin(days, sessions(days.min(), days.max()))
        out &= bars.days >= first_session()  # Yahoo's histories go back to 1962, the calendar to 1990

    return bars.leave_out(
        out,
        "not a session",
        lambda row: f"{exchange()}, the exchange in force, was closed",
        CLOSED,
        ". If its prices are of another exchange, name that: --exchange, or the setting exchange",
    )


def missing_before(bars: Histories) -> NDArray[np.int64]:
    """``[n]`` sessions between each bar and the one before of its symbol, without these two."""
    missing = np.zeros(len(bars), dtype=np.int64)
    dated = ~np.isnat(bars.days)
    if dated.any():
        known = sessions(bars.days[dated].min(), bars.days[dated].max())
        missing[1:] = np.diff(np.searchsorted(known, bars.days)) - 1
    missing[~bars.follows()] = 0
    return np.maximum(missing, 0)


def gaps(bars: Histories) -> list[Finding]:
    """Sessions that are missing inside a history."""
    skipped = missing_before(bars)

    def say(rows: Rows) -> str:
        missing = skipped[rows]
        if len(rows) == 1:
            return f"{missing[0]} sessions missing before this one"
        longest = bars.days[rows[missing.argmax()]]
        return f"{missing.sum()} sessions missing in {len(rows)} places, {missing.max()} of them before {longest}"

    return list(bars.warn(skipped > 0, GAP, say))
