"""The network: graph convolutions, graph attention, one number per node.

:func:`forward` is the definition, on NumPy or JAX arrays. :func:`build_network` is the same network as a Keras 3
Functional model, whose weight files :mod:`tickgraph.registry` reads and writes. A test compares
the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tickgraph.graph.features import VOLATILITY, num_features
from tickgraph.model.functional import (
    attention_coefficients,
    dense,
    graph_attention,
    graph_convolution,
    normalise_adjacency,
    propagate,
    propagate_residual,
    relu,
    standardise,
)
from tickgraph.model.gradients import matmul
from tickgraph.model.training_config import TrainingConfig
from tickgraph.model.variance_network import build_variance_network
from tickgraph.model.weights import (
    ATTENTION_KERNEL,
    ATTENTION_SOURCE,
    ATTENTION_TARGET,
    FEATURE_MEAN,
    FEATURE_SCALE,
    HEAD_BIAS,
    HEAD_KERNEL,
    convolutions,
)
from tickgraph.shapes import Array, Float

if TYPE_CHECKING:
    import keras


def forward(
    weights: Mapping[str, Float[Array, "..."]],
    features: Float[Array, "*batch nodes features"],
    adjacency: Float[Array, "*batch nodes nodes"],
) -> Float[Array, "*batch nodes"]:
    """Forecast the next session's log return of every node; 0 for an absent node.

    Parameters
    ----------
    weights
        Arrays by the names of :func:`tickgraph.model.weights.weight_shapes`. With one more leading axis they evaluate
        as many models at once, one snapshot each.
    features, adjacency
        As in :class:`tickgraph.graph.snapshots.Snapshots`.
    """
    xp = features.__array_namespace__()
    nodes = standardise(features, weights[FEATURE_MEAN], weights[FEATURE_SCALE])
    propagation = normalise_adjacency(adjacency)
    present = xp.linalg.diagonal(adjacency) > 0  # [..., N]
    propagated = propagate_for(weights, nodes, propagation)
    returns = forward_propagated(weights, propagated, propagation, adjacency)
    if is_residual(weights):
        returns = returns * features[..., VOLATILITY]
    return xp.where(present, returns, 0.0)


def is_residual(weights: Mapping[str, Float[Array, "..."]]) -> bool:
    """Whether weights are of the residual architecture: its first layer reads every feature twice."""
    kernel, _ = convolutions(weights)[0]
    return bool(kernel.shape[-2] == 2 * weights[FEATURE_MEAN].shape[-1])


def propagate_for(
    weights: Mapping[str, Float[Array, "..."]],
    nodes: Float[Array, "*batch nodes features"],
    propagation: Float[Array, "*batch nodes nodes"],
) -> Float[Array, "*batch nodes width"]:
    """What the first layer reads of standardised features, by the architecture of the weights."""
    if is_residual(weights):
        return propagate_residual(nodes, propagation)
    return propagate(nodes, propagation)


def forward_propagated(
    weights: Mapping[str, Float[Array, "..."]],
    propagated: Float[Array, "*batch nodes width"],
    propagation: Float[Array, "*batch nodes nodes"],
    adjacency: Float[Array, "*batch nodes nodes"],
) -> Float[Array, "*batch nodes"]:
    r"""Run the network from :math:`\hat A X` on, which does not depend on trainable weights.

    Training computes ``propagated`` once per snapshot, not once per epoch. Absent nodes are not masked.
    """
    nodes = _convolved(weights, propagated, propagation)
    nodes = graph_attention(
        nodes, adjacency, weights[ATTENTION_KERNEL], weights[ATTENTION_SOURCE], weights[ATTENTION_TARGET]
    )
    return dense(nodes, weights[HEAD_KERNEL], weights[HEAD_BIAS])[..., 0]


def attention(
    weights: Mapping[str, Float[Array, "..."]],
    features: Float[Array, "*batch nodes features"],
    adjacency: Float[Array, "*batch nodes nodes"],
) -> Float[Array, "*batch heads nodes nodes"]:
    """Attention that :func:`forward` pays: row i sums to 1 over the neighbours of node i."""
    nodes = standardise(features, weights[FEATURE_MEAN], weights[FEATURE_SCALE])
    propagation = normalise_adjacency(adjacency)
    projected = matmul(
        _convolved(weights, propagate_for(weights, nodes, propagation), propagation),
        weights[ATTENTION_KERNEL],
    )
    return attention_coefficients(projected, adjacency, weights[ATTENTION_SOURCE], weights[ATTENTION_TARGET])


def _convolved(
    weights: Mapping[str, Float[Array, "..."]],
    propagated: Float[Array, "*batch nodes width"],
    propagation: Float[Array, "*batch nodes nodes"],
) -> Float[Array, "*batch nodes units"]:
    layers = convolutions(weights)
    nodes = relu(dense(propagated, *layers[0]))
    for kernel, bias in layers[1:]:
        nodes = graph_convolution(nodes, propagation, kernel, bias)
    return nodes


def build_network(config: TrainingConfig) -> keras.Model:
    """Build the network as an uncompiled Keras 3 Functional model.

    Inputs are ``[B, N, F]`` features and ``[B, N, N]`` adjacency, the output is ``[B, N]`` daily log returns. Where the
    configuration has horizons, features of the variance are a third input, and ``[B, N, H]`` log variances a second
    output. The model is Functional because Keras names the groups of a subclassed model's file by walking its
    attributes.
    """
    import keras

    from tickgraph.model.layers import (
        GraphAttention,
        GraphConvolution,
        InReturns,
        MaskAbsent,
        Standardisation,
    )

    features = keras.Input((config.num_stocks, num_features(config.architecture)), name="features")
    adjacency = keras.Input((config.num_stocks, config.num_stocks), name="adjacency")
    nodes = Standardisation(name="scaling")(features)
    residual = config.architecture == "residual"
    for layer in range(config.num_gcn_layers):
        nodes = GraphConvolution(config.hidden_dim, residual and layer == 0, name=f"convolution_{layer + 1}")(
            nodes, adjacency
        )
    nodes = GraphAttention(config.hidden_dim, config.num_gat_heads, name="attention")(nodes, adjacency)
    returns = keras.layers.Dense(1, name="head")(nodes)
    if residual:
        returns = InReturns(name="in_returns")(returns, features)
    returns = MaskAbsent(name="log_returns")(returns, adjacency)
    if not config.horizons:
        return keras.Model([features, adjacency], returns, name="tickgraph")
    variance = build_variance_network(config)
    variance_features = keras.Input(variance.inputs[0].shape[1:], name="variance_features")
    variances = variance([variance_features, adjacency])
    return keras.Model([features, adjacency, variance_features], [returns, variances], name="tickgraph")
