"""Routes of options: what is asked is too long for an address, so it comes as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Body, Depends, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from starlette.types import Message, Receive, Scope, Send

from tickgraph.errors import InputError
from tickgraph.http.column_json import column_json
from tickgraph.http.guards import only_known_query, pass_guards
from tickgraph.http.parameters import CurrentService, SymbolInPath, Wait, read_symbol
from tickgraph.http.problem import problems
from tickgraph.http.responses import ChainAnswer, example
from tickgraph.market.expiry import EXPIRY, read_expiry
from tickgraph.market.price import MAX_PRICE
from tickgraph.options.chain import Centre, ChainQuestion
from tickgraph.options.quotes import MAX_VOLATILITY, Quotes, as_quotes, checked

Dollars = Annotated[float, Field(gt=0, le=MAX_PRICE, allow_inf_nan=False)]
Volatility = Annotated[float, Field(gt=0, le=MAX_VOLATILITY, allow_inf_nan=False)]
AtOnce = Field(fail_fast=True)  # thousands of errors would be a longer answer than any chain
AShare = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]
Expiry = Annotated[
    Any,
    BeforeValidator(lambda text: read_expiry(text if isinstance(text, str) else repr(text))),
    Field(json_schema_extra={"type": "string", "format": "date", "pattern": EXPIRY}),
]


class Asked(BaseModel):
    """The body of a request, or a part of it: of its own types alone, and without other fields."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", use_attribute_docstrings=True, arbitrary_types_allowed=True
    )


class ExpiryQuotes(Asked):
    """Strikes of one expiry, with what the market says of them; null where it says nothing."""

    expiry: Expiry
    """Session of the exchange on which the options expire, such as 2023-01-20."""
    strikes: Annotated[list[Dollars], Field(min_length=1, fail_fast=True)]
    """Dollars."""
    implied_volatilities: Annotated[list[Volatility | None], AtOnce] | None = None
    """Annualised, such as 0.3; one a strike."""
    calls: Annotated[list[Dollars | None], AtOnce] | None = None
    """Mid prices of calls in dollars; one a strike. They give the implied volatilities that are null."""
    puts: Annotated[list[Dollars | None], AtOnce] | None = None
    """Mid prices of puts in dollars; one a strike. Of a call and a put the one that is out of the money decides."""


class ChainBody(Asked):
    """A chain of options: every strike at every expiry, or the quotes of each expiry."""

    model_config = example("chain_request")

    expiries: Annotated[list[Expiry], Field(min_length=1, fail_fast=True)] | None = None
    """Sessions of the exchange, 63 sessions after the last one with prices at the latest."""
    strikes: Annotated[list[Dollars], Field(min_length=1, fail_fast=True)] | None = None
    """Dollars; the same at every expiry."""
    quotes: Annotated[list[ExpiryQuotes], Field(min_length=1, fail_fast=True)] | None = None
    """In place of `expiries` and `strikes`."""
    price: Dollars | None = None
    """Current price in dollars; null starts from the last stored close."""
    rate: AShare = 0.0
    """Interest rate, continuous, a year, such as 0.04."""
    dividend_yield: AShare | None = None
    """Continuous, a year; null is what the forecast takes off by each expiry."""
    centred_on: Centre = "forward"
    """Mean of the distribution that fair values are taken under: the forward, or the forecast's own."""
    values: bool = False
    """Give fair values where there are no quotes, too."""
    touch: bool = True
    """Say how likely each strike is touched."""
    skip_impossible: bool = False
    """Leave a mid price out that no volatility gives; without it, it is an error."""

    def question(self) -> ChainQuestion:
        """What is asked; :class:`InputError` for what makes no chain."""
        quotes = None
        if self.quotes is not None:
            quotes = [
                Quotes.of(each.expiry, each.strikes, each.implied_volatilities, each.calls, each.puts)
                for each in self.quotes
            ]
        return ChainQuestion(
            as_quotes(self.expiries, self.strikes, quotes),
            rate=self.rate,
            dividend_yield=self.dividend_yield,
            centred_on=self.centred_on,
            values=self.values,
            touch=self.touch,
            skip_impossible=self.skip_impossible,
        )


async def chain(
    service: CurrentService, symbol: SymbolInPath, body: Annotated[ChainBody, Body()], wait: Wait = False
) -> Response:
    """Say of every strike at every expiry how likely the close is above it, and how likely it is touched.

    With quotes, the risk-neutral probability stands beside the forecast's, with the difference and the fair value of a
    call and a put under the forecast's distribution. Each list of an answer has one value a strike.
    """
    question = body.question()
    checked(question.quotes, service.settings.serve.max_cells)
    answer = await service.chain(symbol, body.price, question, wait=wait)
    return Response(column_json(answer), media_type="application/json")


class ChainRoute(APIRoute):
    """``/forecast/{symbol}/chain``; a valid request is answered before FastAPI takes its parameters apart.

    FastAPI takes half as long for that as a chain does. All other requests go FastAPI's way, which says what is wrong
    with them. The guards come first either way.
    """

    def __init__(self, guards: Sequence[Any]) -> None:
        super().__init__(
            "/forecast/{symbol}/chain",
            chain,
            methods=["POST"],
            response_model=ChainAnswer,
            responses=problems(404, 422),
            tags=["options"],
            dependencies=[*guards, Depends(only_known_query)],
        )
        self._guards = guards

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["method"] != "POST" or scope["query_string"]:
            await super().handle(scope, receive, send)
            return
        request = Request(scope, receive)
        await pass_guards(request, self._guards)  # before a stranger's body is waited for
        raw = await request.body()
        try:
            if not request.headers.get("content-type", "").startswith("application/json"):
                raise InputError("FastAPI says what it takes.")
            symbol, body = read_symbol(scope["path_params"]["symbol"]), ChainBody.model_validate_json(raw)
        except (InputError, ValidationError):
            await super().handle(scope, _again(raw, receive), send)
            return
        response = await chain(request.app.state.service, symbol, body)
        await response(scope, receive, send)


def _again(body: bytes, receive: Receive) -> Receive:
    """Give a body that was read already once more, and then what comes after it."""
    parts: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_part() -> Message:
        return parts.pop() if parts else await receive()

    return next_part
