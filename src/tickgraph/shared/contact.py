"""Contact with a Redis server that may be away: who asks hears at once while it is known not to answer."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from tickgraph.errors import InputError, StorageError
from tickgraph.extras import lacking
from tickgraph.shared.shared_settings import SharedSettings

if TYPE_CHECKING:
    from redis import Redis
    from redis.client import PubSub

Answer = TypeVar("Answer")

_WHAT = "A Redis server that hosts share"
_CHECK = "return redis.call('set', KEYS[1], '1', 'PX', 1000)"

_log = logging.getLogger(__name__)


class SharedAway(StorageError):
    """Redis does not answer; the host works by itself."""


class SharedContact:
    """What a process knows of whether Redis answers. Safe for threads.

    Parameters
    ----------
    settings
        Where Redis is; its ``redis`` is set.
    space
        What the hosts share: those of one folder or bucket of models have the same. It is part of every key. None is
        the settings' own.
    monotonic
        Seconds that intervals are measured by.

    Raises
    ------
    InputError
        The extra ``shared`` is not installed.
    """

    def __init__(
        self,
        settings: SharedSettings,
        space: str | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self._space, self._monotonic = space or settings.space or "", monotonic
        self._client = connect(settings)
        self._noting = threading.Lock()
        self._fault: str | None = None
        self._left_alone_until = 0.0

    @property
    def away(self) -> str | None:
        """Why this host works by itself; None while Redis answers."""
        return self._fault

    @property
    def is_left_alone(self) -> bool:
        """Whether Redis did not answer a short while ago, and need not be asked again yet."""
        return self._fault is not None and self._monotonic() < self._left_alone_until

    def key(self, *parts: str) -> str:
        """Name of a key or channel of this space."""
        return ":".join(("tickgraph", self._space, *parts))

    def ask(self, question: Callable[[Redis], Answer]) -> Answer:
        """Ask Redis.

        Raises
        ------
        SharedAway
            It does not answer, or did not a short while ago.
        """
        from redis.exceptions import RedisError

        if self.is_left_alone and (fault := self._fault) is not None:
            raise SharedAway(fault)
        try:
            answer = question(self._client)
        except (RedisError, OSError) as error:
            reason = type(error).__name__
        else:
            self.note(None)
            return answer
        # Raised here and not above: the library's text may hold the URL with its password.
        raise SharedAway(self.note(reason))

    def check(self) -> None:
        """Ask whether Redis takes a script that writes, as all that is shared needs; :class:`SharedAway` if not."""
        key = self.key("check")
        self.ask(lambda redis: redis.eval(_CHECK, 1, key))

    def subscribed(self, *parts: str) -> PubSub:
        """Open a line of its own to a channel; what goes wrong on it comes out as the library's error."""
        line: PubSub = self._client.pubsub()  # type: ignore[no-untyped-call]
        line.subscribe(self.key(*parts))
        return line

    def note(self, reason: str | None) -> str:
        """Note that Redis answered (None), or why it did not; says so in the log when that changes."""
        with self._noting:
            before = self._fault
            if reason is None:
                self._fault = None
            else:
                self._left_alone_until = self._monotonic() + self.settings.retry_seconds
                self._fault = (
                    f"Redis at {self.settings.address} does not answer ({reason}): this host works by itself. Look at "
                    "the server and the network."
                )
            fault = self._fault
        if before is None and fault is not None:
            _log.warning("%s", fault)
        elif before is not None and fault is None:
            _log.warning("Redis at %s answers again", self.settings.address)
        return fault or ""

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def shared_fault(settings: SharedSettings | None) -> str | None:
    """Ask Redis once; why hosts do not hear of each other, and None if they do or share no Redis."""
    if settings is None:
        return None
    contact = SharedContact(settings)
    with contextlib.suppress(SharedAway):
        contact.check()
    contact.close()
    return contact.away


def must_be_installed() -> None:
    """Raise :class:`InputError` without the extra ``shared``; the library is not imported, which takes a while."""
    if importlib.util.find_spec("redis") is None:
        raise InputError(lacking(_WHAT, "shared", ImportError("No module named 'redis'")))


def connect(settings: SharedSettings) -> Redis:
    """Make a client; nothing is asked yet. :class:`InputError` without the extra ``shared``."""
    try:
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.exceptions import ConnectionError as NotConnected
        from redis.retry import Retry
    except ImportError as error:
        raise InputError(lacking(_WHAT, "shared", error)) from error
    url = settings.redis.get_secret_value() if settings.redis else ""
    client: Redis = Redis.from_url(
        url,
        socket_timeout=settings.timeout_seconds,
        socket_connect_timeout=settings.timeout_seconds,
        # A connection that the server closed meanwhile is opened anew, once. Nobody waits twice for a silent server.
        retry=Retry(NoBackoff(), 1, supported_errors=(NotConnected,)),
        decode_responses=True,
        health_check_interval=0,
    )
    return client
