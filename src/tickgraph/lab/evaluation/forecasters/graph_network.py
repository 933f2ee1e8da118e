"""The product's network, one model per symbol: with its edges, without, and with shuffled ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tickgraph.errors import PriceDataError, StorageError, reason_of
from tickgraph.graph.snapshots import build_snapshots
from tickgraph.lab.evaluation.forecasters.method import Check, Kind, Trained
from tickgraph.lab.evaluation.forecasters.programs import Programs
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

        models, failed = train_each(past, one, check)
        return forecasts_of(models, self._config, build_snapshots, failed)


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

        models, failed = train_each(past, one, check)
        return forecasts_of(models, self._config, wiring, failed)


def windowed(config: TrainingConfig, past: PricePanel) -> TrainingConfig:
    """The configuration for a training window of this length."""
    sessions = len(past.sessions) - config.history
    return config.model_copy(
        update={"sessions": sessions, "min_sessions": min(config.min_sessions, sessions)}
    )


def train_each(
    past: PricePanel, one: Callable[[str], SymbolModel], check: Check
) -> tuple[dict[str, SymbolModel], dict[str, str]]:
    """Train symbol after symbol; gives the models, and why there is none by symbol that should have one.

    A symbol whose history has too many gaps or no moves has no model, and no forecast.
    """
    models, failed = {}, {}
    for symbol in past.symbols:
        check()
        try:
            models[symbol] = one(symbol)
        except PriceDataError:
            continue
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001  foreseen or not, it fails this symbol
            failed[symbol] = reason_of(symbol, error)
    return models, failed


@dataclass(frozen=True)
class SymbolForecasts:
    """Forecasts each symbol with its model, on the graph of itself and the peers chosen in training.

    Attributes
    ----------
    models
        By symbol.
    config, wiring
        How the graphs are built.
    failed
        Why there is no forecast, by symbol that should have one.
    """

    models: Mapping[str, SymbolModel]
    config: TrainingConfig
    wiring: Wiring
    failed: dict[str, str]

    def __call__(self, panel: PricePanel, count: int) -> NDArray[np.float64]:
        """Forecast the last ``count`` sessions, as :data:`tickgraph.lab.evaluation.forecasters.method.Trained`."""
        recent = panel.tail(count + self.config.history - 1)
        returns = np.full((count, len(panel.symbols)), np.nan)
        for symbol, model in self.models.items():
            try:
                snapshots = self.wiring(recent, (symbol, *model.peers), self.config)
                if len(snapshots):
                    rows = np.searchsorted(panel.sessions[-count:], snapshots.sessions)
                    own = forward(model.weights, snapshots.features, snapshots.adjacency)[:, 0]
                    returns[rows, panel.column(symbol)] = own
            except Exception as error:  # noqa: BLE001  foreseen or not, it fails this symbol
                self.failed[symbol] = reason_of(symbol, error)
        return returns


def forecasts_of(
    models: Mapping[str, SymbolModel],
    config: TrainingConfig,
    wiring: Wiring,
    failed: Mapping[str, str] | None = None,
) -> SymbolForecasts:
    """Forecast each symbol with its model; ``failed`` says why some have none."""
    return SymbolForecasts(models, config, wiring, dict(failed or {}))
