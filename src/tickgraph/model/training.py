"""The compiled training program: one shape, compiled once, run for every symbol on every core.

The program is a pure function of arrays, so that threads run it side by side: XLA computes outside the
interpreter's lock. Weights and shuffles are drawn outside, from the symbol's own seed; a symbol trained
alone or among others goes through the same numbers.
"""

from __future__ import annotations

import contextlib
import os
import threading
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickgraph.graph.features import VOLATILITY, num_features
from tickgraph.graph.snapshots import Snapshots
from tickgraph.model.config import TrainingConfig
from tickgraph.model.functional import normalise_adjacency, propagate, propagate_residual, standardise
from tickgraph.model.network import forward_propagated
from tickgraph.model.weights import (
    FEATURE_MEAN,
    FEATURE_SCALE,
    HEAD_BIAS,
    HEAD_KERNEL,
    Weights,
    initial_weights,
    trainable_shapes,
)

Array = Any

# Kingma & Ba 2015, arXiv:1412.6980, with Keras's epsilon.
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7


@dataclass(frozen=True)
class TrainingExample:
    """One symbol's training rows, in the units the program works in.

    Attributes
    ----------
    propagated
        ``[R, N, F]`` float32, normalised adjacency times standardised features; ``[R, N, 2 F]`` for
        ``"residual"``, with what sets each node apart beside it.
    propagation
        ``[R, N, N]`` float32, normalised adjacency.
    adjacency
        ``[R, N, N]`` float32.
    targets
        ``[R, N]`` float32, log returns divided by ``return_scale``, or :func:`residual_targets`; 0 where unknown.
    known
        ``[R, N]`` float32, 1 where the target counts; padding rows are 0 throughout.
    feature_mean, feature_scale
        ``[F]`` float32 over the present nodes of the rows.
    return_scale
        Standard deviation of the known targets, a daily log return.
    """

    propagated: NDArray[np.float32]
    propagation: NDArray[np.float32]
    adjacency: NDArray[np.float32]
    targets: NDArray[np.float32]
    known: NDArray[np.float32]
    feature_mean: NDArray[np.float32]
    feature_scale: NDArray[np.float32]
    return_scale: float

    def arrays(self) -> tuple[NDArray[np.float32], ...]:
        """The program's operands."""
        return self.propagated, self.propagation, self.adjacency, self.targets, self.known


@dataclass(frozen=True)
class TrainedWeights:
    """What training gives: weights in the units of prices, and the loss of each epoch.

    ``losses`` is ``[epochs]`` float64, the mean squared error over the epoch in the units that the
    program works in. 1 is the error of forecasting zero for ``"baseline"``, whose returns are standardised; what
    it is for ``"residual"`` depends on the graph.
    """

    weights: Weights
    losses: NDArray[np.float64]


def training_example(
    snapshots: Snapshots, config: TrainingConfig, start: Weights | None = None
) -> TrainingExample:
    """Standardise, propagate and pad a symbol's training snapshots to the program's shape.

    Scaling is measured on these snapshots only; with the weights that training is to start from, features
    keep the scaling that these were trained with. More rows than the program has keep the latest.
    """
    snapshots = snapshots[max(0, len(snapshots) - config.training_sessions) :]
    present = snapshots.present
    known = np.isfinite(snapshots.targets) & present
    seen = snapshots.features[present]  # [nodes seen, F]
    mean = seen.mean(axis=0, dtype=np.float64).astype(np.float32)
    scale = seen.std(axis=0, dtype=np.float64).astype(np.float32)
    scale = np.where(scale > 0, scale, 1.0).astype(np.float32)
    if start is not None:
        mean, scale = start[FEATURE_MEAN], start[FEATURE_SCALE]
    propagation = normalise_adjacency(snapshots.adjacency)
    nodes = standardise(snapshots.features, mean, scale)
    if config.architecture == "residual":
        targets, known = residual_targets(snapshots, known)
        propagated = propagate_residual(nodes, propagation)
        return_scale = 1.0
    else:
        return_scale = float(snapshots.targets[known].std(dtype=np.float64)) or 1.0
        targets = snapshots.targets / return_scale
        propagated = propagate(nodes, propagation)

    def pad(rows: NDArray[Any]) -> NDArray[np.float32]:
        width = [(0, config.training_sessions - len(rows))] + [(0, 0)] * (rows.ndim - 1)
        return np.pad(rows, width).astype(np.float32)

    return TrainingExample(
        propagated=pad(propagated),
        propagation=pad(propagation),
        adjacency=pad(snapshots.adjacency),
        targets=pad(np.where(known, targets, 0.0)),
        known=pad(known),
        feature_mean=mean,
        feature_scale=scale,
        return_scale=return_scale,
    )


