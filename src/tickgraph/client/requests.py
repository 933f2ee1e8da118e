"""What is asked of the service and how its answer is read, the same for both clients."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx
from httpx_retries import Retry
from pydantic import BaseModel, ValidationError

from tickgraph.client.answers import (
    Cleared,
    Forecast,
    Forecasts,
    Graph,
    Health,
    Job,
    Jobs,
    Probability,
    Problem,
    ServiceError,
    SymbolInfo,
    SymbolList,
)
from tickgraph.errors import InputError
from tickgraph.market.price import checked_price, prices_by_symbol
from tickgraph.market.universe import canonical

Answer = TypeVar("Answer", bound=BaseModel)

TIMEOUT_SECONDS = 15.0  # longer than the service's own, so that its answer comes first
WAIT_SECONDS = 90.0  # for an answer that waits for training

# Only what is safe to ask twice, and only what may be gone the next time. The pause grows, with jitter, or is the
# service's Retry-After, 5 s at most. A service that took a request and did not answer in time is not asked again:
# it has enough to do.
RETRY = Retry(
    total=3,
    allowed_methods=("GET",),
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


_CREDENTIALS = re.compile(r"[^/]*@")  # of an address; a password has no place in a message


@dataclass(frozen=True)
class Ask(Generic[Answer]):
    """One request and the type of its answer."""

    answer: type[Answer]
    path: str
    params: dict[str, Any] = field(default_factory=dict)
    method: str = "GET"
    timeout: float = TIMEOUT_SECONDS

    def send(self) -> dict[str, Any]:
        """Arguments of ``httpx.Client.request``."""
        return {
            "method": self.method,
            "url": self.path,
            "params": {name: value for name, value in self.params.items() if value is not None},
            "timeout": self.timeout,
        }

    def read(self, response: httpx.Response) -> Answer:
        """Read the answer; :class:`ServiceError` for a problem, or an answer that is not the service's."""
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
    """Return a service's address; :class:`InputError` for one that is none."""
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
    """Headers of every request; :class:`InputError` for a key or token that fits in none."""
    for name, secret in (("API key", api_key), ("admin token", admin_token)):
        if secret and not (secret.isascii() and secret.isprintable() and secret == secret.strip()):
            raise InputError(
                f"The {name} has characters other than ASCII, or spaces or line ends around it, which no header "
                "takes."
            )
    made = {"accept": "application/json"}
    if api_key:
        made["x-api-key"] = api_key
    if admin_token:
        made["authorization"] = f"Bearer {admin_token}"
    return made


def forecast(symbol: str, price: float | None, wait: bool) -> Ask[Forecast]:
    """``GET /forecast/{symbol}``; :class:`InputError` for a price that is none."""
    name = canonical(symbol)
    return Ask(
        Forecast,
        f"/forecast/{quote(name)}",
        {"price": _checked(name, price), "wait": wait or None},
        timeout=WAIT_SECONDS if wait else TIMEOUT_SECONDS,
    )


def forecasts(symbols: Iterable[str] | None, prices: Mapping[str, float] | None) -> Ask[Forecasts]:
    """``GET /forecast/all`` or ``GET /forecast?symbols=``; :class:`InputError` for no symbol at all."""
    if symbols is None and not prices:
        return Ask(Forecasts, "/forecast/all")
    if isinstance(symbols, str):  # not its letters
        symbols = (symbols,)
    known = prices_by_symbol((prices or {}).items())
    names = list(dict.fromkeys([*map(canonical, symbols or ()), *known]))
    if not names:
        raise InputError(
            "No symbols were named. Give tickers such as AAPL, or None for all that have a model."
        )
    words = [f"{name}:{known[name]:.12g}" if name in known else name for name in names]
    return Ask(Forecasts, "/forecast", {"symbols": ",".join(words)})


def probability(symbol: str, strike: float, price: float | None, wait: bool) -> Ask[Probability]:
    """``GET /forecast/{symbol}/probability``; :class:`InputError` for a strike or a price that is none."""
    name = canonical(symbol)
    return Ask(
        Probability,
        f"/forecast/{quote(name)}/probability",
        {
            "strike": checked_price(name, strike, what="Strike"),
            "price": _checked(name, price),
            "wait": wait or None,
        },
        timeout=WAIT_SECONDS if wait else TIMEOUT_SECONDS,
    )


def _checked(symbol: str, price: float | None) -> float | None:
    return None if price is None else checked_price(symbol, price)


def symbols() -> Ask[SymbolList]:
    """``GET /symbols``."""
    return Ask(SymbolList, "/symbols")


def symbol(name: str) -> Ask[SymbolInfo]:
    """``GET /symbols/{symbol}``."""
    return Ask(SymbolInfo, f"/symbols/{quote(canonical(name))}")


def graph(name: str) -> Ask[Graph]:
    """``GET /symbols/{symbol}/graph``."""
    return Ask(Graph, f"/symbols/{quote(canonical(name))}/graph")


def retrain(name: str) -> Ask[Job]:
    """``POST /admin/retrain/{symbol}``."""
    return Ask(Job, f"/admin/retrain/{quote(canonical(name))}", method="POST")


def refresh() -> Ask[Job]:
    """``POST /admin/refresh``."""
    return Ask(Job, "/admin/refresh", method="POST")


def job(job_id: str) -> Ask[Job]:
    """``GET /admin/jobs/{job_id}``."""
    return Ask(Job, f"/admin/jobs/{job_id}")


def jobs() -> Ask[Jobs]:
    """``GET /admin/jobs``."""
    return Ask(Jobs, "/admin/jobs")


def clear_cache() -> Ask[Cleared]:
    """``POST /admin/cache/clear``."""
    return Ask(Cleared, "/admin/cache/clear", method="POST")


def ready() -> Ask[Health]:
    """``GET /health/ready``."""
    return Ask(Health, "/health/ready")
