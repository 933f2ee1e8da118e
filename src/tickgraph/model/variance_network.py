r"""The variance network: how far the price of every node of a graph will move, at each horizon.

.. math:: \log V_h = \ell_h(x) + s_h \big( g_h(x, A) - \overline{g_h} \big)

V_h is the variance of the log return over h sessions. The linear path :math:`\ell` is a heterogeneous autoregression
on a graph: a symbol's own levels, what it hears of the universe, shocks and its season
(:mod:`tickgraph.graph.variance_features`). The nonlinear path g is a graph network. Its mean over the nodes of the
graph is taken off, so that it says only who moves more than the others: left free, it learns the level of volatility
of its training years (docs/method.md). It is taken by the share s that held-out sessions bear out.

The first graph convolution sees each node beside its neighbourhood's average, and the head reads it beside the
attention (jumping knowledge: Xu et al. 2018, arXiv:1806.03536): behind two convolutions and attention alone, nodes of a
dense graph are all alike.

:func:`log_variances` is the definition, on NumPy or JAX arrays. :func:`build_variance_network` is the same as a Keras
model. A test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tickgraph.graph.variance_features import LEVELS, num_variance_features
from tickgraph.model.functional import (
    dense,
    graph_attention,
    graph_convolution,
    normalise_adjacency,
    propagate_residual,
    relu,
    standardise,
)
from tickgraph.model.gradients import matmul
from tickgraph.model.training_config import TrainingConfig
from tickgraph.model.weights import (
    ATTENTION_KERNEL,
    ATTENTION_SOURCE,
    ATTENTION_TARGET,
    CORRECTION_KERNEL,
    FEATURE_MEAN,
    FEATURE_SCALE,
    LINEAR_BIAS,
    LINEAR_KERNEL,
    SHARE,
    convolutions,
)
from tickgraph.shapes import Array, Float

if TYPE_CHECKING:
    import keras

MIDDLE = 2
"""Level that the linear path is compared with: the range variance over 5 sessions."""
CORRECTION_BOUND = 1.0
"""The nonlinear path changes no variance by more than a factor of e."""


def log_variances(
    weights: Mapping[str, Float[Array, "..."]],
    features: Float[Array, "*batch nodes features"],
    adjacency: Float[Array, "*batch nodes nodes"],
) -> Float[Array, "*batch nodes horizons"]:
    """Logarithm of the variance of every node's log return over each horizon.

    Parameters
    ----------
    weights
        Arrays by the names of :func:`tickgraph.model.weights.variance_shapes`. With one more leading axis they evaluate
        as many models at once, one graph each.
    features
        As in :class:`tickgraph.graph.variance_features.VarianceFeatures`; 0 for an absent node.
    adjacency
        With self loops; the row and column of an absent node are 0.
    """
    linear = dense(features, weights[LINEAR_KERNEL], weights[LINEAR_BIAS])  # [..., N, H]
    nodes = standardise(nonlinear_inputs(features, linear), weights[FEATURE_MEAN], weights[FEATURE_SCALE])
    propagation = normalise_adjacency(adjacency)
    correction = correction_of(weights, propagate_residual(nodes, propagation), propagation, adjacency)
    return linear + weights[SHARE][..., None, :] * correction


def nonlinear_inputs(
    features: Float[Array, "*batch nodes features"], linear: Float[Array, "*batch nodes horizons"]
) -> Float[Array, "*batch nodes inputs"]:
    """Inputs of the nonlinear path: levels relative to the long one, and the linear path relative to today's."""
    xp = features.__array_namespace__()
    levels, others = features[..., : len(LEVELS)], features[..., len(LEVELS) :]
    return xp.concat(
        [levels[..., 1:] - levels[..., :1], others, linear - levels[..., MIDDLE : MIDDLE + 1]], axis=-1
    )


def correction_of(
    weights: Mapping[str, Float[Array, "..."]],
    propagated: Float[Array, "*batch nodes width"],
    propagation: Float[Array, "*batch nodes nodes"],
    adjacency: Float[Array, "*batch nodes nodes"],
) -> Float[Array, "*batch nodes horizons"]:
    """The nonlinear path, less its mean over the present nodes of each graph."""
    xp = propagated.__array_namespace__()
    layers = convolutions(weights)
    first = nodes = relu(dense(propagated, *layers[0]))
    for kernel, bias in layers[1:]:
        nodes = graph_convolution(nodes, propagation, kernel, bias)
    attended = graph_attention(
        nodes, adjacency, weights[ATTENTION_KERNEL], weights[ATTENTION_SOURCE], weights[ATTENTION_TARGET]
    )
    correction = matmul(xp.concat([first, attended], axis=-1), weights[CORRECTION_KERNEL])
    return off_the_mean(correction, adjacency)


def off_the_mean(
    correction: Float[Array, "*batch nodes horizons"], adjacency: Float[Array, "*batch nodes nodes"]
) -> Float[Array, "*batch nodes horizons"]:
    """Take the mean over the present nodes off, within :data:`CORRECTION_BOUND`."""
    xp = correction.__array_namespace__()
    present = (xp.linalg.diagonal(adjacency) > 0)[..., None].astype(correction.dtype)  # [..., N, 1]
    count = xp.maximum(present.sum(axis=-2, keepdims=True), 1.0)
    mean = (correction * present).sum(axis=-2, keepdims=True) / count
    return xp.clip(correction - mean, -CORRECTION_BOUND, CORRECTION_BOUND)


def build_variance_network(config: TrainingConfig) -> keras.Model:
    """Build the network as an uncompiled Keras 3 Functional model: ``[B, N, F]``, ``[B, N, N]`` to ``[B, N, H]``."""
    import keras

    from tickgraph.model.layers import (
        CrossSection,
        GraphAttention,
        GraphConvolution,
        NonlinearInputs,
        Standardisation,
    )

    features = keras.Input((config.num_stocks, num_variance_features(config.horizons)), name="features")
    adjacency = keras.Input((config.num_stocks, config.num_stocks), name="adjacency")
    linear = keras.layers.Dense(len(config.horizons), name="linear")(features)
    nodes = Standardisation(name="scaling")(NonlinearInputs(name="relative")(features, linear))
    first = nodes = GraphConvolution(config.variance_dim, residual=True, name="convolution_1")(
        nodes, adjacency
    )
    for layer in range(1, config.num_gcn_layers):
        nodes = GraphConvolution(config.variance_dim, name=f"convolution_{layer + 1}")(nodes, adjacency)
    attended = GraphAttention(config.variance_dim, config.num_gat_heads, name="attention")(nodes, adjacency)
    both = keras.layers.Concatenate(name="both")([first, attended])
    correction = keras.layers.Dense(len(config.horizons), use_bias=False, name="correction")(both)
    correction = CrossSection(name="cross_section")(correction, adjacency)
    return keras.Model(
        [features, adjacency], keras.layers.Add(name="log_variances")([linear, correction]), name="variance"
    )
