"""How often each client has asked: counted in this process, or together with other processes and hosts in Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from limits import RateLimitItem
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import RateLimiter, SlidingWindowCounterRateLimiter

from tickgraph.shared.contact import SharedContact

CONNECTIONS = 16
"""Connections that count at one time; more requests wait for one of them, no longer than Redis may be silent."""

T = TypeVar("T")


class RequestCounters:
    """Counters of requests by client, for one event loop.

    While Redis is away, this process counts by itself, and no request asks Redis: whoever listens to news finds out
    that it is back.

    Parameters
    ----------
    contact
        With the Redis server that counts for all; None counts in this process.
    """

    def __init__(self, contact: SharedContact | None = None) -> None:
        self._own: RateLimiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._together = _Together(contact) if contact is not None else None

    async def hit(self, limit: RateLimitItem, *client: str) -> bool:
        """Count a request of a client; False if that is one too many, and then it is not counted."""
        return await self._asked(lambda limiter: limiter.hit(limit, *client))

    async def seconds_left(self, limit: RateLimitItem, *client: str) -> float:
        """How long a client that was refused has to wait."""
        stats = await self._asked(lambda limiter: limiter.get_window_stats(limit, *client))
        return stats.reset_time - time.time()

    async def close(self) -> None:
        """Close the connections."""
        if self._together is not None:
            await self._together.pool.disconnect()

    async def _asked(self, question: Callable[[RateLimiter], Awaitable[T]]) -> T:
        together = self._together
        if together is not None and together.contact.away is None:
            try:
                async with asyncio.timeout(together.contact.settings.timeout_seconds):
                    return await question(together.limiter)
            except together.errors as error:
                together.contact.note(type(error).__name__)
        return await question(self._own)


class _Together:
    """Counters in Redis. A connection is one loop's, so they are not those of the contact."""

    def __init__(self, contact: SharedContact) -> None:
        from redis.asyncio import BlockingConnectionPool
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff
        from redis.exceptions import ConnectionError as NotConnected
        from redis.exceptions import RedisError

        settings = contact.settings
        self.contact = contact
        self.errors: tuple[type[Exception], ...] = RedisError, OSError
        pool: Any = BlockingConnectionPool.from_url(
            settings.redis.get_secret_value() if settings.redis else "",
            max_connections=CONNECTIONS,
            timeout=settings.timeout_seconds,
            socket_timeout=settings.timeout_seconds,
            socket_connect_timeout=settings.timeout_seconds,
            retry=Retry(NoBackoff(), 1, supported_errors=(NotConnected,)),
        )
        self.pool = pool
        # The address is the pool's: the library asks for one to tell Redis from its kin.
        storage = RedisStorage(
            "async+redis://",
            implementation="redispy",
            key_prefix=contact.key("rate"),
            connection_pool=pool,
        )
        self.limiter: RateLimiter = SlidingWindowCounterRateLimiter(storage)
