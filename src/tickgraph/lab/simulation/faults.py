"""What goes wrong in a simulated year: a provider that is down, a crash, a full disk, a symbol renamed."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

from tickgraph.errors import InputError, SourceUnavailableError
from tickgraph.lab.simulation.replay import ReplaySource
from tickgraph.market.calendar import sessions
from tickgraph.market.source import Fetched, empty_bars
from tickgraph.market.spelling import Symbol

EXCHANGE_TIME = ZoneInfo("America/New_York")
DOWN = timedelta(days=2)
NOTICED_AFTER = timedelta(days=2)  # until the system is told of a symbol's new name
LEAST_SESSIONS = 20  # fewer leave no room for one fault of each kind


@dataclass(frozen=True)
class Span:
    """From one moment on, and before another."""

    first: datetime
    until: datetime

    def holds(self, now: datetime) -> bool:
        """Whether a moment lies in it."""
        return self.first <= now < self.until


@dataclass(frozen=True)
class Rename:
    """A symbol trades under another name; the provider knows it at once, the system is told later.

    The change comes after a day's refresh and before the close. The system's prices of the symbol then end with the
    session before.
    """

    symbol: str
    name: str
    at: datetime
    told: datetime


@dataclass(frozen=True)
class Faults:
    """All that goes wrong.

    Attributes
    ----------
    outages
        When the provider cannot be reached.
    crashes
        By day, how many models its refresh has published when it is killed.
    full_disks
        When nothing can be written.
    renames
        Symbols that trade under another name.
    """

    outages: tuple[Span, ...] = ()
    crashes: Mapping[date, int] = field(default_factory=dict)
    full_disks: tuple[Span, ...] = ()
    renames: tuple[Rename, ...] = ()

    def is_down(self, now: datetime) -> bool:
        """Whether the provider cannot be reached."""
        return any(outage.holds(now) for outage in self.outages)

    def disk_is_full(self, now: datetime) -> bool:
        """Whether nothing can be written."""
        return any(full.holds(now) for full in self.full_disks)


def faults_of(first: date, last: date, symbols: Sequence[str]) -> Faults:
    """One fault of each kind, spread over a span of sessions; the last symbol is the one renamed.

    Raises
    ------
    InputError
        The span is too short for them.
    """
    days = [day.item() for day in sessions(first, last)]
    if len(days) < LEAST_SESSIONS:
        raise InputError(
            f"Faults need at least {LEAST_SESSIONS} sessions, and there are {len(days)} from {first} to {last}. "
            "Simulate a longer span, or leave the faults out."
        )

    def at(share: float, hour: float) -> datetime:
        moment = datetime.combine(days[int(share * len(days))], time(), EXCHANGE_TIME)
        return (moment + timedelta(hours=hour)).astimezone(UTC)  # no fault is on a day when the clocks change

    down, full, renamed = at(0.2, 5), at(0.6, 5.75), at(0.8, 7)
    return Faults(
        outages=(Span(down, down + DOWN),),
        crashes={days[int(0.4 * len(days))]: max(1, len(symbols) // 2)},
        full_disks=(Span(full, full + timedelta(hours=1)),),
        renames=(Rename(symbols[-1], f"{symbols[-1][:5]}X", renamed, renamed + NOTICED_AFTER),),
    )


class FaultyProvider:
    """A replayed provider with outages and renamed symbols.

    Parameters
    ----------
    replay
        What it gives when nothing is wrong.
    faults
        What goes wrong, by the replay's clock.
    """

    editable = False

    def __init__(self, replay: ReplaySource, faults: Faults) -> None:
        self.name = replay.name
        self._replay, self._faults = replay, faults

    def symbols(self) -> tuple[Symbol, ...]:
        """Symbols under the names that the provider has for them now."""
        renamed = self._renamed(old=False)
        return tuple(sorted(Symbol(renamed.get(name, name)) for name in self._replay.symbols()))

    def fetch(self, symbols: Sequence[str], first: date | None = None, last: date | None = None) -> Fetched:
        """Give bars; :class:`SourceUnavailableError` while the provider is down."""
        if self._faults.is_down(self._replay.now()):
            raise SourceUnavailableError("The replayed provider is down.")
        origin, gone = self._renamed(old=True), set(self._renamed(old=False))
        unknown = {
            name: f"{name}: no prices found; it may be delisted or renamed."
            for name in symbols
            if name in gone
        }
        asked = {origin.get(name, name): name for name in symbols if name not in unknown}
        fetched = self._replay.fetch(list(asked), first, last)
        bars = fetched.bars
        bars = bars.assign(symbol=bars["symbol"].map(asked)) if len(bars) else empty_bars()
        failures = {asked[name]: reason for name, reason in fetched.failures.items()}
        return Fetched(bars, failures | unknown)

    def _renamed(self, *, old: bool) -> dict[str, str]:
        """New names to old ones, or old names to new ones, of symbols renamed by now."""
        pairs = [(r.name, r.symbol) for r in self._faults.renames if r.at <= self._replay.now()]
        return dict(pairs) if old else {symbol: name for name, symbol in pairs}


@contextlib.contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """Let every file opened for writing below a folder fail as on a full disk."""
    root, opened = str(folder.resolve()), os.open

    def refusing(path: Any, flags: int, *rest: Any, **named: Any) -> int:
        writes = flags & (os.O_WRONLY | os.O_RDWR) and not str(path).endswith(".lock")
        if writes and os.path.abspath(os.fspath(path)).startswith(root):  # noqa: PTH100
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return opened(path, flags, *rest, **named)

    with patch("os.open", refusing):
        yield
