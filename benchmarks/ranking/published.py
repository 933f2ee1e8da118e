"""The published table: Fan & Shen 2024, "StockMixer", AAAI 38, Table 2, NASDAQ; averages of 3 runs."""

from __future__ import annotations

from typing import NamedTuple


class PublishedRow(NamedTuple):
    """One model's four columns."""

    model: str
    ic: float
    icir: float
    precision: float
    sharpe: float


PUBLISHED: tuple[PublishedRow, ...] = (
    PublishedRow("Linear", 0.019, 0.188, 0.505, 0.517),
    PublishedRow("LSTM", 0.032, 0.354, 0.514, 0.892),
    PublishedRow("ALSTM", 0.035, 0.371, 0.522, 0.941),
    PublishedRow("RGCN", 0.034, 0.382, 0.516, 1.054),
    PublishedRow("GAT", 0.035, 0.377, 0.530, 1.233),
    PublishedRow("RSR-I", 0.038, 0.398, 0.531, 1.238),
    PublishedRow("STHAN-SR", 0.039, 0.451, 0.543, 1.416),
    PublishedRow("ESTIMATE", 0.037, 0.444, 0.539, 1.307),
    PublishedRow("StockMixer", 0.043, 0.501, 0.545, 1.465),
)
