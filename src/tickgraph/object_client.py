"""The library's client of a place on object storage: how long it waits, how often it tries, where it finds it."""

from __future__ import annotations

import datetime
import os
from typing import Any

from tickgraph.errors import InputError
from tickgraph.extras import lacking
from tickgraph.object_place import ObjectPlace

_WHOLE = 12  # times as long as the storage may be silent, a whole request may take


def library() -> Any:
    """The library; :class:`InputError` where it is not installed."""
    try:
        import obstore
    except ImportError as error:
        raise InputError(lacking("Object storage", "storage", error)) from error
    return obstore


def opened(place: ObjectPlace) -> Any:
    """Make the library's client of a place; its errors, and ValueError, for settings that it does not take."""
    from obstore.store import GCSStore, S3Store

    access = place.access
    timeout = datetime.timedelta(seconds=access.timeout_seconds)
    retry: Any = {
        "max_retries": access.retries,
        "retry_timeout": timeout * (access.retries + 1),
        "backoff": {"init_backoff": datetime.timedelta(seconds=0.05), "max_backoff": timeout / 2, "base": 2},
    }
    # A slow line is waited for as long as something comes.
    options: dict[str, Any] = {
        "connect_timeout": timeout,
        "read_timeout": timeout,
        "timeout": _WHOLE * timeout,
    }
    if place.scheme == "gs":
        return GCSStore(place.bucket, client_options=options, retry_config=retry)  # type: ignore[arg-type]
    found = os.environ
    region = access.region or found.get("AWS_REGION") or found.get("AWS_DEFAULT_REGION") or "us-east-1"
    config: dict[str, Any] = {"region": region}
    if place.endpoint:
        config["endpoint"] = place.endpoint
        options["allow_http"] = place.endpoint.startswith("http://")
    return S3Store(place.bucket, client_options=options, retry_config=retry, **config)  # type: ignore[arg-type]
