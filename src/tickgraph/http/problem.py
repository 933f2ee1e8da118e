"""Errors as problem details (RFC 9457): a type to branch on, a sentence that says what to do."""

from __future__ import annotations

import logging
from collections.abc import Mapping
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
from tickgraph.http.proxy import local_path
from tickgraph.http.responses import Problem
from tickgraph.pipeline.background import QueueFullError
from tickgraph.wording import in_words

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
    """The service takes no more work: too much is in work, or it is stopping."""


class SlowError(TickgraphError):
    """An answer took longer than it may."""


class UnauthorisedError(TickgraphError):
    """A key or token is missing or wrong; ``scheme`` says which of the two the route asks for."""

    def __init__(self, message: str, scheme: str) -> None:
        super().__init__(message)
        self.scheme = scheme


class RateLimitedError(TickgraphError):
    """A client asks more often than it may."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


# Status, type and title of an error: those of the first class that it is an instance of.
KINDS: tuple[tuple[type[TickgraphError], int, str, str], ...] = (
    (UnknownSymbolError, 404, "unknown-symbol", "Unknown symbol"),
    (InputError, 422, "bad-input", "The request cannot be used"),
    (ModelNotFoundError, 404, "no-model", "No model of this symbol"),
    (HistoryTooShortError, 404, "history-too-short", "Too few prices to forecast from"),
    (ArtefactError, 503, "model-refused", "The model's files cannot be trusted"),
    (PriceDataError, 503, "prices-unusable", "Stored prices are missing or damaged"),
    (SourceUnavailableError, 503, "source-unavailable", "A price source cannot be reached"),
    (StorageError, 503, "storage-failed", "Storage cannot be read or written"),
    (QueueFullError, 503, "queue-full", "Too much background work is waiting"),
    (OverloadedError, 503, "overloaded", "The service takes no more requests now"),
    (SlowError, 503, "timed-out", "The answer took too long"),
    (UnauthorisedError, 401, "unauthorised", "A valid credential is needed"),
    (RateLimitedError, 429, "rate-limited", "Too many requests from this client"),
    (TickgraphError, 500, "internal", "Internal error"),
)


_DESCRIPTIONS = {
    401: "A key or token is missing or wrong",
    404: "Unknown symbol, with suggestions",
    422: "The request cannot be used",
    429: "Too many requests from this client",
    500: "An unexpected fault",
    503: "Not now: overloaded, or models or prices cannot be read; see Retry-After",
}
_TOO_LARGE = {  # the server refuses it before any route sees it, in plain text
    "description": "The request is larger than 512 KiB, or its address and headers than 64 KiB",
    "content": {"text/plain": {"schema": {"type": "string"}}},
}
PROBLEM_SCHEMA = Problem.model_json_schema(ref_template="#/components/schemas/{model}")


def described(description: str) -> dict[str, Any]:
    """Describe for OpenAPI an answer that is a problem."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": description, "content": content}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe for OpenAPI the problems that a route may answer with: these, and those of every route."""
    every = sorted({401, 429, 500, 503, *statuses})
    return {**{status: described(_DESCRIPTIONS[status]) for status in every}, 413: _TOO_LARGE}


def problem_at(
    request: Request, kind: str | None, title: str, status: int, detail: str, **more: Any
) -> Problem:
    """Problem of a request; a ``kind`` of None is for what HTTP itself names, such as 405."""
    return Problem(
        type=f"urn:tickgraph:problem:{kind}" if kind else "about:blank",
        title=title,
        status=status,
        detail=detail,
        instance=request.scope["path"],
        request_id=request.scope.get("request_id"),
        **more,
    )


def problem_of(error: TickgraphError) -> Problem:
    """Describe an error, without the request that it ended."""
    status, kind, title = next(row[1:] for row in KINDS if isinstance(error, row[0]))
    return Problem(
        type=f"urn:tickgraph:problem:{kind}",
        title=title,
        status=status,
        detail=str(error),
        symbol=getattr(error, "symbol", None),
        suggestions=getattr(error, "suggestions", None),
    )


def respond(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """Send a problem; 503 says when to come back."""
    extra = {"Retry-After": RETRY_AFTER} if problem.status == 503 else {}
    body = problem.model_dump_json(exclude_none=True)
    return Response(body, problem.status, {**extra, **(headers or {})}, MEDIA_TYPE)


def respond_to(request: Request, error: TickgraphError) -> Response:
    """Answer a request with an error."""
    headers = {}
    if isinstance(error, RateLimitedError):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, UnauthorisedError):
        headers["WWW-Authenticate"] = f'{error.scheme} realm="tickgraph"'
    where = {"instance": request.scope["path"], "request_id": request.scope.get("request_id")}
    return respond(problem_of(error).model_copy(update=where), headers)


def unforeseen(request: Request) -> Response:
    """Answer a request that ended in a fault nobody foresaw; the log alone says what it was."""
    detail = "An unexpected fault, which was logged under the request's id. Please report it."
    return respond(problem_at(request, "internal", "Internal error", 500, detail))


def install(app: FastAPI) -> None:
    """Make every error of an application a problem, except unforeseen ones, which the outermost middleware sees."""
    app.add_exception_handler(TickgraphError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _protocol)


async def _known(request: Request, error: Exception) -> Response:
    assert isinstance(error, TickgraphError)  # noqa: S101  registered for this class
    response = respond_to(request, error)
    if response.status_code >= 500:
        _log.warning("%s: %s", problem_of(error).title, error)
    return response


MOST_ERRORS = 20
"""Of one request, that an answer names."""


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    errors: list[dict[str, str]] = []
    for one in error.errors()[:MOST_ERRORS]:
        where, *name = map(str, one["loc"])  # query or path, and the parameter
        if isinstance(one["input"], bytes):  # FastAPI takes a body of another type for text
            problem = "the body is not sent as JSON: add the header Content-Type: application/json"
        else:
            problem = in_words(one | {"loc": tuple(name)})
        errors.append({"where": ".".join((where, *name)), "problem": problem})
    detail = "; ".join(one["problem"].rstrip(".") for one in errors) + "."
    return respond(problem_at(request, "bad-input", "The request cannot be used", 422, detail, errors=errors))


async def _protocol(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    if error.status_code == 400:  # FastAPI's only one
        detail = "The body is not JSON: it is not text in UTF-8."
        return respond(problem_at(request, "bad-input", "The request cannot be used", 422, detail))
    hint = "The routes are listed in /openapi.json."
    if (
        local_path(request.scope).startswith("/admin")
        and request.app.state.service.settings.serve.admin_token is None
    ):
        hint = "Administration is off: the service has no TICKGRAPH_SERVE__ADMIN_TOKEN."
    detail = f"{request.method} {request.url.path}: {error.detail}. {hint}"
    return respond(problem_at(request, None, str(error.detail), error.status_code, detail), error.headers)
