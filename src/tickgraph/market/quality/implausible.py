"""Large moves that cannot be, and suspicious ones.

A move that comes back is a slip: its bars do not belong to their history. So may the newest bar be, until the next one
confirms it. A move that stays is another unit, a split that was not applied, or news.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tickgraph.market.quality.histories import (
    NEEDED,
    UNSOUND,
    Finding,
    Flags,
    Histories,
    Implausible,
    Rows,
    Severity,
    written,
)
from tickgraph.market.quality.moves import LEVEL, Moves, around, grown, moves_of, times

RUN = 10  # bars in a row that may be slips; more are a level
SLIP, SLIPS = np.log(1.25), np.log(3)  # least move of one bar that comes back, and of several
RETURN = 0.25  # the price is back if it misses its old level by at most this share of the move
RESTLESS, LEAST_MISS = 5.0, 0.05  # it may miss by so many usual moves at most, and by so much in any case
NEWEST = np.log(3)  # least move into the newest bar that waits to be confirmed
ENOUGH = 30  # bars that must follow the first few to show that the first few are wrong
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


@dataclass(frozen=True)
class _Slips:
    """Slips of one column."""

    out: Flags  # [n] bars that do not belong
    waiting: Flags  # [n] those of them that are the newest, and may be right
    explained: Flags  # [n] bars with a move into a slip, or back
    size: NDArray[np.float64]  # [n] how far each slip is from where it belongs, in logarithms


def implausible_moves(
    bars: Histories, missing: NDArray[np.int64], treatment: Implausible
) -> tuple[list[Finding], Flags]:
    """Judge large moves of bars with positive closes; also says ``[n]`` which bars to leave out.

    ``missing`` is ``[n]`` sessions that are missing before each bar. ``treatment`` is what becomes of prices that
    cannot be.
    """
    moves = {column: moves_of(bars, column, missing) for column in NEEDED}
    if not any(len(each.rows) for each in moves.values()):
        return [], np.zeros(len(bars), dtype=np.bool_)
    slips = {column: _slips(bars, each) for column, each in moves.items()}
    findings, out = _slip_findings(bars, slips["close"], slips["adj_close"], treatment)
    explained = np.logical_or.reduce([each.explained for each in slips.values()])
    findings += _levels(bars, moves["adj_close"], explained, missing, treatment)
    findings += _scales(bars, explained | out, treatment)
    return findings, out if treatment == "leave_out" else np.zeros_like(out)


def _slips(bars: Histories, moves: Moves) -> _Slips:
    """Find bars after which the price comes back, bars before the history's own level, and the newest."""
    n, rows, jump = len(bars), moves.rows, np.abs(moves.size)
    out, waiting, explained = (np.zeros(n, dtype=np.bool_) for _ in range(3))
    size = np.zeros(n)
    starts = np.flatnonzero(~bars.follows())
    which = np.searchsorted(starts, rows, side="right")
    first, stop = starts[which - 1], np.append(starts, n)[which]  # of the symbol's own bars
    length = _length(moves, stop)
    returns = moves.unusual & (length > 0) & (jump >= np.where(length == 1, SLIP, SLIPS))
    newest = moves.unusual & (rows == stop - 1) & (jump >= NEWEST)
    early = moves.unusual & ~returns & (jump >= LEVEL) & (rows - first <= RUN) & (stop - rows >= ENOUGH)
    for place in np.flatnonzero(returns | newest | early):
        row = rows[place]
        if explained[row]:
            continue
        bad = slice(row, row + 1)
        explained[row] = True
        if returns[place]:
            bad = slice(row, row + length[place])
            explained[row : row + length[place] + 1] = True
        elif early[place]:
            bad = slice(first[place], row)
        else:
            waiting[row] = True
        out[bad] = True
        size[bad] = moves.size[place] * (-1 if early[place] else 1)
    return _Slips(out, waiting, explained, size)


def _length(moves: Moves, stop: Rows) -> Rows:
    """``[m]`` bars after which the price is back where it was before each move; 0 where it does not come back.

    ``stop`` is the row after the last one of each move's symbol.
    """
    rows, last = moves.rows, len(moves.level) - 1
    steps = np.arange(1, RUN + 1)
    ahead = rows[:, None] + steps  # [m, RUN]
    off = np.abs(moves.level[np.minimum(ahead, last)] - moves.level[np.maximum(rows - 1, 0)][:, None])
    usual = RESTLESS * moves.usual[:, None] * np.sqrt(steps + 1)
    near = np.minimum(RETURN * np.abs(moves.size)[:, None], np.maximum(usual, LEAST_MISS))
    back = (ahead < stop[:, None]) & (off <= near)
    return np.where(back.any(axis=1), back.argmax(axis=1) + 1, 0)


