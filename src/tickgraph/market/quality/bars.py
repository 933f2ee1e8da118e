"""Single bars: dates that come twice, prices that are missing or cannot be."""

from __future__ import annotations

import numpy as np

from tickgraph.market.price import MAX_PRICE
from tickgraph.market.quality.finding import Finding
from tickgraph.market.quality.histories import NEEDED, PRICES, Flags, Histories, Rows, written

ORDER_TOLERANCE = 0.01
INTRADAY = 0.2  # share of dates with several different bars from which they are no slip
RECENT = 30  # bars that say in which unit a symbol's prices are


def undated(bars: Histories) -> list[Finding]:
    """Bars without a date: an error, since a bar of a session cannot be told from one of none."""
    none = np.isnat(bars.days)
    return [
        bars.finding(
            rows, "missing date", "a bar has no date. Write one in each row, or remove the row", "error"
        )
        for _, rows in bars.by_symbol(none)
    ]


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
    found, sizes = [], bars.sizes()
    for _, rows in bars.by_symbol(again):
        different = rows[differs[rows]]
        dates = int(sizes[bars.codes[rows[0]]]) - len(rows)
        if not len(different):
            found.append(bars.finding(rows, "duplicate date", _equal(bars, rows), "warning", left_out=True))
        elif len(np.unique(bars.days[different])) > max(1, INTRADAY * dates):
            found.append(bars.finding(rows, "several bars a day", _intraday(bars, rows), "error"))
        else:
            found.append(bars.finding(different, "duplicate date", _different(bars, different), "error"))
    return found, again


def _equal(bars: Histories, rows: Rows) -> str:
    return bars.span(rows, "the date has the same bar again")


def _different(bars: Histories, rows: Rows) -> str:
    row = rows[0]
    column = next(
        name
        for name in (*NEEDED, "volume", *PRICES)
        if not np.array_equal(bars.values[name][row], bars.values[name][row - 1], equal_nan=True)
    )
    one, other = (written(bars.values[column][place]) for place in (row - 1, row))
    text = bars.span(rows, f"the date has two different bars, {column} {one} and {other}")
    return f"{text}. Remove the wrong one"


def _intraday(bars: Histories, rows: Rows) -> str:
    most = int(np.unique(bars.days[rows], return_counts=True)[1].max()) + 1
    return (
        f"up to {most} different bars on one date: hourly bars, or two histories under one symbol. "
        "tickgraph needs one bar a session"
    )


def unpriced(bars: Histories) -> tuple[list[Finding], Flags]:
    """Sessions without a close or an adjusted close; zero is how some sources write that there is none."""
    close, adjusted = (bars.values[name] for name in NEEDED)
    missing = ~(np.isfinite(close) & np.isfinite(adjusted))
    nothing = (close == 0) | (adjusted == 0)

    def say(row: int) -> str:
        column = next(n for n in NEEDED if not np.isfinite(bars.values[n][row]) or bars.values[n][row] == 0)
        value = bars.values[column][row]
        return f"{column} is {'missing' if np.isnan(value) else written(value)}"

    found, out = bars.leave_out(missing, "missing price", say)
    more, zero = bars.leave_out(nothing & ~missing, "price not positive", say)
    return [*found, *more], out | zero


def impossible(bars: Histories) -> list[Finding]:
    """Negative prices and volumes: an error, since what gives one may be no price at all."""
    found = []
    for column, kind in (*((name, "price not positive") for name in NEEDED), ("volume", "negative volume")):
        values = bars.values[column]
        with np.errstate(invalid="ignore"):
            negative = values < 0
        for _, rows in bars.by_symbol(negative):
            detail = bars.span(rows, f"{column} is {written(values[rows[0]])}, below zero")
            found.append(bars.finding(rows, kind, detail, "error"))
    return found


def beyond_price(bars: Histories) -> list[Finding]:
    """Symbols whose recent closes are above what a price may be: an error, since they are of another unit.

    Closes of long ago may be: many reverse splits make them so.
    """
    high = bars.values["close"] > MAX_PRICE
    found = []
    for _, rows in bars.by_symbol(high):
        own = np.flatnonzero(bars.codes == bars.codes[rows[0]])[-RECENT:]
        if 2 * high[own].sum() > len(own):
            close = written(bars.values["close"][own[-1]])
            detail = (
                f"close of {bars.days[own[-1]]} is {close}, and a price is {MAX_PRICE:,.0f} at most. It may be in a "
                "billionth of a dollar, as Databento writes prices: divide it"
            )
            found.append(bars.finding(rows, "price too high", detail, "error"))
    return found


def unused(bars: Histories) -> tuple[list[Finding], dict[str, Flags]]:
    """Opens, highs and lows that are no prices.

    Returns
    -------
    list of Finding
        Warnings.
    dict
        ``[n]`` bool by column: what is to be stored as missing.
    """
    bad: dict[str, Flags] = {}
    # Columns that lack values in the same sessions are one finding.
    lacking: dict[tuple[str, bytes], tuple[Rows, list[str]]] = {}
    for column in ("open", "high", "low"):
        values = bars.values[column]
        with np.errstate(invalid="ignore"):
            none = ~np.isfinite(values) | (values <= 0)
        bad[column] = none & ~np.isnan(values)
        for symbol, rows in bars.by_symbol(none):
            lacking.setdefault((symbol, rows.tobytes()), (rows, []))[1].append(column)
    found = []
    for rows, columns in lacking.values():
        names = ", ".join(columns)
        detail = f"{len(rows)} sessions from here on have no {names}"
        wrong = [(column, row) for column in columns for row in rows[bad[column][rows]][:1]]
        if wrong:
            column, row = wrong[0]
            value = written(bars.values[column][row])
            detail += f"; {column} of {bars.days[row]} is {value}, and is stored as missing"
        found.append(bars.finding(rows, f"no {names}", detail, "warning"))
    return found, bad


def doubtful(bars: Histories) -> list[Finding]:
    """Sessions without volume, and closes outside their day's range."""
    close, high, low = (bars.values[name] for name in ("close", "high", "low"))
    with np.errstate(invalid="ignore"):
        above = (close > high * (1 + ORDER_TOLERANCE)) & (high > 0)
        below = (close < low * (1 - ORDER_TOLERANCE)) & (low > 0)

    def outside(rows: Rows) -> str:
        row = rows[0]
        day = f"low {written(low[row])} and high {written(high[row])}"
        return bars.span(rows, f"the close {written(close[row])} is not between {day}")

    return [
        *bars.warn(bars.values["volume"] == 0, "no volume", lambda rows: bars.span(rows, "no shares traded")),
        *bars.warn(above | below, "close outside range", outside),
    ]
