"""Routes of forecasts and probabilities."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from pydantic_core import to_json
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from tickgraph.errors import InputError, TickgraphError
from tickgraph.http.guards import only_known_query
from tickgraph.http.parameters import (
    CurrentService,
    Expiry,
    Price,
    Sessions,
    Strike,
    SymbolInPath,
    UpperStrike,
    Wait,
    read_symbol,
)
from tickgraph.http.problem import problem_of, problems
from tickgraph.http.responses import (
    DistributionAnswer,
    ForecastAnswer,
    ForecastsAnswer,
    ProbabilityAnswer,
    Timings,
)
from tickgraph.http.service import Service
from tickgraph.market.price import prices_by_symbol, read_price
from tickgraph.market.spelling import Symbol
from tickgraph.market.universe import canonical
from tickgraph.serving.distribution_answer import distribution_of

MAX_SYMBOLS = 1_000
MAX_LENGTH = 10_000
LIST = r"^[ ,]*[!-+\--~][ -~]*$"  # printable ASCII, with something in it besides commas and spaces
_LIST = re.compile(LIST)
# A price as most callers write it. Any other valid request takes the usual way.
_PLAIN_QUERY = re.compile(rb"(?:price=([1-9][0-9]{0,7}(?:\.[0-9]{1,9})?))?")

_Several = tuple[dict[str, bytes], dict[str, TickgraphError]]
"""By symbol the JSON of each forecast, and the error of each that has none."""

router = APIRouter(tags=["forecasts"])

_forecast = ForecastAnswer.__pydantic_serializer__
_probability = ProbabilityAnswer.__pydantic_serializer__


def _words(text: str) -> list[str]:
    """Words of a list of symbols, each with its price after a colon if it has one."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    if len(text) > MAX_LENGTH:
        raise InputError(
            f"The list of symbols has {len(text)} characters; {MAX_LENGTH} is the most. Send several requests."
        )
    if not _LIST.fullmatch(text):
        raise InputError(f"{text[:40]!r} is no list of symbols. Write ASCII, such as symbols=AAPL:130,MSFT.")
    if len(words) > MAX_SYMBOLS:
        raise InputError(f"{len(words)} symbols asked for; {MAX_SYMBOLS} is the most. Send several requests.")
    return words


@router.get("/forecast", response_model=ForecastsAnswer, responses=problems(422))
async def forecast_several(
    service: CurrentService,
    symbols: Annotated[
        str,
        Query(
            json_schema_extra={"minLength": 1, "maxLength": MAX_LENGTH, "pattern": LIST},
            description=f"Tickers with commas between them, {MAX_SYMBOLS} at most, each with its price in dollars "
            "after a colon, if it is not to start from the last close. A symbol may be given one price.",
            examples=["AAPL:130,MSFT"],
        ),
    ],
) -> Response:
    """Forecast several symbols in one call; those that fail are named with the reason, the others go on.

    Symbols without a model are answered by momentum, while their models are trained in the background.
    """
    words = _words(symbols)

    def several() -> _Several:
        named, prices, malformed = _read(words)
        answers, failures = service.forecast_many(named, prices)
        return answers, malformed | failures

    return await _in_one_call(service, several)


@router.get("/forecast/all", response_model=ForecastsAnswer, responses=problems())
async def forecast_all(service: CurrentService) -> Response:
    """Forecast every symbol that has a model, in one batched call, each from its last stored close."""
    return await _in_one_call(
        service, lambda: service.forecast_many(service.forecaster.symbols(), {}, fallback="none")
    )


async def forecast(
    service: CurrentService, symbol: SymbolInPath, price: Price = None, wait: Wait = False
) -> Response:
    """Forecast the next session's close.

    A symbol without a model is answered by momentum at once (`status`), while a model is trained in the
    background (`training_job`); with `wait` the answer comes from the trained model.
    """
    answer = await service.forecast(symbol, price, wait=wait)
    return Response(_forecast.to_json(answer), media_type="application/json")


