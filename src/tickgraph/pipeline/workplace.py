"""Where a worker process finds prices and puts models: small enough to be sent to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tickgraph.errors import ArtefactError, ModelNotFoundError, PriceDataError
from tickgraph.market.calendar import NEW_YORK
from tickgraph.market.sources import open_source
from tickgraph.market.sources.providers import Access
from tickgraph.market.spelling import Symbol
from tickgraph.market.store import PriceStore
from tickgraph.model.training import TrainingProgram
from tickgraph.model.training_config import TrainingConfig
from tickgraph.object_place import Place
from tickgraph.pipeline.fitting_universe import universe_at_hand
from tickgraph.pipeline.gathering import stored_prices
from tickgraph.pipeline.train import train_one
from tickgraph.registry.metadata import ModelMetadata
from tickgraph.registry.registry import ModelRegistry
from tickgraph.shared.news import news_of
from tickgraph.shared.shared_settings import SharedSettings


@dataclass(frozen=True)
class Workplace:
    """Folders, source and configuration of training.

    Attributes
    ----------
    peer_pool
        Symbols that peers are chosen from; empty means all that the source lists.
    aliases
        Former names of symbols. A worker process takes over these, and the exchange.
    exchange
        The exchange in force.
    shared
        Redis that hears of what is published, with its space; None tells nobody.
    access
        What live sources need besides their name; None reads it from the environment.
    """

    models_dir: Place
    prices_dir: Place
    source: str = "sample"
    source_path: Path | None = None
    peer_pool: tuple[Symbol, ...] = ()
    training: TrainingConfig = field(default_factory=TrainingConfig)
    aliases: Mapping[str, str] = field(default_factory=dict)
    access: Access | None = None
    exchange: str = NEW_YORK
    shared: SharedSettings | None = None

    def open_registry(self) -> ModelRegistry:
        """The models; others hear of what is published."""
        return ModelRegistry(self.models_dir, news=news_of(self.shared) if self.shared else None)

    def train(self, symbol: Symbol, program: TrainingProgram) -> ModelMetadata:
        """Train one symbol on stored prices and publish it: ``tickgraph train`` makes the same of the same prices.

        No source is asked for newer prices and no universe is fitted, so that no request waits for them: the model is
        drawn to the published fit, or to the one that ships. A symbol that has a model is trained on the same source
        again.

        Raises
        ------
        PriceDataError
            The symbol has no stored prices, or too few.
        StorageError
            The model cannot be written.
        """
        store, name = PriceStore(self.prices_dir), self._source_of(symbol)
        stored = store.symbols(name)
        if symbol not in stored:
            raise PriceDataError(
                f"No prices of {symbol} are stored from source {name!r}. "
                f"Run: tickgraph prices update --symbols {symbol} --source {name}"
            )
        pool: Sequence[str] = self.peer_pool
        if not pool:
            is_own = name == self.source
            pool = open_source(name, self.source_path, access=self.access).symbols() if is_own else stored
        prices = stored_prices(store, name, (symbol,), pool)
        registry = self.open_registry()
        universe = universe_at_hand(registry, name, program.config)
        return train_one(prices.panel, symbol, prices.pool, program, registry, universe=universe)

    def basis(self, symbol: Symbol) -> str | None:
        """What tells one training of a symbol from the next: its weights, which new correlations leave as they are."""
        try:
            return ModelRegistry(self.models_dir).metadata(symbol).checksums.weights
        except ModelNotFoundError:
            return None
        except ArtefactError:
            return "damaged"

    def _source_of(self, symbol: Symbol) -> str:
        """Source that a symbol's model was trained on; without a model the service's."""
        try:
            return ModelRegistry(self.models_dir).metadata(symbol).data_stats.source
        except ArtefactError:  # there is no model, or none that can be read
            return self.source
