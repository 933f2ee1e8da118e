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
    "predicted_return": 0.0002187434583902359,
    "prediction": 130.02843975998306,
    "intervals": [
        {
            "level": 0.8,
            "lower": 126.40556026546545,
            "upper": 132.73756009690177,
            "lower_return": -0.028038980268358972,
            "upper_return": 0.020839496024268864,
        },
        {
            "level": 0.95,
            "lower": 124.07151690787752,
            "upper": 135.58041432334085,
            "lower_return": -0.04667630184939933,
            "upper_return": 0.04203047747516,
        },
    ],
    "probability_up": 0.453209862413851,
    "confidence": 0.453209862413851,
    "prices_source": "sample",
    "prices_provider": "sample",
    "last_close": 129.92999267578125,
    "stale": True,
    "sessions_behind": 977,
    "generation": "e118fe2080207b1f1c1f17cb8d078642e5e78762d69ab5b539996648e4e972c8",
    "trained_at": "2026-11-24T08:13:22.400891Z",
    "model_stale": False,
    "correlations_as_of": "2022-12-30",
    "correlations": "stored",
    "calibration_sessions": 200,
    "notes": [
        "prices end on 2022-12-30: 977 completed sessions are missing",
        "out of sample this model did not beat forecasting no move: trust the interval, not the sign",
    ],
    "cached": True,
    "training_job": None,
    "timings": {"total_seconds": 0.00018756899999061716, "queued_seconds": 0.0},
}

PROBABILITY: dict[str, Any] = {
    "symbol": "AAPL",
    "strike": 133.0,
    "price": 130.0,
    "price_source": "request",
    "probability_above": 0.08365518165253971,
    "probability_below": 0.9163448183474603,
    "beyond_calibration": False,
    "quantiles": [
        {"probability": 0.01, "close": 122.77347818726913, "log_return": -0.05719343374234897},
        {"probability": 0.05, "close": 125.16701087742888, "log_return": -0.037885517903878785},
        {"probability": 0.1, "close": 126.41234476738346, "log_return": -0.027985309212752694},
        {"probability": 0.25, "close": 128.10741326856876, "log_return": -0.014665372278338012},
        {"probability": 0.5, "close": 129.69143014478064, "log_return": -0.00237643575890541},
        {"probability": 0.75, "close": 131.43307990018474, "log_return": 0.010963373532197774},
        {"probability": 0.9, "close": 132.72632335430907, "log_return": 0.020754838612847427},
        {"probability": 0.95, "close": 133.71090569254247, "log_return": 0.028145598706816356},
        {"probability": 0.99, "close": 137.35188216962175, "log_return": 0.055011665447373105},
    ],
    "method": "split conformal: held-out residuals scaled by the volatility forecast",
    "calibration_sessions": 200,
    "forecast": FORECAST,
}

PROBLEM: dict[str, Any] = {
    "type": "urn:tickgraph:problem:unknown-symbol",
    "title": "Unknown symbol",
    "status": 404,
    "detail": "APPL has neither a model nor stored prices. Did you mean AAPL, PYPL? An operator can "
    "add it with: tickgraph prices update --symbols APPL --source NAME (yahoo or files)",
    "instance": "/forecast/APPL",
    "request_id": "5d0c6a9be3a1f2c4",
    "symbol": "APPL",
    "suggestions": ["AAPL", "PYPL"],
}

FORECASTS: dict[str, Any] = {
    "forecasts": {
        "AAPL": {k: v for k, v in FORECAST.items() if k not in ("cached", "training_job", "timings")},
    },
    "failures": {
        "APPL": {
            "type": "urn:tickgraph:problem:unknown-symbol",
            "title": "Unknown symbol",
            "status": 404,
            "detail": "APPL has neither a model nor stored prices. Did you mean AAPL, "
            "PYPL? An operator can add it with: tickgraph prices update "
            "--symbols APPL --source NAME (yahoo or files)",
            "instance": None,
            "request_id": None,
            "symbol": "APPL",
            "suggestions": ["AAPL", "PYPL"],
            "errors": None,
        }
    },
    "timings": {"total_seconds": 0.0011124359998575528, "queued_seconds": 0.00015535199963778723},
}

SYMBOLS: dict[str, Any] = {
    "count": 42,
    "trained": 42,
    "symbols": [
        {"symbol": "AAPL", "model": "gnn", "in_memory": True, "sector": "Mega-cap technology"},
        {"symbol": "ABBV", "model": "gnn", "in_memory": False, "sector": "Health care"},
    ],
}

HEALTH: dict[str, Any] = {
    "status": "ready",
    "models": 42,
    "models_in_memory": 1,
    "started_at": "2026-11-24T09:07:09.464546Z",
}
