"""Bars of several symbols as arrays, and what the checks find in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tickgraph.market.source import days_of_bars

Severity = Literal["error", "warning"]
Implausible = Literal["leave_out", "refuse", "keep"]

PRICES = ("open", "high", "low", "close", "adj_close")
NEEDED = ("close", "adj_close")
# Share of a symbol's sessions that may be left out. Where more are unsound, the others cannot be trusted either.
UNSOUND = 0.05

Rows = NDArray[np.intp]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Finding:
    """One kind of fault in a symbol's prices.

    Attributes
    ----------
    symbol, kind
        Whose prices, and what is wrong. There is one finding of each kind for a symbol.
    session
        The first session with the fault.
    detail
        What was found, with the values.
    severity
        An ``error`` keeps all prices of the symbol out of the store.
    count, last
        In how many sessions, and the last of them.
    size
        The largest move, in logarithms; 0 where the fault is no move.
    left_out
        Whether these sessions are left out, and the others of the symbol are used.
    """

    symbol: str
    kind: str
    session: str
    detail: str
    severity: Severity
    count: int = 1
    last: str = ""
    size: float = 0.0
    left_out: bool = False

    @property
    def text(self) -> str:
        """What was found, and whether it is left out."""
        return f"{self.detail}; left out" if self.left_out else self.detail

    def __str__(self) -> str:
        return f"{self.symbol} {self.session}: {self.kind}: {self.text}"


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Order findings for a person: errors, what is left out, the largest moves, then what concerns most sessions."""

    def rank(finding: Finding) -> tuple[bool, bool, float, int, str, str]:
        mild = finding.severity != "error"
        return mild, not finding.left_out, -finding.size, -finding.count, finding.symbol, finding.session

    return sorted(findings, key=rank)


@dataclass(frozen=True)
class Histories:
    """``[n]`` bars of ``[S]`` symbols, ordered by symbol and date."""

    names: NDArray[np.object_]  # [S]
    codes: Rows  # [n] place in names of each bar's symbol, ascending
    days: NDArray[np.datetime64]  # [n] datetime64[D]
    values: dict[str, NDArray[np.float64]]  # [n] by column: the prices and the volume
    told: Flags  # [n] the bars that findings may name; the others are context

    @classmethod
    def of(cls, ordered: pd.DataFrame, after: Mapping[str, date] | None = None) -> Histories:
        """Lay out bars that are ordered by symbol and date; see :func:`tickgraph.market.quality.usable`."""
        codes, names = pd.factorize(ordered["symbol"])
        days = days_of_bars(ordered)
        since = [np.datetime64((after or {}).get(name, date.min), "D") for name in names]
        told = ~(days <= np.array(since, "datetime64[D]")[codes])
        values = {name: ordered[name].to_numpy(dtype=np.float64) for name in (*PRICES, "volume")}
        return cls(np.asarray(names, dtype=object), codes, days, values, told)

    def __len__(self) -> int:
        return len(self.codes)

    def without(self, out: Flags) -> Histories:
        """The other bars."""
        if not out.any():
            return self
        values = {name: column[~out] for name, column in self.values.items()}
        return replace(
            self, codes=self.codes[~out], days=self.days[~out], values=values, told=self.told[~out]
        )

    def follows(self) -> Flags:
        """``[n]`` bool: whether the bar before is of the same symbol."""
        return np.diff(self.codes, prepend=-1) == 0

    def sizes(self) -> Rows:
        """``[S]`` bars of each symbol."""
        return np.bincount(self.codes, minlength=len(self.names))

    def by_symbol(self, flags: Flags) -> Iterator[tuple[str, Rows]]:
        """Flagged bars that findings may name, by symbol."""
        rows = np.flatnonzero(flags & self.told)
        for part in np.split(rows, np.flatnonzero(np.diff(self.codes[rows])) + 1):
            if len(part):
                yield str(self.names[self.codes[part[0]]]), part

    def finding(
        self,
        rows: Rows,
        kind: str,
        detail: str,
        severity: Severity,
        size: float = 0.0,
        *,
        left_out: bool = False,
    ) -> Finding:
        """Say what is wrong with some bars of one symbol."""
        name, days = str(self.names[self.codes[rows[0]]]), self.days[rows]
        last = str(days[-1]) if len(rows) > 1 else ""
        return Finding(name, kind, str(days[0]), detail, severity, len(rows), last, size, left_out)

    def warn(self, flags: Flags, kind: str, say: Callable[[Rows], str]) -> list[Finding]:
        """Warn of flagged bars, once for each symbol."""
        return [self.finding(rows, kind, say(rows), "warning") for _, rows in self.by_symbol(flags)]

    def leave_out(
        self,
        flags: Flags,
        kind: str,
        say: Callable[[int], str],
        share: float = UNSOUND,
        remedy: str = "",
    ) -> tuple[list[Finding], Flags]:
        """Leave flagged bars out where they are few (a warning), and refuse a symbol that has more (an error).

        Parameters
        ----------
        flags
            ``[n]`` bool; given back as the bars that are out, those of refused symbols among them.
        kind, say, remedy
            What is wrong, what it is with a bar, and what would mend it.
        share
            Share of a symbol's bars that may be left out; one always may.
        """
        findings, sizes = [], self.sizes()
        for _, rows in self.by_symbol(flags):
            among, text = int(sizes[self.codes[rows[0]]]), say(int(rows[0]))
            few = len(rows) <= max(1, share * among) and len(rows) < among
            alike = f"; {len(rows)} of its {among} bars, up to {self.days[rows[-1]]}, are like that"
            detail = (self.span(rows, text) if few else text + alike) + remedy
            findings.append(self.finding(rows, kind, detail, "warning" if few else "error", left_out=few))
        return findings, flags

    def span(self, rows: Rows, text: str) -> str:
        """Say for how many sessions something holds, where it is more than one."""
        return text if len(rows) == 1 else f"{text}; {len(rows)} sessions up to {self.days[rows[-1]]}"


def written(value: float) -> str:
    """A value as a person writes it."""
    return f"{value:.10g}"
