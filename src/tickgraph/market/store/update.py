"""Bring the store up to date from a source."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from tickgraph.errors import PriceDataError, SourceUnavailableError
from tickgraph.market import quality
from tickgraph.market.source import Fetched, PriceSource
from tickgraph.market.store.layout import Stamp
from tickgraph.market.store.reader import SymbolPrices
from tickgraph.market.store.verdict import (
    FetchedRows,
    disowned,
    edits,
    judge,
    lacking,
    refusal,
    sessions_before,
)
from tickgraph.market.store.writer import Addition, StoreWriter

if TYPE_CHECKING:
    from tickgraph.market.store.store import PriceStore


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
        Sessions that a symbol's stored history had and the one that replaced it has not, where there are any.
    notes
        What a person should know of the source: a column that is not used, rows left out.
    rejected
        What the source holds and cannot give, by the name it has there, and why.
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
    notes: list[str] = field(default_factory=list)
    rejected: dict[str, str] = field(default_factory=dict)
    healed: bool = False

    def hear(self, fetched: Fetched) -> None:
        """Take in what a source said besides its bars: failures, notes, what it cannot give."""
        self.failures |= fetched.failures
        self.notes += [note for note in fetched.notes if note not in self.notes]
        self.rejected |= fetched.rejected

    def refuse(self, findings: list[quality.Finding]) -> None:
        """Take in findings; an error is a symbol's failure."""
        self.findings = list(dict.fromkeys([*self.findings, *findings]))
        for found in findings:
            if found.severity == "error":
                self.failures.setdefault(found.symbol, f"bad prices: {found}")


BATCH = 250  # what a crash or an outage can cost


def fetched_whole(
    source: PriceSource, symbols: Sequence[str], last: date | None
) -> Iterator[tuple[list[str], Fetched | SourceUnavailableError]]:
    """Fetch whole histories some at a time. A source that is unavailable twice in a row is asked no more."""
    failures: list[SourceUnavailableError] = []
    for start in range(0, len(symbols), BATCH):
        batch = list(symbols[start : start + BATCH])
        if len(failures) >= 2:
            yield batch, failures[-1]
            continue
        try:
            fetched = source.fetch(batch, None, last)
        except SourceUnavailableError as error:
            failures.append(error)
            yield batch, error
        else:
            failures.clear()
            yield batch, fetched


OVERLAP_DAYS = 10  # refetched with every update, to notice a restated history
_CONTEXT = 40  # stored sessions that new ones are judged by


def update(
    store: PriceStore,
    source: PriceSource,
    symbols: Sequence[str],
    *,
    last: date | None = None,
    progress: Callable[[str], None] | None = None,
) -> UpdateReport:
    """Bring symbols up to date from a source.

    A stored symbol is asked only for what is new and a few days before. If those days differ from the stored ones,
    a split, a dividend or a correction restated the history, and the symbol is fetched whole; so it is where another
    provider answers than gave the stored history. A source whose rows a person may have edited is always taken whole.
    New prices with errors are refused by symbol, and what was stored stays. So it does where a whole history would
    end earlier or lack more than 5 % of the stored sessions.

    All symbols' new sessions appear at once. No lock is held while the source is asked.

    Parameters
    ----------
    store, source
        Where to, and where from.
    symbols
        Which.
    last
        Last session to ask for; None is the newest.
    progress
        Called with each symbol that was stored.

    Raises
    ------
    SourceUnavailableError
        The source cannot be reached and no symbol is stored at all.
    StorageError
        The store cannot be written, or another writer holds it; what was stored is intact.
    """
    return _Update(store, source, last, progress).run(tuple(dict.fromkeys(symbols)))


@dataclass(frozen=True)
class _Pending:
    """New sessions that wait to be appended, and what was stored when they were asked for."""

    rows: FetchedRows
    provider: str
    last: date
    stamp: Stamp | None


