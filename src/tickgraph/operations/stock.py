"""Stored prices of a refresh: what is stored, what is to be asked for, and one panel of each source."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from tickgraph.errors import SourceUnavailableError, StorageError, TickgraphError, text_of
from tickgraph.market import calendar
from tickgraph.market.ends import TOLERANCE, is_few
from tickgraph.market.quality import Finding
from tickgraph.market.source import Fetched, PriceSource
from tickgraph.market.spelling import Symbol
from tickgraph.market.store import PriceStore, StoredSymbol, UpdateReport
from tickgraph.operations.records import PriceOutcome, SymbolRun
from tickgraph.wording import listed

LATE_SESSIONS = TOLERANCE  # a source that is further behind has ended, as the sample has
ENDED_SESSIONS = 2  # a symbol this far behind, that fails while others come, is delisted or has another name

Outcomes = dict[Symbol, SymbolRun]


@dataclass
class PriceUpdate:
    """What became of the prices.

    Attributes
    ----------
    symbols
        Outcome by symbol; a symbol that was not asked for is absent.
    unreachable
        Why a source could not be reached, or had no prices of the last session for many symbols.
    ended
        Symbols that failed and will go on failing: their source has the last session of the others, and they lack
        more than that.
    notes
        What the sources said besides their prices.
    """

    symbols: Outcomes = field(default_factory=dict)
    unreachable: dict[str, str] = field(default_factory=dict)
    ended: set[Symbol] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)


class _Watched:
    """A source that remembers that it could not be reached: the store tells it only symbol by symbol."""

    def __init__(self, source: PriceSource, before_fetch: Callable[[], None]) -> None:
        self._source, self._before = source, before_fetch
        self.name, self.editable, self.symbols = source.name, source.editable, source.symbols
        self.down: str | None = None

    def fetch(
        self, symbols: Sequence[Symbol], first: date | None = None, last: date | None = None
    ) -> Fetched:
        self._before()
        try:
            return self._source.fetch(symbols, first, last)
        except SourceUnavailableError as error:
            self.down = str(error)
            raise


def held(
    store: PriceStore, source: str, symbols: Iterable[Symbol] | None = None
) -> dict[Symbol, StoredSymbol]:
    """Say what is stored of symbols of a source, None is all of them; a damaged file counts as nothing."""
    stored = store.symbols(source)
    have: dict[Symbol, StoredSymbol] = {}
    for symbol in stored if symbols is None else sorted(set(stored).intersection(symbols)):
        try:
            have[symbol] = store.stored(source, symbol)
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001  foreseen or not, it fails this symbol
            text_of(symbol, error)  # the log has it
    return have


def behind(
    store: PriceStore, source: PriceSource, symbols: Iterable[Symbol], session: date
) -> tuple[Symbol, ...]:
    """Symbols whose stored prices do not reach a session; all of them where a person may have edited the source."""
    wanted = tuple(symbols)
    have = {} if source.editable else held(store, source.name, wanted)
    return tuple(symbol for symbol in wanted if symbol not in have or have[symbol].last < session)


def update_prices(
    store: PriceStore,
    sources: Mapping[str, PriceSource],
    asked: Mapping[str, Sequence[Symbol]],
    session: date,
    *,
    wanted: Mapping[str, Sequence[Symbol]],
    before_fetch: Callable[[], None],
    on_symbol: Callable[[str], None],
) -> PriceUpdate:
    """Ask every source for what is missing of some symbols up to a session.

    Parameters
    ----------
    store, sources
        Where prices are kept, and where they come from, by name.
    asked
        By source: the symbols to ask for, as :func:`behind` finds them.
    session
        Last session; nothing later is stored.
    wanted
        By source: all symbols that the run needs, also those that need not be asked for. A source is late if many of
        them lack the session.
    before_fetch
        Called before each request; what it raises ends the update.
    on_symbol
        Called with each symbol that was stored.

    Raises
    ------
    StorageError
        The store cannot be written; what was written before is kept.
    """
    update = PriceUpdate()
    for name, symbols in asked.items():
        if not symbols:
            continue
        source, outcomes = _Watched(sources[name], before_fetch), Outcomes()
        try:
            _ask(store, source, symbols, session, on_symbol, outcomes, update.notes)
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001  models are refreshed from what is stored
            update.unreachable[name] = text_of(f"source {name!r}", error)
            failed = _failed(update.unreachable[name])
            outcomes |= {symbol: failed for symbol in symbols if symbol not in outcomes}
        for symbol, outcome in outcomes.items():  # of two sources that have a symbol
            update.symbols[symbol] = _joined(update.symbols.get(symbol), outcome)
        if source.down:
            update.unreachable[name] = f"source {name!r} could not be reached: {source.down}"
        elif name not in update.unreachable and not source.editable:
            have = held(store, name, wanted[name])
            if late := _late(store, name, have, session):
                update.unreachable[name] = late
            else:
                update.ended |= _ended(outcomes, have, session)
    return update


def _ask(
    store: PriceStore,
    source: _Watched,
    asked: Sequence[Symbol],
    session: date,
    on_symbol: Callable[[str], None],
    outcomes: Outcomes,
    notes: list[str],
) -> None:
    """Update all symbols together. After an unforeseen error update halves of the list, to find the symbol at fault.

    Symbols stored before an error count as stored, although the next try finds nothing new for them. A fault of the
    source itself fails every half, and is raised after a few of them.
    """
    waiting, faults = [tuple(asked)], 0
    while waiting:
        some, report = waiting.pop(), UpdateReport()
        known: Iterable[Symbol] = some
        try:
            store.update(source, some, last=session, progress=on_symbol, report=report)
        except TickgraphError:
            raise
        except Exception as error:
            known = [symbol for symbol in some if symbol in report.added]
            faults += 1
            if len(some) == 1:
                outcomes[some[0]] = _joined(outcomes.get(some[0]), _failed(text_of(some[0], error)))
            elif faults > 2 * len(asked).bit_length():
                raise
            else:
                half = len(some) // 2
                waiting += [some[half:], some[:half]]
        for symbol, outcome in _outcomes(known, report).items():
            outcomes[symbol] = _joined(outcomes.get(symbol), outcome)
        notes += [*report.notes, *report.rejected.values()]


def _outcomes(symbols: Iterable[Symbol], report: UpdateReport) -> Outcomes:
    findings: dict[str, list[Finding]] = {}
    for finding in report.findings:
        findings.setdefault(finding.symbol, []).append(finding)
    outcomes = Outcomes()
    for symbol in symbols:
        added = report.added.get(symbol, 0)
        outcome: PriceOutcome = "updated" if added else "unchanged"
        if symbol in report.failures:
            outcome = "failed"
        elif symbol in report.switched:
            outcome = "switched"
        elif symbol in report.restated:
            outcome = "restated"
        outcomes[symbol] = SymbolRun(
            prices=outcome,
            sessions_added=added,
            errors=(f"prices: {report.failures[symbol]}",) if symbol in report.failures else (),
            findings=tuple(findings.get(symbol, ())),
        )
    return outcomes


def _failed(text: str) -> SymbolRun:
    return SymbolRun(prices="failed", errors=(f"prices: {text}",))


def _joined(old: SymbolRun | None, new: SymbolRun) -> SymbolRun:
    """What two tries, or two sources, did with a symbol: a failure counts most, and least that nothing was new."""
    if old is None:
        return new
    counts = old if old.prices == "failed" or new.prices == "unchanged" else new
    return counts.model_copy(
        update={
            "sessions_added": old.sessions_added + new.sessions_added,
            "errors": tuple(dict.fromkeys((*old.errors, *new.errors))),
            "findings": tuple(dict.fromkeys((*old.findings, *new.findings))),
        }
    )


def _late(store: PriceStore, source: str, have: Mapping[Symbol, StoredSymbol], session: date) -> str | None:
    """Say that a live source lacks the session, at least for many symbols; None where it has it, or has ended."""
    traded = [stored for stored in have.values() if stored.last >= _back(session, LATE_SESSIONS)]
    if not traded:
        return None
    if all(stored.last < session for stored in traded):  # does it have the session of another symbol?
        newest = max(stored.last for stored in held(store, source).values())
        if newest < session:
            return f"source {source!r} has no prices of {session} yet: its newest are of {newest}"
    lacking = sorted(stored.symbol for stored in traded if stored.last < session)
    if is_few(len(lacking), len(traded)):
        return None
    count = f"{len(lacking)} of {len(traded)} symbols"
    return f"source {source!r} has no prices of {session} yet for {count}: {listed(lacking)}"


def _ended(outcomes: Outcomes, have: Mapping[Symbol, StoredSymbol], session: date) -> set[Symbol]:
    """Symbols that failed and whose stored prices ended before the last sessions; none where these are many."""
    limit = _back(session, ENDED_SESSIONS)
    failed = {symbol for symbol, one in outcomes.items() if one.prices == "failed"}
    ended = {symbol for symbol in failed.intersection(have) if have[symbol].last <= limit}
    return ended if is_few(len(ended), len(have)) else set()


def _back(session: date, count: int) -> date:
    """The session that lies so many before one."""
    # Three weeks hold five sessions, whatever the holidays.
    day: date = calendar.sessions(session - timedelta(days=count + 20), session)[-1 - count].item()
    return day
