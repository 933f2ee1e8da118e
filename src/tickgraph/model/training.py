"""The compiled training program: one shape, compiled once, run for every symbol on every core.

The program is a pure function of arrays, so threads can run it side by side: XLA computes outside the interpreter's
lock. First weights and shuffles are drawn outside, from the symbol's own seed. So a symbol that is trained alone goes
through the same numbers as one that is trained among others.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from tickgraph.graph.features import VOLATILITY, num_features
from tickgraph.graph.snapshots import Snapshots
from tickgraph.model.descent import descend
from tickgraph.model.functional import normalise_adjacency, propagate, propagate_residual, standardise
from tickgraph.model.network import forward_propagated
from tickgraph.model.program import Program
from tickgraph.model.stack import Fitting, Run, alone
from tickgraph.model.training_config import TrainingConfig
from tickgraph.model.weights import (
    FEATURE_MEAN,
    FEATURE_SCALE,
    HEAD_BIAS,
    HEAD_KERNEL,
    Weights,
    initial_weights,
    trainable_shapes,
)
from tickgraph.shapes import Bool, Float32, Float64, Int, JaxArray, Shaped


@dataclass(frozen=True)
class TrainingExample:
    """One symbol's training rows, in the units the program works in.

    Attributes
    ----------
    propagated
        What the first layer reads (:func:`tickgraph.model.network.propagate_for`).
    propagation
        Normalised adjacency.
    adjacency
        As in the snapshots.
    targets
        Log returns divided by ``return_scale``, or :func:`residual_targets`; 0 where unknown.
    known
        1 where the target counts; padding rows are 0 throughout.
    feature_mean, feature_scale
        Over the present nodes of the rows.
    return_scale
        Standard deviation of the known targets, a daily log return.
    """

    propagated: Float32[np.ndarray, "rows nodes width"]
    propagation: Float32[np.ndarray, "rows nodes nodes"]
    adjacency: Float32[np.ndarray, "rows nodes nodes"]
    targets: Float32[np.ndarray, "rows nodes"]
    known: Float32[np.ndarray, "rows nodes"]
    feature_mean: Float32[np.ndarray, "features"]
    feature_scale: Float32[np.ndarray, "features"]
    return_scale: float

    def arrays(self) -> tuple[np.ndarray, ...]:
        """The program's operands."""
        return self.propagated, self.propagation, self.adjacency, self.targets, self.known


@dataclass(frozen=True)
class TrainedWeights:
    """What training gives: weights in the units of prices, and the loss of each epoch.

    A loss is the mean squared error over the epoch in the units that the program works in. A forecast of zero has the
    loss 1 for ``"baseline"``, whose returns are standardised. For ``"residual"`` its loss depends on the graph.
    ``seconds`` is the time that the program took.
    """

    weights: Weights
    losses: Float64[np.ndarray, "epochs"]
    seconds: float


