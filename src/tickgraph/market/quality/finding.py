"""What the checks say of a symbol's prices."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]
Implausible = Literal["leave_out", "refuse", "keep"]


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

    def rank(found: Finding) -> tuple[bool, bool, float, int, str, str]:
        mild = found.severity != "error"
        return mild, not found.left_out, -found.size, -found.count, found.symbol, found.session

    return sorted(findings, key=rank)
