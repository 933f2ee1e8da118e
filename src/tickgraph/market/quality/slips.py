"""Bars that do not belong to their history: the price comes back, or they are the newest and may be right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tickgraph.market.quality.finding import Finding, Implausible
from tickgraph.market.quality.histories import NEEDED, UNSOUND, Flags, Histories, Rows, written
from tickgraph.market.quality.moves import LEVEL, Moves, times

RUN = 10  # bars in a row that may be slips; more are a level
SLIP, SLIPS = np.log(1.25), np.log(3)  # least move of one bar that comes back, and of several
RETURN = 0.25  # the price is back if it misses its old level by at most this share of the move
RESTLESS, LEAST_MISS = 5.0, 0.05  # it may miss by so many usual moves at most, and by so much in any case
NEWEST = np.log(3)  # least move into the newest bar that waits to be confirmed
ENOUGH = 30  # bars that must follow the first few to show that the first few are wrong


@dataclass(frozen=True)
class Slips:
    """Slips of one column.

    Attributes
    ----------
    out, waiting
        ``[n]`` bool: bars that do not belong; those of them that are the newest, and may be right.
    explained
        ``[n]`` bool: bars with a move into a slip, or back.
    size
        ``[n]`` float64: how far each slip is from where it belongs, in logarithms.
    """

    out: Flags
    waiting: Flags
    explained: Flags
    size: NDArray[np.float64]


def slips_of(bars: Histories, moves: Moves) -> Slips:
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
        if returns[place]:
            bad = slice(row, row + length[place])
            explained[row : row + length[place] + 1] = True
        elif early[place]:
            bad = slice(first[place], row)
            explained[row] = True
        else:
            bad = slice(row, row + 1)
            waiting[row] = explained[row] = True
        out[bad] = True
        size[bad] = moves.size[place] * (-1 if early[place] else 1)
    return Slips(out, waiting, explained, size)


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


def slip_findings(
    bars: Histories, close: Slips, adjusted: Slips, treatment: Implausible
) -> tuple[list[Finding], Flags]:
    """Say which bars do not belong.

    Returns
    -------
    list of Finding
        One for each symbol of those that come back, and one of the newest.
    ndarray
        ``[n]`` bool: all of them.
    """
    sure = (close.out & ~close.waiting) | (adjusted.out & ~adjusted.waiting)
    waiting = (close.waiting | adjusted.waiting) & ~sure
    by_adjusted = np.abs(adjusted.size) > np.abs(close.size)
    size = np.where(by_adjusted, adjusted.size, close.size)
    found = []
    newest = "the one before; it is the newest, and waits for the next session to confirm it"
    for kind, flags, than in (
        ("implausible price", sure, "those around it"),
        ("unconfirmed price", waiting, newest),
    ):
        for _, rows in bars.by_symbol(flags):
            worst = rows[np.abs(size[rows]).argmax()]
            column = NEEDED[int(by_adjusted[worst])]
            value = f"{column} {written(bars.values[column][worst])} of {bars.days[worst]}"
            detail = f"{value} is {times(size[worst])} {than}"
            if len(rows) > 1:
                detail += f"; {len(rows)} sessions up to {bars.days[rows[-1]]}"
            found.append(_finding(bars, rows, kind, detail, treatment, float(np.abs(size[worst]))))
    return found, sure | waiting


def _finding(
    bars: Histories, rows: Rows, kind: str, detail: str, treatment: Implausible, size: float
) -> Finding:
    among = int(bars.sizes()[bars.codes[rows[0]]])
    if treatment == "keep":
        return bars.finding(rows, kind, f"{detail}; kept, as the setting implausible says", "warning", size)
    if treatment == "refuse":
        detail += "; refused, as the setting implausible says"
        return bars.finding(rows, kind, detail, "error", size)
    if len(rows) > max(RUN, UNSOUND * among):
        return bars.finding(rows, kind, f"{detail}: too many of {among} to leave out", "error", size)
    return bars.finding(rows, kind, detail, "warning", size, left_out=True)
