"""Keras 3 layers that the ranking networks share."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

Array = Any


@keras.saving.register_keras_serializable(package="benchmarks.ranking")
class CausalTimeMixing(keras.layers.Layer):  # type: ignore[misc] # Keras has no types
    r"""A weight for every pair of days, the later from the earlier: :math:`y_t = \sum_{s \le t} w_{st} x_s + b_t`.

    ``[..., T, C]`` to ``[..., T, C]``, the channels by themselves. The time mixing of StockMixer (Fan & Shen
    2024, section "Indicator & time mixing"): an upper triangle in place of a full matrix, so that no day
    hears of a later one.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights."""
        days = input_shape[-2]
        assert days is not None  # noqa: S101 - a fixed lookback
        self.kernel = self.add_weight(shape=(days, days), initializer="glorot_uniform", name="kernel")
        self.bias = self.add_weight(shape=(days,), initializer="zeros", name="bias")

    def call(self, x: Array) -> Array:
        """Mix."""
        causal = ops.triu(self.kernel)  # [s, t], s <= t
        return ops.swapaxes(ops.matmul(ops.swapaxes(x, -1, -2), causal) + self.bias, -1, -2)


@keras.saving.register_keras_serializable(package="benchmarks.ranking")
class PeerAttention(keras.layers.Layer):  # type: ignore[misc] # Keras has no types
    r"""Graph attention over every stock's listed peers and itself (Veličković et al. 2018, eq. 1-5).

    .. math:: h'_i = \Vert_k\, \mathrm{elu}\Big(\sum_{j \in P(i) \cup \{i\}} \alpha^k_{ij} W^k h_j\Big)

    Inputs are nodes ``[B, S, H]``, peers ``[B, S, P]`` int32 and the weight of each edge ``[B, S, P]``, 0
    where there is none; output ``[B, S, units]``. A list of peers in place of an adjacency matrix, because
    a thousand stocks with ten peers each leave ninety-nine of a hundred entries empty.
    """

    def __init__(self, units: int, heads: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if units % heads:
            raise ValueError(f"units {units} must be a multiple of heads {heads}")
        self.units, self.heads = units, heads

    def build(
        self,
        nodes_shape: tuple[int | None, ...],
        peers_shape: tuple[int | None, ...],
        edges_shape: tuple[int | None, ...],
    ) -> None:
        """Make the weights."""
        channels = self.units // self.heads
        self.kernel = self.add_weight(shape=(nodes_shape[-1], self.units), name="kernel")
        self.source = self.add_weight(shape=(self.heads, channels), name="source")
        self.target = self.add_weight(shape=(self.heads, channels), name="target")

    def call(self, nodes: Array, peers: Array, edges: Array) -> Array:
        """Attend."""
        stocks, count = peers.shape[1], peers.shape[2]
        own = ops.reshape(ops.matmul(nodes, self.kernel), (-1, stocks, self.heads, self.units // self.heads))
        towards = ops.sum(own * self.target, axis=-1)  # [B, S, K]
        source = ops.sum(own * self.source, axis=-1)  # [B, S, K]
        flat = ops.reshape(peers, (-1, stocks * count))
        theirs = ops.reshape(
            ops.take_along_axis(ops.reshape(own, (-1, stocks, self.units)), flat[..., None], axis=1),
            (-1, stocks, count, self.heads, self.units // self.heads),
        )
        theirs_source = ops.reshape(
            ops.take_along_axis(source, flat[..., None], axis=1), (-1, stocks, count, self.heads)
        )
        values = ops.concatenate([own[:, :, None], theirs], axis=2)  # [B, S, 1 + P, K, C]
        logits = ops.leaky_relu(
            towards[:, :, None] + ops.concatenate([source[:, :, None], theirs_source], axis=2), 0.2
        )  # [B, S, 1 + P, K]
        joined = ops.concatenate([ops.ones_like(edges[..., :1]), edges], axis=-1)[..., None] > 0
        alpha = ops.softmax(ops.where(joined, logits, -1e9), axis=2)
        return ops.elu(ops.reshape(ops.sum(alpha[..., None] * values, axis=2), (-1, stocks, self.units)))

    def get_config(self) -> dict[str, Any]:
        """Arguments to make the layer again."""
        return {**super().get_config(), "units": self.units, "heads": self.heads}
