"""Examples in the OpenAPI document: answers of a service that was trained on the bundled sample."""

from __future__ import annotations

from typing import Any

FORECAST: dict[str, Any] = {
    "symbol": "AAPL",
    "status": "pre-trained",
    "model": "gnn",
    "as_of": "2022-12-30",
    "target_session": "2023-01-03",
    "horizon": 1,
    "price": 130.0,
    "price_source": "request",
    "predicted_return": 0.00021874421508982778,
    "prediction": 130.02843985837552,
    "intervals": [
        {
            "level": 0.8,
            "lower": 126.40556044650207,
            "upper": 132.73756019734424,
            "lower_return": -0.028038978836170264,
            "upper_return": 0.020839496780968456,
        },
        {
            "level": 0.95,
            "lower": 124.07151707268224,
            "upper": 135.58041435333385,
            "lower_return": -0.04667630052109509,
            "upper_return": 0.04203047769637942,
        },
    ],
    "probability_up": 0.4532098859031354,
    "confidence": 0.4532098859031354,
    "prices_source": "sample",
    "last_close": 129.92999267578125,
    "stale": False,
    "sessions_behind": 0,
    "generation": "5a4f094789020c053dadfc963183915bda56628b7a1473c2bca5e4519b1a796c",
    "trained_at": "2026-11-24T00:02:06.654939Z",
    "model_stale": False,
    "correlations_as_of": "2022-12-30",
    "correlations": "stored",
    "calibration_sessions": 200,
    "notes": [
        "out of sample this model did not beat forecasting no move: trust the interval, not the sign",
    ],
    "cached": True,
    "training_job": None,
    "timings": {"total_seconds": 0.000021, "queued_seconds": 0.0},
}

PROBABILITY: dict[str, Any] = {
    "symbol": "AAPL",
    "strike": 133.0,
    "price": 130.0,
    "price_source": "request",
    "probability_above": 0.08365518826601703,
    "probability_below": 0.916344811733983,
    "quantiles": [
        {"probability": 0.05, "close": 125.1670109721427, "log_return": -0.03788551714717919},
        {"probability": 0.5, "close": 129.69143024291807, "log_return": -0.002376435002205818},
        {"probability": 0.95, "close": 133.71090587545453, "log_return": 0.028145600074782975},
    ],
    "method": "split conformal: held-out residuals scaled by 20-session volatility around the forecast",
    "calibration_sessions": 200,
    "forecast": FORECAST,
}

PROBLEM: dict[str, Any] = {
    "type": "urn:tickgraph:problem:unknown-symbol",
    "title": "Unknown symbol",
    "status": 404,
    "detail": "APPL has neither a model nor stored prices. Did you mean AAPL, PYPL? An operator can add it with: "
    "tickgraph prices update --symbols APPL",
    "instance": "/forecast/APPL",
    "request_id": "5d0c6a9be3a1f2c4",
    "symbol": "APPL",
    "suggestions": ["AAPL", "PYPL"],
}
