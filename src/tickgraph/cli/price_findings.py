"""What an update did to prices and what the checks found in them, as lines: the worst first, alike ones together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tickgraph.cli.output import failure, note
from tickgraph.market.quality import Finding, Severity, worst_first
from tickgraph.market.store import UpdateReport
from tickgraph.wording import counted, listed

LINES = 20
ALIKE = 3  # symbols with the same fault that have a line each
NAMED = 10  # symbols named in a line


@dataclass(frozen=True)
class Line:
    """A line for a person, of one finding or of several alike."""

    severity: Severity
    text: str
    findings: int


def lines_of(findings: Iterable[Finding]) -> list[Line]:
    """Say what was found: a line each for a few symbols with the same fault, and one for the others together."""
    alike: dict[tuple[Severity, str], list[Finding]] = {}
    for finding in worst_first(findings):
        alike.setdefault((finding.severity, finding.kind), []).append(finding)
    lines = []
    for (severity, kind), group in alike.items():
        single = group if len(group) <= ALIKE + 1 else group[:ALIKE]
        lines += [Line(severity, str(finding), 1) for finding in single]
        rest = [finding.symbol for finding in group[len(single) :]]
        if rest:
            text = f"{kind}: {len(rest)} more symbols: {listed(rest, NAMED)}"
            lines.append(Line(severity, text, len(rest)))
    return lines


def show_findings(findings: Iterable[Finding]) -> None:
    """Print what was found on stderr."""
    lines = lines_of(findings)
    for line in lines[:LINES]:
        (failure if line.severity == "error" else note)(line.text)
    hidden = lines[LINES:]
    if hidden:
        errors = sum(line.findings for line in hidden if line.severity == "error")
        warnings = sum(line.findings for line in hidden) - errors
        note(
            f"and {counted(errors, 'more error')}, {counted(warnings, 'more warning')} in prices; --json has all"
        )


def show_update(report: UpdateReport, failures: Mapping[str, str]) -> None:
    """Print on stderr what a source said, what failed, and what was found in the new prices.

    Parameters
    ----------
    report
        What the update did.
    failures
        Reason by symbol. A symbol is left out that a finding tells of.
    """
    told = {finding.symbol for finding in report.findings if finding.severity == "error"}
    show_failures(reason for symbol, reason in failures.items() if symbol not in told)
    show_failures(report.rejected.values())
    for text in report.notes:
        note(text)
    show_findings(report.findings)


def show_failures(reasons: Iterable[str]) -> None:
    """Print failures, and how many more there are than a person reads."""
    every = list(dict.fromkeys(reasons))  # two names of one symbol fail for one reason
    for reason in every[:LINES]:
        failure(reason)
    if len(every) > LINES:
        failure(f"and {len(every) - LINES} more; --json has all")


def finding_documents(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Findings as JSON has them."""
    return [asdict(finding) for finding in findings]
