"""The compiled training programs of the variance network's nonlinear path: the universe's, and one for all symbols.

It learns by QLIKE, over all horizons and all nodes of its graphs, what the linear path leaves. The linear path is
fitted before (:mod:`tickgraph.model.linear_path`) and stands still.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from tickgraph.model.descent import descend
from tickgraph.model.functional import normalise_adjacency, propagate_residual, standardise
from tickgraph.model.program import Program
from tickgraph.model.stack import Fitting, Run, alone
from tickgraph.model.training_config import TrainingConfig
from tickgraph.model.variance_examples import CorrectionExamples
from tickgraph.model.variance_network import correction_of
from tickgraph.model.weights import (
    FEATURE_MEAN,
    FEATURE_SCALE,
    VARIANCE_FIXED,
    Weights,
    initial_variance_weights,
    variance_shapes,
)
from tickgraph.shapes import Float32, Int, JaxArray

BATCH = 64
LEARNING_RATE, WEIGHT_DECAY = 1e-3, 1.0


class Schedule(NamedTuple):
    """Graphs that a program takes, and how often it goes through them: of more, so many are drawn; fewer are padded."""

    graphs: int
    epochs: int


UNIVERSE, SYMBOL = Schedule(4096, 10), Schedule(1024, 3)

_programs: dict[tuple[Any, ...], Program] = {}
_programs_lock = threading.Lock()


def correction_program(config: TrainingConfig, schedule: Schedule) -> Program:
    """Give this process's one program of these shapes."""
    key = tuple(sorted(variance_shapes(config).items())), config.num_stocks, schedule
    with _programs_lock:
        return _programs.setdefault(
            key,
            Program(partial(_train, LEARNING_RATE, WEIGHT_DECAY), partial(_operand_shapes, config, schedule)),
        )


def train_correction(examples: CorrectionExamples, config: TrainingConfig, seed: int) -> Weights:
    """Train the nonlinear path from a correction of zero.

    Parameters
    ----------
    examples
        Graphs, in any order.
    config
        Shapes.
    seed
        Draws first values and the order of the graphs.

    Returns
    -------
    dict
        Arrays of :func:`tickgraph.model.weights.variance_shapes` without the linear path and the share.

    Raises
    ------
    FloatingPointError
        A weight is not finite.
    """
    present = np.diagonal(examples.adjacency, axis1=-2, axis2=-1) > 0
    seen = examples.inputs[present]
    mean = seen.mean(axis=0, dtype=np.float64).astype(np.float32)
    deviation = seen.std(axis=0, dtype=np.float64).astype(np.float32)
    scaling = {FEATURE_MEAN: mean, FEATURE_SCALE: np.where(deviation > 0, deviation, np.float32(1.0))}
    first = initial_variance_weights(config, seed)
    nothing = {path: np.zeros_like(value) for path, value in first.items()}
    return alone(_descend(examples, config, UNIVERSE, seed, first, nothing, scaling)) | scaling


def tune_correction(
    examples: CorrectionExamples, config: TrainingConfig, seed: int, universe: Weights
) -> Fitting[Weights]:
    """Train the nonlinear path of a symbol: it starts from the universe's and is drawn to it.

    Parameters and errors as in :func:`train_correction`; the graphs are the symbol's. It returns the arrays that it
    changed.
    """
    first = {path: value for path, value in universe.items() if path not in VARIANCE_FIXED}
    scaling = {path: universe[path] for path in (FEATURE_MEAN, FEATURE_SCALE)}
    return (yield from _descend(examples, config, SYMBOL, seed, first, first, scaling))


