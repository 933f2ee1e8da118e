"""Single bars: their dates, and prices that are missing or cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from tickgraph.market.calendar import (
    exchange,
    first_session,
    last_completed_session,
    next_session,
    sessions,
    system_time,
)
from tickgraph.market.price import MAX_PRICE
from tickgraph.market.quality.histories import NEEDED, PRICES, Finding, Flags, Histories, Rows, written

INTRADAY = 0.2  # share of dates with several different bars from which they are no slip
RECENT = 30  # bars that say in which unit a symbol's prices are
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


def undated(bars: Histories) -> tuple[list[Finding], Flags]:
    """Bars without a date: an error, since nobody knows which session they are of."""
    flags = np.isnat(bars.days)
    detail = "a bar has no date. Write one in each row, or remove the row"
    return [bars.finding(rows, "missing date", detail, "error") for _, rows in bars.by_symbol(flags)], flags


def twice(bars: Histories) -> tuple[list[Finding], Flags]:
    """Several bars of a symbol for one date: equal ones count once, and which of different ones is right is unknown."""
    again = bars.follows()
    again[1:] &= bars.days[1:] == bars.days[:-1]
    if not again.any():
        return [], again
    differs = np.zeros(len(bars), dtype=np.bool_)
    for column in bars.values.values():
        before, value = column[:-1], column[1:]
        differs[1:] |= (before != value) & ~(np.isnan(before) & np.isnan(value))
    differs &= again
    findings, sizes = [], bars.sizes()
    for _, rows in bars.by_symbol(again):
        different = rows[differs[rows]]
        dates = int(sizes[bars.codes[rows[0]]]) - len(rows)
        if not len(different):
            detail = bars.span(rows, "the date has the same bar again")
            findings.append(bars.finding(rows, "duplicate date", detail, "warning", left_out=True))
        elif len(np.unique(bars.days[different])) > max(1, INTRADAY * dates):
            most = int(np.unique(bars.days[rows], return_counts=True)[1].max()) + 1
            detail = (
                f"up to {most} different bars on one date: hourly bars, or two histories under one symbol. "
                "tickgraph needs one bar a session"
            )
            findings.append(bars.finding(rows, "several bars a day", detail, "error"))
        else:
            detail = f"{bars.span(different, _difference(bars, int(different[0])))}. Remove the wrong one"
            findings.append(bars.finding(different, "duplicate date", detail, "error"))
    return findings, again


def _difference(bars: Histories, row: int) -> str:
    for name in (*NEEDED, "volume", *PRICES):
        one, other = bars.values[name][row - 1 : row + 1]
        if one != other and not (np.isnan(one) and np.isnan(other)):
            break
    return f"the date has two different bars, {name} {written(one)} and {written(other)}"


def unpriced(bars: Histories) -> tuple[list[Finding], Flags]:
    """Sessions without a close or an adjusted close; some sources write zero for a missing one."""
    columns = {name: bars.values[name] for name in NEEDED}
    missing = ~np.logical_and.reduce([np.isfinite(each) for each in columns.values()])
    zero = ~missing & np.logical_or.reduce([each == 0 for each in columns.values()])

    def say(row: int) -> str:
        name, value = next(
            (name, each[row])
            for name, each in columns.items()
            if not np.isfinite(each[row]) or each[row] == 0
        )
        return f"{name} is {'missing' if np.isnan(value) else written(value)}"

    findings, _ = bars.leave_out(missing, "missing price", say)
    more, _ = bars.leave_out(zero, "price not positive", say)
    return findings + more, missing | zero


def impossible(bars: Histories) -> Iterator[Finding]:
    """Negative prices and volumes: an error, since what gives one may be no price at all."""
    for column, kind in (*((name, "price not positive") for name in NEEDED), ("volume", "negative volume")):
        values = bars.values[column]
        for _, rows in bars.by_symbol(values < 0):
            detail = bars.span(rows, f"{column} is {written(values[rows[0]])}, below zero")
            yield bars.finding(rows, kind, detail, "error")


def beyond_price(bars: Histories) -> Iterator[Finding]:
    """Symbols whose recent closes are above what a price may be: an error, since they are of another unit.

    Closes of long ago may be: many reverse splits make them so.
    """
    high = bars.values["close"] > MAX_PRICE
    for _, rows in bars.by_symbol(high):
        own = np.flatnonzero(bars.codes == bars.codes[rows[0]])[-RECENT:]
        if 2 * high[own].sum() > len(own):
            close = written(bars.values["close"][own[-1]])
            detail = (
                f"close of {bars.days[own[-1]]} is {close}, and a price is {MAX_PRICE:,.0f} at most. It may be in a "
                "billionth of a dollar, as Databento writes prices: divide it"
            )
            yield bars.finding(rows, "price too high", detail, "error")


def untraded(bars: Histories) -> list[Finding]:
    """Sessions without volume."""
    return bars.warn(
        bars.values["volume"] == 0, "no volume", lambda rows: bars.span(rows, "no shares traded")
    )


def unfinished(bars: Histories, now: datetime | None = None) -> tuple[list[Finding], Flags]:
    """Bars of sessions that have not closed by ``now``; None is the system's clock."""
    moment = now or system_time()
    today = np.datetime64(moment.astimezone(UTC).date(), "D")
    later = bars.days >= today  # whatever the exchange, the sessions before have closed
    if not later.any():
        return [], later
    last = last_completed_session(moment)
    later = bars.days > last
    running = later & (bars.days == next_session(last)) & (bars.days <= today)
    findings, _ = bars.leave_out(
        running, "unfinished session", lambda _: f"the session has not closed by {moment:%Y-%m-%d %H:%M} UTC"
    )
    more, _ = bars.leave_out(
        later & ~running,
        "future session",
        lambda row: f"{bars.days[row]} is in the future: the last session that closed is {last}",
    )
    return findings + more, later


