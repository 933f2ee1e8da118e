"""StockMixer: the best row of the published table, reimplemented from the paper.

Fan & Shen 2024, "StockMixer: A Simple yet Strong MLP-based Architecture for Stock Price Forecasting", AAAI 38,
section "Methodology": indicator mixing, time mixing at two scales, stock mixing through hidden market states.
"""

from __future__ import annotations

import keras

from benchmarks.ranking.market import CHANNELS, LOOKBACK
from benchmarks.ranking.models.layers import CausalTimeMixing

MARKET_STATES = 20
COARSE = 2
"""Days to a step of the coarse scale."""


def build(stocks: int) -> keras.Model:
    """Map ``sequence`` ``[B, S, 16, 5]`` to the next day's return ``[B, S]``."""
    layers, channels = keras.layers, len(CHANNELS)
    sequence = keras.Input((stocks, LOOKBACK, channels), name="sequence")
    steps = LOOKBACK // COARSE
    pairs = layers.Reshape((stocks, steps, COARSE * channels))(sequence)
    coarse = layers.Dense(channels)(pairs)  # a convolution of width and stride 2
    mixed = layers.Concatenate(axis=-2)([sequence, _mix(sequence), _mix(coarse)])  # [B, S, 16 + 16 + 8, C]
    summary = layers.Dense(1)(mixed)[..., 0]  # [B, S, 40]
    # Stock mixing: every stock's summary passes through the few states of the market.
    across = layers.Permute((2, 1))(summary)  # [B, 40, S]
    across = layers.Dense(MARKET_STATES, activation="hard_silu")(layers.LayerNormalization()(across))
    market = layers.Permute((2, 1))(layers.Dense(stocks)(across))  # [B, S, 40]
    forecast = layers.Dense(1)(summary) + layers.Dense(1)(market)
    return keras.Model({"sequence": sequence}, forecast[..., 0], name="stockmixer")


def _mix(x: keras.KerasTensor) -> keras.KerasTensor:
    """Mix days, then channels, each around a residual: ``[B, S, T, C]`` to the same."""
    layers, channels = keras.layers, x.shape[-1]
    over_time = CausalTimeMixing()(layers.LayerNormalization(axis=[-2, -1])(x)) + x
    normal = layers.LayerNormalization(axis=[-2, -1])(over_time)
    between = layers.Dense(channels)(layers.Dense(channels, activation="gelu")(normal))
    return normal + between
