"""Bring the store up to date from a source."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tickgraph.errors import PriceDataError, SourceUnavailableError
from tickgraph.market import quality
from tickgraph.market.source import Fetched, PriceSource
from tickgraph.market.spelling import Symbol
from tickgraph.market.store.layout import Stamp
from tickgraph.market.store.reader import SymbolPrices
from tickgraph.market.store.update_report import UpdateReport
from tickgraph.market.store.verdict import FetchedRows, disowned, edits, judge, lacking, refusal, with_context
from tickgraph.market.store.writer import Addition, StoreWriter

if TYPE_CHECKING:
    from tickgraph.market.store.store import PriceStore

BATCH = 250  # whole histories fetched at once: what a crash or an outage can cost
OVERLAP_DAYS = 10  # refetched with every update, to notice a restated history
_CONTEXT = 40  # stored sessions that new ones are judged by


def update(
    store: PriceStore,
    source: PriceSource,
    symbols: Sequence[Symbol],
    *,
    last: date | None = None,
    progress: Callable[[str], None] | None = None,
    report: UpdateReport | None = None,
) -> UpdateReport:
    """Bring symbols up to date from a source.

    A stored symbol is asked only for what is new and a few days before. If those days differ from the stored ones,
    a split, a dividend or a correction restated the history, and the symbol is fetched whole. It is also fetched whole
    where another provider answers than gave the stored history. A source whose rows a person may have edited is always
    taken whole. New prices with errors are refused by symbol, and the stored ones stay. They also stay where a whole
    history would end earlier or lack more than 5 % of the stored sessions.

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
    report
        Is filled in as the update goes on, so that it says what was stored before an error; None is a new one.

    Raises
    ------
    SourceUnavailableError
        The source cannot be reached and no symbol is stored at all.
    StorageError
        The store cannot be written, or another writer holds it; what was stored is intact.
    """
    return _Update(store, source, last, progress, report or UpdateReport()).run(tuple(dict.fromkeys(symbols)))


def whole_histories(
    source: PriceSource, symbols: Sequence[Symbol], last: date | None
) -> Iterator[tuple[Sequence[Symbol], Fetched | SourceUnavailableError]]:
    """Fetch whole histories some at a time. A source that is unavailable twice in a row is asked no more."""
    failures: list[SourceUnavailableError] = []
    for start in range(0, len(symbols), BATCH):
        batch = symbols[start : start + BATCH]
        if len(failures) < 2:
            try:
                yield batch, source.fetch(batch, None, last)
            except SourceUnavailableError as error:
                failures.append(error)
            else:
                failures.clear()
                continue
        yield batch, failures[-1]


@dataclass(frozen=True)
class _Pending:
    """New sessions that wait to be appended, and what was stored when they were asked for."""

    rows: FetchedRows
    provider: str
    last: date
    stamp: Stamp | None


class _Update:
    """One update: what was stored when it began, and the sessions that wait to be appended at its end."""

    def __init__(
        self,
        store: PriceStore,
        source: PriceSource,
        last: date | None,
        progress: Callable[[str], None] | None,
        report: UpdateReport,
    ) -> None:
        self._store, self._source, self._last, self._progress = store, source, last, progress
        self._now = store.now()
        self._report = report
        self._pending: dict[Symbol, _Pending] = {}
        self._stamps: dict[Symbol, Stamp | None] = {}

    def run(self, symbols: tuple[Symbol, ...]) -> UpdateReport:
        source, report = self._source, self._report
        symbols = self._with_lost(symbols)
        if source.editable:
            failure = self._whole(symbols, had_changed=False)
            if failure is not None:
                raise failure
            return report
        known = set(self._store.symbols(source.name))
        # Stamped before they are read: what another writer changes in between is noticed.
        self._stamps = {symbol: self._stamp(symbol) for symbol in known & set(symbols)}
        stored = {symbol: prices for symbol in symbols if symbol in known and (prices := self._end(symbol))}
        fresh = [symbol for symbol in symbols if symbol not in stored]
        try:
            failure = self._whole(fresh, had_changed=False)
            report.repaired += sorted(known.intersection(fresh) & set(report.added))
            if failure is not None and not stored:
                raise failure
            self._extend(stored)
        finally:
            # Even where it is interrupted: what was fetched is kept.
            appended = self._commit()
        if appended:
            self._store.fold(source.name)
        return report

    def _with_lost(self, symbols: tuple[Symbol, ...]) -> tuple[Symbol, ...]:
        """Replace a damaged recent file. Then every stored symbol may have lost sessions, and is asked for."""
        name = self._source.name
        try:
            self._store.reader.recent(name).table()
        except PriceDataError:
            with self._store.writing(name, heal=True):
                self._report.healed = True
            return tuple(dict.fromkeys((*symbols, *self._store.symbols(name))))
        return symbols

    def _stamp(self, symbol: Symbol) -> Stamp | None:
        return self._store.reader.stamp(self._source.name, symbol)

    def _end(self, symbol: Symbol) -> SymbolPrices | None:
        """The end of what is stored of a symbol; None where that cannot be read."""
        try:
            prices = self._store.reader.one(self._source.name, symbol, sessions=_CONTEXT)
        except PriceDataError:
            return None
        # An earlier version may have stored sessions that have not been: such a history is fetched whole.
        return prices if self._closed(prices) is prices else None

    def _extend(self, stored: dict[Symbol, SymbolPrices]) -> None:
        """Ask for what is new of stored symbols, those that end together in one call."""
        report, by_start = self._report, dict[date, list[Symbol]]()
        for symbol, prices in stored.items():
            by_start.setdefault(prices.last - timedelta(days=OVERLAP_DAYS), []).append(symbol)
        restated: list[Symbol] = []
        switched: list[Symbol] = []
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
            report.take_in(fetched)
            rows, refused, doubted = self._checked(fetched.bars, stored)
            silent = set(group) - set(fetched.failures) - refused - set(rows.places)
            report.added |= dict.fromkeys(sorted(silent), 0)
            for symbol in (name for name in rows.places if name in stored):
                provider = fetched.providers.get(symbol, self._source.name)
                verdict = judge(stored[symbol], rows, symbol, provider)
                if verdict in ("nothing", "append") and symbol in doubted:
                    verdict = "restated"
                if verdict == "nothing":
                    self._count(symbol, 0)
                elif verdict == "append":
                    last = stored[symbol].last
                    self._pending[symbol] = _Pending(rows, provider, last, self._stamps[symbol])
                else:
                    (restated if verdict == "restated" else switched).append(symbol)
        for symbols in (restated, switched):
            self._whole(symbols, had_changed=True)

    def _checked(
        self, bars: pd.DataFrame, stored: dict[Symbol, SymbolPrices]
    ) -> tuple[FetchedRows, set[str], set[Symbol]]:
        """Look at fetched bars, with the stored ones before them as context.

        Gives the bars that may be stored; the symbols with an error, which have none; and the symbols of which a stored
        session is now known to be a slip, since the price came back after it.
        """
        fetched = FetchedRows.of(bars)
        kept, findings = quality.usable(
            with_context(fetched, stored, _CONTEXT),
            now=self._now,
            implausible=self._store.implausible,
            after={symbol: prices.last for symbol, prices in stored.items()},
        )
        self._report.refuse(findings)
        refused = {finding.symbol for finding in findings if finding.severity == "error"}
        starts = {symbol: fetched.days[start] for symbol, (start, _) in fetched.places.items()}
        first = kept["symbol"].map(starts).astype(kept["date"].dtype)  # of no rows, map gives numbers
        rows = FetchedRows.of(kept[kept["date"] >= first])
        return rows, refused, disowned(stored, fetched, rows)

    def _whole(self, symbols: Sequence[Symbol], *, had_changed: bool) -> SourceUnavailableError | None:
        """Fetch whole histories and put them in place, some at a time; returns why the source was unavailable.

        ``had_changed`` says whether that is since the source's old bars are no longer the stored ones.
        """
        report, failure = self._report, None
        for batch, fetched in whole_histories(self._source, symbols, self._last):
            if isinstance(fetched, SourceUnavailableError):
                report.failures |= dict.fromkeys(batch, str(fetched))
                failure = fetched
                continue
            report.take_in(fetched)
            bars, findings = quality.usable(fetched.bars, now=self._now, implausible=self._store.implausible)
            report.refuse(findings)
            with self._store.writing(self._source.name) as writer:
                for name, rows in bars.groupby("symbol", sort=False):
                    symbol = Symbol(str(name))
                    provider = fetched.providers.get(symbol, self._source.name)
                    if self._source.editable:
                        self._take_edited(writer, symbol, rows, provider)
                    else:
                        self._take_whole(writer, symbol, rows, provider, had_changed=had_changed)
        return failure

    def _take_edited(self, writer: StoreWriter, symbol: Symbol, bars: pd.DataFrame, provider: str) -> None:
        """Put a history that a person may have edited in place, if it is not the stored one."""
        stored = writer.stored(symbol)
        added, changed = (len(bars), False) if stored is None else edits(stored, bars)
        if stored is not None and not added and not changed:
            self._count(symbol, 0)
            return
        old = self._closed(stored or writer.stored(symbol, ("date",)))
        if old is not None and (lost := lacking(old, bars)):
            self._report.shortened[symbol] = lost
        if self._replace(writer, symbol, bars, provider, old, changed=changed):
            self._count(symbol, added)

    def _take_whole(
        self, writer: StoreWriter, symbol: Symbol, bars: pd.DataFrame, provider: str, *, had_changed: bool
    ) -> None:
        """Put a live source's history in place of the stored one, unless that would lose sessions."""
        old = self._closed(writer.stored(symbol) or writer.stored(symbol, ("date",)))
        whole = bars
        if old is not None:
            if why_not := refusal(old, bars, provider):
                self._report.failures[symbol] = why_not
                return
            if lost := lacking(old, bars):
                self._report.shortened[symbol] = lost
            # Its new sessions come with everybody else's: no reader sees it a session ahead.
            whole = bars[bars["date"] <= pd.Timestamp(old.last)]
        if self._replace(writer, symbol, whole, provider, old, changed=had_changed):
            if old is not None and len(whole) < len(bars):
                stamp = self._stamp(symbol)
                self._pending[symbol] = _Pending(FetchedRows.of(bars), provider, old.last, stamp)
            self._count(symbol, len(bars))

    def _replace(
        self,
        writer: StoreWriter,
        symbol: Symbol,
        bars: pd.DataFrame,
        provider: str,
        old: SymbolPrices | None,
        *,
        changed: bool,
    ) -> bool:
        """Replace a history; whether it could be."""
        try:
            writer.replace(symbol, bars, provider)
        except PriceDataError as error:
            self._report.failures[symbol] = str(error)
            return False
        if old is not None and provider != old.head.provider:
            self._report.switched[symbol] = provider
        elif changed:
            self._report.restated.append(symbol)
        return True

    def _closed(self, stored: SymbolPrices | None) -> SymbolPrices | None:
        """Stored prices of sessions that have closed; None without any."""
        return stored and stored.through(self._store.closed(np.datetime64(stored.last, "D")))

    def _commit(self) -> bool:
        """Append the new sessions of all symbols in one step; returns whether there were any."""
        if not self._pending:
            return False
        report, additions, counts = self._report, dict[Symbol, Addition](), dict[Symbol, int]()
        with self._store.writing(self._source.name) as writer:
            for symbol, pending in self._pending.items():
                last = self._last_of(symbol, pending)
                if last is None:
                    report.failures[symbol] = (
                        f"Prices of {symbol} were changed by another writer during the update. Run it again."
                    )
                    report.added.pop(symbol, None)
                    continue
                rows = pending.rows.after(symbol, last)
                if rows.num_rows:
                    additions[symbol] = Addition(rows, pending.provider)
                if symbol not in report.added:
                    counts[symbol] = rows.num_rows
            writer.append(additions)
        for symbol, count in counts.items():
            self._count(symbol, count)
        return bool(additions)

    def _last_of(self, symbol: Symbol, pending: _Pending) -> date | None:
        """Last stored session, if new ones may follow it. No lock was held while the source was asked."""
        if pending.stamp == self._stamp(symbol):
            return pending.last
        stored = self._end(symbol)
        if stored is None or judge(stored, pending.rows, symbol, pending.provider) in (
            "restated",
            "switched",
        ):
            return None
        return stored.last

    def _count(self, symbol: Symbol, sessions: int) -> None:
        self._report.added[symbol] = sessions
        if self._progress:
            self._progress(symbol)
