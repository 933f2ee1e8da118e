"""Parameters that several routes take: each is read once, here, and trusted behind."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request
from pydantic import BeforeValidator

from tickgraph.errors import SymbolError
from tickgraph.http.service import Service
from tickgraph.market.expiry import EXPIRY, LONGEST, read_expiry, read_sessions
from tickgraph.market.price import MAX_PRICE, read_price
from tickgraph.market.spelling import Symbol
from tickgraph.market.universe import canonical

# How a path may spell a symbol. Whether it is a symbol of the exchange in force, only canonical knows.
SYMBOL = r"^[A-Za-z0-9][A-Za-z0-9&]{0,13}([ ._-][A-Za-z0-9]{1,6}){0,2}$"
_SYMBOL = re.compile(SYMBOL)


def read_symbol(text: str) -> Symbol:
    """Read the symbol in a path.

    Raises
    ------
    SymbolError
        It is no symbol, or it is not written as a path takes it.
    """
    symbol = canonical(text)
    if not _SYMBOL.fullmatch(text):
        raise SymbolError(f"{text!r} cannot stand in a path. Write {symbol}.")
    return symbol


def _dollars(what: str) -> Callable[[Any], float]:
    return lambda text: read_price(None, text, what=what)


async def _service_of(request: Request) -> Service:
    return request.app.state.service


CurrentService = Annotated[Service, Depends(_service_of)]
SymbolInPath = Annotated[
    Symbol,
    BeforeValidator(read_symbol),
    Path(
        json_schema_extra={"pattern": SYMBOL},
        description="Ticker, such as AAPL or BRK-B; former names are followed.",
        examples=["AAPL"],
    ),
]
Price = Annotated[
    float | None,
    BeforeValidator(_dollars("Price")),
    Query(
        gt=0,
        le=MAX_PRICE,
        description="Current price in dollars; without one the forecast starts from the last stored close.",
        examples=[130.0],
    ),
]
Strike = Annotated[
    float,
    BeforeValidator(_dollars("Strike")),
    Query(gt=0, le=MAX_PRICE, description="Dollars.", examples=[135.0]),
]
UpperStrike = Annotated[
    float | None,
    BeforeValidator(_dollars("Upper strike")),
    Query(gt=0, le=MAX_PRICE, description="Dollars; above the strike.", examples=[145.0]),
]
Sessions = Annotated[
    int | None,
    BeforeValidator(read_sessions),
    Query(
        ge=1,
        json_schema_extra={"maximum": LONGEST},
        description=f"Sessions of the exchange after the last one with prices, 1 to {LONGEST}.",
        examples=[21],
    ),
]
Expiry = Annotated[
    Any,
    BeforeValidator(read_expiry),
    Query(
        json_schema_extra={"type": "string", "format": "date", "pattern": EXPIRY},
        description=f"A session of the exchange on which an option expires, such as 2023-01-20; {LONGEST} sessions "
        "after the last one with prices at the latest.",
        examples=["2023-01-20"],
    ),
]
Wait = Annotated[bool, Query(description="Without a model: wait until one is trained.")]
