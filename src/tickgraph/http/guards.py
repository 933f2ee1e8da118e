"""Who may ask, how often, and with which query parameters."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from secrets import compare_digest
from typing import Any

from fastapi import Depends, Request
from fastapi.routing import APIRoute
from fastapi.security import APIKeyHeader, HTTPBearer
from limits import parse_many
from pydantic import SecretStr
from starlette.types import Receive, Scope, Send

from tickgraph.errors import InputError
from tickgraph.http.problem import RateLimitedError, UnauthorisedError
from tickgraph.http.request_counters import RequestCounters

KEY_HEADER = "X-API-Key"
PASSED = "tickgraph.guards_passed"  # in a request's scope: a guard counts a request once


class _Secrets:
    """Keys or tokens that the service knows."""

    def __init__(self, secrets: Sequence[SecretStr]) -> None:
        values = [secret.get_secret_value().encode() for secret in secrets]
        self._known = {sha256(value).hexdigest()[:12]: value for value in values}

    def name(self, given: str | None) -> str | None:
        """Name of the one that a text is, the same on every host; None if none.

        The time that this takes tells nothing about a secret, and neither does its name.
        """
        sent = (given or "").encode()
        same = [name for name, known in self._known.items() if compare_digest(sent, known)]
        return same[0] if same else None


class KeyGuard(APIKeyHeader):
    """Dependency that asks for one of the keys."""

    def __init__(self, keys: Sequence[SecretStr]) -> None:
        super().__init__(name=KEY_HEADER, auto_error=False, description="One of the configured API keys.")
        self._keys = _Secrets(keys)

    async def __call__(self, request: Request) -> None:  # type: ignore[override]
        """Let pass, or raise :class:`UnauthorisedError`."""
        if _passed(request, self):
            return
        if self._keys.name(await super().__call__(request)) is None:
            raise UnauthorisedError(f"Send one of the service's keys in the header {KEY_HEADER}.", "ApiKey")


class TokenGuard(HTTPBearer):
    """Dependency that asks for the admin token."""

    def __init__(self, token: SecretStr) -> None:
        super().__init__(auto_error=False, description="The configured admin token.")
        self._token = _Secrets([token])

    async def __call__(self, request: Request) -> None:  # type: ignore[override]
        """Let pass, or raise :class:`UnauthorisedError`."""
        if _passed(request, self):
            return
        given = await super().__call__(request)
        if given is None or self._token.name(given.credentials) is None:
            raise UnauthorisedError("Send the admin token as: Authorization: Bearer TOKEN.", "Bearer")


def rate_limit_of(
    limit: str,
    keys: Sequence[SecretStr] = (),
    counters: RequestCounters | None = None,
    group: str = "public",
) -> Callable[[Request], Awaitable[None]]:
    """Dependency that refuses a client which asks more often than ``limit``.

    A client is told by its key, or by its address. Only known keys count: each invented one would be a new client.

    Parameters
    ----------
    limit
        Such as ``100/second``.
    keys
        Those that the service knows.
    counters
        Where requests are counted; None is in this process.
    group
        Of routes that are counted together.

    Raises
    ------
    InputError
        ``limit`` is not written like ``100/second``.
    """
    try:
        (item,) = parse_many(limit)
    except ValueError:
        item = None
    if item is None or item.amount < 1:
        raise InputError(f"Rate limit {limit!r} is not understood. Write one limit, such as 100/second.")
    counted, known = counters or RequestCounters(), _Secrets(keys)

    async def check(request: Request) -> None:
        if _passed(request, check):
            return
        name = known.name(request.headers.get(KEY_HEADER))
        address = request.client.host if request.client else ""
        client = address if name is None else f"key {name}"
        if not await counted.hit(item, group, client):
            wait = max(1, math.ceil(await counted.seconds_left(item, group, client)))
            raise RateLimitedError(f"More requests than {limit}. Ask again in {wait} s.", wait)

    return check


async def only_known_query(request: Request) -> None:
    """Dependency that refuses a query parameter which the route does not take.

    Otherwise a misspelled price would be a request for the last close.

    Raises
    ------
    InputError
        A query parameter is unknown, or given twice.
    """
    given = [name for name, _ in request.query_params.multi_items()]
    if not given:
        return
    known = [field.alias for field in request.scope["route"].dependant.query_params]
    for name in dict.fromkeys(given):
        if name not in known:
            taken = f"This route takes: {', '.join(known)}." if known else "This route takes none."
            raise InputError(f"Unknown query parameter {name[:50]!r}. {taken}")
        if given.count(name) > 1:
            raise InputError(f"Query parameter {name!r} is given {given.count(name)} times. Give it once.")


async def pass_guards(request: Request, checks: Sequence[Any]) -> None:
    """Let a request pass dependencies of :func:`guards` before its body is read; they do not ask again."""
    for check in checks:
        await check.dependency(request)
        request.scope.setdefault(PASSED, []).append(check.dependency)


def _passed(request: Request, check: object) -> bool:
    return any(passed is check for passed in request.scope.get(PASSED, ()))


class GuardedRoute(APIRoute):
    """A route with a body. FastAPI reads a body before it asks the dependencies; here the guards come first.

    They are the application's ``state.guards``.
    """

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        await pass_guards(Request(scope, receive), scope["app"].state.guards)
        await super().handle(scope, receive, send)


def guards(
    keys: Sequence[SecretStr],
    limit: str | None,
    token: SecretStr | None = None,
    counters: RequestCounters | None = None,
) -> list[Any]:
    """Dependencies of a group of routes: the limit first, so that guessing keys is limited too."""
    checks: list[Any] = []
    if limit is not None:
        checks.append(rate_limit_of(limit, keys, counters, "admin" if token else "public"))
    if token:
        checks.append(TokenGuard(token))
    elif keys:
        checks.append(KeyGuard(keys))
    return [Depends(check) for check in checks]
