"""What an update of the store did."""

from __future__ import annotations

from dataclasses import dataclass, field

from tickgraph.market import quality


@dataclass
class UpdateReport:
    """What an update did.

    Attributes
    ----------
    added
        New sessions by symbol, all of them where a history was fetched whole; 0 where nothing was newer.
    failures
        Why a symbol could not be updated; what was stored of it is kept.
    findings
        What the checks found in the new prices.
    repaired
        Symbols whose stored file was damaged or foreign and was replaced by a whole history.
    restated
        Symbols whose old closes had changed, by a split, a dividend or a correction, and were fetched whole.
    switched
        Symbols whose whole history was taken from another provider, and which.
    shortened
        Sessions that a symbol's stored history had and the one that replaced it has not, where there are any.
    healed
        Whether the file of recent sessions was damaged; what could not be read of it was fetched again.
    """

    added: dict[str, int] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    findings: list[quality.Finding] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)
    restated: list[str] = field(default_factory=list)
    switched: dict[str, str] = field(default_factory=dict)
    shortened: dict[str, int] = field(default_factory=dict)
    healed: bool = False

    def refuse(self, findings: list[quality.Finding]) -> None:
        """Take in findings; an error is a symbol's failure."""
        self.findings += findings
        for found in findings:
            if found.severity == "error":
                self.failures.setdefault(found.symbol, f"bad prices: {found}")
