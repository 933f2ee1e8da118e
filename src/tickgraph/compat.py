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
from tickgraph.serving.forecaster import Fallback, Forecaster
from tickgraph.settings import load_settings

PRE_TRAINED = "GNN-cached"
"""What callers of the handed-down interface take as the sign of a model that was trained ahead."""

_lock = threading.Lock()
_forecaster: Forecaster | None = None
_fallback: Fallback = "momentum"


async def get_gnn_prediction(symbol: str, current_price: float) -> dict[str, Any]:
    """Forecast one symbol's next close.

    Models and prices are those of the settings (``tickgraph.toml``, ``TICKGRAPH_`` variables). Reading and
    computing happen in a thread. A model is loaded once, and again when a newer one is published.

    Parameters
    ----------
    symbol
        Ticker.
    current_price
        Dollars.

    Returns
    -------
    dict
        All that :class:`tickgraph.serving.answer.Forecast` has, as JSON: among them ``prediction`` (dollars),
        ``confidence`` (calibrated probability that the forecast's sign is right), ``horizons`` (volatility, expected
        move and intervals of 1 to 63 sessions) and ``status``, tickgraph's own word
        for what answered (``pre-trained``, ``trained-on-demand`` or ``momentum``). ``model`` is ``GNN-cached`` for a
        pre-trained model, as callers of this function expect; otherwise ``gnn`` or ``momentum``.

    Raises
    ------
    InputError
        Malformed symbol, or a price that is not a positive number.
    TickgraphError
        What else the forecast failed on; nothing is made up in its place.
    """
    return await asyncio.to_thread(_predict, symbol, current_price)


def clear_cache() -> None:
    """Forget models, prices and settings; they are read again when they are next asked for."""
    global _forecaster
    with _lock:
        _forecaster = None


def _predict(symbol: str, price: float) -> dict[str, Any]:
    forecaster, fallback = _open()
    answer = forecaster.forecast(symbol, price, fallback=fallback).model_dump(mode="json")
    if answer["status"] == "pre-trained":
        answer["model"] = PRE_TRAINED
    return answer


def _open() -> tuple[Forecaster, Fallback]:
    global _forecaster, _fallback
    with _lock:
        if _forecaster is None:
            settings = load_settings()
            _forecaster, _fallback = open_forecaster(settings), settings.fallback
        return _forecaster, _fallback