def training_example(
    snapshots: Snapshots, config: TrainingConfig, start: Weights | None = None
) -> TrainingExample:
    """Standardise, propagate and pad a symbol's training snapshots to the program's shape.

    Scaling is measured on these snapshots only. If training is to start from given weights, features keep the scaling
    of those weights. If there are more snapshots than the program has rows, the latest are kept.
    """
    snapshots = snapshots[max(0, len(snapshots) - config.training_sessions) :]
    present = snapshots.present
    known = np.isfinite(snapshots.targets) & present
    seen = snapshots.features[present]  # [nodes seen, F]
    mean = seen.mean(axis=0, dtype=np.float64).astype(np.float32)
    deviation = seen.std(axis=0, dtype=np.float64).astype(np.float32)
    scale = np.where(deviation > 0, deviation, np.float32(1.0))
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

    def pad(rows: Shaped[np.ndarray, "sessions ..."]) -> Float32[np.ndarray, "rows ..."]:
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
    snapshots: Snapshots, known: Bool[np.ndarray, "sessions nodes"]
) -> tuple[Float32[np.ndarray, "sessions nodes"], Bool[np.ndarray, "sessions nodes"]]:
    r"""Returns in units of each node's volatility, less what its neighbours did.

    .. math:: y_i = z_i - \frac{\sum_{j \ne i} a_{ij} z_j}{\sum_{j \ne i} a_{ij}}, \qquad z_i = r_i / \sigma_i

    The part of a return that all nodes share is far larger than the rest, and nothing here forecasts it. A network that
    learns the rest forecasts a node against its neighbours, and no move of them all.

    Returns
    -------
    tuple
        The targets, and which of them are known.
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


def shuffles(config: TrainingConfig, seed: int) -> Int[np.ndarray, "epochs batches batch_size"]:
    """Draw the rows of every batch; each epoch is a permutation of all rows.

    Where the batch size does not divide the rows, the last batch is completed with rows beyond the end. The program
    reads these as padding.
    """
    generator = np.random.default_rng([seed, 1])
    rows, size = config.training_sessions, config.batch_size
    batches = -(-rows // size)
    order = np.full((config.epochs, batches * size), rows, np.int32)
    for epoch in order:
        epoch[:rows] = generator.permutation(rows)
    return order.reshape(config.epochs, batches, size)


class TrainingProgram(Program):
    """The training program of one configuration."""

    def __init__(self, config: TrainingConfig) -> None:
        program = partial(_train, config.learning_rate, config.weight_decay)
        super().__init__(program, partial(_operand_shapes, config))
        self.config = config

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
        return alone(self.training(example, seed, start))

    def training(
        self, example: TrainingExample, seed: int, start: Weights | None = None
    ) -> Fitting[TrainedWeights]:
        """Ask for the training of one symbol; parameters and errors as in :meth:`train`."""
        first = initial_weights(self.config, seed) if start is None else _in_units_of(example, start)
        ran = yield Run(self, (first, *example.arrays(), shuffles(self.config, seed)))
        weights, losses = ran.result
        arrays = {path: np.asarray(value) for path, value in weights.items()}
        return _in_units_of_prices(arrays, np.asarray(losses), example, ran.seconds)


_programs: dict[TrainingConfig, TrainingProgram] = {}
_programs_lock = threading.Lock()


def program_for(config: TrainingConfig) -> TrainingProgram:
    """Give this process's one program of a configuration: a process that trains again does not compile again."""
    with _programs_lock:
        return _programs.setdefault(config, TrainingProgram(config))


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
    weights: Weights, losses: Float32[np.ndarray, "epochs"], example: TrainingExample, seconds: float
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
        seconds=seconds,
    )


def _in_units_of(example: TrainingExample, weights: Weights) -> Weights:
    """Trainable arrays in the units of the program: the inverse of :func:`_in_units_of_prices`."""
    scaling = {FEATURE_MEAN: example.feature_mean, FEATURE_SCALE: example.feature_scale}
    if any((weights[path] != value).any() for path, value in scaling.items()):
        raise ValueError(
            "The example must have the feature scaling of the weights that training starts from."
        )
    scale = np.float32(example.return_scale)
    own = {path: value for path, value in weights.items() if path not in scaling}
    return own | {HEAD_KERNEL: own[HEAD_KERNEL] / scale, HEAD_BIAS: own[HEAD_BIAS] / scale}


def _train(
    learning_rate: float,
    weight_decay: float,
    weights: dict[str, JaxArray],
    propagated: Float32[JaxArray, "rows nodes width"],
    propagation: Float32[JaxArray, "rows nodes nodes"],
    adjacency: Float32[JaxArray, "rows nodes nodes"],
    targets: Float32[JaxArray, "rows nodes"],
    known: Float32[JaxArray, "rows nodes"],
    order: Int[JaxArray, "epochs batches batch_size"],
) -> tuple[dict[str, JaxArray], Float32[JaxArray, "epochs"]]:
    """Run every epoch and batch inside one XLA loop, Adam on the weights as one flat vector."""
    from jax import numpy as jnp
    from jax.flatten_util import ravel_pytree

    start, unflatten = ravel_pytree(weights)

    def squared_error(
        vector: Float32[JaxArray, "parameters"], batch: tuple[JaxArray, ...]
    ) -> tuple[Float32[JaxArray, ""], Float32[JaxArray, "2"]]:
        *graph, target, weight = batch
        error = forward_propagated(unflatten(vector), *graph) - target  # [B, N]
        total, count = (weight * error * error).sum(), weight.sum()
        return total / jnp.maximum(count, 1.0), jnp.stack([total, count])

    operands = (propagated, propagation, adjacency, targets, known)
    vector, losses = descend(squared_error, start, operands, order, learning_rate, weight_decay)
    return unflatten(vector), losses
