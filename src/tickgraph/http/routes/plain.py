"""The shortest way to a forecast of one symbol."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from fastapi import Depends, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from tickgraph.errors import SymbolError
from tickgraph.http.access import only_known_query
from tickgraph.http.routes.documented import SYMBOL, service_of
from tickgraph.market.spelling import Symbol as Ticker
from tickgraph.market.universe import canonical

_SYMBOL = re.compile(SYMBOL)
# Only the plainest of the queries that the route accepts.
_QUERY = re.compile(rb"(?:price=([1-9][0-9]{0,7}(?:\.[0-9]{1,9})?))?")


class PlainRoute(APIRoute):
    """``/forecast/{symbol}``, with plain requests answered before FastAPI takes their parameters apart.

    That would take longer than an answer from memory. Whatever is not plain goes the usual way, which alone
    knows what is valid. Guards are asked first either way.

    Parameters
    ----------
    path, endpoint, options
        As of :class:`fastapi.routing.APIRoute`; the endpoint takes the request, the symbol and the price.
    guards
        Dependencies that let a request pass, or raise.
    """

    def __init__(
        self,
        path: str,
        endpoint: Callable[..., Any],
        *,
        guards: Sequence[Depends] = (),  # type: ignore[valid-type]
        **options: Any,
    ) -> None:
        super().__init__(path, endpoint, dependencies=[*guards, Depends(only_known_query)], **options)
        self._guards = guards

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Leave ``/forecast/all`` to its own route."""
        if scope["type"] == "http" and scope["path"].endswith("/all"):
            return Match.NONE, {}
        return super().matches(scope)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        asked = _plain(scope) if scope["method"] == "GET" else None
        if asked is None:
            await super().handle(scope, receive, send)
            return
        request = Request(scope, receive)
        for guard in self._guards:
            await guard.dependency(request)  # type: ignore[attr-defined]
        body = service_of(request).from_memory(*asked)
        if body is None:
            response = await self.endpoint(request, *asked)
        else:
            response = Response(body, media_type="application/json")
        await response(scope, receive, send)


def _plain(scope: Scope) -> tuple[Ticker, float | None] | None:
    """Read the canonical symbol and the price of a plain request; None of any other."""
    query = _QUERY.fullmatch(scope["query_string"])
    symbol = scope["path_params"]["symbol"]
    if query is None or not _SYMBOL.fullmatch(symbol):
        return None
    try:
        name = canonical(symbol)
    except SymbolError:
        return None
    return name, None if query[1] is None else float(query[1])
