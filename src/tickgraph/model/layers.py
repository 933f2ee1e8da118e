"""Keras 3 layers (JAX backend) around the equations of :mod:`tickgraph.model.functional`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
from jax import numpy as jnp

from tickgraph.graph.features import VOLATILITY
from tickgraph.model.functional import (
    dense,
    graph_attention,
    graph_convolution,
    normalise_adjacency,
    propagate_residual,
    relu,
    standardise,
)
from tickgraph.model.variance_network import nonlinear_inputs, off_the_mean

if keras.backend.backend() != "jax":
    raise ImportError(
        f"tickgraph's layers need Keras on JAX, but Keras was started on {keras.backend.backend()!r}. "
        "Set KERAS_BACKEND=jax before anything imports keras."
    )

if TYPE_CHECKING:
    import jax

    from tickgraph.shapes import Float

    Nodes = Float[jax.Array, "batch nodes width"]
    Adjacency = Float[jax.Array, "batch nodes nodes"]
Shape = tuple[int | None, ...]


@keras.saving.register_keras_serializable(package="tickgraph")
class Standardisation(keras.layers.Layer):  # type: ignore[misc]
    """Centre and scale features by stored statistics of the training window."""

    def build(self, features_shape: Shape) -> None:
        """Create the mean and the scale, ``[F]`` each, not trainable."""
        width = (features_shape[-1],)
        self.mean = self.add_weight(shape=width, initializer="zeros", trainable=False, name="mean")
        self.scale = self.add_weight(shape=width, initializer="ones", trainable=False, name="scale")

    def call(self, features: Nodes) -> Nodes:
        """Scaled features."""
        return standardise(jnp.asarray(features), jnp.asarray(self.mean.value), jnp.asarray(self.scale.value))


@keras.saving.register_keras_serializable(package="tickgraph")
class GraphConvolution(keras.layers.Layer):  # type: ignore[misc]
    r"""Graph convolution :math:`\mathrm{relu}(\hat A H W + b)` (Kipf & Welling 2017, arXiv:1609.02907).

    Parameters
    ----------
    units
        Width of the output.
    residual
        Read the neighbourhood's average and, beside it, what sets the node apart from it:
        :math:`\mathrm{relu}([\hat A H \Vert H - \hat A H] W + b)`.
    """

    def __init__(self, units: int, residual: bool = False, **kwargs: Any) -> None:
        if units < 1:
            raise ValueError(f"units must be at least 1, got {units}")
        super().__init__(**kwargs)
        self.units, self.residual = units, residual

    def build(self, nodes_shape: Shape, adjacency_shape: Shape) -> None:
        """Create the kernel ``[F, units]``, ``[2 F, units]`` if residual, and the bias ``[units]``."""
        width = nodes_shape[-1]
        if width is not None and self.residual:
            width *= 2
        self.kernel = self.add_weight(shape=(width, self.units), name="kernel")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def call(self, nodes: Nodes, adjacency: Adjacency) -> Nodes:
        """Convolve; the adjacency includes self loops."""
        propagation = normalise_adjacency(adjacency)
        if self.residual:
            both = propagate_residual(jnp.asarray(nodes), propagation)
            return relu(dense(both, self.kernel.value, self.bias.value))
        return graph_convolution(nodes, propagation, self.kernel.value, self.bias.value)

    def compute_output_shape(self, nodes_shape: Shape, adjacency_shape: Shape) -> Shape:
        """Shape of the output."""
        return (*nodes_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), "units": self.units, "residual": self.residual}


@keras.saving.register_keras_serializable(package="tickgraph")
class GraphAttention(keras.layers.Layer):  # type: ignore[misc]
    """Multi-head graph attention, heads side by side (Veličković et al. 2018, arXiv:1710.10903).

    Parameters
    ----------
    units
        Width of the output, all heads together.
    heads
        Attention heads; they must divide ``units``.
    """

    def __init__(self, units: int, heads: int, **kwargs: Any) -> None:
        if heads < 1 or units % heads:
            raise ValueError(f"heads must divide units, got {heads} heads for {units} units")
        super().__init__(**kwargs)
        self.units, self.heads = units, heads

    def build(self, nodes_shape: Shape, adjacency_shape: Shape) -> None:
        """Create the kernel ``[F, units]`` and the source and target kernels ``[heads, units / heads]``."""
        head = (self.heads, self.units // self.heads)
        self.kernel = self.add_weight(shape=(nodes_shape[-1], self.units), name="kernel")
        self.source_kernel = self.add_weight(shape=head, name="source_kernel")
        self.target_kernel = self.add_weight(shape=head, name="target_kernel")

    def call(self, nodes: Nodes, adjacency: Adjacency) -> Nodes:
        """Attend; a node without neighbours gets zeros."""
        return graph_attention(
            nodes, adjacency, self.kernel.value, self.source_kernel.value, self.target_kernel.value
        )

    def compute_output_shape(self, nodes_shape: Shape, adjacency_shape: Shape) -> Shape:
        """Shape of the output."""
        return (*nodes_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return {**super().get_config(), "units": self.units, "heads": self.heads}


@keras.saving.register_keras_serializable(package="tickgraph")
class InReturns(keras.layers.Layer):  # type: ignore[misc]
    """From forecasts in units of volatility to log returns."""

    def call(self, forecast: Nodes, features: Nodes) -> Nodes:
        """Multiply by the feature volatility."""
        return forecast * features[..., VOLATILITY, None]


@keras.saving.register_keras_serializable(package="tickgraph")
class MaskAbsent(keras.layers.Layer):  # type: ignore[misc]
    """One return per node, 0 where a node is absent (its self loop is 0)."""

    def call(self, returns: Nodes, adjacency: Adjacency) -> Float[jax.Array, "batch nodes"]:
        """From one column to none."""
        return jnp.where(jnp.diagonal(adjacency, axis1=-2, axis2=-1) > 0, returns[..., 0], 0.0)


@keras.saving.register_keras_serializable(package="tickgraph")
class NonlinearInputs(keras.layers.Layer):  # type: ignore[misc]
    """What the nonlinear path of the variance network reads, :func:`nonlinear_inputs`."""

    def call(self, features: Nodes, linear: Nodes) -> Nodes:
        """Levels relative to the long one, the other features, and the linear path relative to today's level."""
        return nonlinear_inputs(jnp.asarray(features), jnp.asarray(linear))


@keras.saving.register_keras_serializable(package="tickgraph")
class CrossSection(keras.layers.Layer):  # type: ignore[misc]
    """The share, per horizon, of what sets a node apart from the others: :func:`off_the_mean`."""

    def build(self, correction_shape: Shape, adjacency_shape: Shape) -> None:
        """Create the share ``[H]``, not trainable."""
        width = (correction_shape[-1],)
        self.share = self.add_weight(shape=width, initializer="zeros", trainable=False, name="share")

    def call(self, correction: Nodes, adjacency: Adjacency) -> Nodes:
        """The share of the correction."""
        return self.share.value * off_the_mean(jnp.asarray(correction), jnp.asarray(adjacency))

    def compute_output_shape(self, correction_shape: Shape, adjacency_shape: Shape) -> Shape:
        """Shape of the output."""
        return correction_shape
