"""The product's network trained on the graphs of all symbols at once, and that network fine-tuned per symbol."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from tickgraph.errors import HistoryTooShortError, PriceDataError, reason_of
from tickgraph.graph.snapshots import Snapshots
from tickgraph.lab.evaluation.forecasters.method import ForecastMethod, Trained
from tickgraph.lab.evaluation.forecasters.symbol_networks import (
    SymbolForecasts,
    SymbolModel,
    train_each,
    windowed,
)
from tickgraph.lab.side_by_side import Check
from tickgraph.market.panel import PricePanel
from tickgraph.model.choice import choose_all
from tickgraph.model.fitting import fitting_data
from tickgraph.model.training import program_for, training_example
from tickgraph.model.training_config import TrainingConfig
from tickgraph.model.weights import Weights, symbol_seed

KEPT = ("sessions", "features", "adjacency", "targets")  # of the graphs that training takes
MOST_ROWS = 65_536
"""Graphs in the pool. If there are more, each symbol gives a random part: neighbouring sessions are alike."""

_Window = tuple[str, tuple[str, ...]]


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
        By symbol, why a symbol that should have a graph has none.
    """

    weights: Weights
    peers: Mapping[str, tuple[str, ...]]
    failed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PooledTraining:
    """Trains the one model of each window once, for both methods that use it.

    Attributes
    ----------
    config
        Training of one symbol.
    epochs
        Passes over the pool. With S symbols that is S times epochs / 20 as many steps as one symbol's model
        takes in 20.
    """

    config: TrainingConfig
    epochs: int
    _models: dict[_Window, PooledModel] = field(default_factory=dict)
    _locks: dict[_Window, threading.Lock] = field(default_factory=dict)

    @property
    def settings(self) -> Mapping[str, object]:
        """What changes the model."""
        return {**self.config.model_dump(), "pool_epochs": self.epochs, "pool_rows": MOST_ROWS}

    def model(self, past: PricePanel, check: Check) -> PooledModel:
        """The model of this window; the first thread that asks trains it, others wait."""
        window = past.data_version, past.symbols
        with self._locks.setdefault(window, threading.Lock()):
            if window not in self._models:
                self._models[window] = self._train(past, check)
            return self._models[window]

    def _train(self, past: PricePanel, check: Check) -> PooledModel:
        config = windowed(self.config, past)
        seed = symbol_seed(config.seed, "pooled")
        share = max(1, MOST_ROWS // len(past.symbols))
        peers: dict[str, tuple[str, ...]] = {}
        parts: list[Snapshots] = []
        failed: dict[str, str] = {}
        choices = choose_all(past, past.symbols, config)
        for symbol in past.symbols:
            check()
            try:
                data = fitting_data(past, symbol, config, choice=choices.get(symbol))
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
        # A program takes the rows of a window less its held-out part. This window leaves room for the pool.
        sessions = round(len(pool) / (1 - config.calibration_fraction))
        while sessions - round(sessions * config.calibration_fraction) < len(pool):
            sessions += 1
        pooled = config.model_copy(update={"sessions": sessions, "epochs": self.epochs})
        trained = program_for(pooled).train(training_example(pool, pooled), seed)
        return PooledModel(trained.weights, peers, failed)


def pooled(training: PooledTraining) -> ForecastMethod:
    """One network for all symbols, each forecast on its own graph."""

    def train(past: PricePanel, check: Check) -> Trained:
        model = training.model(past, check)
        models = {symbol: SymbolModel(peers, model.weights) for symbol, peers in model.peers.items()}
        return SymbolForecasts(models, training.config, failed=dict(model.failed))

    return ForecastMethod(
        "gnn-global",
        "model",
        f"One graph network for all symbols: the same architecture, {training.epochs} passes over all their graphs.",
        training.settings,
        train,
    )


def fine_tuned(training: PooledTraining, epochs: int, learning_rate: float) -> ForecastMethod:
    """The network for all symbols, trained for a few more epochs on each symbol's own graphs."""

    def train(past: PricePanel, check: Check) -> Trained:
        start = training.model(past, check).weights
        config = windowed(training.config, past).model_copy(
            update={"epochs": epochs, "learning_rate": learning_rate}
        )
        program = program_for(config)
        choices = choose_all(past, past.symbols, config)

        def model_of(symbol: str) -> SymbolModel:
            data = fitting_data(past, symbol, config, choice=choices.get(symbol))
            example = training_example(data.training, config, start=start)
            trained = program.train(example, symbol_seed(config.seed, symbol), start=start)
            return SymbolModel(data.peers, trained.weights)

        models, failed = train_each(past, model_of, check)
        return SymbolForecasts(models, training.config, failed=failed)

    return ForecastMethod(
        "gnn-fine-tuned",
        "model",
        f"The network for all symbols, then {epochs} epochs on each symbol's own graphs at learning rate "
        f"{learning_rate:g}.",
        {**training.settings, "tuning_epochs": epochs, "tuning_learning_rate": learning_rate},
        train,
    )


def _drawn(graphs: Snapshots, most: int, seed: int) -> Snapshots:
    """At most ``most`` of a symbol's graphs, drawn at random."""
    rows = np.arange(len(graphs))
    if len(graphs) > most:
        rows = np.sort(np.random.default_rng([seed, 3]).choice(rows, most, replace=False))
    return _uncorrelated({name: getattr(graphs, name)[rows] for name in KEPT})


def _joined(parts: list[Snapshots]) -> Snapshots:
    return _uncorrelated({name: np.concatenate([getattr(part, name) for part in parts]) for name in KEPT})


def _uncorrelated(arrays: dict[str, np.ndarray]) -> Snapshots:
    """Graphs without their correlations, which training does not need: zeros that take no memory."""
    return Snapshots(correlation=np.broadcast_to(np.float64(0.0), arrays["adjacency"].shape), **arrays)
