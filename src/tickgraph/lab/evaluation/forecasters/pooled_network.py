"""The product's network trained on the graphs of all symbols at once, and that network fine-tuned per symbol."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np

from tickgraph.errors import HistoryTooShortError, PriceDataError, reason_of
from tickgraph.graph.snapshots import Snapshots, build_snapshots
from tickgraph.lab.evaluation.forecasters.graph_network import (
    SymbolModel,
    forecasts_of,
    train_each,
    windowed,
)
from tickgraph.lab.evaluation.forecasters.method import Check, Kind, Trained
from tickgraph.lab.evaluation.forecasters.programs import Programs
from tickgraph.market.panel import PricePanel
from tickgraph.model.config import TrainingConfig
from tickgraph.model.fitting import fitting_data
from tickgraph.model.training import training_example
from tickgraph.model.weights import Weights, symbol_seed

MOST_ROWS = 65_536
"""Graphs in the pool. Where there are more, each symbol gives a random part: neighbouring sessions are alike."""


@dataclass(frozen=True)
class PooledModel:
    """One model for all symbols of a window.

    Attributes
    ----------
    weights
        Its arrays.
    peers
        Peers of each symbol that has a graph in the window.
    failed
        Why there are none, by symbol that should have a graph.
    """

    weights: Weights
    peers: Mapping[str, tuple[str, ...]]
    failed: Mapping[str, str] = field(default_factory=dict)


class PooledTraining:
    """Trains the one model of a window, once for all who ask.

    Parameters
    ----------
    config
        Training of one symbol.
    epochs
        Passes over the pool. With S symbols that is S times epochs / 20 as many steps as one symbol's model
        takes in 20.
    programs
        Compiled programs.
    """

    def __init__(self, config: TrainingConfig, epochs: int, programs: Programs) -> None:
        self.config = config
        self.epochs = epochs
        self.programs = programs
        self._lock = threading.Lock()
        self._models: dict[tuple[object, ...], Future[PooledModel]] = {}

    @property
    def settings(self) -> Mapping[str, object]:
        """What changes the model."""
        return {**self.config.model_dump(), "pool_epochs": self.epochs, "pool_rows": MOST_ROWS}

    def model(self, past: PricePanel, check: Check) -> PooledModel:
        """The model of this window; the first who asks trains, the others wait."""
        key = (past.data_version, past.symbols)
        with self._lock:
            waiting = self._models.get(key)
            if waiting is None:
                mine = self._models[key] = Future()
        if waiting is not None:
            return waiting.result()
        try:
            model = self._train(past, check)
        except BaseException as error:
            with self._lock:
                del self._models[key]
            mine.set_exception(error)
            raise
        mine.set_result(model)
        return model

    def _train(self, past: PricePanel, check: Check) -> PooledModel:
        config = windowed(self.config, past)
        seed = symbol_seed(config.seed, "pooled")
        share = max(1, MOST_ROWS // len(past.symbols))
        peers: dict[str, tuple[str, ...]] = {}
        parts: list[Snapshots] = []
        failed: dict[str, str] = {}
        for symbol in past.symbols:
            check()
            try:
                data = fitting_data(past, symbol, config)
                drawn = _drawn(data.training, share, symbol_seed(seed, symbol))
            except PriceDataError:
                continue
            except Exception as error:  # noqa: BLE001  foreseen or not, it fails this symbol
                failed[symbol] = reason_of(symbol, error)
                continue
            peers[symbol] = data.peers
            parts.append(drawn)
        if not parts:
            raise HistoryTooShortError("No symbol has the history for a graph in this window.")
        pool = _joined(parts)
        # The program's rows are those of a window, its held-out part apart.
        sessions = round(len(pool) / (1 - config.calibration_fraction))
        while sessions - round(sessions * config.calibration_fraction) < len(pool):
            sessions += 1
        pooled = config.model_copy(update={"sessions": sessions, "epochs": self.epochs})
        trained = self.programs.of(pooled).train(training_example(pool, pooled), seed)
        return PooledModel(trained.weights, peers, failed)


class Pooled:
    """One network for all symbols, each forecast on its own graph."""

    name = "gnn-global"
    kind: Kind = "model"

    def __init__(self, training: PooledTraining) -> None:
        self._training = training
        self.description = (
            f"One graph network for all symbols: the same architecture, {training.epochs} passes over all their "
            "graphs."
        )

    @property
    def settings(self) -> Mapping[str, object]:
        """What changes the model."""
        return self._training.settings

    def train(self, past: PricePanel, check: Check) -> Trained:
        """Train the one model."""
        model = self._training.model(past, check)
        models = {symbol: SymbolModel(peers, model.weights) for symbol, peers in model.peers.items()}
        return forecasts_of(models, self._training.config, build_snapshots, model.failed)


class FineTuned:
    """The network for all, trained on for a few epochs on each symbol's own graphs."""

    name = "gnn-fine-tuned"
    kind: Kind = "model"

    def __init__(self, training: PooledTraining, epochs: int, learning_rate: float) -> None:
        self._training = training
        self._epochs = epochs
        self._learning_rate = learning_rate
        self.description = (
            f"The network for all symbols, then {epochs} epochs on each symbol's own graphs at learning rate "
            f"{learning_rate:g}."
        )

    @property
    def settings(self) -> Mapping[str, object]:
        """What changes the models."""
        return {
            **self._training.settings,
            "tuning_epochs": self._epochs,
            "tuning_learning_rate": self._learning_rate,
        }

    def train(self, past: PricePanel, check: Check) -> Trained:
        """Start each symbol from the one model."""
        pooled = self._training.model(past, check)
        config = windowed(self._training.config, past).model_copy(
            update={"epochs": self._epochs, "learning_rate": self._learning_rate}
        )
        program = self._training.programs.of(config)

        def one(symbol: str) -> SymbolModel:
            data = fitting_data(past, symbol, config)
            example = training_example(data.training, config, start=pooled.weights)
            trained = program.train(example, symbol_seed(config.seed, symbol), start=pooled.weights)
            return SymbolModel(data.peers, trained.weights)

        models, failed = train_each(past, one, check)
        return forecasts_of(models, self._training.config, build_snapshots, failed)


def _drawn(graphs: Snapshots, most: int, seed: int) -> Snapshots:
    """At most so many of a symbol's graphs, drawn at random; correlations are not needed, and let go of."""
    rows = np.arange(len(graphs))
    if len(graphs) > most:
        rows = np.sort(np.random.default_rng([seed, 3]).choice(rows, most, replace=False))
    return Snapshots(
        graphs.sessions[rows],
        graphs.features[rows],
        np.empty((len(rows), 0, 0)),
        graphs.adjacency[rows],
        graphs.targets[rows],
    )


def _joined(parts: list[Snapshots]) -> Snapshots:
    fields = ("sessions", "features", "correlation", "adjacency", "targets")
    return Snapshots(*(np.concatenate([getattr(part, name) for part in parts]) for name in fields))
