"""The simulated system: its clock, its folders, its provider, and the names it has been told."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from tickgraph.lab.simulation.faults import Faults, FaultyProvider
from tickgraph.lab.simulation.replay import ReplaySource, Splits
from tickgraph.lab.simulation.retrained_forecasts import InformationSet
from tickgraph.market.calendar import last_completed_session
from tickgraph.market.store import PriceStore
from tickgraph.market.universe import add_aliases
from tickgraph.model.training_config import TrainingConfig
from tickgraph.operations.records import Kind
from tickgraph.operations.refresh import refresh
from tickgraph.operations.site import Site
from tickgraph.pipeline.engines import LocalEngine
from tickgraph.registry.registry import ModelRegistry

KILLED = 137  # what a shell reports of a process killed by SIGKILL


class SimulatedClock:
    """The time in the replayed year; it goes forward only.

    Parameters
    ----------
    start
        Aware time.
    """

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """Aware time, UTC."""
        return self._now

    def advance(self, moment: datetime) -> None:
        """Let time pass until a moment; :class:`ValueError` for a moment that has passed."""
        if moment < self._now:
            raise ValueError(
                f"A simulated clock does not go back: it is {self._now}, and {moment} was asked for."
            )
        self._now = moment.astimezone(UTC)


@dataclass(frozen=True)
class World:
    """Everything that a simulation is made of, except its clock; small enough to send to another process.

    Attributes
    ----------
    folder
        Models, prices and state are below it.
    bars, splits
        What the provider knows at the end.
    symbols
        Symbols that are trained and forecast.
    pool
        Symbols that peers are chosen from.
    """

    folder: Path
    bars: pd.DataFrame = field(repr=False)
    splits: Splits
    symbols: tuple[str, ...]
    pool: tuple[str, ...]
    training: TrainingConfig
    faults: Faults = field(default_factory=Faults)
    workers: int = 0

    @property
    def operations_dir(self) -> Path:
        """Folder of operations."""
        return self.folder / "models" / ".operations"

    def replay(self, now: Callable[[], datetime]) -> ReplaySource:
        """The provider without faults."""
        return ReplaySource(self.bars, now, self.splits)

    def site(self, now: Callable[[], datetime], replay: ReplaySource | None = None) -> Site:
        """What refresh works on, under the names that the system knows by now."""
        names = self.names(now())
        provider = FaultyProvider(replay or self.replay(now), self.faults)
        return Site(
            registry=ModelRegistry(self.folder / "models", now),
            store=PriceStore(self.folder / "prices", now),
            open_source=lambda _: provider,
            source=provider.name,
            operations_dir=self.operations_dir,
            training=self.training,
            peer_pool=tuple(names.get(name, name) for name in self.pool),
            universe=tuple(names.get(name, name) for name in self.symbols),
            open_engine=lambda: LocalEngine(self.workers),
            now=now,
        )

    def names(self, now: datetime) -> dict[str, str]:
        """New name of each renamed symbol that the system has been told of."""
        return {r.symbol: r.name for r in self.faults.renames if r.told <= now}

    def known(self, session: np.datetime64, now: datetime) -> InformationSet:
        """What the system could know of a session at a moment: no prices of whom was renamed without its knowing."""
        unnoticed = [r for r in self.faults.renames if r.at <= now < r.told]
        ends = {r.symbol: last_completed_session(r.at) for r in unnoticed}
        return InformationSet(session, self.names(now), ends)

    def tell(self, now: datetime) -> None:
        """Tell this process of the names that are known by now, as ``aliases`` in the settings do."""
        add_aliases(self.names(now))


def refresh_and_die(world: World, now: datetime, kind: Kind, due_at: datetime | None, after: int) -> None:
    """Run refresh in this process, and kill the process when ``after`` models' correlations are published."""
    world.tell(now)
    published = 0

    def count(step: str, _: str) -> None:
        nonlocal published
        published += step in ("correlations", "training")
        if published >= after:
            os._exit(KILLED)

    refresh(world.site(lambda: now), kind=kind, due_at=due_at, on_event=count)
