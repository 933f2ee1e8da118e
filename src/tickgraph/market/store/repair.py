"""Mend what a look through a store finds wrong with its files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tickgraph.errors import PriceDataError, SourceUnavailableError
from tickgraph.market import quality
from tickgraph.market.quality.bars import GAP
from tickgraph.market.source import PriceSource
from tickgraph.market.spelling import Symbol
from tickgraph.market.store.examination import RECENT, STORE, examine, leftovers
from tickgraph.market.store.update import update, whole_histories
from tickgraph.market.store.verdict import lacking, refusal
from tickgraph.market.store.writer import StoreWriter

if TYPE_CHECKING:
    from tickgraph.market.store.store import PriceStore


@dataclass
class RepairReport:
    """What a repair did, or in a dry run would do.

    Attributes
    ----------
    rebuilt
        Symbols whose history was fetched whole and put in place, and why.
    removed
        Leftover temporary files.
    healed
        Whether the recent file was damaged; what could not be read of it was fetched again.
    folded
        How many symbols' recent sessions were written into their histories.
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
    """Mend what :func:`examine` finds wrong with the files of a source.

    A file is replaced only by a whole history that was fetched and passed the checks. A file whose rows can be read is
    kept where the new one would lose sessions. So no readable prices are lost.

    Parameters
    ----------
    store, source
        What to mend, and where prices are fetched from.
    symbols
        Which; None is all that are stored. Histories of named symbols are also fetched again where sessions
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
    findings = examine(store, source.name, symbols, prices=named, progress=progress).findings
    report.healed = any(finding.kind == RECENT for finding in findings)
    broken = {f.symbol: f.kind for f in findings if f.kind == GAP}
    broken |= {f.symbol: f.kind for f in findings if f.severity == "error" and f.symbol != STORE}
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


def _rebuild(store: PriceStore, source: PriceSource, broken: Mapping[str, str], report: RepairReport) -> None:
    """Fetch broken histories whole, and put in place those that pass the checks."""
    for batch, fetched in whole_histories(source, tuple(map(Symbol, broken)), None):
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
                symbol = Symbol(str(name))
                provider = fetched.providers.get(symbol, source.name)
                _put_in_place(store, writer, rows, provider, symbol, broken[symbol], report)


def _put_in_place(
    store: PriceStore,
    writer: StoreWriter,
    rows: pd.DataFrame,
    provider: str,
    symbol: Symbol,
    why: str,
    report: RepairReport,
) -> None:
    """Replace a history that is broken by a whole one, unless sessions that can be read would be lost."""
    old = writer.stored(symbol) or writer.stored(symbol, ("date",))
    old = old and old.through(store.closed(np.datetime64(old.last, "D")))
    if why_not := old and refusal(old, rows, provider):
        report.failures[symbol] = why_not
        return
    if old and why == GAP and (lacking(old, rows) or len(rows) <= len(old.days)):
        return  # the source has no more of it
    try:
        writer.replace(symbol, rows, provider)
    except PriceDataError as error:
        report.failures[symbol] = str(error)
    else:
        report.rebuilt[symbol] = why


def _fetch_lost_sessions(store: PriceStore, source: PriceSource) -> dict[str, str]:
    """Ask for what a damaged recent file may have held; gives why symbols failed."""
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