def _descend(
    examples: CorrectionExamples,
    config: TrainingConfig,
    schedule: Schedule,
    seed: int,
    first: Weights,
    anchor: Weights,
    scaling: Weights,
) -> Fitting[Weights]:
    generator = np.random.default_rng([seed, 3])
    rows = generator.permutation(len(examples))[: schedule.graphs]
    order = np.stack([generator.permutation(schedule.graphs) for _ in range(schedule.epochs)])
    order = order.reshape(schedule.epochs, -1, BATCH).astype(np.int32)
    operands = _operands(examples, rows, schedule.graphs, scaling[FEATURE_MEAN], scaling[FEATURE_SCALE])
    ran = yield Run(correction_program(config, schedule), (first, anchor, *operands, order))
    weights = {path: np.asarray(value) for path, value in ran.result.items()}
    if not all(np.isfinite(value).all() for value in weights.values()):
        raise FloatingPointError("training of the variance network diverged: a weight is not finite.")
    return weights


def _operands(
    examples: CorrectionExamples,
    rows: np.ndarray,
    graphs: int,
    mean: Float32[np.ndarray, "inputs"],
    scale: Float32[np.ndarray, "inputs"],
) -> tuple[np.ndarray, ...]:
    adjacency = examples.adjacency[rows]
    present = np.diagonal(adjacency, axis1=-2, axis2=-1)[..., None] > 0
    nodes = np.where(present, standardise(examples.inputs[rows], mean, scale), np.float32(0.0))
    propagation = normalise_adjacency(adjacency)
    operands = (
        propagate_residual(nodes, propagation),
        propagation,
        adjacency,
        examples.ratio[rows],
        examples.known[rows],
    )
    return tuple(
        np.pad(part, [(0, graphs - len(rows))] + [(0, 0)] * (part.ndim - 1)).astype(np.float32)
        for part in operands
    )


def _operand_shapes(config: TrainingConfig, schedule: Schedule) -> tuple[Any, ...]:
    import jax

    n, horizons = config.num_stocks, len(config.horizons)
    shapes = variance_shapes(config)
    single = partial(jax.ShapeDtypeStruct, dtype=np.float32)
    graphs, epochs = schedule
    weights = {path: single(shape) for path, shape in shapes.items() if path not in VARIANCE_FIXED}
    return (
        weights,
        weights,
        single((graphs, n, 2 * shapes[FEATURE_MEAN][0])),
        single((graphs, n, n)),
        single((graphs, n, n)),
        single((graphs, n, horizons)),
        single((graphs, n, horizons)),
        jax.ShapeDtypeStruct((epochs, graphs // BATCH, BATCH), np.int32),
    )


def _train(
    learning_rate: float,
    weight_decay: float,
    weights: dict[str, JaxArray],
    anchor: dict[str, JaxArray],
    propagated: Float32[JaxArray, "rows nodes width"],
    propagation: Float32[JaxArray, "rows nodes nodes"],
    adjacency: Float32[JaxArray, "rows nodes nodes"],
    ratio: Float32[JaxArray, "rows nodes horizons"],
    known: Float32[JaxArray, "rows nodes horizons"],
    order: Int[JaxArray, "epochs batches batch_size"],
) -> dict[str, JaxArray]:
    from jax import numpy as jnp
    from jax.flatten_util import ravel_pytree

    start, unflatten = ravel_pytree(weights)

    def qlike(
        vector: Float32[JaxArray, "parameters"], batch: tuple[JaxArray, ...]
    ) -> tuple[Float32[JaxArray, ""], Float32[JaxArray, "2"]]:
        *graph, realised, weight = batch
        correction = correction_of(unflatten(vector), *graph)  # [B, N, H]
        loss = weight * (correction + realised * jnp.exp(-correction))
        each = loss.sum(axis=(0, 1)) / jnp.maximum(weight.sum(axis=(0, 1)), 1.0)  # [H]
        return each.mean(), jnp.stack([loss.sum(), weight.sum()])

    operands = (propagated, propagation, adjacency, ratio, known)
    vector, _ = descend(qlike, start, operands, order, learning_rate, weight_decay, ravel_pytree(anchor)[0])
    trained: dict[str, JaxArray] = unflatten(vector)
    return trained
