"""GAT: graph attention over an LSTM's states, a relational row of the published table."""

from __future__ import annotations

import keras

from benchmarks.ranking.inputs import PEERS
from benchmarks.ranking.market import CHANNELS, LOOKBACK
from benchmarks.ranking.models.layers import PeerAttention
from benchmarks.ranking.models.lstm import UNITS, encode

HEADS = 4


def build(stocks: int) -> keras.Model:
    """Map ``sequence``, ``peers`` and ``edges`` to the next day's return ``[B, S]`` (Veličković et al. 2018).

    The published row attends over relations of industry and supply that the file does not hold; here the
    graph is of the 10 most correlated stocks of the 60 days before.
    """
    sequence = keras.Input((stocks, LOOKBACK, len(CHANNELS)), name="sequence")
    peers = keras.Input((stocks, PEERS), dtype="int32", name="peers")
    edges = keras.Input((stocks, PEERS), name="edges")
    state = encode(sequence, stocks)
    related = PeerAttention(UNITS, HEADS)(state, peers, edges)
    forecast = keras.layers.Dense(1)(keras.layers.Concatenate()([state, related]))
    return keras.Model({"sequence": sequence, "peers": peers, "edges": edges}, forecast[..., 0], name="gat")
