"""Look through a store for damaged files and bad prices; nothing is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tickgraph.errors import PriceDataError
from tickgraph.market import quality
from tickgraph.market.ends import ends_of, uneven_ends
from tickgraph.market.quality import Finding
from tickgraph.market.quality.bars import GAP
from tickgraph.market.spelling import Symbol
from tickgraph.market.store.history import days_of
from tickgraph.market.store.layout import recent_path, source_folder
from tickgraph.market.store.reader import SymbolPrices
from tickgraph.market.store.recent import Recent
from tickgraph.market.universe import alias_note, canonical, is_canonical
from tickgraph.storage import names_in

if TYPE_CHECKING:
    from tickgraph.market.store.store import PriceStore

STORE = "(store)"  # whose a finding is that concerns no single symbol
DAMAGED, UNORDERED, DUPLICATE, RECENT = "damaged file", "out of order", "duplicate row", "damaged recent file"
BATCH = 250  # symbols whose prices are judged together: as many as an update fetches whole


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
    """Look through what is stored from a source; nothing is changed.

    These are errors: a file that is damaged (each page has a checksum) or another symbol's, rows that are out of order
    or double, and a recent file that cannot be read. These are warnings: leftover temporary files, files that are no
    symbol's, recent rows of a symbol without a history, and symbols that end before or after the session that most
    end on. What :func:`tickgraph.market.quality.check` finds is added. As in an update, the symbols of one batch say
    how the market moved.

    Parameters
    ----------
    store, source
        What to look at.
    symbols
        Which; None is all that are stored.
    prices
        Whether to look for bad prices as well as for bad files.
    progress
        Called with each symbol.
    """
    result = Examination()
    wanted = store.symbols(source) if symbols is None else tuple(map(canonical, symbols))
    recent, result.findings = _recent(store, source)
    result.findings += _leftover_findings(store, source)
    result.findings += _strangers(store, source)
    for start in range(0, len(wanted), BATCH):
        tables = []
        for symbol in wanted[start : start + BATCH]:
            try:
                stored = store.reader.one(source, symbol, recent=recent)
            except PriceDataError as error:
                result.findings.append(Finding(symbol, DAMAGED, "", str(error), "error"))
                continue
            result.last[symbol] = store.closed(stored.days.max()).astype(date)
            result.bars += len(stored.days)
            result.findings += _order(symbol, stored, source)
            if prices:
                tables.append(stored.bars())
            if progress:
                progress(symbol)
        if tables:
            bars = pd.concat(tables, ignore_index=True)
            findings = quality.check(bars, now=store.now(), implausible=store.implausible)
            result.findings += [_with_remedy(finding, source) for finding in findings]
    result.findings += _uneven(result.last, source)
    result.findings += _orphans(recent, set(store.symbols(source)), source)
    result.findings.sort(key=lambda finding: (finding.symbol, finding.session, finding.kind))
    return result


def leftovers(store: PriceStore, source: str) -> list[str]:
    """Names of temporary files: of a writer that died, or of one that is at work."""
    folder = source_folder(store.root, source)
    names = [name for place in (folder, folder / "recent") for name in names_in(place)]
    return sorted(name for name in names if name.startswith(".") and name.endswith(".tmp"))


def _recent(store: PriceStore, source: str) -> tuple[Recent, list[Finding]]:
    path = recent_path(source_folder(store.root, source))
    try:
        recent = Recent.load(path, source)
        recent.table()
    except PriceDataError as error:
        return Recent(path, source), [Finding(STORE, RECENT, "", str(error), "error")]
    return recent, []


def _leftover_findings(store: PriceStore, source: str) -> Iterator[Finding]:
    for name in leftovers(store, source):
        detail = f"{name} is of a writer that died or is at work. If none is, run: {_repair(source)}"
        yield Finding(STORE, "leftover file", "", detail, "warning")


def _strangers(store: PriceStore, source: str) -> Iterator[Finding]:
    for name in store.names(source):
        if is_canonical(name):
            continue
        detail = f"{name}.parquet has no symbol's name, and is not read. Remove it"
        if note := alias_note(name):
            command = _update(source, canonical(name))
            detail = f"{note}, and {name}.parquet is no longer read. Run {command}, and remove it"
        yield Finding(STORE, "foreign file", "", f"{detail}.", "warning")


def _order(symbol: Symbol, stored: SymbolPrices, source: str) -> Iterator[Finding]:
    remedy = f"Fetch the history again: {_repair(source, symbol)}"
    days = days_of(stored.rows)
    for row in np.flatnonzero(days[1:] < days[:-1])[:1]:
        detail = f"{days[row + 1]} stands after {days[row]}. {remedy}"
        yield Finding(symbol, UNORDERED, str(days[row + 1]), detail, "error")
    if stored.recent is not None:
        days = days_of(stored.recent)
        for row in np.flatnonzero(days[1:] == days[:-1])[:1]:
            detail = f"{days[row]} is twice in the recent file. {remedy}"
            yield Finding(symbol, DUPLICATE, str(days[row]), detail, "error")


def _uneven(last: Mapping[str, date], source: str) -> Iterator[Finding]:
    behind = ends_of(last).behind
    for finding in uneven_ends(last):
        remedy = f". Unless it no longer trades, run: {_update(source, finding.symbol)}"
        yield replace(finding, detail=finding.detail + (remedy if finding.symbol in behind else ""))


def _orphans(recent: Recent, stored: set[Symbol], source: str) -> Iterator[Finding]:
    for symbol in recent.symbols():
        if symbol not in stored:
            detail = f"has recent rows and no history. Run: {_update(source, symbol)}"
            yield Finding(symbol, "no history", "", detail, "warning")


def _with_remedy(finding: Finding, source: str) -> Finding:
    remedy, severity = "Ask the source for them again", finding.severity
    if finding.left_out:  # an update today would not have stored it
        remedy, severity = "Fetch the history again", "error"
    elif finding.kind != GAP:
        return finding
    detail = f"{finding.detail}. {remedy}: {_repair(source, finding.symbol)}"
    return replace(finding, detail=detail, severity=severity, left_out=False)


def _repair(source: str, symbol: str | None = None) -> str:
    return f"tickgraph prices repair --source {source}" + (f" --symbols {symbol}" if symbol else "")


def _update(source: str, symbol: str) -> str:
    return f"tickgraph prices update --symbols {symbol} --source {source}"
