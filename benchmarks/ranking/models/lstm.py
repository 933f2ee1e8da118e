"""LSTM: the recurrent row of the published table."""

from __future__ import annotations

import keras

from benchmarks.ranking.market import CHANNELS, LOOKBACK

UNITS = 32


def encode(sequence: keras.KerasTensor, stocks: int) -> keras.KerasTensor:
    """Encode ``[B, S, 16, 5]`` by one LSTM's last state, ``[B, S, 32]``."""
    rows = keras.ops.reshape(sequence, (-1, LOOKBACK, len(CHANNELS)))  # every stock is a row of its own
    state = keras.layers.LSTM(UNITS)(rows)
    return keras.ops.reshape(state, (-1, stocks, UNITS))


def build(stocks: int) -> keras.Model:
    """Map ``sequence`` ``[B, S, 16, 5]`` to the next day's return ``[B, S]`` (Hochreiter & Schmidhuber 1997).

    As in Feng et al. 2019, "Temporal Relational Ranking for Stock Prediction", section 4.1 (Rank_LSTM).
    """
    sequence = keras.Input((stocks, LOOKBACK, len(CHANNELS)), name="sequence")
    forecast = keras.layers.Dense(1)(encode(sequence, stocks))
    return keras.Model({"sequence": sequence}, forecast[..., 0], name="lstm")