class PlainRoute(APIRoute):
    """``/forecast/{symbol}``; a plain request is answered before FastAPI takes its parameters apart.

    FastAPI takes longer for that than an answer from memory does. All other requests go FastAPI's way, which alone
    knows what is valid. The guards come first either way. The route belongs to the application itself, because a
    router's takes longer to find.
    """

    def __init__(self, guards: Sequence[Any]) -> None:
        super().__init__(
            "/forecast/{symbol}",
            forecast,
            response_model=ForecastAnswer,
            responses=problems(404, 422),
            tags=["forecasts"],
            dependencies=[*guards, Depends(only_known_query)],
        )
        self._guards = guards

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Leave ``/forecast/all`` to its own route."""
        if scope["type"] == "http" and scope["path"].endswith("/all"):
            return Match.NONE, {}
        return super().matches(scope)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        plain = _plain(scope) if scope["method"] == "GET" else None
        if plain is None:
            await super().handle(scope, receive, send)
            return
        request = Request(scope, receive)
        for guard in self._guards:
            await guard.dependency(request)
        service: Service = request.app.state.service
        body = service.from_memory(*plain)
        if body is None:
            response = await forecast(service, *plain)
        else:
            response = Response(body, media_type="application/json")
        await response(scope, receive, send)


def _plain(scope: Scope) -> tuple[Symbol, float | None] | None:
    """Read the symbol and the price of a plain request; None of any other."""
    query = _PLAIN_QUERY.fullmatch(scope["query_string"])
    if query is None:
        return None
    try:
        symbol = read_symbol(scope["path_params"]["symbol"])
    except InputError:
        return None
    return symbol, None if query[1] is None else float(query[1])


@router.get("/forecast/{symbol}/probability", response_model=ProbabilityAnswer, responses=problems(404, 422))
async def probability(
    service: CurrentService,
    symbol: SymbolInPath,
    strike: Strike,
    upper_strike: UpperStrike = None,
    sessions: Sessions = None,
    expiry: Expiry = None,
    price: Price = None,
    wait: Wait = False,
) -> Response:
    """Probability that a close is above a strike, or between two, and that the price touches a strike by then.

    It is the next session's close, that after so many sessions, or that of an option's expiry. All come from the
    calibrated predictive distribution; it was calibrated on sessions that training never saw. A strike is touched by a
    day's high or low.
    """
    answer = await service.probability(
        symbol, strike, price, upper_strike=upper_strike, sessions=sessions, expiry=expiry, wait=wait
    )
    return Response(_probability.to_json(answer), media_type="application/json")


@router.get(
    "/forecast/{symbol}/distribution", response_model=DistributionAnswer, responses=problems(404, 422)
)
async def distribution(
    service: CurrentService,
    symbol: SymbolInPath,
    sessions: Sessions = None,
    expiry: Expiry = None,
    price: Price = None,
    wait: Wait = False,
) -> Response:
    """Distribution of the close after so many sessions, or at an option's expiry; give one of the two.

    Quantiles, intervals, volatility and the expected move come from the model's calibrated forecast of that horizon.
    They are of the split-adjusted close: dividends that go ex before the expiry are taken off.
    """
    answering = partial(distribution_of, sessions=sessions, expiry=expiry)
    answer = await service.answer(symbol, price, answering, wait=wait)
    return Response(answer.model_dump_json(), media_type="application/json")


def _read(words: list[str]) -> tuple[list[Symbol], dict[str, float], dict[str, TickgraphError]]:
    """Symbols, the prices that some are given, and the error of each word that cannot be read.

    Two prices for one symbol are an error of the whole request, like a parameter that is given twice.
    """
    symbols: dict[Symbol, None] = {}
    prices: list[tuple[Symbol, float]] = []
    malformed: dict[str, TickgraphError] = {}
    for word in words:
        name, has_price, text = word.partition(":")
        try:
            symbol = canonical(name)
            if has_price:
                prices.append((symbol, read_price(symbol, text)))
            symbols[symbol] = None
        except InputError as error:
            malformed[word] = error
    return list(symbols), prices_by_symbol(prices), malformed


async def _in_one_call(service: Service, call: Callable[[], _Several]) -> Response:
    started = time.perf_counter()

    def answer() -> bytes:
        begun = time.perf_counter()
        forecasts, failures = call()
        problems_found = {symbol: problem_of(error) for symbol, error in failures.items()}
        parts = (b"%b:%b" % (to_json(symbol), forecast) for symbol, forecast in forecasts.items())
        return b'{"forecasts":{%b},"failures":%b,"timings":%b}' % (
            b",".join(parts),
            to_json(problems_found),
            to_json(Timings(time.perf_counter() - started, begun - started)),
        )

    return Response(await service.in_thread(answer), media_type="application/json")
