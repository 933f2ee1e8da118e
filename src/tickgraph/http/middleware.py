"""Around every request: an id, security headers, a log line, a count, and a bound on how many there are."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Collection
from contextvars import ContextVar

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tickgraph.http.metrics import ServiceMetrics
from tickgraph.http.problem import OverloadedError, respond_to, unforeseen
from tickgraph.http.proxy import local_path

SLOW_SECONDS = 0.25  # slower requests are always logged
REQUEST_ID = b"x-request-id"

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

_GIVEN_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_PAGES = ("/docs", "/redoc")
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
_POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_PAGES_POLICY = (  # pages of documentation run scripts, in the page and of this service only
    b"content-security-policy",
    b"default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    b"img-src 'self' data:; worker-src blob:; frame-ancestors 'none'",
)

_log = structlog.get_logger("tickgraph.http")


class Envelope:
    """Give each request an id, and its answer the id and security headers; count and log it.

    A route may set a header of these itself. Failed and slow requests are logged, and with ``log_all`` every request.
    """

    def __init__(self, app: ASGIApp, metrics: ServiceMetrics, *, log_all: bool = False) -> None:
        self._app, self._metrics, self._log_all = app, metrics, log_all

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == REQUEST_ID), b"")
        identity = given if _GIVEN_ID.fullmatch(given) else b"%016x" % random.getrandbits(64)
        scope["request_id"] = identity.decode()
        token = request_id.set(scope["request_id"])
        policy = _PAGES_POLICY if local_path(scope).startswith(_PAGES) else _POLICY
        extra = [*_HEADERS, policy]
        status, begun, started = 500, False, time.perf_counter()

        async def sending(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status, begun = message["status"], True
                own = {name for name, _ in message["headers"]}
                lacking = [header for header in extra if header[0] not in own]
                message["headers"] = [*message["headers"], (REQUEST_ID, identity), *lacking]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except asyncio.CancelledError:  # the service stops, and the time for requests in work is up
            if begun:
                raise
            error = OverloadedError("The service is stopping. Ask again in a second.")
            await respond_to(Request(scope), error)(scope, receive, sending)
        except Exception as error:
            if begun:  # the client sees that the answer breaks off
                raise
            _log.error("unexpected fault", exc_info=error)
            await unforeseen(Request(scope))(scope, receive, sending)
        finally:
            request_id.reset(token)
            self._note(scope, status, time.perf_counter() - started)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        # The route's template, never the path: a caller must not be able to invent labels.
        route = getattr(scope.get("route"), "path", "unmatched")
        self._metrics.requests.labels(route, str(status)).inc()
        is_stream = "end_stream" in scope.get("state", {})
        if not is_stream:  # how long a page was open says nothing about the service
            self._metrics.request_seconds.labels(route).observe(seconds)
        if self._log_all or status >= 500 or (seconds > SLOW_SECONDS and not is_stream):
            _log.info(
                "request",
                client=(scope.get("client") or ("unknown",))[0],
                method=scope["method"],
                path=scope["path"],
                status=status,
                seconds=round(seconds, 6),
                request_id=scope["request_id"],
            )


class Admission:
    """Refuse requests beyond ``bound`` at once, so that none waits for ever.

    The ``exempt`` paths are always let in: health and metrics must answer when all else is busy.
    """

    def __init__(
        self, app: ASGIApp, metrics: ServiceMetrics, bound: int, exempt: Collection[str] = ()
    ) -> None:
        self._app, self._metrics, self._bound, self._exempt = app, metrics, bound, exempt
        self._in_work = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] != "http" or local_path(scope) in self._exempt:
            await self._app(scope, receive, send)
            return
        if self._in_work >= self._bound:
            self._metrics.shed.labels("overload").inc()
            error = OverloadedError(f"{self._bound} requests are in work. Try again in a second.")
            await respond_to(Request(scope), error)(scope, receive, send)
            return
        self._in_work += 1
        self._metrics.in_flight.inc()
        try:
            await self._app(scope, receive, send)
        finally:
            self._in_work -= 1
            self._metrics.in_flight.dec()
