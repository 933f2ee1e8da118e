"""One contestant of the training benchmark, in a process of its own: prints its timings as JSON.

Usage: python benchmarks/contestant.py {tickgraph,keras-once,keras-new} DATA.npz TRAINING_CONFIG
"""

from __future__ import annotations

import time

BORN = time.perf_counter()

import json  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
from concurrent.futures import ThreadPoolExecutor  # noqa: E402
from types import SimpleNamespace  # noqa: E402

os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"  # every contestant compiles, every time

import numpy as np  # noqa: E402

from tickgraph.model.training import TrainingProgram, training_example  # noqa: E402
from tickgraph.model.training_config import TrainingConfig  # noqa: E402
from tickgraph.model.weights import initial_weights  # noqa: E402


def read(path):
    with np.load(path) as data:
        count = len([name for name in data.files if name.startswith("features")])
        return [
            SimpleSnapshots(data[f"features_{i}"], data[f"adjacency_{i}"], data[f"targets_{i}"])
            for i in range(count)
        ]


class SimpleSnapshots(SimpleNamespace):
    """The three arrays that training reads of a symbol's snapshots."""

    def __init__(self, features, adjacency, targets):
        super().__init__(features=features, adjacency=adjacency, targets=targets)
        self.present = np.diagonal(adjacency, axis1=-2, axis2=-1) > 0

    def __len__(self):
        return len(self.features)

    def __getitem__(self, rows):
        return SimpleSnapshots(self.features[rows], self.adjacency[rows], self.targets[rows])


def with_tickgraph(config, symbols):
    started = time.perf_counter()
    program = TrainingProgram(config)
    program.compile()
    compiled = time.perf_counter()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    with ThreadPoolExecutor(cores) as pool:
        work = [(training_example(snapshots, config), seed) for seed, snapshots in enumerate(symbols)]
        losses = [trained.losses[-1] for trained in pool.map(lambda item: program.train(*item), work)]
    return compiled - started, time.perf_counter() - compiled, losses


def with_keras(config, symbols, *, once):
    """``fit`` as Keras documents it: the network of build_network, Adam, mean squared error."""
    import keras

    from tickgraph.model.network import build_network

    def new():
        model = build_network(config)
        model.compile(keras.optimizers.Adam(config.learning_rate), "mse")
        return model

    def fit(model, index, epochs=config.epochs):
        example = training_example(symbols[index], config)
        first = initial_weights(config, index)
        model.set_weights([example.feature_mean, example.feature_scale, *first.values()])
        rows = len(symbols[index])
        inputs = [symbols[index].features, symbols[index].adjacency]
        history = model.fit(
            inputs, example.targets[:rows], batch_size=config.batch_size, epochs=epochs, verbose=0
        )
        return history.history["loss"][-1]

    started = time.perf_counter()
    model = None
    if once:
        model = new()
        fit(model, 0, epochs=1)  # compiles
    compiled = time.perf_counter()
    losses = []
    for index in range(len(symbols)):
        if once:
            for variable in model.optimizer.variables[2:]:  # a new model's Adam: moments of zero
                variable.assign(np.zeros(variable.shape, variable.dtype))
            model.optimizer.iterations.assign(0)
        losses.append(fit(model or new(), index))
    return compiled - started, time.perf_counter() - compiled, losses


def main():
    name, path, training = sys.argv[1:]
    config, symbols = TrainingConfig.model_validate_json(training), read(path)
    ready = time.perf_counter()
    if name == "tickgraph":
        compiling, training, losses = with_tickgraph(config, symbols)
    else:
        compiling, training, losses = with_keras(config, symbols, once=name == "keras-once")
    print(
        json.dumps(
            {
                "import and read": ready - BORN,
                "compile": compiling,
                "training": training,
                "loss": float(np.mean(losses)),
                "symbols": len(losses),
            }
        )
    )


if __name__ == "__main__":
    main()
