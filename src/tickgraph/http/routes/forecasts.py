"""Forecasts and probabilities."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from tickgraph.errors import InputError, TickgraphError
from tickgraph.http.problem import problem_of
from tickgraph.http.routes.documented import Price, Symbol, Wait, problems, service_of
from tickgraph.http.routes.plain import PlainRoute
from tickgraph.http.schema import (
    ForecastAnswer,
    ForecastsAnswer,
    ProbabilityAnswer,
    Quantile,
    Timings,
)
from tickgraph.http.service import Service
from tickgraph.market.universe import canonical
from tickgraph.model.calibration import PredictiveDistribution

QUANTILES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
MAX_SYMBOLS = 1_000
METHOD = "split conformal: held-out residuals scaled by 20-session volatility around the forecast"

router = APIRouter(tags=["forecasts"])

_forecast = ForecastAnswer.__pydantic_serializer__
_forecasts = ForecastsAnswer.__pydantic_serializer__
_probability = ProbabilityAnswer.__pydantic_serializer__


@router.get("/forecast", response_model=ForecastsAnswer, responses=problems(422))
async def forecast_several(
    request: Request,
    symbols: Annotated[
        str,
        Query(
            min_length=1,
            max_length=10_000,
            pattern=r"^[A-Za-z0-9.,-]+$",
            description="Tickers with commas between them.",
            examples=["AAPL,MSFT"],
        ),
    ],
) -> Response:
    """Forecast several symbols in one call; those that fail are named with the reason, the others go on."""
    names = symbols.split(",")
    if len(names) > MAX_SYMBOLS:
        raise InputError(f"{len(names)} symbols asked for; {MAX_SYMBOLS} is the most. Send several requests.")
    return await _several(service_of(request), names, "momentum")


@router.get("/forecast/all", response_model=ForecastsAnswer, responses=problems())
async def forecast_all(request: Request) -> Response:
    """Forecast every symbol that has a model, in one batched call, each from its last stored close."""
    service = service_of(request)
    return await _several(service, service.live.symbols(), "none")


async def forecast(
    request: Request,
    symbol: Symbol,
    price: Price = None,
    wait: Wait = False,
) -> Response:
    """Forecast the next session's close.

    A symbol without a model is answered by momentum at once (`status`), while a model is trained in the
    background (`training_job`); with `wait` the answer comes from the trained model.
    """
    answer = await service_of(request).forecast(symbol, price, wait=wait)
    return Response(_forecast.to_json(answer), media_type="application/json")


def forecast_route(guards: Sequence[Depends]) -> PlainRoute:  # type: ignore[valid-type]
    """Route of :func:`forecast`: an application's own and not a router's, which would be searched first."""
    return PlainRoute(
        "/forecast/{symbol}",
        forecast,
        response_model=ForecastAnswer,
        responses=problems(404, 422),
        tags=["forecasts"],
        guards=guards,
    )


@router.get("/forecast/{symbol}/probability", response_model=ProbabilityAnswer, responses=problems(404, 422))
async def probability(
    request: Request,
    symbol: Symbol,
    strike: Annotated[
        float, Query(gt=0, le=1e9, allow_inf_nan=False, description="Dollars.", examples=[135.0])
    ],
    price: Price = None,
    wait: Wait = False,
) -> Response:
    """Probability that the next session's close is above a strike, and the quantiles behind it.

    Both come from the calibrated predictive distribution of the forecast; it was calibrated on sessions that
    training never saw. Beyond its outermost scores nothing is known, and the probability stays inside (0, 1).
    """
    service = service_of(request)
    answer, distribution = await service.forecast_and_distribution(symbol, price, wait=wait)
    return Response(_probability.to_json(_above(answer, distribution, strike)), media_type="application/json")


def _above(answer: ForecastAnswer, distribution: PredictiveDistribution, strike: float) -> ProbabilityAnswer:
    above = distribution.probability_above(math.log(strike) - math.log(answer.price))
    returns = distribution.quantile(QUANTILES)  # type: ignore[arg-type]
    return ProbabilityAnswer(
        symbol=answer.symbol,
        strike=strike,
        price=answer.price,
        price_source=answer.price_source,
        probability_above=above,
        probability_below=1 - above,
        quantiles=[
            Quantile(probability=level, close=answer.price * math.exp(value), log_return=float(value))
            for level, value in zip(QUANTILES, returns, strict=True)
        ],
        method=METHOD,
        calibration_sessions=answer.calibration_sessions,
        forecast=answer,
    )


async def _several(service: Service, symbols: tuple[str, ...] | list[str], fallback: str) -> Response:
    started = time.perf_counter()
    body, _ = await service.in_thread(lambda: _batch(service, symbols, fallback, started))
    return Response(body, media_type="application/json")


def _batch(service: Service, symbols: tuple[str, ...] | list[str], fallback: str, asked: float) -> bytes:
    begun = time.perf_counter()
    failures: dict[str, TickgraphError] = {}
    wanted = []
    for symbol in symbols:
        try:
            wanted.append(canonical(symbol))
        except TickgraphError as error:
            failures[symbol] = error
    result = service.live.forecast_many(wanted, fallback=fallback)
    failures |= result.failures
    if fallback == "momentum":
        failures = service.explained(failures)
    answer = ForecastsAnswer.model_construct(
        forecasts=result.forecasts,
        failures={symbol: problem_of(error) for symbol, error in failures.items()},
        timings=Timings(time.perf_counter() - asked, begun - asked),
    )
    return _forecasts.to_json(answer)
