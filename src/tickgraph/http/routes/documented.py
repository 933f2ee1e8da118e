"""What several routes share: their parameters, and the problems they may answer with."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Query, Request
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from tickgraph.errors import InputError, SymbolError
from tickgraph.http.problem import MEDIA_TYPE
from tickgraph.http.schema import Problem
from tickgraph.http.service import Service
from tickgraph.market.price import MAX_PRICE, read_price
from tickgraph.market.universe import canonical

# A symbol in one of its spellings. Which of them is a symbol of the exchange in force, canonical alone knows.
SYMBOL = r"^[A-Za-z0-9][A-Za-z0-9&]{0,13}([ ._-][A-Za-z0-9]{1,6}){0,2}$"
SYMBOLS = r"^[ ,]*[!-+\--~][ -~]*$"  # printable ASCII, with something in it besides commas and spaces


def _is_symbol(text: Any) -> Any:
    """Refuse what is no symbol, with the reason; the pattern alone would quote itself."""
    try:
        canonical(text)
    except SymbolError as error:
        raise PydanticCustomError("symbol", "{reason}", {"reason": str(error)}) from error
    return text


def _dollars(what: str) -> BeforeValidator:
    def read(text: Any) -> Any:
        try:
            return read_price(None, text, what=what) if isinstance(text, str) else text
        except InputError as error:
            raise PydanticCustomError("price", "{reason}", {"reason": str(error)}) from error

    return BeforeValidator(read)


Symbol = Annotated[
    str,
    BeforeValidator(_is_symbol),
    Path(
        pattern=SYMBOL,
        description="Ticker, such as AAPL or BRK-B; former names are followed.",
        examples=["AAPL"],
    ),
]
Price = Annotated[
    float | None,
    _dollars("Price"),
    Query(
        gt=0,
        le=MAX_PRICE,
        allow_inf_nan=False,
        description="Current price in dollars; without one the last stored close is used, and said.",
        examples=[130.0],
    ),
]
Strike = Annotated[
    float,
    _dollars("Strike"),
    Query(gt=0, le=MAX_PRICE, allow_inf_nan=False, description="Dollars.", examples=[135.0]),
]
Wait = Annotated[bool, Query(description="Without a model: wait until one is trained.")]

_TITLES = {
    401: "A key or token is missing or wrong",
    404: "Unknown symbol, with suggestions",
    422: "The request cannot be used",
    429: "Too many requests from this client",
    500: "An unexpected fault",
    503: "Not now: overloaded, or models or prices cannot be read; see Retry-After",
}


_TOO_LARGE = {  # the server refuses it before any route sees it, in plain text
    "description": "The request is larger than 64 KiB",
    "content": {"text/plain": {"schema": {"type": "string"}}},
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe for OpenAPI the problems that a route may answer with."""
    described: dict[int | str, dict[str, Any]] = {
        status: {
            "description": _TITLES[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in sorted({401, 429, 500, 503, *statuses})
    }
    return {**described, 413: _TOO_LARGE}


PROBLEM_SCHEMA = Problem.model_json_schema(ref_template="#/components/schemas/{model}")


def service_of(request: Request) -> Service:
    """Give the application's service."""
    service: Service = request.app.state.service
    return service
