"""The route of templates: well-known strategies with legs that can be asked about."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Request
from fastapi.responses import Response

from tickgraph.http.compressed import compressed
from tickgraph.http.parameters import CurrentService, Expiry, Price, Sessions, SymbolInPath
from tickgraph.http.problem import problems
from tickgraph.http.responses import TemplatesAnswer
from tickgraph.serving.template_answer import templates_of

router = APIRouter(tags=["options"])


@router.get("/forecast/{symbol}/templates", response_model=TemplatesAnswer, responses=problems(404, 422))
async def templates(
    request: Request,
    service: CurrentService,
    symbol: SymbolInPath,
    sessions: Sessions = None,
    expiry: Expiry = None,
    price: Price = None,
) -> Response:
    """Every template of a strategy with legs for an expiry, or for so many sessions; give one of the two.

    Strikes are round prices near quantiles of the close; each template names their probabilities. The legs are as
    `/forecast/{symbol}/strategy` takes them.
    """
    answer = await service.answer(symbol, price, partial(templates_of, sessions=sessions, expiry=expiry))
    return compressed(request, answer.model_dump_json().encode())
