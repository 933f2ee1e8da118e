"""Where a refresh works: models, prices, sources, configuration and clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from tickgraph.market.calendar import system_time
from tickgraph.market.source import PriceSource
from tickgraph.market.store import PriceStore
from tickgraph.model.training_config import TrainingConfig
from tickgraph.operations.records import LiveQuality
from tickgraph.permit import FREE, Permit
from tickgraph.pipeline.engines import LocalEngine
from tickgraph.pipeline.engines.plan import Engine
from tickgraph.registry.registry import ModelRegistry


@dataclass(frozen=True)
class Site:
    """Everything that a refresh reads, writes and asks.

    Attributes
    ----------
    registry, store
        Models and prices.
    open_source
        Gives a source by the name that a model's metadata records.
    source
        Source of the symbols that have no model yet.
    operations_dir
        Folder of operations: lease, runs, live quality.
    training
        How models are to be trained.
    peer_pool
        Symbols that peers are chosen from; empty means all that the source lists.
    universe
        Symbols that should have a model; those that have one are refreshed anyway.
    open_engine
        Gives the engine that fits the models of one training run.
    now
        Clock; aware. The registry and the store have their own, which should be the same.
    quality
        Scores live forecasts once prices are updated; None means that there is no score.
    permit
        What models, prices and live quality are published under.
    """

    registry: ModelRegistry
    store: PriceStore
    open_source: Callable[[str], PriceSource]
    source: str
    operations_dir: Path
    training: TrainingConfig = field(default_factory=TrainingConfig)
    peer_pool: tuple[str, ...] = ()
    universe: tuple[str, ...] = ()
    open_engine: Callable[[], Engine] = LocalEngine
    now: Callable[[], datetime] = system_time
    quality: Callable[[], LiveQuality | None] = lambda: None
    permit: Permit = FREE

    def under(self, permit: Permit) -> Site:
        """Give the same site, where everything is published under a permit."""
        return replace(
            self, registry=self.registry.under(permit), store=self.store.under(permit), permit=permit
        )
