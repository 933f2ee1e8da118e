"""What an update did, symbol by symbol."""

from __future__ import annotations

from dataclasses import dataclass, field

from tickgraph.market.quality import Finding
from tickgraph.market.source import Fetched


@dataclass
class UpdateReport:
    """What an update did.

    Attributes
    ----------
    added
        New sessions by symbol, all of them where a live source gave a history whole; 0 where nothing was newer.
    failures
        Why a symbol could not be updated; what was stored of it is kept.
    findings
        What the checks found in the new prices, what they left out among it.
    repaired
        Symbols whose stored file was damaged or foreign and was replaced by a whole history.
    restated
        Symbols whose old bars had changed, by a split, a dividend, a correction or by hand, and were taken whole.
    switched
        Symbols whose whole history was taken from another provider, and which.
    shortened
        By symbol, how many stored sessions the history that replaced the stored one has not.
    notes
        What a person should know of the source: a column that is not used, rows left out.
    rejected
        What the source holds and cannot give, by the name it has there, and why.
    healed
        Whether the file of recent sessions was damaged; what could not be read of it was fetched again.
    """

    added: dict[str, int] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)
    restated: list[str] = field(default_factory=list)
    switched: dict[str, str] = field(default_factory=dict)
    shortened: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    rejected: dict[str, str] = field(default_factory=dict)
    healed: bool = False

    def take_in(self, fetched: Fetched) -> None:
        """Take in what a source said besides its bars: failures, notes, what it cannot give."""
        self.failures |= fetched.failures
        self.notes += [note for note in fetched.notes if note not in self.notes]
        self.rejected |= fetched.rejected

    def refuse(self, findings: list[Finding]) -> None:
        """Take in findings; an error is a symbol's failure."""
        self.findings = list(dict.fromkeys([*self.findings, *findings]))
        for finding in findings:
            if finding.severity == "error":
                self.failures.setdefault(finding.symbol, f"bad prices: {finding}")