TARGET_BOUND = 4.0


def residual_targets(
    snapshots: Snapshots, known: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    r"""Returns in units of each node's volatility, less what its neighbours did.

    .. math:: y_i = z_i - \frac{\sum_{j \ne i} a_{ij} z_j}{\sum_{j \ne i} a_{ij}}, \qquad z_i = r_i / \sigma_i

    The part of a return that all share is far larger than the rest, and nothing here forecasts it. A network
    that learns what is left forecasts a node against its neighbours, and no move of them all. Both arrays are
    ``[T, N]``.
    """
    volatility = snapshots.features[..., VOLATILITY]
    known = known & (volatility > 0)
    z = np.where(known, snapshots.targets / np.where(volatility > 0, volatility, 1.0), 0.0)
    z = np.clip(z, -TARGET_BOUND, TARGET_BOUND)
    diagonal = np.arange(snapshots.adjacency.shape[-1])
    edges = snapshots.adjacency * known[:, None, :]
    edges[:, diagonal, diagonal] = 0.0
    total = edges.sum(axis=-1)  # [T, N]
    shared = (edges @ z[..., None])[..., 0] / np.where(total > 0, total, 1.0)
    return (z - shared).astype(np.float32), known


def shuffles(config: TrainingConfig, seed: int) -> NDArray[np.int32]:
    """Draw the rows of every batch: ``[epochs, batches, batch_size]`` int32, each epoch a permutation.

    Where the batch size does not divide the rows, the last batch is completed with rows beyond the end,
    which the program reads as padding.
    """
    generator = np.random.default_rng([seed, 1])
    rows, size = config.training_sessions, config.batch_size
    batches = -(-rows // size)
    order = np.full((config.epochs, batches * size), rows, np.int32)
    for epoch in order:
        epoch[:rows] = generator.permutation(rows)
    return order.reshape(config.epochs, batches, size)


class TrainingProgram:
    """The training program of one configuration, compiled on first use, safe to run from many threads.

    Attributes
    ----------
    compilations
        How often XLA compiled it: 1, however many symbols are trained.
    """

    def __init__(self, config: TrainingConfig) -> None:
        self.config = config
        self.compilations = 0
        self._lock = threading.Lock()
        self._executable: Any = None

    def compile(self) -> None:
        """Compile, unless that was done before."""
        with self._lock:
            if self._executable is not None:
                return
            prepare_jax()
            import jax

            program = jax.jit(partial(_train, self.config.learning_rate, self.config.weight_decay))
            self._executable = program.lower(*_operand_shapes(self.config)).compile()
            self.compilations += 1

    def train(self, example: TrainingExample, seed: int, start: Weights | None = None) -> TrainedWeights:
        """Train one symbol.

        Parameters
        ----------
        example
            From :func:`training_example`, with the same configuration.
        seed
            From :func:`tickgraph.model.weights.symbol_seed`.
        start
            Weights in the units of prices to go on from; the example must have been made with them. None
            draws first values.

        Raises
        ------
        FloatingPointError
            The loss or a weight is not finite.
        """
        self.compile()
        first = initial_weights(self.config, seed) if start is None else _in_units_of(example, start)
        weights, losses = self._executable(first, *example.arrays(), shuffles(self.config, seed))
        return _in_units_of_prices(
            {k: np.asarray(v) for k, v in weights.items()}, np.asarray(losses), example
        )


_programs: dict[TrainingConfig, TrainingProgram] = {}
_programs_lock = threading.Lock()


def program_for(config: TrainingConfig) -> TrainingProgram:
    """Give this process's one program of a configuration: a process that trains again does not compile again."""
    with _programs_lock:
        return _programs.setdefault(config, TrainingProgram(config))


def prepare_jax() -> None:
    """Set JAX up for programs that threads run side by side; before anything else imports it."""
    # Each thread trains a symbol of its own: a second pool of threads inside XLA would fight it.
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
    _keep_compiled_programs()


def _keep_compiled_programs() -> None:
    """Let JAX keep compiled programs on disk: the next process reads in 0.2 s what took this one over a second.

    In the user's cache folder, unless JAX was told where (``JAX_COMPILATION_CACHE_DIR``) or not to
    (``JAX_ENABLE_COMPILATION_CACHE=false``). A folder that cannot be made costs only the time.
    """
    import jax
    from platformdirs import user_cache_path

    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    if getattr(jax.config, "jax_compilation_cache_dir", None) is None:
        folder = user_cache_path("tickgraph", appauthor=False) / "xla"
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            jax.config.update("jax_compilation_cache_dir", str(folder))


def _operand_shapes(config: TrainingConfig) -> tuple[Any, ...]:
    import jax

    rows, n = config.training_sessions, config.num_stocks
    width = num_features(config.architecture) * (2 if config.architecture == "residual" else 1)
    batches = -(-rows // config.batch_size)
    single = partial(jax.ShapeDtypeStruct, dtype=np.float32)
    return (
        {path: single(shape) for path, shape in trainable_shapes(config).items()},
        single((rows, n, width)),
        single((rows, n, n)),
        single((rows, n, n)),
        single((rows, n)),
        single((rows, n)),
        jax.ShapeDtypeStruct((config.epochs, batches, config.batch_size), np.int32),
    )


def _in_units_of_prices(
    weights: Weights, losses: NDArray[np.float32], example: TrainingExample
) -> TrainedWeights:
    """Fold the return scale into the head and add the feature scaling, so that the file is the whole model."""
    if not np.isfinite(losses).all() or not all(np.isfinite(value).all() for value in weights.values()):
        raise FloatingPointError(
            "training diverged: the loss or a weight is not finite. Lower learning_rate."
        )
    scale = np.float32(example.return_scale)
    return TrainedWeights(
        weights={
            FEATURE_MEAN: example.feature_mean,
            FEATURE_SCALE: example.feature_scale,
            **weights,
            HEAD_KERNEL: weights[HEAD_KERNEL] * scale,
            HEAD_BIAS: weights[HEAD_BIAS] * scale,
        },
        losses=losses.astype(np.float64),
    )


def _in_units_of(example: TrainingExample, weights: Weights) -> Weights:
    """Trainable arrays in the units that the program works in: the inverse of :func:`_in_units_of_prices`."""
    if any(
        (weights[path] != scaling).any()
        for path, scaling in ((FEATURE_MEAN, example.feature_mean), (FEATURE_SCALE, example.feature_scale))
    ):
        raise ValueError(
            "The example must have the feature scaling of the weights that training starts from."
        )
    scale = np.float32(example.return_scale)
    own = {path: value for path, value in weights.items() if path not in (FEATURE_MEAN, FEATURE_SCALE)}
    return own | {HEAD_KERNEL: own[HEAD_KERNEL] / scale, HEAD_BIAS: own[HEAD_BIAS] / scale}


def _train(
    learning_rate: float,
    weight_decay: float,
    weights: dict[str, Array],
    propagated: Array,
    propagation: Array,
    adjacency: Array,
    targets: Array,
    known: Array,
    order: Array,
) -> tuple[dict[str, Array], Array]:
    """Run every epoch and batch inside one XLA loop, Adam on the weights as one flat vector."""
    import jax
    from jax import numpy as jnp
    from jax.flatten_util import ravel_pytree

    start, unflatten = ravel_pytree(weights)
    operands = (propagated, propagation, adjacency, targets, known)

    def squared_error(vector: Array, batch: tuple[Array, ...]) -> tuple[Array, Array]:
        *graph, target, weight = batch
        error = forward_propagated(unflatten(vector), *graph) - target  # [B, N]
        total, count = (weight * error * error).sum(), weight.sum()
        return total / jnp.maximum(count, 1.0), jnp.stack([total, count])

    def step(state: tuple[Array, ...], rows: Array) -> tuple[tuple[Array, ...], Array]:
        vector, first, second, time = state
        batch = tuple(operand.at[rows].get(mode="fill", fill_value=0) for operand in operands)
        gradient, error = jax.grad(squared_error, has_aux=True)(vector, batch)
        time = time + 1
        # Keras's form of Adam: the bias corrections are folded into the step size.
        size = learning_rate * jnp.sqrt(1 - BETA_2**time) / (1 - BETA_1**time)
        first = first + (gradient - first) * (1 - BETA_1)
        second = second + (gradient * gradient - second) * (1 - BETA_2)
        vector = vector * (1 - learning_rate * weight_decay)
        return (vector - size * first / (jnp.sqrt(second) + EPSILON), first, second, time), error

    def epoch(state: tuple[Array, ...], rows: Array) -> tuple[tuple[Array, ...], Array]:
        state, errors = jax.lax.scan(step, state, rows)  # errors [batches, 2]
        total, count = errors.sum(axis=0)
        return state, total / jnp.maximum(count, 1.0)

    zeros = jnp.zeros_like(start)
    (vector, *_), losses = jax.lax.scan(epoch, (start, zeros, zeros, jnp.float32(0)), order)
    return unflatten(vector), losses
