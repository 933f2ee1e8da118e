"""Moves that stay: another unit, a split that was not applied, news; and closes on two scales."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tickgraph.market.quality.finding import Finding, Implausible, Severity
from tickgraph.market.quality.histories import Flags, Histories, Rows, written
from tickgraph.market.quality.moves import LEVEL, Moves, around, grown, times

DOUBLE = np.log(2)
HALT = 5  # missing sessions after which any price may be right
PENCE, NEAR_PENCE, EXACTLY_PENCE = np.log(100), 0.1, 0.02
# Four dividends and spin-offs of 479 large US stocks in nine years were larger.
SCALES = np.log(1.25) - 0.02
RATIOS = (5 / 4, 4 / 3, 3 / 2, 2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 50, 100)
FRACTIONS = {5 / 4: "5:4", 4 / 3: "4:3", 3 / 2: "3:2"}
TELLING = 1.45  # least ratio that counts where no volume is known: news is often like a smaller one
SPLIT_TOLERANCE = 0.04
# News that moves a price as much as a split does moves several times as many shares. Of 1,063,686 daily bars of 479
# large US stocks, 2014 to 2022, 122 moved like a split, and eight with less than three times the usual shares.
TRADED = 3.0


def levels(
    bars: Histories, moves: Moves, explained: Flags, missing: NDArray[np.int64], treatment: Implausible
) -> list[Finding]:
    """Moves that stay: an unadjusted split, another unit, or news."""
    kept = ~explained[moves.rows] & moves.unusual & bars.told[moves.rows]
    rows, size = moves.rows[kept], moves.size[kept]
    jump = np.abs(size)
    halted = missing[rows] > HALT
    never = (jump >= LEVEL) & ~halted
    ratio = _ratios(bars, rows, size, moves.usual[kept])
    large = ~never & ~np.isfinite(ratio) & (jump >= DOUBLE)
    split = ~never & np.isfinite(ratio)
    found: list[Finding] = []
    severity: Severity = "warning" if treatment == "keep" else "error"
    for kind, which, how in (
        ("implausible level", never, severity),
        ("split-like jump", split, "warning"),
        ("large move", large, "warning"),
    ):
        places = np.flatnonzero(which)
        cuts = np.flatnonzero(np.diff(bars.codes[rows[places]])) + 1
        for part in np.split(places, cuts):
            if len(part):
                worst = part[jump[part].argmax()]
                detail = _level_detail(bars, kind, rows[worst], float(ratio[worst]))
                more = f"; {len(part)} such moves up to {bars.days[rows[part[-1]]]}" if len(part) > 1 else ""
                found.append(bars.finding(rows[part], kind, detail + more, how, float(jump[worst])))
    return found


def _level_detail(bars: Histories, kind: str, row: int, ratio: float) -> str:
    adjusted = bars.values["adj_close"]
    size = float(np.log(adjusted[row]) - np.log(adjusted[row - 1]))  # as a person computes it from the two
    moved = f"adj_close went from {written(adjusted[row - 1])} to {written(adjusted[row])}"
    on = f" on {bars.days[row]}"
    if kind == "implausible level":
        unit = ", like pence and pounds" if abs(abs(size) - PENCE) < NEAR_PENCE else ""
        return (
            f"{moved}{on}, {times(size)} the session before, and stays{unit}. The history before is on another scale. "
            "Bring it to this one, or leave it out"
        )
    if kind == "split-like jump":
        name = FRACTIONS.get(ratio, f"{ratio:g}:1")
        shape = name if size < 0 else ":".join(reversed(name.split(":")))
        return f"{moved}{on}, moved by {grown(size) - 1:+.0%}, like an unadjusted {shape} split"
    return f"{moved}{on}, moved by {grown(size) - 1:+.0%}"


def _ratios(
    bars: Histories, rows: Rows, size: NDArray[np.float64], usual: NDArray[np.float64]
) -> NDArray[np.float64]:
    """``[m]`` the split ratio that a move is like; NaN where it is like none, or came with many shares traded."""
    volume = bars.values["volume"]
    near = np.abs(np.abs(size)[:, None] - np.log(RATIOS))  # [m, R]
    best = near.argmin(axis=1)
    ratio = np.array(RATIOS)[best]
    alike = near[np.arange(len(rows)), best] < np.minimum(SPLIT_TOLERANCE, np.maximum(2 * usual, 0.02))
    with np.errstate(invalid="ignore", divide="ignore"):
        traded = volume[rows] / np.array([_median(each) for each in around(bars, rows, volume)])
        news = traded > TRADED * np.where(size < 0, ratio, 1.0)
    known = np.isfinite(traded) | (ratio >= TELLING)
    return np.where(alike & known & ~news, ratio, np.nan)


def _median(values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")


def scales(bars: Histories, explained: Flags, treatment: Implausible) -> Iterator[Finding]:
    """Steps of close against adjusted close that no dividend makes; one of 100 is another unit, and an error."""
    close, adjusted = bars.values["close"], bars.values["adj_close"]
    step = np.zeros(len(bars))
    step[1:] = np.diff(np.log(close) - np.log(adjusted))
    flags = bars.follows() & (np.abs(step) >= SCALES) & ~explained
    for _, rows in bars.by_symbol(flags):
        row = rows[np.abs(step[rows]).argmax()]
        steps = (f"{written(each[row - 1])} to {written(each[row])}" for each in (close, adjusted))
        detail = f"on {bars.days[row]} close went from {next(steps)}, and adj_close from {next(steps)}: "
        pence = abs(abs(step[row]) - PENCE) < EXACTLY_PENCE
        if pence:
            detail += "like pence and pounds. Give both in one unit"
        else:
            detail += (
                "no dividend is that large. Forecasts start from close, which should be adjusted for splits"
            )
        severity: Severity = "error" if pence and treatment != "keep" else "warning"
        more = f"; {len(rows)} such steps" if len(rows) > 1 else ""
        yield bars.finding(rows, "two scales", detail + more, severity, float(np.abs(step[row])))
