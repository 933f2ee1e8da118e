"""Routes of what a chart of the sessions ahead is drawn from."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tickgraph.http.compressed import compressed
from tickgraph.http.parameters import CurrentService, Expiry, Price, Sessions, SymbolInPath
from tickgraph.http.problem import problems
from tickgraph.http.responses import CurveAnswer, FanAnswer
from tickgraph.serving.fan_answer import curve_of, fan_of

router = APIRouter(tags=["forecasts"])


@router.get("/forecast/{symbol}/fan", response_model=FanAnswer, responses=problems(404, 422))
async def fan(
    request: Request, service: CurrentService, symbol: SymbolInPath, price: Price = None
) -> Response:
    """Intervals, volatility and expected move of every session ahead, up to the longest that the model forecasts.

    They are those of `/forecast/{symbol}/distribution`. A symbol without a model has the next session only.
    """
    answer = await service.answer(symbol, price, fan_of)
    return compressed(request, answer.model_dump_json().encode())


@router.get("/forecast/{symbol}/curve", response_model=CurveAnswer, responses=problems(404, 422))
async def curve(
    request: Request,
    service: CurrentService,
    symbol: SymbolInPath,
    sessions: Sessions = None,
    expiry: Expiry = None,
    price: Price = None,
) -> Response:
    """Cumulative distribution of the close after so many sessions, or at an option's expiry; give one of the two.

    It is the distribution of `/forecast/{symbol}/distribution`, at 241 closes from under its 1 % quantile to above that
    of 99 %.
    """
    answer = await service.answer(symbol, price, partial(curve_of, sessions=sessions, expiry=expiry))
    return compressed(request, answer.model_dump_json().encode())
