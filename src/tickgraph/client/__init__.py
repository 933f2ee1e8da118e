"""Call a tickgraph service from Python, typed, with retries.

>>> from tickgraph.client import Client
>>> with Client("http://127.0.0.1:8000") as client:
...     forecast = client.forecast("AAPL", price=130.0)
...     client.probability("AAPL", strike=135.0).probability_above
"""

from tickgraph.client.answer_types import (
    Chain,
    Cleared,
    Curve,
    Distribution,
    Fan,
    Forecast,
    Forecasts,
    Graph,
    Health,
    Job,
    Jobs,
    Market,
    Operations,
    Overview,
    Prices,
    Probability,
    Problem,
    Reliability,
    Strategy,
    SymbolInfo,
    SymbolList,
    Templates,
)
from tickgraph.client.async_client import AsyncClient
from tickgraph.client.client import Client
from tickgraph.client.sending import ServiceError
from tickgraph.options.legs import Leg
from tickgraph.options.quotes import Quotes

__all__ = [
    "AsyncClient",
    "Chain",
    "Cleared",
    "Client",
    "Curve",
    "Distribution",
    "Fan",
    "Forecast",
    "Forecasts",
    "Graph",
    "Health",
    "Job",
    "Jobs",
    "Leg",
    "Market",
    "Operations",
    "Overview",
    "Prices",
    "Probability",
    "Problem",
    "Quotes",
    "Reliability",
    "ServiceError",
    "Strategy",
    "SymbolInfo",
    "SymbolList",
    "Templates",
]
