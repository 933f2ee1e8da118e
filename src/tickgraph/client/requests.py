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
from pydantic_core import to_jsonable_python

from tickgraph.errors import (
    ArtefactError,
    InputError,
    ModelNotFoundError,
    PriceDataError,
    SourceUnavailableError,
    StorageError,
    TickgraphError,
)
from tickgraph.http import page_answers, responses
from tickgraph.http.responses import Problem
from tickgraph.market.calendar import Day, as_day
from tickgraph.market.price import checked_price, prices_by_symbol
from tickgraph.market.spelling import Symbol
from tickgraph.market.universe import canonical
from tickgraph.options.chain import ChainQuestion
from tickgraph.options.quotes import Quotes, or_none
from tickgraph.options.strategy_question import StrategyWords, ask_strategy
from tickgraph.pipeline.jobs import Job
from tickgraph.secret import is_sendable
from tickgraph.serving.graph_answer import GraphAnswer

__all__ = ["Job", "Problem"]

Chain = responses.ChainAnswer
Cleared = responses.ClearedAnswer
Curve = responses.CurveAnswer
Distribution = responses.DistributionAnswer
Fan = responses.FanAnswer
Forecast = responses.ForecastAnswer
Forecasts = responses.ForecastsAnswer
Graph = GraphAnswer
Health = responses.HealthAnswer
Jobs = responses.JobsAnswer
Market = page_answers.MarketAnswer
Operations = page_answers.OperationsAnswer
Overview = page_answers.OverviewAnswer
Prices = responses.PricesAnswer
Probability = responses.ProbabilityAnswer
Reliability = page_answers.ReliabilityAnswer
Strategy = responses.StrategyAnswer
SymbolInfo = responses.SymbolAnswer
SymbolList = responses.SymbolsAnswer
Templates = responses.TemplatesAnswer

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


def forecast(symbol: str, price: float | None, wait: bool) -> Ask[Forecast]:
    """``GET /forecast/{symbol}``; :class:`InputError` for a price that is none."""
    name = canonical(symbol)
    params = {"price": _checked(name, price), "wait": wait or None}
    return Ask(Forecast, f"/forecast/{quote(name)}", params, timeout=_timeout(wait))


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


def probability(
    symbol: str,
    strike: float,
    price: float | None,
    wait: bool,
    upper_strike: float | None = None,
    sessions: int | None = None,
    expiry: Day | None = None,
) -> Ask[Probability]:
    """``GET /forecast/{symbol}/probability``; :class:`InputError` for a strike, price or expiry that is none."""
    name = canonical(symbol)
    params = {
        "strike": checked_price(name, strike, what="Strike"),
        "upper_strike": None
        if upper_strike is None
        else checked_price(name, upper_strike, what="Upper strike"),
        "sessions": sessions,
        "expiry": None if expiry is None else str(as_day(expiry)),
        "price": _checked(name, price),
        "wait": wait or None,
    }
    return Ask(Probability, f"/forecast/{quote(name)}/probability", params, timeout=_timeout(wait))


def distribution(
    symbol: str, sessions: int | None, expiry: Day | None, price: float | None, wait: bool
) -> Ask[Distribution]:
    """``GET /forecast/{symbol}/distribution``; :class:`InputError` for a price or an expiry that is none."""
    name = canonical(symbol)
    params = {**_ahead(name, sessions, expiry, price), "wait": wait or None}
    return Ask(Distribution, f"/forecast/{quote(name)}/distribution", params, timeout=_timeout(wait))


def fan(symbol: str, price: float | None) -> Ask[Fan]:
    """``GET /forecast/{symbol}/fan``; :class:`InputError` for a price that is none."""
    name = canonical(symbol)
    return Ask(Fan, f"/forecast/{quote(name)}/fan", {"price": _checked(name, price)})


def curve(symbol: str, sessions: int | None, expiry: Day | None, price: float | None) -> Ask[Curve]:
    """``GET /forecast/{symbol}/curve``; :class:`InputError` for a price or an expiry that is none."""
    name = canonical(symbol)
    return Ask(Curve, f"/forecast/{quote(name)}/curve", _ahead(name, sessions, expiry, price))


def templates(symbol: str, sessions: int | None, expiry: Day | None, price: float | None) -> Ask[Templates]:
    """``GET /forecast/{symbol}/templates``; :class:`InputError` for a price or an expiry that is none."""
    name = canonical(symbol)
    return Ask(Templates, f"/forecast/{quote(name)}/templates", _ahead(name, sessions, expiry, price))


