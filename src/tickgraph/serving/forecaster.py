"""Forecasts: the outlook of a symbol, said at the price of a request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Unpack

from tickgraph.errors import InputError
from tickgraph.market.calendar import Day
from tickgraph.market.price import checked_price, prices_by_symbol
from tickgraph.market.spelling import Symbol
from tickgraph.market.universe import canonical
from tickgraph.options.chain import Centre, ChainQuestion, read_centre
from tickgraph.options.price_paths import PATHS
from tickgraph.options.quotes import Numbers, Quotes, as_quotes
from tickgraph.options.strategy_question import StrategyWords, ask_strategy
from tickgraph.serving.answer import Forecast, Forecasts, forecast_from
from tickgraph.serving.chain_answer import Chain, chain_arrays, chain_of
from tickgraph.serving.distribution_answer import Distribution, Distributions, distribution_of
from tickgraph.serving.graph_answer import GraphAnswer, graph_answer
from tickgraph.serving.outlook_inputs import Fallback
from tickgraph.serving.priced_outlooks import PricedOutlooks
from tickgraph.serving.probability_answer import Probability, probability_of
from tickgraph.serving.simulated_prices import SimulatedPrices, simulated_prices
from tickgraph.serving.strategy_answer import StrategyOutcome, strategy_of


class Forecaster(PricedOutlooks):
    """Forecast from trained models and stored prices; safe to call from several threads.

    What does not depend on the request's price comes from the outlooks in memory, and is computed where they lack it.
    The parameters are those of :class:`tickgraph.serving.outlook_cache.OutlookCache`.
    """

    def forecast(
        self,
        symbol: str,
        price: float | None = None,
        *,
        as_of: date | None = None,
        fallback: Fallback = "momentum",
    ) -> Forecast:
        """Forecast a symbol's next close.

        Parameters
        ----------
        symbol
            Ticker; former names are followed.
        price
            Current price in dollars; None takes the last stored close.
        as_of
            Use prices up to this day only. A model that has seen later prices says so in the notes.
        fallback
            For a symbol without a model: ``momentum``, ``train`` (train it now) or ``none`` (an error).

        Raises
        ------
        InputError
            Malformed symbol, or a price that is not a positive number.
        ModelNotFoundError
            No model, and ``fallback="none"``.
        ArtefactError
            The model's files are damaged; nothing answers in their place.
        PriceDataError
            Prices are missing or too few.
        """
        name = canonical(symbol)
        prices = {} if price is None else prices_by_symbol([(name, price)])
        result = self.forecasts([name], prices, as_of=as_of, fallback=fallback)
        for error in result.failures.values():
            raise error
        return result.forecasts[name]

    def forecast_all(
        self, prices: Mapping[str, float] | None = None, *, as_of: date | None = None
    ) -> Forecasts:
        """Forecast every symbol that has a model, in one batched call."""
        given = prices_by_symbol((prices or {}).items())
        return self.forecasts(self.symbols(), given, as_of=as_of, fallback="none")

    def forecast_many(
        self,
        symbols: Iterable[str],
        prices: Mapping[str, float] | None = None,
        *,
        as_of: date | None = None,
        fallback: Fallback = "momentum",
    ) -> Forecasts:
        """Forecast several symbols; one that fails is reported and the others go on.

        Raises
        ------
        InputError
            A malformed symbol, or a price that is not a positive number.
        """
        names = tuple(dict.fromkeys(canonical(symbol) for symbol in symbols))
        given = prices_by_symbol((prices or {}).items())
        return self.forecasts(names, given, as_of=as_of, fallback=fallback)

    def forecasts(
        self,
        symbols: Sequence[Symbol],
        prices: Mapping[str, float],
        *,
        as_of: date | None = None,
        fallback: Fallback = "momentum",
    ) -> Forecasts:
        """As :meth:`forecast_many`, for symbols and prices that were checked where they came in."""
        return Forecasts(*self._answers(symbols, prices, forecast_from, as_of, fallback))

    def distribution(
        self,
        symbol: str,
        *,
        sessions: int | None = None,
        expiry: Day | None = None,
        price: float | None = None,
        as_of: date | None = None,
        fallback: Fallback = "momentum",
    ) -> Distribution:
        """Say where a symbol's close may be after so many sessions, or at an expiry: one of the two is given.

        Parameters
        ----------
        symbol, price, as_of, fallback
            As in :meth:`forecast`.
        sessions
            Sessions of the exchange after the last one with prices, 1 to 63.
        expiry
            A session of the exchange, 63 sessions ahead at most, such as ``"2023-01-20"``.

        Raises
        ------
        InputError
            As in :meth:`forecast`, and for sessions or an expiry that cannot be forecast.
        ModelNotFoundError
            No model forecasts more than one session; train one.
        TickgraphError
            What else :meth:`forecast` raises.
        """
        answer = partial(distribution_of, sessions=sessions, expiry=expiry)
        return self._answer(canonical(symbol), price, answer, as_of, fallback)

    def distributions(
        self,
        symbols: Sequence[Symbol],
        prices: Mapping[str, float],
        *,
        sessions: int | None = None,
        expiry: Day | None = None,
        as_of: date | None = None,
        fallback: Fallback = "momentum",
    ) -> Distributions:
        """As :meth:`distribution`, for several symbols and prices that were checked where they came in."""
        answer = partial(distribution_of, sessions=sessions, expiry=expiry)
        return Distributions(*self._answers(symbols, prices, answer, as_of, fallback))

    def probability(
        self,
        symbol: str,
        strike: float,
        *,
        upper_strike: float | None = None,
        sessions: int | None = None,
        expiry: Day | None = None,
        price: float | None = None,
        as_of: date | None = None,
        fallback: Fallback = "momentum",
    ) -> Probability:
        """Say how likely a symbol's close is above a strike, or between two, and how likely a strike is touched.

        Without sessions and an expiry it is about the next session's close.

        Parameters
        ----------
        strike, upper_strike
            Dollars; the upper one is the higher.
        symbol, sessions, expiry, price, as_of, fallback
            As in :meth:`distribution`.

        Raises
        ------
        InputError
            As in :meth:`distribution`, and for a strike that is no positive number or an upper one that is not above.
        TickgraphError
            What else :meth:`distribution` raises.
        """
        name = canonical(symbol)
        low = checked_price(name, strike, what="Strike")
        high = None if upper_strike is None else checked_price(name, upper_strike, what="Upper strike")
        answer = partial(probability_of, strike=low, upper_strike=high, sessions=sessions, expiry=expiry)
        return self._answer(name, price, answer, as_of, fallback)

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
        as_of: date | None = None,
        fallback: Fallback = "momentum",
    ) -> Chain:
        """Say of every strike at every expiry how likely the close is above it, and what options on it are worth.

        Parameters
        ----------
        symbol, price, as_of, fallback
            As in :meth:`forecast`.
        expiries, strikes
            Sessions of the exchange, 63 sessions ahead at most, and dollars: every strike at every expiry.
        quotes
            In place of them: strikes of each expiry, with what the market says of them.
        rate, dividend_yield, centred_on, values, touch, skip_impossible
            As :class:`~tickgraph.options.chain.ChainQuestion`.

        Raises
        ------
        InputError
            As in :meth:`forecast`, and for a chain that cannot be read or forecast.
        ModelNotFoundError
            No model forecasts as many sessions; train one.
        TickgraphError
            What else :meth:`forecast` raises.
        """
        question = ChainQuestion(
            as_quotes(expiries, strikes, quotes),
            rate=rate,
            dividend_yield=dividend_yield,
            centred_on=read_centre(centred_on),
            values=values,
            touch=touch,
            skip_impossible=skip_impossible,
        )
        answer = partial(chain_arrays, question=question)
        return chain_of(self._answer(canonical(symbol), price, answer, as_of, fallback))

    def strategy(
        self,
        symbol: str,
        template: str | None = None,
        *,
        price: float | None = None,
        as_of: date | None = None,
        fallback: Fallback = "momentum",
        **words: Unpack[StrategyWords],
    ) -> StrategyOutcome:
        """Say what a strategy of options may earn, and how likely a profit is.

        Parameters
        ----------
        symbol, price, as_of, fallback
            As in :meth:`forecast`.
        template
            Name of a template, such as ``iron-condor``.
        **words
            Strikes, expiries and premiums of the template, or legs in its place, and what else
            :class:`~tickgraph.options.strategy_question.StrategyWords` has.

        Raises
        ------
        InputError
            As in :meth:`forecast`, and for a strategy that cannot be read or forecast; names the field.
        ModelNotFoundError
            No model forecasts as many sessions; train one.
        TickgraphError
            What else :meth:`forecast` raises.
        """
        answer = partial(strategy_of, question=ask_strategy(template, **words))
        return self._answer(canonical(symbol), price, answer, as_of, fallback)

    def graph(self, symbol: str, *, as_of: date | None = None) -> GraphAnswer:
        """Give the graph behind a symbol's forecast: nodes with features, edges, correlations, attention.

        Parameters
        ----------
        symbol, as_of
            As in :meth:`forecast`.

        Raises
        ------
        ModelNotFoundError
            The symbol has no model; momentum has no graph.
        TickgraphError
            What else :meth:`forecast` raises.
        """
        return graph_answer(self.graph_behind(canonical(symbol), as_of=as_of))

    def paths(
        self,
        symbols: Sequence[str],
        *,
        sessions: int | None = None,
        expiry: Day | None = None,
        prices: Mapping[str, float] | None = None,
        paths: int = PATHS,
        as_of: date | None = None,
        fallback: Fallback = "momentum",
    ) -> SimulatedPrices:
        """Simulate symbols together: whole dates are drawn, so that they move together as they did.

        After every session each symbol has the distribution that :meth:`distribution` gives. The same question gets
        the same paths.

        Parameters
        ----------
        symbols
            Tickers; former names are followed.
        sessions, expiry
            How far, as in :meth:`distribution`; one of the two is given.
        prices
            Dollars by symbol to start from; the others start from their last close.
        paths
            How many.
        as_of, fallback
            As in :meth:`forecast`.

        Raises
        ------
        InputError
            As in :meth:`distribution`; or no symbol, prices that end apart, or too many paths.
        HistoryTooShortError
            The symbols have fewer than 250 dates of the last 1000 in common.
        TickgraphError
            What else :meth:`distribution` raises.
        """
        names = tuple(dict.fromkeys(canonical(symbol) for symbol in symbols))
        if not names:
            raise InputError("symbols must name at least one, such as ['AAPL', 'MSFT'].")
        given = prices_by_symbol((prices or {}).items())
        if strange := [symbol for symbol in given if symbol not in names]:
            raise InputError(
                f"prices names {', '.join(strange)}, which is not among the symbols to simulate."
            )
        outlooks = self.outlooks(names, as_of=as_of, fallback=fallback)
        for error in outlooks.failures.values():
            raise error
        found = [outlooks.found[name] for name in names]
        if len(sources := {outlook.source for outlook in found}) > 1:
            raise InputError(f"symbols must have prices of one source, got {', '.join(sorted(sources))}.")
        panel = self.panels.covering(found[0].source, names)
        return simulated_prices(found, panel, given, paths, sessions=sessions, expiry=expiry)
