"""The client that waits."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Unpack

import httpx
from httpx_retries import Retry, RetryTransport

from tickgraph.client import requests
from tickgraph.client.answer_types import (
    Chain,
    Cleared,
    Curve,
    Distribution,
    Fan,
    Forecast,
    Forecasts,
    Graph,
    Health,
    Job,
    Jobs,
    Market,
    Operations,
    Overview,
    Prices,
    Probability,
    Reliability,
    Strategy,
    SymbolInfo,
    SymbolList,
    Templates,
)
from tickgraph.client.sending import RETRY, Answer, Ask, checked_url, headers, unreachable
from tickgraph.market.calendar import Day
from tickgraph.options.chain import Centre, ChainQuestion
from tickgraph.options.quotes import Numbers, Quotes, as_quotes
from tickgraph.options.strategy_question import StrategyWords

RENAMED = "refresh() is now called publish_correlations(): it does no more than that."


class Client:
    """Call a service; connections are kept open between calls.

    Every method raises :class:`~tickgraph.client.ServiceError` for a problem that the service answers with, and
    for a service that cannot be reached after the retries; and
    :class:`~tickgraph.errors.InputError` for a malformed symbol, address or key, which is not sent at all.

    Parameters
    ----------
    url
        Where the service is.
    api_key, admin_token
        What it asks for, if it does.
    retry
        How often, and after which answers, a request is sent again.
    transport
        What carries requests; None is the network.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        api_key: str | None = None,
        admin_token: str | None = None,
        retry: Retry = RETRY,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._http = httpx.Client(
            base_url=checked_url(url),
            headers=headers(api_key, admin_token),
            transport=RetryTransport(transport=transport or httpx.HTTPTransport(), retry=retry),
        )

    def __enter__(self) -> Client:
        """Use in a ``with`` statement."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def forecast(self, symbol: str, price: float | None = None, *, wait: bool = False) -> Forecast:
        """Forecast one symbol; ``wait`` until a model is trained if it has none."""
        return self._ask(requests.forecast(symbol, price, wait))

    def forecasts(
        self, symbols: Iterable[str] | None = None, prices: Mapping[str, float] | None = None
    ) -> Forecasts:
        """Forecast several symbols in one call, each from its price if it has one here.

        Without symbols and prices, every symbol that has a model.
        """
        return self._ask(requests.forecasts(symbols, prices))

    def probability(
        self,
        symbol: str,
        strike: float,
        price: float | None = None,
        *,
        upper_strike: float | None = None,
        sessions: int | None = None,
        expiry: Day | None = None,
        wait: bool = False,
    ) -> Probability:
        """Probability that a close is above the strike, or between two, and that a strike is touched by then.

        It is the next session's close, that after so many sessions, or that of an expiry such as 2023-01-20.
        """
        return self._ask(requests.probability(symbol, strike, price, wait, upper_strike, sessions, expiry))

    def distribution(
        self,
        symbol: str,
        *,
        sessions: int | None = None,
        expiry: Day | None = None,
        price: float | None = None,
        wait: bool = False,
    ) -> Distribution:
        """Distribution of the close after so many sessions, or at an expiry such as 2023-01-20: give one of the two."""
        return self._ask(requests.distribution(symbol, sessions, expiry, price, wait))

    def fan(self, symbol: str, price: float | None = None) -> Fan:
        """Where the close may be on every session ahead, for a picture."""
        return self._ask(requests.fan(symbol, price))

    def curve(
        self,
        symbol: str,
        *,
        sessions: int | None = None,
        expiry: Day | None = None,
        price: float | None = None,
    ) -> Curve:
        """Cumulative distribution of a close, at 241 prices: after so many sessions, or at an expiry."""
        return self._ask(requests.curve(symbol, sessions, expiry, price))

    def chain(
        self,
        symbol: str,
        *,
        expiries: Sequence[Day] | None = None,
        strikes: Numbers | None = None,
        quotes: Sequence[Quotes] | None = None,
        price: float | None = None,
        rate: float = 0.0,
        dividend_yield: float | None = None,
        centred_on: Centre = "forward",
        values: bool = False,
        touch: bool = True,
        skip_impossible: bool = False,
        wait: bool = False,
    ) -> Chain:
        """Say of every strike at every expiry what the forecast says of it, beside the market's quotes.

        The parameters are those of :meth:`~tickgraph.serving.forecaster.Forecaster.chain`.
        """
        question = ChainQuestion(
            as_quotes(expiries, strikes, quotes),
            rate=rate,
            dividend_yield=dividend_yield,
            centred_on=centred_on,
            values=values,
            touch=touch,
            skip_impossible=skip_impossible,
        )
        return self._ask(requests.chain(symbol, price, question, wait))

    def strategy(
        self,
        symbol: str,
        template: str | None = None,
        *,
        price: float | None = None,
        wait: bool = False,
        **words: Unpack[StrategyWords],
    ) -> Strategy:
        """What a strategy of options may earn: a template such as iron-condor with its figures, or legs.

        The words are those of :class:`~tickgraph.options.strategy_question.StrategyWords`.
        """
        return self._ask(requests.strategy(symbol, template, price, wait, words))

    def templates(
        self,
        symbol: str,
        *,
        sessions: int | None = None,
        expiry: Day | None = None,
        price: float | None = None,
    ) -> Templates:
        """Every template of a strategy with legs: after so many sessions, or at an expiry such as 2023-01-20."""
        return self._ask(requests.templates(symbol, sessions, expiry, price))

    def overview(self) -> Overview:
        """Give every symbol at a glance: last close, expected moves, how fresh each is, its last closes."""
        return self._ask(requests.OVERVIEW)

    def market(self) -> Market:
        """Say how all symbols move together: correlations, clusters, and what changed in a week."""
        return self._ask(requests.MARKET)

    def operations(self) -> Operations:
        """Say how the service stands: memory, latency, freshness, refreshes, live quality, what is wrong."""
        return self._ask(requests.OPERATIONS)

    def symbols(self) -> SymbolList:
        """List the symbols that can be forecast."""
        return self._ask(requests.SYMBOLS)

    def symbol(self, name: str) -> SymbolInfo:
        """Say what is known of a symbol."""
        return self._ask(requests.symbol(name))

    def graph(self, name: str) -> Graph:
        """Give the graph behind a symbol's forecast."""
        return self._ask(requests.graph(name))

    def prices(self, name: str, sessions: int = 260) -> Prices:
        """Give the daily prices of a symbol's last sessions."""
        return self._ask(requests.prices(name, sessions))

    def reliability(self, name: str) -> Reliability:
        """Set a symbol's past forecasts beside what happened, by horizon."""
        return self._ask(requests.reliability(name))

    def retrain(self, name: str) -> Job:
        """Train a symbol again, in the background; needs the admin token."""
        return self._ask(requests.retrain(name))

    def publish_correlations(self) -> Job:
        """Publish all correlations of the newest session, in the background; needs the admin token."""
        return self._ask(requests.CORRELATIONS)

    def refresh(self) -> Job:
        """Deprecated name of :meth:`publish_correlations`."""
        warnings.warn(RENAMED, DeprecationWarning, stacklevel=2)
        return self.publish_correlations()

    def job(self, job_id: str) -> Job:
        """Say how far a job is; needs the admin token."""
        return self._ask(requests.job(job_id))

    def jobs(self) -> Jobs:
        """List the jobs, the newest first; needs the admin token."""
        return self._ask(requests.JOBS)

    def clear_cache(self) -> Cleared:
        """Make the process that answers forget its models and prices; needs the admin token."""
        return self._ask(requests.CLEAR_CACHE)

    def ready(self) -> Health:
        """Say whether requests should be sent to the service now; raises if not."""
        return self._ask(requests.READY)

    def _ask(self, ask: Ask[Answer]) -> Answer:
        try:
            response = self._http.send(ask.of(self._http))
        except httpx.HTTPError as error:
            raise unreachable(self._http.base_url, error) from error
        return ask.read(response)
