"""Settings of the Redis server that several hosts share."""

from __future__ import annotations

import hashlib
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from tickgraph.object_place import ObjectPlace, Place

SCHEMES = ("redis", "rediss", "unix")

Seconds = Annotated[float, Field(gt=0, le=600, allow_inf_nan=False)]


class SharedSettings(BaseModel):
    """The Redis server that hosts share, and how long they wait for it.

    Attributes
    ----------
    redis
        Its URL, such as ``redis://10.0.0.5:6379/0``, ``rediss://`` with TLS or ``unix:///run/redis.sock``. It may hold
        a password; its query may set ``db``, ``protocol`` and ``ssl_`` options. None means that each host works by
        itself.
    timeout_seconds
        How long Redis may be silent.
    retry_seconds
        How long a Redis server that does not answer is left alone.
    space
        Name of what the hosts share, which is part of every key. None makes it from the place of the models, so hosts
        that mount one folder under different paths need a name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    redis: SecretStr | None = None
    timeout_seconds: Seconds = 0.5
    retry_seconds: Seconds = 5.0
    space: str | None = Field(default=None, pattern=r"^[A-Za-z0-9._-]{1,64}$")

    @field_validator("redis")
    @classmethod
    def _is_an_address(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not _is_of_redis(url.get_secret_value()):
            # The text may hold a password, so it is not repeated.
            raise ValueError(
                "it must be a URL such as redis://10.0.0.5:6379/0, rediss://... or unix:///run/redis.sock, with no "
                "options but db, protocol and ssl_..."
            )
        return url

    @property
    def address(self) -> str:
        """Host and port, or the socket's path, without user and password; of a ``redis`` that is set."""
        parts = urlsplit(self.redis.get_secret_value() if self.redis else "")
        return parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or 6379}"


def shared_by(settings: SharedSettings, models: Place) -> SharedSettings | None:
    """Settings with the name of what hosts with models in this place share; None where they share no Redis."""
    if settings.redis is None:
        return None
    where = str(models.absolute())
    if isinstance(models, ObjectPlace):  # two servers may have buckets of one name
        where = f"{models.endpoint or ''} {where}".strip()
    named = settings.space or hashlib.sha256(where.encode()).hexdigest()[:16]
    return settings.model_copy(update={"space": named})


def _is_of_redis(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in SCHEMES
            and bool(parts.path if parts.scheme == "unix" else parts.hostname)
            and all(name in ("db", "protocol") or name.startswith("ssl_") for name in parse_qs(parts.query))
            and (parts.port is None or parts.port > 0)
        )
    except ValueError:  # a port that is no number
        return False
