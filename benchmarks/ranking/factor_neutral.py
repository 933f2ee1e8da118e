"""The factor-neutral network: a graph network whose forecast is cleared of the market's common factors.

It is not the network that tickgraph trains for a symbol: it reads a whole market and gives a score for every stock.

docs/quality.md measures its three ideas. The features are encoded piece by piece, so that a small network can bend at a
threshold as a tree does. Graph attention reads the peers. The forecast is projected off the leading eigenvectors of the
correlation graph: what all stocks share cannot be forecast from sixteen days of prices, and a bet on it makes the daily
IC swing without raising its mean.

Sources: piecewise linear encoding, Gorishniy et al. 2022, "On Embeddings for Numerical Features in Tabular
Deep Learning", arXiv:2203.05556, section 3.2. Graph attention, Veličković et al. 2018, arXiv:1710.10903.
Factors as leading principal components of returns, Connor & Korajczyk 1986.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray
from scipy.stats import norm

from benchmarks.ranking.inputs import FACTORS, PEERS
from benchmarks.ranking.layers import PeerAttention

UNITS = 32
HEADS = 4
PIECES = 16
DROPOUT = 0.5
TAIL = 3.2


@keras.saving.register_keras_serializable(package="benchmarks.ranking")
class PiecewiseEncoding(keras.layers.Layer):  # type: ignore[misc] # Keras has no types
    """Encode each feature by how far it has come through each of its quantile bins.

    ``[..., F]`` to ``[..., F * P]``: component p is 0 before bin p, 1 after it, and linear inside
    (Gorishniy et al. 2022, eq. 1), less one half.
    """

    def __init__(self, edges: list[list[float]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.edges = edges
        bounds = np.asarray(edges, np.float32)  # [F, P + 1]
        self._low, self._width = bounds[:, :-1], np.maximum(np.diff(bounds, axis=1), 1e-4)

    def call(self, x: Any) -> Any:
        """Encode."""
        pieces = ops.clip((x[..., None] - self._low) / self._width, 0.0, 1.0) - 0.5
        return ops.reshape(pieces, (*x.shape[:-1], self._low.size))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Shape of the encoding."""
        return (*input_shape[:-1], int(self._low.size))

    def get_config(self) -> dict[str, Any]:
        """Arguments to make the layer again."""
        return {**super().get_config(), "edges": self.edges}


def quantile_edges(features: NDArray[np.float32], seed: int = 0) -> list[list[float]]:
    """Edges of :data:`PIECES` bins for each column of ``[n, F]``, training rows only.

    The edges are the quantiles of evenly spaced normal deviates. Bins in the tails are finer than bins of equal count,
    because the largest moves follow a large move.
    """
    generator = np.random.default_rng(seed)
    levels = norm.cdf(np.linspace(-TAIL, TAIL, PIECES + 1))
    levels[0], levels[-1] = 0.0, 1.0
    sample = features[generator.choice(len(features), min(len(features), 200_000), replace=False)]
    return np.quantile(sample, levels, axis=0).T.astype(float).tolist()


def build(stocks: int, edges: list[list[float]]) -> keras.Model:
    """Map ``features`` ``[B, S, F]``, ``peers``, ``edges`` and ``factors`` to a score ``[B, S]``."""
    layers = keras.layers
    features = keras.Input((stocks, len(edges)), name="features")
    peers = keras.Input((stocks, PEERS), dtype="int32", name="peers")
    strength = keras.Input((stocks, PEERS), name="edges")
    factors = keras.Input((stocks, 1 + FACTORS), name="factors")
    encoded = PiecewiseEncoding(edges)(features)
    own = layers.Dropout(DROPOUT)(layers.Dense(UNITS, activation="gelu")(encoded))
    own = own + layers.Dense(UNITS)(layers.Dense(UNITS, activation="gelu")(layers.LayerNormalization()(own)))
    own = layers.LayerNormalization()(own)
    related = PeerAttention(UNITS, HEADS)(own, peers, strength)
    both = layers.Dropout(DROPOUT)(layers.Concatenate()([own, related]))
    score = layers.Dense(1)(layers.Dense(UNITS, activation="gelu")(both)) + layers.Dense(
        1, kernel_initializer="zeros"
    )(encoded)
    score = score[..., 0]
    loading = ops.einsum("bsq,bs->bq", factors, score)
    neutral = score - ops.einsum("bsq,bq->bs", factors, loading)
    return keras.Model(
        {"features": features, "peers": peers, "edges": strength, "factors": factors},
        neutral,
        name="factor_neutral",
    )
