"""Symbols that do not end on the same session: which session most of them reach, and who is behind or ahead of it.

One file may be a session newer than the others, a provider may be late for some symbols, and a symbol may be halted or
delisted. A graph needs the prices of a target and of its peers at one session. So each target is looked at as of its
own last session, or as of a session shortly before that most other symbols have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray

from tickgraph.market.calendar import sessions
from tickgraph.market.panel import PricePanel
from tickgraph.market.quality import Finding
from tickgraph.wording import counted

TOLERANCE = 5
"""Sessions that a target may be ahead of the others, and that they may be late."""
FEW = 0.1  # share of the symbols that may lack a session for reasons of their own, such as a halt


@dataclass(frozen=True)
class Ends:
    """Where the prices of several symbols end."""

    common: date | None  # the session that most end on, the later of two such; None without any symbol
    behind: Mapping[str, date] = field(default_factory=dict)  # symbols that end before it, and when
    ahead: Mapping[str, date] = field(default_factory=dict)


def is_few(count: int, among: int) -> bool:
    """Whether so many symbols may lack a session while nothing is wrong with their source: one, or a tenth."""
    return count <= max(1, FEW * among)


def ends_of(last: Mapping[str, date]) -> Ends:
    """Compare the last sessions of symbols with the one that most of them share."""
    if not last:
        return Ends(None)
    common = max(Counter(last.values()).items(), key=lambda each: (each[1], each[0]))[0]
    behind = {symbol: day for symbol, day in sorted(last.items()) if day < common}
    return Ends(common, behind, {symbol: day for symbol, day in sorted(last.items()) if day > common})


def last_sessions(panel: PricePanel, symbols: Collection[str] | None = None) -> dict[str, date]:
    """Last session at which each symbol of a panel has a price; one that has none is left out."""
    known = np.isfinite(panel.adj_close)
    if not len(known):
        return {}
    rows = len(known) - 1 - np.argmax(known[::-1], axis=0)
    priced = (
        (panel.symbols[column], rows[column]) for column in np.flatnonzero(known[rows, range(len(rows))])
    )
    return {s: panel.sessions[row].item() for s, row in priced if symbols is None or s in symbols}


def uneven_ends(last: Mapping[str, date]) -> list[Finding]:
    """Warn of each symbol that ends before or after the session that most end on."""
    ends = ends_of(last)
    if ends.common is None:
        return []
    findings = []
    for symbol, day in ends.behind.items():
        detail = f"ends {_apart(day, ends.common)} before others, which reach {ends.common}: it cannot be their peer"
        findings.append(Finding(symbol, "behind others", str(day), detail, "warning"))
    for symbol, day in ends.ahead.items():
        detail = (
            f"ends {_apart(ends.common, day)} after others, which reach {ends.common}: they cannot be its peers as of "
            f"{day}"
        )
        findings.append(Finding(symbol, "ahead of others", str(day), detail, "warning"))
    return findings


def shared_sessions(
    panel: PricePanel, symbols: Sequence[str], pool: Collection[str] | None = None
) -> dict[str, np.datetime64]:
    """Say as of which session the graph of each symbol is built.

    It is the latest session, from the symbol's own last one back to :data:`TOLERANCE` sessions before, at which the
    symbol has a price and no more than a few of the others lack one. Others without a price in any of these sessions
    have ended, and do not count. Where there is no such session, it is the symbol's own last one. Later sessions are
    not looked at.

    Parameters
    ----------
    panel
        Prices of the symbols and of the pool.
    symbols
        Targets; one without any price is left out.
    pool
        Symbols that peers are chosen from; None is every symbol of the panel.
    """
    known = np.isfinite(panel.adj_close)
    allowed = np.array([pool is None or name in pool for name in panel.symbols], dtype=np.bool_)
    counts: dict[int, tuple[NDArray[np.intp], int]] = {}
    built: dict[str, np.datetime64] = {}
    for symbol in symbols:
        column = panel.column(symbol)
        rows = np.flatnonzero(known[:, column])
        if not len(rows):
            continue
        last = int(rows[-1])
        first = max(0, last - TOLERANCE)
        if last not in counts:
            recent = known[first : last + 1, allowed]
            counts[last] = recent.sum(axis=1), int(recent.any(axis=0).sum())
        own = known[first : last + 1, column]
        having, traded = counts[last]
        if allowed[column]:  # the symbol is not one of the others
            having, traded = having - own, traded - 1
        shared = [
            row for row in np.flatnonzero(own) if having[row] and is_few(traded - int(having[row]), traded)
        ]
        built[symbol] = panel.sessions[first + int(shared[-1])] if shared else panel.sessions[last]
    return built


def _apart(first: date, last: date) -> str:
    return counted(len(sessions(first, last)) - 1, "session")
