"""Call a tickgraph service from Python, typed, with retries.

>>> from tickgraph.client import Client
>>> with Client("http://127.0.0.1:8000") as client:
...     forecast = client.forecast("AAPL", price=130.0)
...     client.probability("AAPL", strike=135.0).probability_above
"""

from tickgraph.client.clients import AsyncClient, Client
from tickgraph.client.requests import (
    Chain,
    Cleared,
    Distribution,
    Forecast,
    Forecasts,
    Graph,
    Health,
    Job,
    Jobs,
    Probability,
    Problem,
    ServiceError,
    Strategy,
    SymbolInfo,
    SymbolList,
)
from tickgraph.options.legs import Leg
from tickgraph.options.quotes import Quotes

__all__ = [
    "AsyncClient",
    "Chain",
    "Cleared",
    "Client",
    "Distribution",
    "Forecast",
    "Forecasts",
    "Graph",
    "Health",
    "Job",
    "Jobs",
    "Leg",
    "Probability",
    "Problem",
    "Quotes",
    "ServiceError",
    "Strategy",
    "SymbolInfo",
    "SymbolList",
]
