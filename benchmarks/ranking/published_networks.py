"""Networks of the published table, reimplemented: the LSTM, the GAT and StockMixer.

Each maps a day of the market to the next day's return ``[B, S]``.
"""

from __future__ import annotations

import keras

from benchmarks.ranking.inputs import PEERS
from benchmarks.ranking.layers import CausalTimeMixing, PeerAttention
from benchmarks.ranking.market import CHANNELS, LOOKBACK

UNITS = 32
HEADS = 4
MARKET_STATES = 20
COARSE = 2
"""Days to a step of StockMixer's coarse scale."""


def build_lstm(stocks: int) -> keras.Model:
    """An LSTM over ``sequence`` ``[B, S, 16, 5]`` (Hochreiter & Schmidhuber 1997).

    As in Feng et al. 2019, "Temporal Relational Ranking for Stock Prediction", section 4.1 (Rank_LSTM).
    """
    sequence = keras.Input((stocks, LOOKBACK, len(CHANNELS)), name="sequence")
    forecast = keras.layers.Dense(1)(_encode(sequence, stocks))
    return keras.Model({"sequence": sequence}, forecast[..., 0], name="lstm")


def build_gat(stocks: int) -> keras.Model:
    """Graph attention over the LSTM's states, from ``sequence``, ``peers`` and ``edges`` (Veličković et al. 2018).

    The published row attends over relations of industry and supply that the file does not hold. Here the graph is of
    the 10 most correlated stocks of the 60 days before.
    """
    sequence = keras.Input((stocks, LOOKBACK, len(CHANNELS)), name="sequence")
    peers = keras.Input((stocks, PEERS), dtype="int32", name="peers")
    edges = keras.Input((stocks, PEERS), name="edges")
    state = _encode(sequence, stocks)
    related = PeerAttention(UNITS, HEADS)(state, peers, edges)
    forecast = keras.layers.Dense(1)(keras.layers.Concatenate()([state, related]))
    return keras.Model({"sequence": sequence, "peers": peers, "edges": edges}, forecast[..., 0], name="gat")


def build_stockmixer(stocks: int) -> keras.Model:
    """StockMixer on ``sequence`` ``[B, S, 16, 5]``, the best row of the published table.

    Fan & Shen 2024, "StockMixer: A Simple yet Strong MLP-based Architecture for Stock Price Forecasting", AAAI 38,
    section "Methodology": indicator mixing, time mixing at two scales, stock mixing through hidden market states.
    """
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


def _encode(sequence: keras.KerasTensor, stocks: int) -> keras.KerasTensor:
    """The last state of one LSTM: ``[B, S, 16, 5]`` to ``[B, S, 32]``."""
    rows = keras.ops.reshape(sequence, (-1, LOOKBACK, len(CHANNELS)))  # every stock is a row of its own
    state = keras.layers.LSTM(UNITS)(rows)
    return keras.ops.reshape(state, (-1, stocks, UNITS))


def _mix(x: keras.KerasTensor) -> keras.KerasTensor:
    """Mix days, then channels, each around a residual: ``[B, S, T, C]`` to the same."""
    layers, channels = keras.layers, x.shape[-1]
    over_time = CausalTimeMixing()(layers.LayerNormalization(axis=[-2, -1])(x)) + x
    normal = layers.LayerNormalization(axis=[-2, -1])(over_time)
    between = layers.Dense(channels)(layers.Dense(channels, activation="gelu")(normal))
    return normal + between
