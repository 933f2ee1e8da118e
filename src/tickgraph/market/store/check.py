"""Look through a store for files that are damaged, left over or behind, and for bad prices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from tickgraph.errors import PriceDataError
from tickgraph.market import quality
from tickgraph.market.ends import ends_of, uneven_ends
from tickgraph.market.quality import Finding, Severity
from tickgraph.market.quality.schedule import GAP
from tickgraph.market.store.history import days_of
from tickgraph.market.store.layout import recent_path, source_folder
from tickgraph.market.store.reading import SymbolPrices
from tickgraph.market.store.recent import Recent
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
