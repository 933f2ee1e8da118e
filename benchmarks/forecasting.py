"""Forecasting, loading and memory: tickgraph against Keras ``predict`` and ``load_weights``."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np

from tickgraph.graph.snapshots import build_snapshots
from tickgraph.graph.variance_features import HISTORY, variance_features
from tickgraph.market.store import PriceStore
from tickgraph.model.network import build_network, forward
from tickgraph.model.variance_network import log_variances
from tickgraph.model.weights import stack_weights, variance_part, weight_shapes
from tickgraph.registry.registry import ModelRegistry
from tickgraph.serving.forecaster import Forecaster

MODELS = 479


def clock(call, repeats: int) -> float:
    """Median seconds of a call, after a warm-up."""
    for _ in range(3):
        call()
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return median(seconds)


def forecast_times(registry: ModelRegistry, panel, store: PriceStore, fewer: int = 1) -> dict[str, float]:
    """Seconds of the network alone and of the whole path, one symbol and all; each is called so many times fewer."""
    symbols = registry.symbols()
    models = [registry.load(symbol, weight_shapes) for symbol in symbols]
    config = models[0].metadata.training_config
    latest = [build_snapshots(panel.tail(config.history), m.metadata.nodes, config) for m in models]
    features = np.concatenate([s.features for s in latest])
    adjacency = np.concatenate([s.adjacency for s in latest])
    heard = variance_features(panel.tail(HISTORY), config.horizons, last=1).values[0]
    variance = np.stack([heard[[panel.columns[node] for node in m.metadata.nodes]] for m in models])
    inputs = features, adjacency, variance
    one, stacked = _parts(models[0].weights), _parts(stack_weights([m.weights for m in models]))
    first, alone = [each[:1] for each in inputs], [each[0] for each in inputs]
    keras_model = build_network(config)
    keras_model.load_weights(registry.paths(symbols[0]).weights)
    forecaster = Forecaster(registry, store)
    forecaster.forecast_all()
    return {
        "symbols": len(symbols),
        "keras predict, one": clock(lambda: keras_model.predict(first, verbose=0), 200 // fewer),
        "network, one": clock(lambda: _network(one, *alone), 2000 // fewer),
        "network, all": clock(lambda: _network(stacked, *inputs), 500 // fewer),
        "whole forecast, one": clock(lambda: forecaster.forecast(symbols[0]), 500 // fewer),
        "whole forecast, all": clock(forecaster.forecast_all, 100 // fewer),
    }


def _parts(weights):
    """Weights of the forecast of the return, and those of the variances."""
    return weights, variance_part(weights)


def _network(weights, features, adjacency, variance):
    """What one network call computes: next returns, and variances over every horizon."""
    returns, variances = weights
    return forward(returns, features, adjacency), log_variances(variances, variance, adjacency)


def loading_times(registry: ModelRegistry, fewer: int = 1) -> dict[str, float]:
    """Seconds to load a model: ours reads, verifies and decodes three files, Keras reads one."""
    symbol = registry.symbols()[0]
    path = registry.paths(symbol).weights
    model = build_network(registry.metadata(symbol).training_config)
    return {
        "keras load_weights": clock(lambda: model.load_weights(path), 100 // fewer),
        "registry load": clock(lambda: registry.load(symbol, weight_shapes), 300 // fewer),
    }


def publish_many(registry: ModelRegistry, root: Path, count: int = MODELS) -> None:
    """Publish many generations, each a real model's under another name."""
    many, symbols = ModelRegistry(root), registry.symbols()
    models = [registry.load(symbol, weight_shapes) for symbol in symbols]
    for number in range(count):
        model = models[number % len(models)]
        name = "Z" + np.base_repr(number, 36).rjust(3, "0")
        many.publish(model.metadata.model_copy(update={"symbol": name}), model.weights, model.correlation)


def memory_per_model(root: Path) -> float:
    """Bytes of resident memory that each loaded model after the first adds, in a process of its own."""
    done = subprocess.run([sys.executable, __file__, root], stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout)


def _resident() -> int:
    import psutil

    return psutil.Process(os.getpid()).memory_info().rss


def _measure(root: Path) -> None:
    registry = ModelRegistry(root)
    models = Forecaster(registry, PriceStore(root)).models
    first, *others = registry.symbols()
    models.get(first)  # libraries come into memory with the first
    before = _resident()
    for symbol in others:
        models.get(symbol)
    print((_resident() - before) / len(others))


if __name__ == "__main__":
    _measure(Path(sys.argv[1]))
