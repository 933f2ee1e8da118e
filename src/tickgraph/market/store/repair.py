"""Look through a store for damaged files and bad prices, and mend it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from tickgraph.errors import PriceDataError, SourceUnavailableError
from tickgraph.market import quality
from tickgraph.market.ends import ends_of, uneven_ends
from tickgraph.market.quality import Finding, Severity
from tickgraph.market.quality.bars import GAP
from tickgraph.market.source import PriceSource
from tickgraph.market.store.history import days_of
from tickgraph.market.store.layout import recent_path, source_folder
from tickgraph.market.store.reader import SymbolPrices
from tickgraph.market.store.recent import Recent
from tickgraph.market.store.update import fetched_whole, update
from tickgraph.market.store.verdict import lacking, refusal
from tickgraph.market.universe import alias_note, canonical, is_canonical
from tickgraph.storage import names_in

if TYPE_CHECKING:
    from tickgraph.market.store.store import PriceStore

STORE = "(store)"  # whose a finding is that concerns no single symbol
DAMAGED, UNORDERED, DUPLICATE, RECENT = "damaged file", "out of order", "duplicate row", "damaged recent file"


@dataclass
class Examination:
    """What a look through the store found.

    Attributes
    ----------
    findings
        By symbol and session; those of :data:`STORE` concern all of a source.
    last
        Last session by symbol, of those that can be read.
    bars
        How many were looked at.
    """

    findings: list[Finding] = field(default_factory=list)
    last: dict[str, date] = field(default_factory=dict)
    bars: int = 0


def examine(
    store: PriceStore,
    source: str,
    symbols: Sequence[str] | None = None,
    *,
    prices: bool = True,
    progress: Callable[[str], None] | None = None,
) -> Examination:
    """Look through what is stored from a source, one symbol at a time; nothing is changed.

    Errors are a file that is damaged (each page has a checksum) or another symbol's, rows that are out of order or
    double, and a recent file that cannot be read. Warnings are leftover temporary files, files that are no symbol's,
    and recent rows of a symbol without a history. So are symbols that end before or after the session that most end on.
    Errors and warnings of :func:`tickgraph.market.quality.check` are among them.

    Parameters
    ----------
    store, source
        What to look at.
    symbols
        Canonical names; None is all that are stored.
    prices
        Whether to look for bad prices as well as for bad files.
    progress
        Called with each symbol.
    """
    result = Examination()
    wanted = tuple(store.symbols(source) if symbols is None else symbols)
    recent, result.findings = _recent(store, source)
    result.findings += _leftovers(store, source)
    result.findings += _strangers(store, source)
    for symbol in wanted:
        try:
            read = store.reader.one(source, symbol, recent=recent)
            store.reader.arrays(source, symbol, read, read.history.rows.column_names)
        except PriceDataError as error:
            result.findings.append(_finding(symbol, DAMAGED, str(error), "error"))
            continue
        result.last[symbol] = store.closed(read.days.max()).astype(date)
        result.bars += len(read.days)
        result.findings += _order(symbol, read, source)
        if prices:
            bars = store.reader.bars(source, symbol, read)
            found = quality.check(bars, now=store.now(), implausible=store.implausible)
            result.findings += [_with_remedy(finding, source) for finding in found]
        if progress:
            progress(symbol)
    result.findings += _uneven(result.last, source)
    result.findings += _orphans(recent, set(store.symbols(source)), source)
    result.findings.sort(key=lambda found: (found.symbol, found.session, found.kind))
    return result


def leftovers(store: PriceStore, source: str) -> list[str]:
    """Names of temporary files: of a writer that died, or of one that is at work."""
    folder = source_folder(store.root, source)
    found = [name for place in (folder, folder / "recent") for name in names_in(place)]
    return sorted(name for name in found if name.startswith(".") and name.endswith(".tmp"))


def _recent(store: PriceStore, source: str) -> tuple[Recent, list[Finding]]:
    path = recent_path(store.root, source)
    try:
        recent = Recent.load(path, source)
        recent.table()
    except PriceDataError as error:
        return Recent(path, source, None), [_finding(STORE, RECENT, str(error), "error")]
    return recent, []


def _leftovers(store: PriceStore, source: str) -> Iterator[Finding]:
    for name in leftovers(store, source):
        detail = f"{name} is of a writer that died or is at work. If none is, run: {_repair(source)}"
        yield _finding(STORE, "leftover file", detail, "warning")


def _strangers(store: PriceStore, source: str) -> Iterator[Finding]:
    for name in store.names(source):
        if is_canonical(name):
            continue
        detail = f"{name}.parquet has no symbol's name, and is not read. Remove it"
        if note := alias_note(name):
            today = canonical(name)
            update = f"tickgraph prices update --symbols {today} --source {source}"
            detail = f"{note}, and {name}.parquet is no longer read. Run {update}, and remove it"
        yield _finding(STORE, "foreign file", f"{detail}.", "warning")


def _order(symbol: str, read: SymbolPrices, source: str) -> Iterator[Finding]:
    remedy = f"Fetch the history again: {_repair(source, symbol)}"
    days = days_of(read.history.rows)
    for row in np.flatnonzero(days[1:] < days[:-1])[:1]:
        detail = f"{days[row + 1]} stands after {days[row]}. {remedy}"
        yield _finding(symbol, UNORDERED, detail, "error", str(days[row + 1]))
    if read.recent is not None:
        recent = days_of(read.recent)
        for row in np.flatnonzero(recent[1:] == recent[:-1])[:1]:
            detail = f"{recent[row]} is twice in the recent file. {remedy}"
            yield _finding(symbol, DUPLICATE, detail, "error", str(recent[row]))


def _uneven(last: dict[str, date], source: str) -> Iterator[Finding]:
    behind = ends_of(last).behind
    for finding in uneven_ends(last):
        remedy = f"tickgraph prices update --symbols {finding.symbol} --source {source}"
        more = f". Unless it no longer trades, run: {remedy}" if finding.symbol in behind else ""
        yield replace(finding, detail=f"{finding.detail}{more}")


def _orphans(recent: Recent, stored: set[str], source: str) -> Iterator[Finding]:
    for symbol in recent.symbols():
        if symbol not in stored:
            remedy = f"tickgraph prices update --symbols {symbol} --source {source}"
            yield _finding(symbol, "no history", f"has recent rows and no history. Run: {remedy}", "warning")


def _with_remedy(finding: Finding, source: str) -> Finding:
    if finding.kind == GAP:
        remedy = f"Ask the source for them again: {_repair(source, finding.symbol)}"
        return replace(finding, detail=f"{finding.detail}. {remedy}")
    if finding.left_out:  # an update today would not have stored it
        remedy = f"Fetch the history again: {_repair(source, finding.symbol)}"
        return replace(finding, detail=f"{finding.detail}. {remedy}", severity="error", left_out=False)
    return finding


def _repair(source: str, symbol: str | None = None) -> str:
    return f"tickgraph prices repair --source {source}" + (f" --symbols {symbol}" if symbol else "")


def _finding(symbol: str, kind: str, detail: str, severity: Severity, session: str = "") -> Finding:
    return Finding(symbol, kind, session, detail, severity)


@dataclass
class RepairReport:
    """What a repair did, or without doing it would do.

    Attributes
    ----------
    rebuilt
        Symbols whose history was fetched whole and put in place, and why.
    removed
        Leftover temporary files.
    healed
        Whether the recent file was damaged; what could not be read of it was fetched again.
    folded
        Symbols whose recent sessions were written into their histories.
    failures
        Why a symbol could not be mended; its file is as it was.
    """

    rebuilt: dict[str, str] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    healed: bool = False
    folded: int = 0
    failures: dict[str, str] = field(default_factory=dict)


def repair(
    store: PriceStore,
    source: PriceSource,
    symbols: Sequence[str] | None = None,
    *,
    dry_run: bool = False,
    progress: Callable[[str], None] | None = None,
) -> RepairReport:
    """Mend what :func:`tickgraph.market.store.repair.examine` finds wrong with the files of a source.

    A file is replaced only by a whole history that was fetched and passed the checks. A file whose rows can be read is
    kept where the new one would lose sessions. So no readable prices are ever lost for good.

    Parameters
    ----------
    store, source
        What to mend, and where prices are fetched from.
    symbols
        Canonical names; None is all that are stored. Histories of named symbols are also fetched again where sessions
        are missing inside them or bad ones are stored. The recent file and leftovers are seen to in any case.
    dry_run
        Say what would be done, and do nothing.
    progress
        Called with each symbol that was looked at.

    Raises
    ------
    StorageError
        The store cannot be written, or another writer holds it.
    """
    report = RepairReport()
    named = symbols is not None
    found = examine(store, source.name, symbols, prices=named, progress=progress).findings
    report.healed = any(finding.kind == RECENT for finding in found)
    broken = {finding.symbol: finding.kind for finding in found if finding.kind == GAP}
    broken |= {f.symbol: f.kind for f in found if f.severity == "error" and f.symbol != STORE}
    if dry_run:
        report.removed, report.rebuilt = leftovers(store, source.name), broken
        return report
    with store.writing(source.name, heal=True) as writer:
        report.removed = writer.remove_leftovers()
    _rebuild(store, source, broken, report)
    if report.healed:
        report.failures |= _fetch_lost_sessions(store, source)
    report.folded = store.fold(source.name, always=True)
    return report


def _rebuild(store: PriceStore, source: PriceSource, broken: dict[str, str], report: RepairReport) -> None:
    for batch, fetched in fetched_whole(source, tuple(broken), None):
        if isinstance(fetched, SourceUnavailableError):
            report.failures |= dict.fromkeys(batch, str(fetched))
            continue
        report.failures |= fetched.failures
        bars, findings = quality.usable(fetched.bars, now=store.now(), implausible=store.implausible)
        for finding in findings:
            if finding.severity == "error":
                report.failures.setdefault(finding.symbol, f"bad prices: {finding}")
        with store.writing(source.name) as writer:
            for name, rows in bars.groupby("symbol", sort=False):
                symbol = str(name)
                provider = fetched.providers.get(symbol, source.name)
                old = writer.stored(symbol) or writer.dates(symbol)
                old = old and old.through(store.closed(np.datetime64(old.last, "D")))
                why_not = refusal(old, rows, provider) if old else None
                if why_not:
                    report.failures[symbol] = why_not
                    continue
                if old and broken[symbol] == GAP and (lacking(old, rows) or len(rows) <= len(old.days)):
                    continue  # the source has no more of it
                try:
                    writer.replace(symbol, rows, provider)
                except PriceDataError as error:
                    report.failures[symbol] = str(error)
                    continue
                report.rebuilt[symbol] = broken[symbol]


def _fetch_lost_sessions(store: PriceStore, source: PriceSource) -> dict[str, str]:
    readable = []
    for symbol in store.symbols(source.name):
        try:
            store.reader.head(source.name, symbol)
        except PriceDataError:
            continue
        readable.append(symbol)
    try:
        return update(store, source, readable).failures
    except SourceUnavailableError as error:
        return dict.fromkeys(readable, str(error))
