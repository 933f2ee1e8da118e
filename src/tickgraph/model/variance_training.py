"""The compiled training program of the variance network's nonlinear path.

It learns by QLIKE, over all horizons and all nodes of its graphs, what the linear path leaves. The linear path is
fitted before (:mod:`tickgraph.model.linear_path`) and stands still.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from tickgraph.model.descent import descend
from tickgraph.model.functional import normalise_adjacency, propagate_residual, standardise
from tickgraph.model.training import prepare_jax
from tickgraph.model.training_config import TrainingConfig
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

GRAPHS = 4096
"""Graphs that the program takes: of more, so many are drawn; fewer are padded."""
BATCH, EPOCHS = 64, 10
LEARNING_RATE, WEIGHT_DECAY = 1e-3, 1.0


@dataclass(frozen=True)
class CorrectionExamples:
    """Graphs that the nonlinear path learns from.

    Attributes
    ----------
    inputs
        :func:`tickgraph.model.variance_network.nonlinear_inputs`, not standardised; any number for an absent node.
    adjacency
        With self loops; the row and column of an absent node are 0.
    ratio
        Realised variance over the linear path's; 0 where not known.
    known
        Where it is, 1.
    """

    inputs: Float32[np.ndarray, "graphs nodes inputs"]
    adjacency: Float32[np.ndarray, "graphs nodes nodes"]
    ratio: Float32[np.ndarray, "graphs nodes horizons"]
    known: Float32[np.ndarray, "graphs nodes horizons"]

    def __len__(self) -> int:
        return len(self.inputs)


class CorrectionProgram:
    """The program of one configuration, compiled on first use, safe to run from many threads."""

    def __init__(self, config: TrainingConfig) -> None:
        self.config = config
        self.compilations = 0
        self._lock = threading.Lock()
        self._executable: Any = None

    def compile(self) -> None:
        """Compile the program, unless it is compiled."""
        with self._lock:
            if self._executable is not None:
                return
            prepare_jax()
            import jax

            self._executable = jax.jit(_train).lower(*_operand_shapes(self.config)).compile()
            self.compilations += 1

    def run(self, weights: Weights, operands: tuple[np.ndarray, ...], order: np.ndarray) -> Weights:
        """Train from first weights."""
        self.compile()
        trained = self._executable(weights, *operands, order)
        return {path: np.asarray(value) for path, value in trained.items()}


_programs: dict[tuple[Any, ...], CorrectionProgram] = {}
_programs_lock = threading.Lock()


def correction_program(config: TrainingConfig) -> CorrectionProgram:
    """Give this process's one program of these shapes."""
    key = tuple(sorted(variance_shapes(config).items())), config.num_stocks
    with _programs_lock:
        return _programs.setdefault(key, CorrectionProgram(config))


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
    program, generator = correction_program(config), np.random.default_rng([seed, 3])
    present = np.diagonal(examples.adjacency, axis1=-2, axis2=-1) > 0
    seen = examples.inputs[present]
    mean = seen.mean(axis=0, dtype=np.float64).astype(np.float32)
    deviation = seen.std(axis=0, dtype=np.float64).astype(np.float32)
    scale = np.where(deviation > 0, deviation, np.float32(1.0))
    rows = generator.permutation(len(examples))[:GRAPHS]
    order = np.stack([generator.permutation(GRAPHS) for _ in range(EPOCHS)])
    order = order.reshape(EPOCHS, -1, BATCH).astype(np.int32)
    weights = initial_variance_weights(config, seed)
    weights = program.run(weights, _operands(examples, rows, mean, scale), order)
    if not all(np.isfinite(value).all() for value in weights.values()):
        raise FloatingPointError("training of the variance network diverged: a weight is not finite.")
    return weights | {FEATURE_MEAN: mean, FEATURE_SCALE: scale}


def _operands(
    examples: CorrectionExamples,
    rows: np.ndarray,
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
        np.pad(part, [(0, GRAPHS - len(rows))] + [(0, 0)] * (part.ndim - 1)).astype(np.float32)
        for part in operands
    )


def _operand_shapes(config: TrainingConfig) -> tuple[Any, ...]:
    import jax

    n, horizons = config.num_stocks, len(config.horizons)
    shapes = variance_shapes(config)
    single = partial(jax.ShapeDtypeStruct, dtype=np.float32)
    return (
        {path: single(shape) for path, shape in shapes.items() if path not in VARIANCE_FIXED},
        single((GRAPHS, n, 2 * shapes[FEATURE_MEAN][0])),
        single((GRAPHS, n, n)),
        single((GRAPHS, n, n)),
        single((GRAPHS, n, horizons)),
        single((GRAPHS, n, horizons)),
        jax.ShapeDtypeStruct((EPOCHS, GRAPHS // BATCH, BATCH), np.int32),
    )


def _train(
    weights: dict[str, JaxArray],
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
    vector, _ = descend(qlike, start, operands, order, LEARNING_RATE, WEIGHT_DECAY)
    trained: dict[str, JaxArray] = unflatten(vector)
    return trained
