"""How a request is sent and its answer is read, the same for both clients."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import httpx
from httpx_retries import Retry
from pydantic import BaseModel, ValidationError

from tickgraph.client.answer_types import Problem
from tickgraph.errors import (
    ArtefactError,
    InputError,
    ModelNotFoundError,
    PriceDataError,
    SourceUnavailableError,
    StorageError,
    TickgraphError,
)
from tickgraph.secret import is_sendable

Answer = TypeVar("Answer", bound=BaseModel)

TIMEOUT_SECONDS = 15.0  # longer than the service's own, so that its answer comes first
WAIT_SECONDS = 90.0  # for an answer that waits for training

# Only requests that are safe to send twice are sent again, and only after faults that may be gone by then. The pause
# grows, with jitter, or is the service's Retry-After, 5 s at most: a service that refuses work with 503 says so. A
# service that took a request and has not answered at all when the client's time is up is not asked again.
NEVER = Retry(total=0)
RETRY = Retry(
    total=3,
    allowed_methods=("GET", "POST"),
    status_forcelist=(429, 502, 503, 504),
    backoff_factor=0.2,
    backoff_jitter=1.0,
    respect_retry_after_header=True,
    retry_on_exceptions=(
        httpx.ConnectError,
        httpx.ConnectTimeout,
        httpx.PoolTimeout,
        httpx.ReadError,
        httpx.RemoteProtocolError,
    ),
    max_backoff_wait=5.0,
)

# Exit codes of the command line, so that a script need not care whether a forecast was local or remote.
_EXIT_CODES = {
    "bad-input": InputError.exit_code,
    "unauthorised": InputError.exit_code,
    "unknown-symbol": InputError.exit_code,
    "no-model": ModelNotFoundError.exit_code,
    "model-refused": ArtefactError.exit_code,
    "history-too-short": PriceDataError.exit_code,
    "prices-unusable": PriceDataError.exit_code,
    "storage-failed": StorageError.exit_code,
}
_CREDENTIALS = re.compile(r"[^/]*@")  # of an address; a password has no place in a message


class ServiceError(TickgraphError):
    """The service answered with a problem, or could not be reached.

    Attributes
    ----------
    problem
        What it answered; None if it could not be reached or the answer was not its own.
    """

    def __init__(self, message: str, problem: Problem | None = None) -> None:
        super().__init__(message)
        self.problem = problem
        kind = problem.type.rsplit(":", 1)[-1] if problem else ""
        self.exit_code = _EXIT_CODES.get(kind, SourceUnavailableError.exit_code)  # type: ignore[misc]

    @property
    def status(self) -> int | None:
        """HTTP status."""
        return self.problem.status if self.problem else None

    @property
    def suggestions(self) -> tuple[str, ...]:
        """Symbols that look like the one that was unknown."""
        return tuple(self.problem.suggestions or ()) if self.problem else ()


@dataclass(frozen=True)
class Ask(Generic[Answer]):
    """One request and the type of its answer; a parameter of None is not sent."""

    answer: type[Answer]
    path: str
    params: dict[str, Any] = field(default_factory=dict)
    method: str = "GET"
    timeout: float = TIMEOUT_SECONDS
    body: dict[str, Any] | None = None
    once: bool = False
    """Whether it starts something, and so must not be sent twice."""

    def of(self, http: httpx.Client | httpx.AsyncClient) -> httpx.Request:
        """Build the request that a client sends."""
        params = {name: value for name, value in self.params.items() if value is not None}
        return http.build_request(
            self.method,
            self.path,
            params=params,
            json=self.body,
            timeout=self.timeout,
            extensions={"retry": NEVER} if self.once else None,
        )

    def read(self, response: httpx.Response) -> Answer:
        """Read the answer; :class:`ServiceError` for a problem, or for an answer that is not the service's."""
        if response.is_success:
            try:
                return self.answer.model_validate_json(response.content)
            except ValidationError as error:
                raise ServiceError(
                    f"{_shown(response.url)} answered with something else than a {self.answer.__name__}: is it a "
                    "tickgraph service of this version?"
                ) from error
        try:
            problem = Problem.model_validate_json(response.content)
        except ValidationError:
            raise ServiceError(f"{_shown(response.url)} answered {response.status_code}.") from None
        raise ServiceError(problem.detail, problem)


def unreachable(base_url: httpx.URL, error: httpx.HTTPError) -> ServiceError:
    """Say that nothing came back."""
    reason = str(error) or type(error).__name__
    return ServiceError(
        f"No answer from {_shown(base_url)} ({reason}). Is the service running? tickgraph serve"
    )


def checked_url(url: str) -> str:
    """Return a service's address; :class:`InputError` for a text that is none."""
    try:
        read = httpx.URL(url)
        usable = read.scheme in ("http", "https") and read.host.encode("idna") != b""
    except (httpx.InvalidURL, UnicodeError):  # their texts may quote a password
        usable = False
    if not usable:
        raise InputError(f"{_shown(url)!r} is no address of a service. Write http://HOST:PORT.")
    return url


def _shown(url: str | httpx.URL) -> str:
    return _CREDENTIALS.sub("", str(url))


def headers(api_key: str | None, admin_token: str | None) -> dict[str, str]:
    """Headers of every request; :class:`InputError` for a key or token that no header takes."""
    for name, secret in (("API key", api_key), ("admin token", admin_token)):
        if secret and not is_sendable(secret):
            raise InputError(
                f"The {name} has characters other than ASCII, or spaces or line ends around it, which no header "
                "takes."
            )
    sent = {"accept": "application/json"}
    if api_key:
        sent["x-api-key"] = api_key
    if admin_token:
        sent["authorization"] = f"Bearer {admin_token}"
    return sent