def _ahead(symbol: Symbol, sessions: int | None, expiry: Day | None, price: float | None) -> dict[str, Any]:
    """Parameters of a question about one session ahead."""
    day = None if expiry is None else str(as_day(expiry))
    return {"sessions": sessions, "expiry": day, "price": _checked(symbol, price)}


def chain(symbol: str, price: float | None, question: ChainQuestion, wait: bool) -> Ask[Chain]:
    """``POST /forecast/{symbol}/chain``; :class:`InputError` for a price that is none."""
    name = canonical(symbol)
    body = {
        "quotes": [_quotes(each) for each in question.quotes],
        "price": _checked(name, price),
        "rate": question.rate,
        "dividend_yield": question.dividend_yield,
        "centred_on": question.centred_on,
        "values": question.values,
        "touch": question.touch,
        "skip_impossible": question.skip_impossible,
    }
    path, params = f"/forecast/{quote(name)}/chain", {"wait": wait or None}
    return Ask(Chain, path, params, "POST", _timeout(wait), body)


def _quotes(quotes: Quotes) -> dict[str, Any]:
    """Quotes of one expiry as the service reads them."""
    columns = {
        "strikes": quotes.strikes,
        "implied_volatilities": quotes.implied_volatilities,
        "calls": quotes.calls,
        "puts": quotes.puts,
    }
    lists = {name: or_none(column) for name, column in columns.items() if column is not None}
    return {"expiry": str(quotes.expiry), **lists}


def strategy(
    symbol: str, template: str | None, price: float | None, wait: bool, words: StrategyWords
) -> Ask[Strategy]:
    """``POST /forecast/{symbol}/strategy``; :class:`InputError` for what is no strategy, or a price that is none."""
    name = canonical(symbol)
    if (strikes := words.get("strikes")) is not None:  # read twice, here and there
        words["strikes"] = list(strikes)
    if (premiums := words.get("premiums")) is not None:
        words["premiums"] = list(premiums)
    question = ask_strategy(template, **words)
    days = {"expiries": question.strategy.expiries if template else None, "on": question.on}
    given = {"template": template, **words, **days, "price": _checked(name, price)}
    body = to_jsonable_python(
        {field: value for field, value in given.items() if value is not None}, fallback=_plain
    )
    path, params = f"/forecast/{quote(name)}/strategy", {"wait": wait or None}
    return Ask(Strategy, path, params, "POST", _timeout(wait), body)


def _plain(value: Any) -> Any:
    """Arrays and numbers of NumPy as Python's."""
    return value.tolist()


def _checked(symbol: str, price: float | None) -> float | None:
    return None if price is None else checked_price(symbol, price)


def _timeout(wait: bool) -> float:
    return WAIT_SECONDS if wait else TIMEOUT_SECONDS


def symbol(name: str) -> Ask[SymbolInfo]:
    """``GET /symbols/{symbol}``."""
    return Ask(SymbolInfo, f"/symbols/{quote(canonical(name))}")


def graph(name: str) -> Ask[Graph]:
    """``GET /symbols/{symbol}/graph``."""
    return Ask(Graph, f"/symbols/{quote(canonical(name))}/graph")


def prices(name: str, sessions: int) -> Ask[Prices]:
    """``GET /symbols/{symbol}/prices``."""
    return Ask(Prices, f"/symbols/{quote(canonical(name))}/prices", {"sessions": sessions})


def reliability(name: str) -> Ask[Reliability]:
    """``GET /symbols/{symbol}/reliability``."""
    return Ask(Reliability, f"/symbols/{quote(canonical(name))}/reliability")


def retrain(name: str) -> Ask[Job]:
    """``POST /admin/retrain/{symbol}``."""
    return Ask(Job, f"/admin/retrain/{quote(canonical(name))}", method="POST", once=True)


def job(job_id: str) -> Ask[Job]:
    """``GET /admin/jobs/{job_id}``."""
    return Ask(Job, f"/admin/jobs/{job_id}")


SYMBOLS = Ask(SymbolList, "/symbols")
OVERVIEW = Ask(Overview, "/overview")
MARKET = Ask(Market, "/market")
OPERATIONS = Ask(Operations, "/operations")
CORRELATIONS = Ask(Job, "/admin/correlations", method="POST", once=True)
JOBS = Ask(Jobs, "/admin/jobs")
CLEAR_CACHE = Ask(Cleared, "/admin/cache/clear", method="POST", once=True)
READY = Ask(Health, "/health/ready")