def _slip_findings(
    bars: Histories, close: _Slips, adjusted: _Slips, treatment: Implausible
) -> tuple[list[Finding], Flags]:
    """Say which bars do not belong; also gives ``[n]`` bool, all of them."""
    sure = (close.out & ~close.waiting) | (adjusted.out & ~adjusted.waiting)
    waiting = (close.waiting | adjusted.waiting) & ~sure
    by_adjusted = np.abs(adjusted.size) > np.abs(close.size)
    size = np.where(by_adjusted, adjusted.size, close.size)
    findings, sizes = [], bars.sizes()
    newest = "the one before; it is the newest, and waits for the next session to confirm it"
    for kind, flags, than in (
        ("implausible price", sure, "those around it"),
        ("unconfirmed price", waiting, newest),
    ):
        for _, rows in bars.by_symbol(flags):
            worst, among = rows[np.abs(size[rows]).argmax()], int(sizes[bars.codes[rows[0]]])
            column = NEEDED[int(by_adjusted[worst])]
            value = f"{column} {written(bars.values[column][worst])} of {bars.days[worst]}"
            detail = f"{value} is {times(size[worst])} {than}"
            if len(rows) > 1:
                detail += f"; {len(rows)} sessions up to {bars.days[rows[-1]]}"
            severity: Severity = "error" if treatment == "refuse" else "warning"
            if treatment != "leave_out":
                verb = "kept" if treatment == "keep" else "refused"
                detail += f"; {verb}, as the setting implausible says"
            elif len(rows) > max(RUN, UNSOUND * among):
                severity, detail = "error", f"{detail}: too many of {among} to leave out"
            left_out = treatment == "leave_out" and severity == "warning"
            worst_size = float(np.abs(size[worst]))
            findings.append(bars.finding(rows, kind, detail, severity, worst_size, left_out=left_out))
    return findings, sure | waiting


def _levels(
    bars: Histories, moves: Moves, explained: Flags, missing: NDArray[np.int64], treatment: Implausible
) -> Iterator[Finding]:
    """Moves that stay: an unadjusted split, another unit, or news."""
    kept = ~explained[moves.rows] & moves.unusual
    rows, jump = moves.rows[kept], np.abs(moves.size[kept])
    size, ratio = (np.full(len(bars), np.nan) for _ in range(2))
    size[rows], ratio[rows] = jump, _ratios(bars, rows, moves.size[kept], moves.usual[kept])
    never = (size >= LEVEL) & (missing <= HALT)
    split = ~never & np.isfinite(ratio)
    large = ~never & ~split & (size >= DOUBLE)
    severity: Severity = "warning" if treatment == "keep" else "error"
    for kind, flags, how in (
        ("implausible level", never, severity),
        ("split-like jump", split, "warning"),
        ("large move", large, "warning"),
    ):
        for _, own in bars.by_symbol(flags):
            worst = int(own[size[own].argmax()])
            detail = _level_detail(bars, kind, worst, float(ratio[worst]))
            more = f"; {len(own)} such moves up to {bars.days[own[-1]]}" if len(own) > 1 else ""
            yield bars.finding(own, kind, detail + more, how, float(size[worst]))


def _level_detail(bars: Histories, kind: str, row: int, ratio: float) -> str:
    before, after = bars.values["adj_close"][row - 1 : row + 1]
    size = float(np.log(after) - np.log(before))  # as a person computes it from the two
    moved = f"adj_close went from {written(before)} to {written(after)} on {bars.days[row]}"
    if kind == "implausible level":
        unit = ", like pence and pounds" if abs(abs(size) - PENCE) < NEAR_PENCE else ""
        return (
            f"{moved}, {times(size)} the session before, and stays{unit}. The history before is on another scale. "
            "Bring it to this one, or leave it out"
        )
    moved += f", moved by {grown(size) - 1:+.0%}"
    if kind == "split-like jump":
        name = FRACTIONS.get(ratio, f"{ratio:g}:1")
        moved += f", like an unadjusted {name if size < 0 else ':'.join(reversed(name.split(':')))} split"
    return moved


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


def _scales(bars: Histories, explained: Flags, treatment: Implausible) -> Iterator[Finding]:
    """Steps of close against adjusted close that no dividend makes; one of 100 is another unit, and an error."""
    close, adjusted = bars.values["close"], bars.values["adj_close"]
    step = np.zeros(len(bars))
    step[1:] = np.abs(np.diff(np.log(close) - np.log(adjusted)))
    for _, rows in bars.by_symbol(bars.follows() & (step >= SCALES) & ~explained):
        row = rows[step[rows].argmax()]
        changes = (f"{written(each[row - 1])} to {written(each[row])}" for each in (close, adjusted))
        pence = abs(step[row] - PENCE) < EXACTLY_PENCE
        why = "like pence and pounds. Give both in one unit"
        if not pence:
            why = "no dividend is that large. Forecasts start from close, which should be adjusted for splits"
        detail = (
            f"on {bars.days[row]} close went from {next(changes)}, and adj_close from {next(changes)}: {why}"
        )
        severity: Severity = "error" if pence and treatment != "keep" else "warning"
        more = f"; {len(rows)} such steps" if len(rows) > 1 else ""
        yield bars.finding(rows, "two scales", detail + more, severity, float(step[row]))
