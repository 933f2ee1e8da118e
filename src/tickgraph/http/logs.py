"""Logs: one event a line, for people or as JSON, with the id of its request."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from tickgraph.http.middleware import request_id
from tickgraph.wording import escaped


def _with_request(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    identity = request_id.get()
    if identity is not None:
        event.setdefault("request_id", identity)
    return event


def _escaped(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Escape characters that would steer a reader's terminal, or forge a line of the log."""
    safe: structlog.typing.EventDict = {}
    for name, value in event.items():
        if name == "exception":
            value = _indented(value)
        elif name != "exc_info" and not isinstance(value, bool | int | float | None):
            value = escaped(value if isinstance(value, str) else repr(value))
        safe[escaped(name)] = value
    return safe


def _indented(trace: str) -> str:
    """Indent a traceback, so that no line of an error's text is taken for an event of its own."""
    lines = escaped(trace, keep="\n\t").rstrip("\n").split("\n")
    return "\n".join(f"    {line}" for line in lines)


def configure(log_format: str = "console") -> None:
    """Send all logs, uvicorn's too, to stderr in one format: ``console`` or ``json``."""
    shared: list[structlog.typing.Processor] = [
        _with_request,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[structlog.typing.Processor] = [
        structlog.processors.format_exc_info,  # never with the values of variables: keys are among them
        _escaped,
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
    ]
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
    root.setLevel(logging.INFO)
