"""Settings of the HTTP service: where it listens, whom it serves, its bounds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from tickgraph.secret import is_sendable

Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]

SECRET_LENGTH = 16
ROOT_PATH_LENGTH = 200
_ROOT_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")

# First parts of the service's own paths. No prefix begins with one, as it could not be told from a path.
OWN_PATHS = frozenset(
    {
        "admin",
        "dashboard",
        "docs",
        "events",
        "forecast",
        "health",
        "market",
        "metrics",
        "openapi.json",
        "operations",
        "overview",
        "redoc",
        "static-offline-docs",
        "symbols",
    }
)


def is_root_path(prefix: str) -> bool:
    """Whether a text can be the path prefix of a service behind a proxy: ``/tick`` or ``/a/tick``.

    Links on pages begin with the prefix, so it has only letters, digits and ``._~-``.
    """
    if len(prefix) > ROOT_PATH_LENGTH or not _ROOT_PATH.fullmatch(prefix):
        return False
    parts = prefix[1:].split("/")
    return parts[0] not in OWN_PATHS and not {".", ".."} & set(parts)


class ServeSettings(BaseModel):
    """The HTTP service.

    Attributes
    ----------
    host, port, workers
        Where it listens, and how many processes answer.
    admin_token
        Bearer token of ``/admin``; without one these routes do not exist.
    api_keys
        Keys accepted in ``X-API-Key``; empty means that clients need none.
    rate_limit
        Requests per client (its API key, or its address), such as ``100/second``; None is unlimited. Each
        process counts by itself, or all count together through the Redis server that they share.
    root_path
        Path prefix under which a reverse proxy offers the service, such as ``/tick``. The proxy may strip it from paths
        or not. If it is empty, a trusted proxy may name a prefix in ``X-Forwarded-Prefix``.
    trusted_proxies
        Addresses of reverse proxies. Their ``X-Forwarded-For``, ``X-Forwarded-Proto`` and ``X-Forwarded-Prefix``
        count; those of other addresses are ignored.
    cors_origins
        Web origins whose pages may call the service; empty turns CORS off.
    max_cells
        Strikes of all expiries that a chain of options may have.
    max_in_flight
        Requests in work at one time; more are refused with 503.
    max_waiting
        How many of them may wait for training; momentum answers more.
    max_streams
        Streams of events (``/events``) that may be open at one time; each open page of the dashboard has one.
    threads
        Requests that read or compute at one time; the others in flight wait.
    request_seconds, wait_seconds
        Time for an answer, and for an answer that waits for training.
    header_seconds, keep_alive_seconds
        Time for a client to send its request, and between two requests of a connection.
    drain_seconds
        Time for the requests in flight when the service stops.
    train_on_demand, training_workers, max_jobs
        Whether a symbol without a model is trained in the background, in how many processes, and how many
        jobs may wait.
    max_models, max_megabytes
        Bounds of the models in memory.
    poll_seconds
        Time between two looks for newer models and prices.
    symbol_labels
        Metrics have a label per symbol if there are at most this many trained symbols.
    log_format, access_log
        ``console`` or ``json``; whether every request is logged, or only slow and failed ones.
    tracing
        Send OpenTelemetry traces (extra ``otel``).
    runtime_dir
        Folder of jobs, locks and metrics of several processes; None is one below the models.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=8000, ge=0, le=65535)
    workers: int = Field(default=1, ge=1, le=64)
    admin_token: SecretStr | None = None
    api_keys: tuple[SecretStr, ...] = ()
    rate_limit: str | None = None
    root_path: str = ""
    trusted_proxies: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    max_cells: int = Field(default=10_000, ge=1, le=100_000)
    max_in_flight: int = Field(default=256, ge=1)
    max_waiting: int = Field(default=32, ge=0)
    max_streams: int = Field(default=64, ge=0)
    threads: int = Field(default=8, ge=1, le=256)
    request_seconds: Seconds = 10.0
    wait_seconds: Seconds = 60.0
    header_seconds: Seconds = 10.0
    keep_alive_seconds: int = Field(default=15, ge=1, le=86_400)
    drain_seconds: int = Field(default=15, ge=1, le=86_400)
    train_on_demand: bool = True
    training_workers: int = Field(default=1, ge=1, le=64)
    max_jobs: int = Field(default=64, ge=1)
    max_models: int = Field(default=2_000, ge=1)
    max_megabytes: int = Field(default=512, ge=1)
    poll_seconds: Seconds = 1.0
    symbol_labels: int = Field(default=100, ge=0)
    log_format: Literal["console", "json"] = "console"
    access_log: bool = False
    tracing: bool = False
    runtime_dir: Path | None = None

    @field_validator("root_path")
    @classmethod
    def _can_be_a_prefix(cls, prefix: str) -> str:
        if prefix in ("", "/"):
            return ""
        if not is_root_path(prefix):
            raise ValueError(
                f"{prefix[:50]!r} cannot be a path prefix. Write it as /tick: a slash in front and none at the end, no "
                f"address, letters, digits and ._~- only. It must not begin with one of the service's own paths: "
                f"/{', /'.join(sorted(OWN_PATHS))}"
            )
        return prefix

    @field_validator("admin_token", "api_keys")
    @classmethod
    def _long_enough(cls, value: SecretStr | tuple[SecretStr, ...] | None) -> Any:
        for secret in (value,) if isinstance(value, SecretStr) else value or ():
            text = secret.get_secret_value()
            if len(text) < SECRET_LENGTH:
                raise ValueError(f"a token or key needs at least {SECRET_LENGTH} characters")
            if not is_sendable(text):
                raise ValueError(
                    "a token or key is sent in a header: ASCII only, no spaces or line ends around it"
                )
        return value
