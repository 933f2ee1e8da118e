"""The shortest way to a warm forecast."""

from __future__ import annotations

import re

from fastapi import Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from tickgraph.http.routes.documented import SYMBOL, service_of
from tickgraph.market.universe import canonical

_SYMBOL = re.compile(SYMBOL)
# Only the plainest of the queries that the route accepts.
_QUERY = re.compile(rb"(?:price=([1-9][0-9]{0,7}(?:\.[0-9]{1,9})?))?")


class WarmRoute(APIRoute):
    """``/forecast/{symbol}``, answered from memory before FastAPI takes the parameters apart.

    That would take longer than the answer. Whatever is not plain or not in memory goes the usual way, which
    alone knows what is valid. Guards are asked either way.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Leave ``/forecast/all`` to its own route."""
        if scope["type"] == "http" and scope["path"].endswith("/all"):
            return Match.NONE, {}
        return super().matches(scope)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        body = _from_memory(scope) if scope["method"] == "GET" else None
        if body is None:
            await super().handle(scope, receive, send)
            return
        for guard in self.dependencies:
            await guard.dependency(Request(scope))  # type: ignore[misc]
        await Response(body, media_type="application/json")(scope, receive, send)


def _from_memory(scope: Scope) -> bytes | None:
    query = _QUERY.fullmatch(scope["query_string"])
    symbol = scope["path_params"]["symbol"]
    if query is None or not _SYMBOL.fullmatch(symbol):
        return None
    price = query[1]
    return service_of(Request(scope)).from_memory(canonical(symbol), None if price is None else float(price))