class _Update:
    def __init__(
        self,
        store: PriceStore,
        source: PriceSource,
        last: date | None,
        progress: Callable[[str], None] | None,
    ) -> None:
        self._store, self._source, self._last, self._progress = store, source, last, progress
        self._report = UpdateReport()
        self._pending: dict[str, _Pending] = {}
        self._stamps: dict[str, Stamp | None] = {}
        self._rules: dict[str, Any] = {"now": store.now(), "implausible": store.implausible}

    def run(self, symbols: tuple[str, ...]) -> UpdateReport:
        source, report = self._source, self._report
        symbols = self._healed(symbols)
        if source.editable:
            failed = self._whole(symbols, "fresh")
            if failed is not None:
                raise failed
            return report
        stored = set(self._store.symbols(source.name))
        # Stamped before they are read: what another writer changes in between is noticed.
        self._stamps = {symbol: self._store.stamp(source.name, symbol) for symbol in stored & set(symbols)}
        held = {symbol: prices for symbol in symbols if symbol in stored and (prices := self._held(symbol))}
        fresh = [symbol for symbol in symbols if symbol not in held]
        try:
            failed = self._whole(fresh, "fresh")
            report.repaired += sorted(stored.intersection(fresh) & set(report.added))
            if failed is not None and not held:
                raise failed
            self._extend(held)
        finally:
            # Even where it is interrupted: what was fetched is kept.
            appended = self._commit()
        if appended:
            self._store.fold(source.name)
        return report

    def _healed(self, symbols: tuple[str, ...]) -> tuple[str, ...]:
        """Replace a damaged recent file; then every stored symbol has to be asked for what it may have lost."""
        name = self._source.name
        try:
            self._store.reader.recent(name).table()
        except PriceDataError:
            with self._store.writing(name, heal=True):
                self._report.healed = True
            return tuple(dict.fromkeys((*symbols, *self._store.symbols(name))))
        return symbols

    def _held(self, symbol: str) -> SymbolPrices | None:
        """The end of what is stored of a symbol; None where that cannot be read."""
        try:
            prices = self._store.reader.one(self._source.name, symbol, sessions=_CONTEXT)
            self._store.reader.arrays(self._source.name, symbol, prices, prices.history.rows.column_names)
        except PriceDataError:
            return None
        # An earlier version may have stored sessions that have not been: such a history is fetched whole.
        return prices if self._closed(prices) is prices else None

    def _extend(self, held: dict[str, SymbolPrices]) -> None:
        """Ask for what is new of stored symbols, those that end together in one call."""
        report, by_start = self._report, dict[date, list[str]]()
        for symbol, prices in held.items():
            start = prices.last - timedelta(days=OVERLAP_DAYS)
            by_start.setdefault(start, []).append(symbol)
        whole: dict[str, list[str]] = {"restated": [], "switched": []}
        # Most first: a few that are behind may fail, and a source that is then left alone has given the others.
        for start, group in sorted(by_start.items(), key=lambda each: len(each[1]), reverse=True):
            if self._last is not None and start > self._last:
                report.added |= dict.fromkeys(group, 0)
                continue
            try:
                fetched = self._source.fetch(group, start, self._last)
            except SourceUnavailableError as error:
                report.failures |= dict.fromkeys(group, str(error))
                continue
            report.hear(fetched)
            rows, refused, doubted = self._checked(fetched.bars, held)
            silent = set(group) - set(fetched.failures) - refused - set(rows.places)
            report.added |= dict.fromkeys(sorted(silent), 0)
            for symbol in rows.places:
                if symbol not in held:
                    continue
                provider = fetched.providers.get(symbol, self._source.name)
                verdict = judge(held[symbol], rows, symbol, provider)
                if verdict in ("nothing", "append") and symbol in doubted:
                    verdict = "restated"
                if verdict == "nothing":
                    self._done(symbol, 0)
                elif verdict == "append":
                    last = held[symbol].last
                    self._pending[symbol] = _Pending(rows, provider, last, self._stamps[symbol])
                else:
                    whole[verdict].append(symbol)
        for why, symbols in whole.items():
            self._whole(symbols, why)

    def _checked(
        self, bars: pd.DataFrame, held: dict[str, SymbolPrices]
    ) -> tuple[FetchedRows, set[str], set[str]]:
        """Look at fetched bars, with the stored ones before them as context.

        Returns
        -------
        FetchedRows
            Bars that may be stored.
        set of str
            Symbols with an error, which have none.
        set of str
            Symbols of which a stored session is now known to be a slip: the price came back after it.
        """
        fetched = FetchedRows.of(bars)
        known = [symbol for symbol in fetched.places if symbol in held]
        before = [
            sessions_before(held[symbol], fetched.days[fetched.places[symbol][0]], _CONTEXT)
            for symbol in known
        ]
        together = pa.concat_tables([*before, fetched.table]).to_pandas()
        last = {symbol: prices.last for symbol, prices in held.items()}
        kept, findings = quality.usable(together, after=last, **self._rules)
        self._report.refuse(findings)
        refused = {found.symbol for found in findings if found.severity == "error"}
        starts = {symbol: fetched.days[start] for symbol, (start, _) in fetched.places.items()}
        rows = FetchedRows.of(kept[kept["date"] >= kept["symbol"].map(starts)])
        return rows, refused, disowned(held, fetched, rows)

    def _whole(self, symbols: Sequence[str], why: str) -> SourceUnavailableError | None:
        """Fetch whole histories and put them in place, some at a time; returns why the source was unavailable."""
        report, failed = self._report, None
        for batch, fetched in fetched_whole(self._source, symbols, self._last):
            if isinstance(fetched, SourceUnavailableError):
                report.failures |= dict.fromkeys(batch, str(fetched))
                failed = fetched
                continue
            report.hear(fetched)
            bars, findings = quality.usable(fetched.bars, **self._rules)
            report.refuse(findings)
            with self._store.writing(self._source.name) as writer:
                for symbol, rows in bars.groupby("symbol", sort=False):
                    provider = fetched.providers.get(str(symbol), self._source.name)
                    self._replace(writer, str(symbol), rows, provider, why)
        return failed

    def _replace(self, writer: StoreWriter, symbol: str, bars: pd.DataFrame, provider: str, why: str) -> None:
        report, held = self._report, writer.stored(symbol)
        added, changed = len(bars), why != "fresh"
        if held is not None and self._source.editable:
            added, changed = edits(held, bars)
            if not added and not changed:
                self._done(symbol, 0)
                return
        old, whole = self._closed(held or writer.dates(symbol)), bars
        if old is not None:
            why_not = None if self._source.editable else refusal(old, bars, provider)
            if why_not:
                report.failures[symbol] = why_not
                return
            lost = lacking(old, bars)
            if lost:
                report.shortened[symbol] = lost
            if not self._source.editable:
                # Its new sessions come with everybody else's: no reader sees it a session ahead.
                whole = bars[bars["date"] <= pd.Timestamp(old.last)]
        try:
            writer.replace(symbol, whole, provider)
        except PriceDataError as error:
            report.failures[symbol] = str(error)
            return
        if old is not None and provider != old.head.provider:
            report.switched[symbol] = provider
        elif changed:
            report.restated.append(symbol)
        if old is not None and len(whole) < len(bars):
            stamp = self._store.stamp(self._source.name, symbol)
            self._pending[symbol] = _Pending(FetchedRows.of(bars), provider, old.last, stamp)
        self._done(symbol, added)

    def _closed(self, stored: SymbolPrices | None) -> SymbolPrices | None:
        """Stored prices of sessions that have closed; None without any."""
        return stored and stored.through(self._store.closed(np.datetime64(stored.last, "D")))

    def _commit(self) -> bool:
        """Append the new sessions of all symbols in one step; returns whether there were any."""
        if not self._pending:
            return False
        name, additions, done = self._source.name, {}, dict[str, int]()
        with self._store.writing(name) as writer:
            for symbol, pending in self._pending.items():
                last = self._last_of(symbol, pending)
                if last is None:
                    self._report.failures[symbol] = (
                        f"Prices of {symbol} were changed by another writer during the update. Run it again."
                    )
                    self._report.added.pop(symbol, None)
                    continue
                new = pending.rows.after(symbol, last)
                if new.num_rows:
                    additions[symbol] = Addition(new, pending.provider)
                if symbol not in self._report.added:
                    done[symbol] = new.num_rows
            writer.append(additions)
        for symbol, added in done.items():
            self._done(symbol, added)
        return bool(additions)

    def _last_of(self, symbol: str, pending: _Pending) -> date | None:
        """Last stored session, if new ones may follow it. No lock was held while the source was asked."""
        if pending.stamp == self._store.stamp(self._source.name, symbol):
            return pending.last
        held = self._held(symbol)
        if held is None or judge(held, pending.rows, symbol, pending.provider) in ("restated", "switched"):
            return None
        return held.last

    def _done(self, symbol: str, sessions: int) -> None:
        self._report.added[symbol] = sessions
        if self._progress:
            self._progress(symbol)
