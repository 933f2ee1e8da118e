"""A gated recurrent unit over sequences of the graph's node features, one model for all symbols."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from functools import partial
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")  # before the first import of keras, here or elsewhere

import numpy as np
from numpy.typing import NDArray

from tickgraph.graph.features import num_features
from tickgraph.lab.evaluation.forecasters.method import ForecastMethod, Trained
from tickgraph.lab.evaluation.forecasters.pooled_rows import (
    Rows,
    feature_settings,
    forecast_rows,
    graph_features,
    sequences,
    training_rows,
)
from tickgraph.lab.side_by_side import Check
from tickgraph.market.panel import PricePanel
from tickgraph.model.program import prepare_jax
from tickgraph.model.training_config import TrainingConfig

LENGTH, UNITS, MOST_ROWS = 20, 32, 65_536
BATCH, SMALL_BATCH = 256, 64
Array = Any


@dataclass(frozen=True)
class _Scaling:
    """Mean and spread of features ``[F]``, and of targets, over training."""

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    returns: float

    def of(self, features: NDArray[np.float64]) -> NDArray[np.float32]:
        return ((features - self.mean) / self.spread).astype(np.float32)


def recurrent(config: TrainingConfig, epochs: int) -> ForecastMethod:
    """The unit as a forecast method."""
    return ForecastMethod(
        "gru",
        "baseline",
        f"GRU of {UNITS} units on the last {LENGTH} sessions of the graph's node features, one model for all symbols, "
        f"the best of {epochs} epochs by the held-out fifth.",
        {
            "length": LENGTH,
            "units": UNITS,
            "batch": BATCH,
            "rows": MOST_ROWS,
            "epochs": epochs,
            "learning_rate": config.learning_rate,
            "seed": config.seed,
            **feature_settings(config),
        },
        Recurrent(config, epochs).train,
    )


class Recurrent:
    """GRU (Cho et al. 2014) of Keras, trained by one compiled JAX program.

    The epoch with the least squared error on the held-out fifth is kept. A random part of the rows is left
    out so that the rest is whole batches: windows of nearly the same size then share a program.

    Parameters
    ----------
    config
        Features, window and seed.
    epochs
        Passes over the rows.
    """

    def __init__(self, config: TrainingConfig, epochs: int) -> None:
        self._config = config
        self._epochs = epochs
        self._features = sequences(graph_features(config), LENGTH)
        self._lock = threading.Lock()
        self._network: Any = None
        self._programs: dict[tuple[int, int], Any] = {}

    def train(self, past: PricePanel, check: Check) -> Trained:
        """Train on the rows of all symbols."""
        rows = training_rows(past, self._features, self._config)
        training = rows.features[~rows.held_out]
        spread = training.std(axis=(0, 1))
        scaling = _Scaling(
            training.mean(axis=(0, 1)), np.where(spread > 0, spread, 1.0), float(rows.targets.std()) or 1.0
        )
        weights = self._fit(rows, scaling)

        def predict(features: NDArray[np.float64]) -> NDArray[np.float64]:
            standardised = np.asarray(self._apply(weights, scaling.of(features)), np.float64)
            return standardised * scaling.returns

        def forecast(panel: PricePanel, count: int) -> NDArray[np.float64]:
            return forecast_rows(panel, count, self._features, predict)

        return forecast

    def _fit(self, rows: Rows, scaling: _Scaling) -> list[Array]:
        generator = np.random.default_rng([self._config.seed, 4])
        (x, y), (x_later, y_later) = (
            self._whole_batches(rows, part, scaling, generator) for part in (~rows.held_out, rows.held_out)
        )
        batch = next(size for size in (BATCH, SMALL_BATCH, 1) if len(x) % size == 0)
        order = np.stack(
            [generator.permutation(len(x)).reshape(-1, batch) for _ in range(self._epochs)]
        ).astype(np.int32)
        with self._lock:
            start = self._built()
            shape = (len(x), len(x_later))
            if shape not in self._programs:
                import jax

                program = jax.jit(partial(_train, self._network, self._config.learning_rate))
                self._programs[shape] = program.lower(start, x, y, x_later, y_later, order).compile()
        best: list[Array] = self._programs[shape](start, x, y, x_later, y_later, order)
        return best

    def _whole_batches(
        self, rows: Rows, part: NDArray[np.bool_], scaling: _Scaling, generator: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        indices = np.flatnonzero(part)
        unit = next(size for size in (4 * BATCH, SMALL_BATCH, 1) if len(indices) >= 4 * size or size == 1)
        count = min(len(indices) // unit * unit, MOST_ROWS)
        chosen = generator.choice(indices, count, replace=False)
        return scaling.of(rows.features[chosen]), (rows.targets[chosen] / scaling.returns).astype(np.float32)

    def _apply(self, weights: list[Array], sequences: NDArray[np.float32]) -> Array:
        import jax

        if not hasattr(self, "_forward"):
            self._forward = jax.jit(partial(_forecast, self._network))
        return self._forward(weights, sequences)

    def _built(self) -> list[Array]:
        """First weights, the same for every window; the network is built once."""
        if self._network is None:
            prepare_jax()
            import keras

            seed = self._config.seed
            self._network = keras.Sequential(
                [
                    keras.Input((LENGTH, num_features(self._config.architecture))),
                    keras.layers.GRU(
                        UNITS,
                        kernel_initializer=keras.initializers.GlorotUniform(seed),
                        recurrent_initializer=keras.initializers.Orthogonal(seed=seed),
                    ),
                    keras.layers.Dense(1, kernel_initializer=keras.initializers.GlorotUniform(seed)),
                ]
            )
        return [np.asarray(variable) for variable in self._network.trainable_variables]


def _forecast(network: Any, weights: list[Array], sequences: Array) -> Array:
    state = [variable.value for variable in network.non_trainable_variables]
    return network.stateless_call(weights, state, sequences)[0][:, 0]


def _train(
    network: Any,
    learning_rate: float,
    start: list[Array],
    x: Array,
    y: Array,
    x_later: Array,
    y_later: Array,
    order: Array,
) -> list[Array]:
    """Run every epoch and batch in one XLA loop with Keras' Adam; the weights of the epoch that forecast best."""
    import jax
    import keras
    from jax import numpy as jnp

    optimizer = keras.optimizers.Adam(learning_rate)
    optimizer.build(network.trainable_variables)
    first = [jnp.asarray(variable.value) for variable in optimizer.variables]

    def error(weights: list[Array], sequences: Array, targets: Array) -> Array:
        return jnp.mean((_forecast(network, weights, sequences) - targets) ** 2)

    def step(state: tuple[Any, ...], rows: Array) -> tuple[tuple[Any, ...], None]:
        weights, moments = state
        gradient = jax.grad(error)(weights, x[rows], y[rows])
        weights, moments = optimizer.stateless_apply(moments, gradient, weights)
        return (list(weights), list(moments)), None

    def epoch(state: tuple[Any, ...], batches: Array) -> tuple[tuple[Any, ...], None]:
        running, best, least = state
        running, _ = jax.lax.scan(step, running, batches)
        later = error(running[0], x_later, y_later)
        best = [jnp.where(later < least, new, old) for new, old in zip(running[0], best, strict=True)]
        return (running, best, jnp.minimum(later, least)), None

    (_, best, _), _ = jax.lax.scan(epoch, ((start, first), start, jnp.float32(jnp.inf)), order)
    return best
