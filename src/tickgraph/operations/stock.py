"""Stored prices of a refresh: what is held, what has to be asked for, and one panel per source."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial

import numpy as np

from tickgraph.errors import PriceDataError, SourceUnavailableError, StorageError, TickgraphError, reason_of
from tickgraph.market import calendar
from tickgraph.market.ends import TOLERANCE, is_few
from tickgraph.market.panel import PricePanel
from tickgraph.market.quality import Finding
from tickgraph.market.source import Fetched, PriceSource
from tickgraph.market.store import PriceStore
from tickgraph.market.universe import canonical
from tickgraph.operations.records import PriceOutcome, SymbolRun
from tickgraph.wording import listed

LATE_SESSIONS = TOLERANCE  # a source this far behind is late; one further behind has ended, as the sample has
ENDED_SESSIONS = 2  # a symbol this far behind, that fails while others come, is delisted or has another name


@dataclass(frozen=True)
class Held:
    """What the store holds of a symbol: last session, and when its returns were last revised."""

    last: date
    revised_at: datetime | None = None


@dataclass
class PriceUpdate:
    """What became of the prices.

    Attributes
    ----------
    symbols
        Outcome by symbol; one that was not asked for is absent.
    unreachable
        Sources that could not be reached, or had nothing of the last session yet for many symbols, and why.
    ended
        Symbols that failed and will go on failing: the source has the last session of the others, and they lack
        more than that.
    notes
        What the sources said besides their prices.
    """

    symbols: dict[str, SymbolRun] = field(default_factory=dict)
    unreachable: dict[str, str] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)


class _Watched:
    """A source that remembers that it could not be reached; the store only tells symbol by symbol."""

    def __init__(self, source: PriceSource, before_fetch: Callable[[], None]) -> None:
        self._source, self._before = source, before_fetch
        self.name, self.editable = source.name, source.editable
        self.down: str | None = None

    def symbols(self) -> tuple[str, ...]:
        return self._source.symbols()

    def fetch(self, symbols: Sequence[str], first: date | None = None, last: date | None = None) -> Fetched:
        self._before()
        try:
            return self._source.fetch(symbols, first, last)
        except SourceUnavailableError as error:
            self.down = str(error)
            raise


def held(store: PriceStore, source: str) -> dict[str, Held]:
    """What is stored from a source, by symbol; what is damaged counts as not stored."""
    found: dict[str, Held] = {}
    for symbol in store.symbols(source):
        if canonical(symbol) != symbol:  # what is left of a former name
            continue
        try:
            stored = store.stored(source, symbol)
        except PriceDataError:
            continue
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001  foreseen or not, it fails this symbol
            reason_of(symbol, error)  # the log has it
            continue
        found[symbol] = Held(stored.last, stored.revised_at)
    return found


def behind(store: PriceStore, source: PriceSource, symbols: Iterable[str], session: date) -> tuple[str, ...]:
    """Symbols whose stored prices do not reach a session; all of a source whose rows a person may have edited."""
    if source.editable:
        return tuple(symbols)
    have = held(store, source.name)
    return tuple(symbol for symbol in symbols if symbol not in have or have[symbol].last < session)


def update_prices(
    store: PriceStore,
    sources: Mapping[str, PriceSource],
    asked: Mapping[str, Sequence[str]],
    session: date,
    *,
    wanted: Mapping[str, Sequence[str]],
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
        By source: all symbols that the run needs, those that need not be asked for included. How many of them lack
        the session says whether the source is late.
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
        source = _Watched(sources[name], before_fetch)
        try:
            update_some = partial(_update_some, store, source, session, update, on_symbol)
            _update_each(symbols, update, update_some)
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001  models are refreshed from what is stored
            text = str(error) if isinstance(error, TickgraphError) else reason_of(f"source {name!r}", error)
            failed = SymbolRun(prices="failed", errors=(f"prices: {text}",))
            _merge(update, dict.fromkeys(symbols, failed))
            update.unreachable[name] = text
        if source.down:
            update.unreachable[name] = f"source {name!r} could not be reached: {source.down}"
        elif name not in update.unreachable and not source.editable:
            have = held(store, name)
            if late := _late(name, have, wanted[name], session):
                update.unreachable[name] = late
            else:
                update.ended |= _ended(update.symbols, have, wanted[name], session)
    return update


def _update_each(
    asked: Sequence[str], update: PriceUpdate, update_some: Callable[[Sequence[str]], None]
) -> None:
    """Update all symbols together. After an unforeseen error update halves of the list, to find the symbol at fault.

    A fault of the source itself fails every half, and is raised after a few of them.
    """
    waiting, faults = [tuple(asked)], 0
    while waiting:
        some = waiting.pop()
        try:
            update_some(some)
        except TickgraphError:
            raise
        except Exception as error:
            faults += 1
            if len(some) == 1:
                text = f"prices: {reason_of(some[0], error)}"
                _merge(update, {some[0]: SymbolRun(prices="failed", errors=(text,))})
            elif faults > 2 * len(asked).bit_length():
                raise
            else:
                half = len(some) // 2
                waiting += [some[half:], some[:half]]


def _update_some(
    store: PriceStore,
    source: PriceSource,
    session: date,
    update: PriceUpdate,
    on_symbol: Callable[[str], None],
    asked: Sequence[str],
) -> None:
    report = store.update(source, asked, last=session, progress=on_symbol)
    found: dict[str, SymbolRun] = {}
    findings: dict[str, list[Finding]] = {}
    for finding in report.findings:
        findings.setdefault(finding.symbol, []).append(finding)
    for symbol in asked:
        added = report.added.get(symbol, 0)
        outcome: PriceOutcome = "updated" if added else "unchanged"
        if symbol in report.failures:
            outcome = "failed"
        elif symbol in report.switched:
            outcome = "switched"
        elif symbol in report.restated:
            outcome = "restated"
        errors = (f"prices: {report.failures[symbol]}",) if symbol in report.failures else ()
        found[symbol] = SymbolRun(
            prices=outcome, sessions_added=added, errors=errors, findings=tuple(findings.get(symbol, ()))
        )
    update.notes += [*report.notes, *report.rejected.values()]
    _merge(update, found)


def _merge(update: PriceUpdate, found: Mapping[str, SymbolRun]) -> None:
    """Put outcomes of one source beside those of another that has the same symbol; a failure counts."""
    for symbol, new in found.items():
        old = update.symbols.get(symbol)
        if old is None:
            update.symbols[symbol] = new
            continue
        worst = old if old.prices == "failed" else new
        update.symbols[symbol] = worst.model_copy(
            update={
                "sessions_added": old.sessions_added + new.sessions_added,
                "errors": old.errors + new.errors,
                "findings": old.findings + new.findings,
            }
        )


def _late(source: str, have: Mapping[str, Held], wanted: Sequence[str], session: date) -> str | None:
    """Say that a live source has nothing of the session yet, at least for many; None where it has, or has ended."""
    newest = max((stored.last for stored in have.values()), default=None)
    if newest is None or newest < _back(session, LATE_SESSIONS):
        return None
    if newest < session:
        return f"source {source!r} has no prices of {session} yet: its newest are of {newest}"
    traded = [s for s in wanted if s in have and have[s].last >= _back(session, LATE_SESSIONS)]
    lacking = sorted(symbol for symbol in traded if have[symbol].last < session)
    if is_few(len(lacking), len(traded)):
        return None
    count = f"{len(lacking)} of {len(traded)} symbols"
    return f"source {source!r} has no prices of {session} yet for {count}: {listed(lacking)}"


def _ended(
    found: Mapping[str, SymbolRun], have: Mapping[str, Held], wanted: Sequence[str], session: date
) -> set[str]:
    """Symbols that failed and whose stored prices ended before the last sessions; none where these are many."""
    known = [symbol for symbol in wanted if symbol in have]
    failed = (symbol for symbol in known if symbol in found and found[symbol].prices == "failed")
    ended = {symbol for symbol in failed if have[symbol].last <= _back(session, ENDED_SESSIONS)}
    return ended if is_few(len(ended), len(known)) else set()


def _back(session: date, count: int) -> date:
    """The session that lies so many before one."""
    # Three weeks hold five sessions, whatever the holidays.
    found: date = calendar.sessions(session - timedelta(days=count + 20), session)[-1 - count].item()
    return found


def read_panel(store: PriceStore, source: str, symbols: Iterable[str], session: date) -> PricePanel | None:
    """Stored prices up to a session of those symbols that can be read; None if there are none."""
    stored = set(store.symbols(source))
    names = tuple(symbol for symbol in dict.fromkeys(symbols) if symbol in stored)
    try:
        panel = store.panel(source, names, last=session)
    except StorageError:
        raise
    except Exception:  # noqa: BLE001  of one symbol: it is found by reading each
        names = tuple(name for name in names if _is_readable(store, source, name))
        panel = store.panel(source, names, last=session)
    return panel if len(panel.sessions) else None


def _is_readable(store: PriceStore, source: str, symbol: str) -> bool:
    try:
        store.panel(source, (symbol,))
    except PriceDataError:
        return False
    except StorageError:
        raise
    except Exception as error:  # noqa: BLE001  foreseen or not, it fails this symbol
        reason_of(symbol, error)  # the log has it
        return False
    return True


def own_sessions(panel: PricePanel, symbols: Sequence[str]) -> PricePanel:
    """Columns of some symbols, on the sessions at which one of them has a close: what reading only them gives."""
    part = panel.select(symbols)
    rows = np.isfinite(part.adj_close).any(axis=1)
    if rows.all():
        return part
    return replace(
        part,
        sessions=part.sessions[rows],
        close=part.close[rows],
        adj_close=part.adj_close[rows],
        volume=part.volume[rows],
        lineage=object(),
    )
