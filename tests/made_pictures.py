"""A graph and a chain as answers, for tests of the pictures of them."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np

from tickgraph.serving.chain_answer import Chain, ChainExpiry
from tickgraph.serving.graph_answer import Edge, GraphAnswer, Node

NAMES = ("AAPL", "MSFT", "XOM", "<B&B>")
SECTORS = ("Mega-cap technology", "Mega-cap technology", "Energy", None)
CORRELATION = np.array(
    [[1.0, 0.8, -0.5, 0.35], [0.8, 1.0, 0.1, 0.3], [-0.5, 0.1, 1.0, 0.2], [0.35, 0.3, 0.2, 1.0]]
)
ATTENTION = (0.4, 0.3, 0.2, 0.1)


def graph() -> GraphAnswer:
    """A target with three peers: one near, one that moves against it, one whose name must be escaped."""
    return GraphAnswer(
        symbol="AAPL",
        as_of=date(2022, 12, 30),
        threshold=0.3,
        lookback=60,
        nodes=[
            Node(
                symbol=name,
                sector=sector,
                present=name != "XOM",
                volatility=0.02,
                momentum=0,
                volume=0,
                shock=0,
            )
            for name, sector in zip(NAMES, SECTORS, strict=True)
        ],
        edges=[
            Edge(
                source=NAMES[i], target=NAMES[j], correlation=CORRELATION[i, j], weight=abs(CORRELATION[i, j])
            )
            for i in range(4)
            for j in range(i + 1, 4)
            if abs(CORRELATION[i, j]) >= 0.3
        ],
        correlations=CORRELATION.tolist(),
        attention=[[list(ATTENTION)] * 4],
        attention_of_target=dict(zip(NAMES, ATTENTION, strict=True)),
    )


def chain(*, quoted: bool = True) -> Chain:
    """Two expiries that share one strike; with quotes, or without."""
    first = ChainExpiry(
        date(2023, 1, 20),
        13,
        0.06,
        130.1,
        0.0,
        0.281,
        [120.0, 130.0],
        [0.9, 0.5],
        [0.1, 1.0],
        call_values=[10.0, 3.0],
    )
    second = ChainExpiry(
        date(2023, 2, 17),
        33,
        0.13,
        130.2,
        0.0,
        0.29,
        [130.0, 140.0],
        [0.49, 0.2],
        [1.0, 0.4],
        implied_volatilities=[0.3, None] if quoted else None,
        risk_neutral_above=[0.52, None] if quoted else None,
        difference=[-0.03, None] if quoted else None,
        call_values=[5.0, 1.0],
    )
    fields: dict[str, Any] = {
        "symbol": "AAPL",
        "price": 131.0,
        "price_source": "request",
        "as_of": date(2022, 12, 30),
        "status": "pre-trained",
        "notes": ("prices end on 2022-12-30 & no later",),
        "rate": 0.043,
        "centred_on": "forward",
        "expiries": (first, second),
    }
    return Chain.model_construct(**fields)
