"""What the routes do: answer from memory at once, read and compute in a few threads, train in other processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
from pydantic_core import to_json

from tickgraph.errors import ModelNotFoundError, PriceDataError, TickgraphError
from tickgraph.http.responses import ForecastAnswer, ProbabilityAnswer, Timings
from tickgraph.http.service_parts import ServiceParts
from tickgraph.http.training_on_demand import Training
from tickgraph.market.spelling import Symbol
from tickgraph.options.chain import ChainQuestion
from tickgraph.serving.chain_answer import ChainArrays, chain_arrays
from tickgraph.serving.forecaster import Fallback
from tickgraph.serving.outlook import Outlook, Outlooks
from tickgraph.serving.outlook_answer import Answering, OutlookAnswer
from tickgraph.serving.probability_answer import probability_of

T = TypeVar("T")
AnOutlookAnswer = TypeVar("AnOutlookAnswer", bound=OutlookAnswer)


@dataclass(frozen=True)
class _Prepared:
    """What one symbol is answered from, whether it came from memory, and the seconds that it waited for a thread."""

    outlook: Outlook
    training: Training
    cached: bool
    queued: float


class Service(ServiceParts):
    """One process's share of the service: the answers of its routes.

    The parameters are those of :class:`~tickgraph.http.service_parts.ServiceParts`.
    """

    async def forecast(self, symbol: Symbol, price: float | None, *, wait: bool = False) -> ForecastAnswer:
        """Forecast one symbol; without a model, by momentum while one is trained in the background.

        Parameters
        ----------
        symbol
            Whose next close.
        price
            Current price in dollars; None takes the last stored close.
        wait
            Wait for the training, and answer from the trained model.

        Raises
        ------
        UnknownSymbolError
            Neither a model nor stored prices.
        TickgraphError
            What else the forecast failed on.
        """
        started = time.perf_counter()
        return self._forecast_answer(await self._prepare(symbol, wait=wait), price, started)

    def from_memory(self, symbol: Symbol, price: float | None) -> bytes | None:
        """JSON of what :meth:`forecast` would answer; None if something must be read or computed.

        Most requests end here, so the JSON is written without a pydantic model of the answer.
        """
        started = time.perf_counter()
        outlook = self.forecaster.peek(symbol)
        if outlook is None or (outlook.model is None and self.settings.serve.train_on_demand):
            return None
        answer = self.forecaster.answer_json(outlook, price)
        seconds = time.perf_counter() - started
        self.metrics.answered(seconds, cached=True)
        return b'%b,"cached":true,"training_job":null,"timings":%b}' % (
            answer[:-1],
            to_json(Timings(seconds, 0.0)),
        )

    async def probability(
        self,
        symbol: Symbol,
        strike: float,
        price: float | None,
        *,
        upper_strike: float | None = None,
        sessions: int | None = None,
        expiry: np.datetime64 | None = None,
        wait: bool = False,
    ) -> ProbabilityAnswer:
        """Say how likely one symbol's close is above a strike, or between two, and how likely a strike is touched.

        The other parameters and the errors are those of :meth:`forecast`; and
        :meth:`~tickgraph.serving.forecaster.Forecaster.probability` says what else it raises.
        """
        started = time.perf_counter()
        prepared = await self._prepare(symbol, wait=wait)
        training = prepared.training
        answer = partial(
            probability_of, strike=strike, upper_strike=upper_strike, sessions=sessions, expiry=expiry
        )
        found = self.forecaster.answer_from(prepared.outlook, price, answer, trained_now=training.trained)
        values = dict(found.__dict__)
        if training.note:
            values["notes"] = (*found.notes, training.note)
        forecast = self._forecast_answer(prepared, price, started)
        return ProbabilityAnswer.model_construct(**values, forecast=forecast)

    async def answer(
        self,
        symbol: Symbol,
        price: float | None,
        answer: Answering[AnOutlookAnswer],
        *,
        wait: bool = False,
        slow: bool = False,
    ) -> AnOutlookAnswer:
        """Make another answer about one symbol, such as ``partial(distribution_of, sessions=21)``.

        Parameters
        ----------
        symbol, price, wait
            As in :meth:`forecast`.
        answer
            Makes it from the symbol's outlook, and says what else it raises.
        slow
            Make it in a thread, so that the loop answers others meanwhile.

        Raises
        ------
        TickgraphError
            As in :meth:`forecast`.
        """
        started = time.perf_counter()
        prepared = await self._prepare(symbol, wait=wait)
        outlook, training = prepared.outlook, prepared.training

        def make() -> AnOutlookAnswer:
            return self.forecaster.answer_from(outlook, price, answer, trained_now=training.trained)

        made = await self.in_thread(make) if slow else make()
        self.metrics.answered(time.perf_counter() - started, cached=prepared.cached)
        if training.note:
            made = made.model_copy(update={"notes": (*made.notes, training.note)})
        return made

    async def chain(
        self, symbol: Symbol, price: float | None, question: ChainQuestion, *, wait: bool = False
    ) -> ChainArrays:
        """Answer for every strike of every expiry; mid prices, which take longer, in a thread.

        The other parameters and the errors are those of :meth:`forecast`; and
        :meth:`~tickgraph.serving.forecaster.Forecaster.chain` says what else it raises.
        """
        answer = partial(chain_arrays, question=question)
        return await self.answer(symbol, price, answer, wait=wait, slow=question.has_mid_prices)

    def forecast_many(
        self, symbols: Sequence[Symbol], prices: Mapping[str, float], fallback: Fallback | None = None
    ) -> tuple[dict[str, bytes], dict[str, TickgraphError]]:
        """Forecast several symbols in one call, and have those without a model trained; reads files.

        Parameters
        ----------
        symbols
            Each is answered, or has its error.
        prices
            Dollars by symbol, checked; the others start from their last stored close.
        fallback
            For symbols without a model; None is the service's own.

        Returns
        -------
        tuple
            By symbol the JSON of each forecast, and the error of each that has none.
        """
        outlooks = self.forecaster.outlooks(symbols, fallback=fallback or self.fallback)
        answers = outlooks.each(symbols, lambda outlook: self._json(outlook, prices.get(outlook.symbol)))
        return answers, self.known_symbols.explained(outlooks.failures)

    def outlooks(self, symbols: Sequence[Symbol]) -> Outlooks:
        """Outlooks of several symbols, without training any; an error says what a caller can do about it."""
        outlooks = self.forecaster.outlooks(symbols, fallback=self.fallback)
        outlooks.failures = self.known_symbols.explained(outlooks.failures)
        return outlooks

    async def in_thread(self, call: Callable[[], T]) -> T:
        """Run a call that reads or computes in one of the threads; errors as :meth:`RequestThreads.run`."""
        return await self.threads.run(call)

    async def scrape(self) -> bytes:
        """Text of all metrics; errors as :meth:`RequestThreads.scrape`."""
        return await self.threads.scrape()

    # What the answers share.

    async def _prepare(self, symbol: Symbol, *, wait: bool) -> _Prepared:
        """Give what one symbol is answered from: from memory, or read and computed in a thread."""
        started = time.perf_counter()

        def prepare() -> tuple[Outlook, float]:
            begun = time.perf_counter()
            return self._outlook(symbol), begun - started

        warm = self.forecaster.peek(symbol)
        outlook, queued = (warm, 0.0) if warm is not None else await self.in_thread(prepare)
        training = Training()
        if outlook.model is None:
            if self.settings.serve.train_on_demand:
                outlook, training = await self.training.of(outlook, lambda: self._outlook(symbol), wait=wait)
            elif wait:
                training = Training(
                    note="the service trains no models on demand: there is nothing to wait for"
                )
        return _Prepared(outlook, training, cached=outlook is warm, queued=queued)

    def _outlook(self, symbol: Symbol) -> Outlook:
        try:
            return self.forecaster.outlook(symbol, fallback=self.fallback)
        except (PriceDataError, ModelNotFoundError) as error:
            raise self.known_symbols.explained({symbol: error})[symbol] from error

    def _forecast_answer(self, prepared: _Prepared, price: float | None, started: float) -> ForecastAnswer:
        training = prepared.training
        forecast = self.forecaster.answer(prepared.outlook, price, trained_now=training.trained)
        seconds = time.perf_counter() - started
        self.metrics.answered(seconds, cached=prepared.cached)
        # The forecaster made these values with the right types, so nothing is validated again.
        values = {**forecast.__dict__, "cached": prepared.cached, "training_job": training.job}
        if training.note:
            values["notes"] = (*forecast.notes, training.note)
        return ForecastAnswer.model_construct(**values, timings=Timings(seconds, prepared.queued))

    def _json(self, outlook: Outlook, price: float | None) -> bytes:
        """JSON of one forecast among several; without a model a note says that one is being trained."""
        if outlook.model is not None or not self.settings.serve.train_on_demand:
            return self.forecaster.answer_json(outlook, price)
        fields = self.forecaster.answer_fields(outlook, price)
        fields["notes"] = (*fields["notes"], self.training.note(outlook.symbol))
        return to_json(fields)
