"""The product's network, one model per symbol: with its edges, without, and with shuffled ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tickgraph.errors import HistoryTooShortError
from tickgraph.evaluation.forecasters.programs import Programs
from tickgraph.evaluation.forecasters.protocol import Check, Kind, Trained
from tickgraph.graph.snapshots import build_snapshots
from tickgraph.market.panel import PricePanel
from tickgraph.model.config import TrainingConfig
from tickgraph.model.fitting import Wiring, fit, fitting_data
from tickgraph.model.network import forward
from tickgraph.model.training import training_example
from tickgraph.model.weights import Weights, symbol_seed


@dataclass(frozen=True)
class SymbolModel:
    """Weights of one symbol and the peers they are used with."""

    peers: tuple[str, ...]
    weights: Weights


class PerSymbol:
    """What ``tickgraph train`` publishes: :func:`tickgraph.model.fitting.fit` itself."""

    kind: Kind = "model"

    def __init__(self, name: str, description: str, config: TrainingConfig, programs: Programs) -> None:
        self.name = name
        self.description = description
        self._config = config
        self._programs = programs

    @property
    def settings(self) -> Mapping[str, object]:
        """The training configuration."""
        return self._config.model_dump()

    def train(self, past: PricePanel, check: Check) -> Trained:
        """Fit every symbol."""
        program = self._programs.of(windowed(self._config, past))

        def one(symbol: str) -> SymbolModel:
            fitted = fit(past, symbol, program)
            return SymbolModel(fitted.peers, fitted.weights)

        return forecasts_of(train_each(past, one, check), self._config, build_snapshots)


class Rewired:
    """The same network, rows, first weights and steps per symbol, on graphs with other edges.

    Parameters
    ----------
    wiring
        Makes, from the symbols of a window, the way their graphs are built.
    """

    kind: Kind = "ablation"

    def __init__(
        self,
        name: str,
        description: str,
        wiring: Callable[[tuple[str, ...]], Wiring],
        config: TrainingConfig,
        programs: Programs,
    ) -> None:
        self.name = name
        self.description = description
        self._wiring = wiring
        self._config = config
        self._programs = programs

    @property
    def settings(self) -> Mapping[str, object]:
        """The training configuration; its seed draws the edges, too."""
        return self._config.model_dump()

    def train(self, past: PricePanel, check: Check) -> Trained:
        """Train every symbol."""
        config = windowed(self._config, past)
        program, wiring = self._programs.of(config), self._wiring(past.symbols)

        def one(symbol: str) -> SymbolModel:
            data = fitting_data(past, symbol, config, wiring)
            example = training_example(data.training, config)
            return SymbolModel(data.peers, program.train(example, symbol_seed(config.seed, symbol)).weights)

        return forecasts_of(train_each(past, one, check), self._config, wiring)


def windowed(config: TrainingConfig, past: PricePanel) -> TrainingConfig:
    """The configuration for a training window of this length."""
    sessions = len(past.sessions) - config.history
    return config.model_copy(
        update={"sessions": sessions, "min_sessions": min(config.min_sessions, sessions)}
    )


def train_each(past: PricePanel, one: Callable[[str], SymbolModel], check: Check) -> dict[str, SymbolModel]:
    """Train symbol after symbol; one whose history has too many gaps has no model, and no forecast."""
    models = {}
    for symbol in past.symbols:
        check()
        try:
            models[symbol] = one(symbol)
        except HistoryTooShortError:
            continue
    return models


def forecasts_of(models: Mapping[str, SymbolModel], config: TrainingConfig, wiring: Wiring) -> Trained:
    """Forecast each symbol with its model, on the graph of itself and the peers chosen in training."""

    def forecast(panel: PricePanel, count: int) -> NDArray[np.float64]:
        recent = panel.tail(count + config.history - 1)
        returns = np.full((count, len(panel.symbols)), np.nan)
        for symbol, model in models.items():
            snapshots = wiring(recent, (symbol, *model.peers), config)
            if len(snapshots):
                rows = np.searchsorted(panel.sessions[-count:], snapshots.sessions)
                own = forward(model.weights, snapshots.features, snapshots.adjacency)[:, 0]
                returns[rows, panel.column(symbol)] = own
        return returns

    return forecast
