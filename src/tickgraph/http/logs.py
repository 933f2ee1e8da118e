"""Logs: one event a line, for people or as JSON, each with the id of its request."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from tickgraph.http.middleware import request_id


def _with_request(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    identity = request_id.get()
    if identity is not None:
        event.setdefault("request_id", identity)
    return event


def configure(log_format: str = "console", level: int = logging.INFO) -> None:
    """Send all logs, uvicorn's too, to stderr in one format: ``console`` or ``json``."""
    shared: list[structlog.typing.Processor] = [
        _with_request,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if log_format == "json"
        else [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(),
                # Never with the values of variables: keys are among them.
                exception_formatter=structlog.dev.plain_traceback,
            )
        ]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
