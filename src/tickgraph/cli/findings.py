"""What the checks found in prices, as lines: the worst first, alike ones together, and how many more there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tickgraph.cli.output import failure, note
from tickgraph.market.quality import Finding, Severity, worst_first
from tickgraph.market.store import UpdateReport
from tickgraph.wording import listed

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
    for found in worst_first(findings):
        alike.setdefault((found.severity, found.kind), []).append(found)
    lines = []
    for (severity, kind), group in alike.items():
        single = group if len(group) <= ALIKE + 1 else group[:ALIKE]
        lines += [Line(severity, str(found), 1) for found in single]
        rest = [found.symbol for found in group[len(single) :]]
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
        note(f"and {errors} more errors, {warnings} more warnings in prices; --json has all")


def show_update(report: UpdateReport) -> None:
    """Print on stderr what a source said, what failed, and what was found in the new prices."""
    show_failures(report.failures, report.findings)
    show_all(report.rejected.values())
    for text in report.notes:
        note(text)
    show_findings(report.findings)


def show_failures(failures: Mapping[str, str], findings: Iterable[Finding]) -> None:
    """Print failures, but for those that a finding tells of."""
    told = {found.symbol for found in findings if found.severity == "error"}
    show_all(reason for symbol, reason in failures.items() if symbol not in told)


def show_all(reasons: Iterable[str]) -> None:
    """Print failures, and how many more there are than a person reads."""
    every = list(dict.fromkeys(reasons))  # two names of one symbol fail for one reason
    for reason in every[:LINES]:
        failure(reason)
    if len(every) > LINES:
        failure(f"and {len(every) - LINES} more; --json has all")
