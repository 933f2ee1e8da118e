"""Forecasts and probabilities."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from tickgraph.errors import InputError, TickgraphError, error_of
from tickgraph.http.problem import problem_of
from tickgraph.http.routes.documented import SYMBOLS, Price, Strike, Symbol, Wait, problems, service_of
from tickgraph.http.routes.plain import PlainRoute
from tickgraph.http.schema import (
    ForecastAnswer,
    ForecastsAnswer,
    ProbabilityAnswer,
    Quantile,
    Timings,
)
from tickgraph.http.service import Service
from tickgraph.market.price import prices_by_symbol, read_price
from tickgraph.market.spelling import Symbol as Ticker
from tickgraph.market.universe import canonical
from tickgraph.model.calibration import PredictiveDistribution
from tickgraph.serving.answer import Forecasts

QUANTILES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
MAX_SYMBOLS = 1_000
METHOD = "split conformal: held-out residuals scaled by the volatility forecast"

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
            pattern=SYMBOLS,
            description=f"Tickers with commas between them, {MAX_SYMBOLS} at most, each with its price in dollars "
            "after a colon, if it is not to start from the last close. A symbol may be given one price.",
            examples=["AAPL:130,MSFT"],
        ),
    ],
) -> Response:
    """Forecast several symbols in one call; those that fail are named with the reason, the others go on.

    Symbols without a model are answered by momentum, while their models are trained in the background.
    """
    words = [word.strip() for word in symbols.split(",") if word.strip()]
    if not words:
        raise InputError("No symbols were named. Write them as symbols=AAPL,MSFT.")
    if len(words) > MAX_SYMBOLS:
        raise InputError(f"{len(words)} symbols asked for; {MAX_SYMBOLS} is the most. Send several requests.")
    service = service_of(request)

    def several() -> Forecasts:
        asked, prices, malformed = _read(words)
        found = service.forecast_many(asked, prices)
        return Forecasts(found.forecasts, malformed | found.failures)

    return await _in_one_call(service, several)


@router.get("/forecast/all", response_model=ForecastsAnswer, responses=problems())
async def forecast_all(request: Request) -> Response:
    """Forecast every symbol that has a model, in one batched call, each from its last stored close."""
    service = service_of(request)
    return await _in_one_call(service, service.forecaster.forecast_all)


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
    strike: Strike,
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
    move = math.log(strike) - math.log(answer.price)
    above = distribution.probability_above(move)
    returns = distribution.quantile(QUANTILES)  # type: ignore[arg-type]
    return ProbabilityAnswer(
        symbol=answer.symbol,
        strike=strike,
        price=answer.price,
        price_source=answer.price_source,
        probability_above=above,
        probability_below=1 - above,
        beyond_calibration=distribution.is_beyond(move),
        quantiles=[
            Quantile(probability=level, close=answer.price * math.exp(value), log_return=float(value))
            for level, value in zip(QUANTILES, returns, strict=True)
        ],
        method=METHOD,
        calibration_sessions=answer.calibration_sessions,
        forecast=answer,
    )


def _read(words: list[str]) -> tuple[list[Ticker], dict[str, float], dict[str, TickgraphError]]:
    """Canonical symbols, the prices that some are given, and the error of each word that cannot be read.

    A symbol with two prices is an error of the whole request, as a parameter given twice is.
    """
    asked: dict[Ticker, None] = {}
    given: list[tuple[str, float]] = []
    malformed: dict[str, TickgraphError] = {}
    for word in words:
        name, has_price, text = word.partition(":")
        try:
            symbol = canonical(name)
            if has_price:
                given.append((symbol, read_price(symbol, text)))
            asked[symbol] = None
        except InputError as error:
            malformed[word] = error
    return list(asked), prices_by_symbol(given), malformed


async def _in_one_call(service: Service, call: Callable[[], Forecasts]) -> Response:
    started = time.perf_counter()

    def answer() -> bytes:
        begun = time.perf_counter()
        found = call()
        try:
            return _written(found, started, begun)
        except Exception:  # noqa: BLE001  the symbol that it is of is found, and fails alone
            for symbol, forecast in list(found.forecasts.items()):
                try:
                    _written(Forecasts({symbol: forecast}), started, begun)
                except Exception as error:  # noqa: BLE001
                    del found.forecasts[symbol]
                    found.failures[symbol] = error_of(symbol, error)
            return _written(found, started, begun)

    body, _ = await service.in_thread(answer)
    return Response(body, media_type="application/json")


def _written(found: Forecasts, started: float, begun: float) -> bytes:
    """JSON of several forecasts."""
    return _forecasts.to_json(
        ForecastsAnswer.model_construct(
            forecasts=found.forecasts,
            failures={symbol: problem_of(error) for symbol, error in found.failures.items()},
            timings=Timings(time.perf_counter() - started, begun - started),
        )
    )
