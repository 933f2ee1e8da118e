"""What a run fits, as data that can be sent to another machine; and what an engine is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from tickgraph.market.calendar import exchange
from tickgraph.market.panel import PricePanel
from tickgraph.market.spelling import Symbol
from tickgraph.model.choice import Choice, choose, training_window
from tickgraph.model.fitting import FittedModel, fitting
from tickgraph.model.stack import Fitting, alone
from tickgraph.model.training import TrainingProgram
from tickgraph.model.training_config import TrainingConfig
from tickgraph.model.weights import symbol_seed
from tickgraph.pipeline.fitting_universe import RunUniverse
from tickgraph.registry.library_versions import library_versions
from tickgraph.registry.metadata import ModelMetadata
from tickgraph.registry.training_record import TrainingRecord


@dataclass(frozen=True)
class Plan:
    """What the models of a run are fitted on.

    Attributes
    ----------
    panel
        Prices of every symbol and of the pool.
    choices
        Session and peers of each symbol; a symbol that has no price is left out.
    config
        Architecture and training.
    pool
        Symbols that peers are chosen from; None is every symbol of the panel.
    universe
        What the models are drawn to; None makes models of the next session's return alone.
    """

    panel: PricePanel
    choices: Mapping[str, Choice]
    config: TrainingConfig
    pool: tuple[str, ...] | None = None
    universe: RunUniverse | None = None

    def fitting(self, symbol: Symbol, program: TrainingProgram) -> Fitting[FittedModel]:
        """Fit a symbol, and leave the runs of compiled programs to the caller."""
        choice = self.choices.get(symbol) or choose(self.panel, (symbol,), self.config, self.pool).get(symbol)
        fit, prices = (self.universe.fit, self.universe.prices_of(choice)) if self.universe else (None, None)
        return fitting(self.panel, symbol, program, choice, fit, prices)

    def fit(self, symbol: Symbol, program: TrainingProgram) -> FittedModel:
        """Fit a symbol; errors as in :func:`tickgraph.model.fitting.fit`."""
        return alone(self.fitting(symbol, program))

    def data_version(self, symbol: Symbol) -> str | None:
        """Digest of the prices that a symbol's model would be fitted on; None where it cannot be fitted."""
        choice = self.choices.get(symbol)
        if choice is None or choice.peers is None:
            return None
        window = training_window(self.panel.through(choice.session), self.config)
        return window.select((symbol, *choice.peers)).data_version

    def would_make(self, symbol: Symbol, known: ModelMetadata) -> bool:
        """Whether a symbol's model was fitted on these very prices, in the same way, by the same versions."""
        choice, universe = self.choices.get(symbol), self.universe
        how = TrainingRecord(
            **self.config.model_copy(update={} if universe else {"horizons": ()}).model_dump(),
            correlated_symbols=(choice.peers if choice else None) or (),
            symbol_seed=symbol_seed(self.config.seed, symbol),
        )
        drawn_to = known.variance.universe if known.variance else None
        return (
            known.training_config == how
            and drawn_to == (universe.fit.version if universe else None)
            and known.versions == library_versions()
            and known.data_stats.exchange == exchange()
            and known.data_version == self.data_version(symbol)
        )


Publish = Callable[[FittedModel], ModelMetadata]


class Engine(Protocol):
    """Fits the symbols of a plan, and publishes each from this process as soon as it is fitted."""

    def start(
        self, plan: Plan, symbols: Sequence[Symbol], program: TrainingProgram, publish: Publish
    ) -> dict[Future[ModelMetadata], Symbol]:
        """Begin; each symbol's future ends with the metadata of its published model, or with its error."""
        ...

    def close(self) -> None:
        """Begin nothing more, cancel what has not begun, and wait for what has."""
        ...
