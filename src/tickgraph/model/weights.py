"""The weights of a model: their names, shapes and first values.

A name is the path of the array in a Keras 3 ``.weights.h5`` file of the network that
:func:`tickgraph.model.network.build_network` builds. Keras names a group by its layer's class and its count. The
variance network is a model inside that one: its arrays have names of their own behind :data:`VARIANCE`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tickgraph.graph.features import num_features
from tickgraph.graph.variance_features import num_variance_features
from tickgraph.model.training_config import TrainingConfig
from tickgraph.shapes import Array, Float, Float32

Weights = dict[str, np.ndarray[Any, np.dtype[np.float32]]]
"""Arrays by name, float32."""

FEATURE_MEAN, FEATURE_SCALE = "layers/standardisation/vars/0", "layers/standardisation/vars/1"
ATTENTION_KERNEL = "layers/graph_attention/vars/0"
ATTENTION_SOURCE = "layers/graph_attention/vars/1"
ATTENTION_TARGET = "layers/graph_attention/vars/2"
HEAD_KERNEL, HEAD_BIAS = "layers/dense/vars/0", "layers/dense/vars/1"

VARIANCE = "layers/functional/"
LINEAR_KERNEL, LINEAR_BIAS = "layers/dense/vars/0", "layers/dense/vars/1"
CORRECTION_KERNEL = "layers/dense_1/vars/0"
SHARE = "layers/cross_section/vars/0"
VARIANCE_FIXED = (LINEAR_KERNEL, LINEAR_BIAS, FEATURE_MEAN, FEATURE_SCALE, SHARE)
"""Arrays of the variance network that its training program leaves alone."""


def convolution_paths(layer: int) -> tuple[str, str]:
    """Kernel and bias of graph convolution ``layer``, counted from 0."""
    group = "layers/graph_convolution" + (f"_{layer}" if layer else "")
    return f"{group}/vars/0", f"{group}/vars/1"


def weight_shapes(config: TrainingConfig) -> dict[str, tuple[int, ...]]:
    """Name and shape of every array of a model, in the order of the network. All are float32."""
    shapes = return_shapes(config)
    if config.horizons:
        shapes |= {VARIANCE + path: shape for path, shape in variance_shapes(config).items()}
    return shapes


def return_shapes(config: TrainingConfig) -> dict[str, tuple[int, ...]]:
    """Name and shape of the arrays behind the forecast of the next session's return."""
    features = num_features(config.architecture)
    shapes: dict[str, tuple[int, ...]] = {FEATURE_MEAN: (features,), FEATURE_SCALE: (features,)}
    width = features * (2 if config.architecture == "residual" else 1)
    shapes |= _trunk_shapes(config, width, config.hidden_dim)
    shapes[HEAD_KERNEL], shapes[HEAD_BIAS] = (config.hidden_dim, 1), (1,)
    return shapes


def variance_shapes(config: TrainingConfig) -> dict[str, tuple[int, ...]]:
    """Name and shape of the arrays of the variance network, without the prefix :data:`VARIANCE`."""
    features, horizons = num_variance_features(config.horizons), len(config.horizons)
    inputs = features - 1 + horizons  # all levels but the long one, and what the linear path expects
    shapes: dict[str, tuple[int, ...]] = {
        LINEAR_KERNEL: (features, horizons),
        LINEAR_BIAS: (horizons,),
        FEATURE_MEAN: (inputs,),
        FEATURE_SCALE: (inputs,),
    }
    shapes |= _trunk_shapes(config, 2 * inputs, config.variance_dim)
    shapes[CORRECTION_KERNEL] = (2 * config.variance_dim, horizons)
    shapes[SHARE] = (horizons,)
    return shapes


def _trunk_shapes(config: TrainingConfig, width: int, hidden: int) -> dict[str, tuple[int, ...]]:
    """Graph convolutions and attention."""
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in range(config.num_gcn_layers):
        kernel, bias = convolution_paths(layer)
        shapes[kernel], shapes[bias] = (width, hidden), (hidden,)
        width = hidden
    head = (config.num_gat_heads, hidden // config.num_gat_heads)
    shapes[ATTENTION_KERNEL] = (width, hidden)
    shapes[ATTENTION_SOURCE] = shapes[ATTENTION_TARGET] = head
    return shapes


def variance_part(weights: Mapping[str, Array]) -> dict[str, Array]:
    """Arrays of the variance network by their own names; empty where a model has none."""
    return {
        path.removeprefix(VARIANCE): value for path, value in weights.items() if path.startswith(VARIANCE)
    }


def trainable_shapes(config: TrainingConfig) -> dict[str, tuple[int, ...]]:
    """The arrays of the return's forecast that training changes: all but the feature scaling."""
    return {
        path: shape
        for path, shape in return_shapes(config).items()
        if path not in (FEATURE_MEAN, FEATURE_SCALE)
    }


def num_params(config: TrainingConfig) -> int:
    """Count the fitted parameters: 9,025 of the default's forecast of the return, 8,705 of the baseline's."""
    shapes = list(trainable_shapes(config).values())
    if config.horizons:
        scaling = (FEATURE_MEAN, FEATURE_SCALE)
        shapes += [shape for path, shape in variance_shapes(config).items() if path not in scaling]
    return sum(int(np.prod(shape)) for shape in shapes)


def symbol_seed(seed: int, symbol: str) -> int:
    """Seed of a symbol, from the base seed and its name alone, whatever symbols are trained with it."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{symbol}".encode()).digest()[:8], "big")


def initial_weights(config: TrainingConfig, seed: int) -> Weights:
    """Draw first values as Keras does: Glorot-uniform kernels (Glorot & Bengio 2010), zero biases."""
    return _drawn(trainable_shapes(config), np.random.default_rng([seed, 0]))


def initial_variance_weights(config: TrainingConfig, seed: int) -> Weights:
    """Draw first values of the variance network's nonlinear path: as :func:`initial_weights`, its output zero."""
    shapes = {path: shape for path, shape in variance_shapes(config).items() if path not in VARIANCE_FIXED}
    weights = _drawn(shapes, np.random.default_rng([seed, 2]))
    weights[CORRECTION_KERNEL] = np.zeros(shapes[CORRECTION_KERNEL], np.float32)
    return weights


def _drawn(shapes: Mapping[str, tuple[int, ...]], generator: np.random.Generator) -> Weights:
    weights: Weights = {}
    for path, shape in shapes.items():
        if len(shape) == 1:
            weights[path] = np.zeros(shape, np.float32)
        else:
            limit = np.sqrt(6.0 / (shape[-2] + shape[-1]))
            weights[path] = generator.uniform(-limit, limit, shape).astype(np.float32)
    return weights


def stack_weights(models: Sequence[Mapping[str, Float32[np.ndarray, "..."]]]) -> Weights:
    """Lay the weights of several models along a new first axis, for one forward pass over all of them."""
    return {path: np.stack([model[path] for model in models]) for path in models[0]}


def convolutions(
    weights: Mapping[str, Float[Array, "..."]],
) -> list[tuple[Float[Array, "*models width units"], Float[Array, "*models units"]]]:
    """Kernel and bias of each graph convolution, in order."""
    layers: list[tuple[Array, Array]] = []
    while (paths := convolution_paths(len(layers)))[0] in weights:
        layers.append((weights[paths[0]], weights[paths[1]]))
    return layers
