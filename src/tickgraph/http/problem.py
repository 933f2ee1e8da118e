"""Errors as problem details (RFC 9457): a type to branch on, a sentence that says what to do."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from tickgraph.errors import (
    ArtefactError,
    HistoryTooShortError,
    InputError,
    ModelNotFoundError,
    PriceDataError,
    SourceUnavailableError,
    StorageError,
    SymbolError,
    TickgraphError,
)
from tickgraph.http.prefix import local_path
from tickgraph.http.schema import Problem
from tickgraph.pipeline.background import QueueFullError

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = "1"

_log = logging.getLogger(__name__)


class UnknownSymbolError(SymbolError):
    """A well-formed symbol that has neither a model nor stored prices."""

    def __init__(self, symbol: str, suggestions: list[str], source: str) -> None:
        hint = f" Did you mean {', '.join(suggestions)}?" if suggestions else ""
        # The sample has no symbols that are not stored already.
        where = "NAME (yahoo or files)" if source == "sample" else source
        super().__init__(
            f"{symbol} has neither a model nor stored prices.{hint} An operator can add it with: "
            f"tickgraph prices update --symbols {symbol} --source {where}"
        )
        self.symbol, self.suggestions = symbol, suggestions


class OverloadedError(TickgraphError):
    """The service takes on no more work: it has enough, or it is stopping."""


class SlowError(TickgraphError):
    """An answer took longer than it may."""


class UnauthorisedError(TickgraphError):
    """Missing or wrong key or token; ``scheme`` says which of them is asked for."""

    def __init__(self, message: str, scheme: str) -> None:
        super().__init__(message)
        self.scheme = scheme


class RateLimitedError(TickgraphError):
    """A client asks more often than it may."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


# The first class that an error is an instance of decides: status, type, title.
_KINDS: tuple[tuple[type[TickgraphError], int, str, str], ...] = (
    (UnknownSymbolError, 404, "unknown-symbol", "Unknown symbol"),
    (InputError, 422, "bad-input", "The request cannot be used"),
    (ModelNotFoundError, 404, "no-model", "No model of this symbol"),
    (HistoryTooShortError, 404, "history-too-short", "Too few prices to forecast from"),
    (ArtefactError, 503, "model-refused", "The model's files cannot be trusted"),
    (PriceDataError, 503, "prices-unusable", "Stored prices are missing or damaged"),
    (SourceUnavailableError, 503, "source-unavailable", "A price source cannot be reached"),
    (StorageError, 503, "storage-failed", "Storage cannot be read or written"),
    (QueueFullError, 503, "queue-full", "Too much background work is waiting"),
    (OverloadedError, 503, "overloaded", "No more work is taken on"),
    (SlowError, 503, "timed-out", "The answer took too long"),
    (UnauthorisedError, 401, "unauthorised", "A valid credential is needed"),
    (RateLimitedError, 429, "rate-limited", "Too many requests from this client"),
    (TickgraphError, 500, "internal", "Internal error"),
)


def problem_of(error: TickgraphError, *, request: Request | None = None) -> Problem:
    """Describe an error."""
    status, kind, title = next(row[1:] for row in _KINDS if isinstance(error, row[0]))
    return Problem(
        type=f"urn:tickgraph:problem:{kind}",
        title=title,
        status=status,
        detail=str(error),
        instance=request.url.path if request else None,
        request_id=request.scope.get("request_id") if request else None,
        symbol=getattr(error, "symbol", None),
        suggestions=getattr(error, "suggestions", None),
    )


def respond(problem: Problem, headers: dict[str, str] | None = None) -> Response:
    """Send a problem; 503 says when to come back."""
    extra = {"Retry-After": RETRY_AFTER} if problem.status == 503 else {}
    body = problem.model_dump_json(exclude_none=True)
    return Response(body, problem.status, {**extra, **(headers or {})}, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Make every error of an application a problem; unforeseen ones are made so by the outermost middleware."""
    app.add_exception_handler(TickgraphError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _protocol)


async def _known(request: Request, error: Exception) -> Response:
    assert isinstance(error, TickgraphError)  # noqa: S101  registered for this class
    headers = {}
    if isinstance(error, RateLimitedError):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, UnauthorisedError):
        headers["WWW-Authenticate"] = f'{error.scheme} realm="tickgraph"'
    problem = problem_of(error, request=request)
    if problem.status >= 500:
        _log.warning("%s: %s", problem.title, problem.detail)
    return respond(problem, headers)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    errors: list[dict[str, Any]] = [
        {"where": ".".join(map(str, one["loc"])), "problem": one["msg"]} for one in error.errors()
    ]
    detail = "; ".join(f"{one['where']}: {one['problem']}" for one in errors)
    return respond(
        Problem(
            type="urn:tickgraph:problem:bad-input",
            title="The request cannot be used",
            status=422,
            detail=detail,
            instance=request.url.path,
            request_id=request.scope.get("request_id"),
            errors=errors,
        )
    )


async def _protocol(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    hint = "The routes are listed in /openapi.json."
    if (
        local_path(request.scope).startswith("/admin")
        and request.app.state.service.settings.serve.admin_token is None
    ):
        hint = "Administration is off: the service has no TICKGRAPH_SERVE__ADMIN_TOKEN."
    problem = Problem(
        type="about:blank",
        title=str(error.detail),
        status=error.status_code,
        detail=f"{request.method} {request.url.path}: {error.detail}. {hint}",
        instance=request.url.path,
        request_id=request.scope.get("request_id"),
    )
    return respond(problem, dict(error.headers or {}))


def unforeseen(path: str, identity: str) -> Response:
    """Answer to a request that ended in a fault nobody foresaw; what it was is in the log only."""
    return respond(
        Problem(
            type="urn:tickgraph:problem:internal",
            title="Internal error",
            status=500,
            detail="An unexpected fault, which was logged under the request's id. Please report it.",
            instance=path,
            request_id=identity,
        )
    )
