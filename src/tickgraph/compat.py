"""The handed-down interface, for a program that changes one import and nothing else.

>>> from tickgraph.compat import get_gnn_prediction
>>> answer = await get_gnn_prediction("AAPL", 130.0)
>>> answer["prediction"], answer["confidence"], answer["status"], answer["model"]
"""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from tickgraph.api import open_forecaster
from tickgraph.market.universe import canonical
from tickgraph.serving.forecaster import Forecaster
from tickgraph.settings import load_settings

_lock = threading.Lock()
_forecaster: Forecaster | None = None
_fallback = "momentum"


async def get_gnn_prediction(symbol: str, current_price: float) -> dict[str, Any]:
    """Forecast one symbol's next close.

    Models and prices are those of the settings (``tickgraph.toml``, ``TICKGRAPH_`` variables). Reading and
    computing happen in a thread; a model is loaded once, and again when a newer one is published. A symbol
    without a model is answered as ``fallback`` says.

    Parameters
    ----------
    symbol
        Ticker.
    current_price
        Dollars.

    Returns
    -------
    dict
        ``prediction`` (dollars), ``confidence`` (calibrated probability that the forecast's sign is right),
        ``status`` (``pre-trained``, ``trained-on-demand`` or ``momentum``), ``model`` (``gnn`` or
        ``momentum``), and all else that :class:`tickgraph.serving.forecast.Forecast` has.

    Raises
    ------
    InputError
        Malformed symbol, or a price that is not a positive number.
    TickgraphError
        What else the forecast failed on; nothing is made up in its place.
    """
    return await asyncio.to_thread(_predict, canonical(symbol), current_price)


def clear_cache() -> None:
    """Forget models, prices and settings; they are read again when they are next asked for."""
    global _forecaster
    with _lock:
        _forecaster = None


def _predict(symbol: str, price: float) -> dict[str, Any]:
    forecaster, fallback = _open()
    return forecaster.forecast(symbol, price, fallback=fallback).model_dump(mode="json")


def _open() -> tuple[Forecaster, str]:
    global _forecaster, _fallback
    with _lock:
        if _forecaster is None:
            settings = load_settings()
            _forecaster, _fallback = open_forecaster(settings), settings.fallback
        return _forecaster, _fallback
