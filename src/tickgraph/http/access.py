"""Who may ask, and how often."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Awaitable, Callable

from fastapi import Depends, Request
from fastapi.security import APIKeyHeader, HTTPBearer
from limits import parse_many
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from pydantic import SecretStr

from tickgraph.errors import InputError
from tickgraph.http.problem import RateLimitedError, UnauthorisedError

KEY_HEADER = "X-API-Key"

Guard = Callable[[Request], Awaitable[None]]


class KeyGuard(APIKeyHeader):
    """Dependency that asks for one of the keys."""

    def __init__(self, keys: tuple[SecretStr, ...]) -> None:
        super().__init__(name=KEY_HEADER, auto_error=False, description="One of the configured API keys.")
        self._keys = [key.get_secret_value().encode() for key in keys]

    async def __call__(self, request: Request) -> None:  # type: ignore[override]
        """Let pass, or raise :class:`UnauthorisedError`."""
        given = request.headers.get(KEY_HEADER, "").encode()
        # Every key is compared, so that the time taken tells nothing.
        if not sum(secrets.compare_digest(given, known) for known in self._keys):
            raise UnauthorisedError(f"Send one of the service's keys in the header {KEY_HEADER}.", "ApiKey")


class TokenGuard(HTTPBearer):
    """Dependency that asks for the admin token."""

    def __init__(self, token: SecretStr) -> None:
        super().__init__(auto_error=False, description="The configured admin token.")
        self._token = token.get_secret_value().encode()

    async def __call__(self, request: Request) -> None:  # type: ignore[override]
        """Let pass, or raise :class:`UnauthorisedError`."""
        given = await super().__call__(request)
        if given is None or not secrets.compare_digest(given.credentials.encode(), self._token):
            raise UnauthorisedError("Send the admin token as: Authorization: Bearer TOKEN.", "Bearer")


def rate_limit_of(limit: str, keys: tuple[SecretStr, ...] = ()) -> Guard:
    """Dependency that refuses a client, told by its key or its address, which asks more often than ``limit``.

    Only a key that is known tells a client: invented ones would each be a new client.

    Raises
    ------
    InputError
        ``limit`` is not written like ``100/second``.
    """
    try:
        items = parse_many(limit)
    except ValueError:
        items = []
    if len(items) != 1 or items[0].amount < 1:
        raise InputError(f"Rate limit {limit!r} is not understood. Write one limit, such as 100/second.")
    (item,) = items
    limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
    known = [one.get_secret_value().encode() for one in keys]

    async def checked(request: Request) -> None:
        key = request.headers.get(KEY_HEADER, "").encode()
        client = next(
            (f"key {number}" for number, one in enumerate(known) if secrets.compare_digest(key, one)),
            request.client.host if request.client else "",
        )
        if not await limiter.hit(item, client):
            stats = await limiter.get_window_stats(item, client)
            wait = max(1, math.ceil(stats.reset_time - time.time()))
            raise RateLimitedError(f"More than {limit} requests. Come back in {wait} s.", wait)

    return checked


async def only_known_query(request: Request) -> None:
    """Dependency that refuses what a route does not take: a misspelled price is no request for the last close.

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


def guards(keys: tuple[SecretStr, ...], limit: str | None, token: SecretStr | None = None) -> list[Depends]:  # type: ignore[valid-type]
    """Dependencies of a group of routes: the limit first, so that guessing keys is limited too."""
    checks: list[Guard] = []
    if limit is not None:
        checks.append(rate_limit_of(limit, keys))
    if token:
        checks.append(TokenGuard(token))
    elif keys:
        checks.append(KeyGuard(keys))
    return [Depends(check) for check in checks]