def not_daily(bars: Histories) -> tuple[list[Finding], Flags]:
    """Symbols whose bars come regularly, and less often than once a session, all or for a time: an error."""
    flags = np.zeros(len(bars), dtype=np.bool_)
    follows = bars.follows()
    steps = np.diff(bars.days, prepend=bars.days[:1]).astype(np.int64)
    long = follows & (steps >= PERIODS[0][0])
    count = np.bincount(bars.codes[follows], minlength=len(bars.names))
    many = np.bincount(bars.codes[long], minlength=len(bars.names))
    suspect = (count >= FEWEST) & ((many >= REGULAR * count) | (many >= STRETCH))
    findings: list[Finding] = []
    for code in np.flatnonzero(suspect):
        rows = np.flatnonzero(bars.codes == code)
        own = steps[rows][1:]
        for shortest, longest, name in PERIODS:
            alike = (own >= shortest) & (own <= longest)
            some, during, remedy = rows, "", ""
            if alike.mean() < REGULAR:
                stretch = _longest_stretch(alike)
                if stretch is None:
                    continue
                some, own = rows[stretch.start : stretch.stop + 1], own[stretch]
                during = f" from {bars.days[some[0]]} to {bars.days[some[-1]]}"
                remedy = ": give these, or leave that time out"
            detail = (
                f"its bars come every {int(np.median(own))} days{during}: {name}. tickgraph needs daily bars"
            )
            findings.append(bars.finding(some, "not daily", detail + remedy, "error"))
            flags[rows] = True
            break
    return findings, flags


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
    out = np.zeros(len(bars), dtype=np.bool_)
    if len(bars):
        out = ~np.isin(bars.days, sessions(bars.days.min(), bars.days.max()))
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
    if len(bars):
        known = sessions(bars.days.min(), bars.days.max())
        missing[1:] = np.diff(np.searchsorted(known, bars.days)) - 1
    return np.where(bars.follows(), np.maximum(missing, 0), 0)


def gaps(bars: Histories) -> list[Finding]:
    """Sessions that are missing inside a history."""
    skipped = missing_before(bars)

    def say(rows: Rows) -> str:
        missing = skipped[rows]
        if len(rows) == 1:
            return f"{missing[0]} sessions missing before this one"
        longest = bars.days[rows[missing.argmax()]]
        return f"{missing.sum()} sessions missing in {len(rows)} places, {missing.max()} of them before {longest}"

    return bars.warn(skipped > 0, GAP, say)
