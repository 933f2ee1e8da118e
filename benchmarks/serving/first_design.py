"""The first design, run here: a Keras model per symbol in an lru_cache, ``model.predict``, or training on request."""

from __future__ import annotations

import time
from functools import lru_cache
from statistics import median

from tickgraph.graph.snapshots import build_snapshots
from tickgraph.model.network import build_network
from tickgraph.model.training_config import TrainingConfig
from tickgraph.registry.registry import ModelRegistry


def times(registry: ModelRegistry, panel, symbols: list[str]) -> dict[str, float]:
    """Median seconds of a forecast from memory, of the first from disk, and of one trained on request.

    The registry's models are of the network that was handed down.
    """
    nodes = {symbol: registry.metadata(symbol).nodes for symbol in symbols}
    config = registry.metadata(symbols[0]).training_config

    @lru_cache(maxsize=50)
    def model_of(symbol: str):
        model = build_network(config)
        model.load_weights(registry.paths(symbol).weights)
        return model

    def forecast(model, symbol: str) -> float:
        # Correlations and features of the last session, from prices that are in memory.
        latest = build_snapshots(panel.tail(config.history), nodes[symbol], config)
        return float(model.predict([latest.features, latest.adjacency], verbose=0)[0, 0])

    cold, warm = [], []
    for symbol in symbols:
        started = time.perf_counter()
        forecast(model_of(symbol), symbol)
        cold.append(time.perf_counter() - started)
    for symbol in symbols * 5:
        started = time.perf_counter()
        forecast(model_of(symbol), symbol)
        warm.append(time.perf_counter() - started)
    return {
        "memory": median(warm),
        "disk": median(cold),
        "training": median(
            _on_request(panel, nodes[symbol], config, forecast, symbol) for symbol in symbols[:3]
        ),
    }


def _on_request(panel, names: tuple[str, ...], config: TrainingConfig, forecast, symbol: str) -> float:
    import keras

    started = time.perf_counter()
    past = build_snapshots(panel.tail(config.sessions), names, config)
    model = build_network(config)
    model.compile(keras.optimizers.Adam(config.learning_rate), "mse")
    model.fit(
        [past.features[:-1], past.adjacency[:-1]],
        _known(past.targets[:-1]),
        config.batch_size,
        config.epochs,
        0,
    )
    forecast(model, symbol)
    return time.perf_counter() - started


def _known(targets):
    import numpy as np

    return np.nan_to_num(targets)
