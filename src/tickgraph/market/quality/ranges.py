"""Ranges of sessions: opens, highs and lows that are missing, no prices, or at odds with the closes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tickgraph.market.panel import RANGE_COLUMNS
from tickgraph.market.quality.histories import UNSOUND, Finding, Flags, Histories, Rows, written
from tickgraph.market.range_variance import sound_range
from tickgraph.wording import counted

NO_RANGE = "no range"
LOST = "forecasts of how far the price moves are less exact"


def no_prices(bars: Histories) -> dict[str, Flags]:
    """``[n]`` by column: opens, highs and lows that are not positive numbers, and are to be stored as missing."""
    return {name: _absent(bars.values[name]) & ~np.isnan(bars.values[name]) for name in RANGE_COLUMNS}


def unusable(bars: Histories) -> Iterator[Finding]:
    """Symbols with sessions whose range does not count: warnings, one a symbol, which say what is lost.

    Parameters
    ----------
    bars
        With positive closes. A session with the same high and low is a fault only where more than a share of
        :data:`~tickgraph.market.quality.histories.UNSOUND` of the symbol's are so: what is traded once has no range.
    """
    absent = np.logical_or.reduce([_absent(bars.values[name]) for name in RANGE_COLUMNS])
    opened, high, low, close, adjusted = (
        bars.values[name] for name in (*RANGE_COLUMNS, "close", "adj_close")
    )
    flat = ~absent & (high == low)
    before = np.full(len(bars), np.nan)  # on the scale of the bar's own close
    with np.errstate(over="ignore", under="ignore"):
        before[1:] = adjusted[:-1] * (close / adjusted)[1:]
    before[~bars.follows()] = np.nan
    wrong = ~(absent | flat | sound_range(opened, high, low, close, before))
    outside = wrong & ((np.maximum(opened, close) > high) | (np.minimum(opened, close) < low))
    often = np.bincount(bars.codes, weights=flat, minlength=len(bars.names)) > UNSOUND * bars.sizes()
    flat &= often[bars.codes]
    faults = ((absent, _lacking), (flat, _alike), (outside, _outside), (wrong & ~outside, _far))
    told = np.bincount(bars.codes[bars.told], minlength=len(bars.names))
    for _, rows in bars.by_symbol(absent | flat | wrong):
        every = int(told[bars.codes[rows[0]]])
        parts = [say(bars, rows[flags[rows]], every) for flags, say in faults if flags[rows].any()]
        yield bars.finding(rows, NO_RANGE, f"{'; '.join(parts)}: {LOST}", "warning")


def _absent(values: NDArray[np.float64]) -> Flags:
    return ~np.isfinite(values) | (values <= 0)


def _lacking(bars: Histories, rows: Rows, every: int) -> str:
    own = {name: bars.values[name][rows] for name in RANGE_COLUMNS}
    names = [name for name in RANGE_COLUMNS if _absent(own[name]).any()]
    text = f"{_sessions(rows, every)} no {', '.join(names)}"
    if 1 < len(rows) == every:
        text = f"none of {every:,} sessions has {' or '.join(names)}"
    for name in names:
        for place in np.flatnonzero(_absent(own[name]) & ~np.isnan(own[name]))[:1]:
            bad = f"{name} of {bars.days[rows[place]]} is {written(own[name][place])}"
            return f"{text} ({bad}, and is stored as missing)"
    return text


def _alike(bars: Histories, rows: Rows, every: int) -> str:
    return f"{_sessions(rows, every)} the same high and low, {written(bars.values['high'][rows[0]])} on the first"


def _outside(bars: Histories, rows: Rows, every: int) -> str:
    row = rows[0]
    high, low = bars.values["high"][row], bars.values["low"][row]
    name = "open" if low <= bars.values["close"][row] <= high else "close"
    day = f"low {written(low)} and high {written(high)} of {bars.days[row]}"
    return (
        f"{_sessions(rows, every)} a price outside its range: {name} {written(bars.values[name][row])}, {day}"
    )


def _far(bars: Histories, rows: Rows, every: int) -> str:
    opened, high, low, close = (written(bars.values[name][rows[0]]) for name in (*RANGE_COLUMNS, "close"))
    day = f"open {opened}, high {high}, low {low} and close {close} of {bars.days[rows[0]]}"
    return f"{_sessions(rows, every)} a range that reaches far beyond the closes around it: {day}"


def _sessions(rows: Rows, every: int) -> str:
    if 1 < len(rows) == every:
        return f"each of {every:,} sessions has"
    return f"{counted(len(rows), 'session')} {'has' if len(rows) == 1 else 'have'}"
