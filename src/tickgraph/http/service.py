"""What the routes do: from memory at once, in a bounded number of threads otherwise, training elsewhere."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TypeVar

from tickgraph.errors import PriceDataError, TickgraphError
from tickgraph.http.metrics import ServiceMetrics
from tickgraph.http.problem import SlowError, UnknownSymbolError
from tickgraph.http.schema import ForecastAnswer, Timings
from tickgraph.market.store import PriceStore
from tickgraph.market.universe import canonical, suggest
from tickgraph.pipeline.background import Background
from tickgraph.pipeline.jobs import Job
from tickgraph.pipeline.workplace import Workplace
from tickgraph.registry.registry import ModelRegistry
from tickgraph.serving.forecast import Forecast
from tickgraph.serving.live import LiveForecaster
from tickgraph.settings import Settings

T = TypeVar("T")


class Service:
    """One process's part of the service.

    Parameters
    ----------
    settings
        Where things are, and the bounds.
    now
        Clock that staleness is measured against; None is the system's.
    """

    def __init__(self, settings: Settings, now: Callable[[], datetime] | None = None) -> None:
        serve = settings.serve
        self.settings = settings
        self.metrics = ServiceMetrics(serve.symbol_labels)
        self.live = LiveForecaster(
            ModelRegistry(settings.models_dir),
            PriceStore(settings.prices_dir),
            source=settings.source,
            graph=settings.training,
            max_models=serve.max_models,
            max_bytes=serve.max_megabytes * 1024 * 1024,
            poll_seconds=serve.poll_seconds,
            now=now,
            observer=self.metrics,
        )
        self.background = Background(
            Workplace(
                settings.models_dir.absolute(),
                settings.prices_dir.absolute(),
                settings.source,
                settings.source_path,
                settings.peer_pool,
                settings.training,
            ),
            settings.runtime_dir.absolute(),
            workers=serve.training_workers,
            max_waiting=serve.max_jobs,
            on_end=self._job_ended,
        )
        self.metrics.attach(self.live, lambda: self.background.waiting)
        self.started_at = datetime.now(UTC)
        self._threads = ThreadPoolExecutor(serve.threads, "tickgraph-request")

    def start(self) -> None:
        """Read the catalogue and begin to watch."""
        self.live.start()

    def stop(self) -> None:
        """Stop watching and working; what runs is let end."""
        self.background.close()
        self._threads.shutdown(wait=True, cancel_futures=True)
        self.live.stop()

    async def forecast(self, symbol: str, price: float | None, *, wait: bool = False) -> ForecastAnswer:
        """Forecast one symbol; without a model, by momentum while one is trained in the background.

        Parameters
        ----------
        symbol
            Ticker; aliases are followed.
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
        name = canonical(symbol)
        warm, job, queued = self.live.warm(name, price), None, 0.0
        if warm is None:
            found, queued = await self.in_thread(lambda: self._compute(name, price))
        else:
            found = warm
        if found.status == "momentum" and self.settings.serve.train_on_demand:
            found, job = await self._train(found, name, price, wait=wait)
        seconds = time.perf_counter() - started
        cached = warm is not None and found.status == warm.status
        self.metrics.answered(seconds, cached=cached)
        return _answered(
            found,
            cached,
            Timings(seconds, queued),
            job,
        )

    async def in_thread(self, call: Callable[[], T]) -> tuple[T, float]:
        """Run what reads or computes in one of the threads; gives its result and the seconds it waited.

        Raises
        ------
        SlowError
            It took longer than a request may. The thread goes on: others may be waiting for what it loads.
        """
        asked = time.perf_counter()
        context, begun = contextvars.copy_context(), asked

        def timed() -> T:
            nonlocal begun
            begun = time.perf_counter()
            self.metrics.queued.dec()
            self.metrics.queue_seconds.observe(begun - asked)
            return context.run(call)

        seconds = self.settings.serve.request_seconds
        self.metrics.queued.inc()
        future = self._threads.submit(timed)
        try:
            # A call that is still queued when time is up is taken back; the bound on requests bounds the queue.
            result = await asyncio.wait_for(asyncio.wrap_future(future), seconds)
        except TimeoutError:
            self.metrics.shed.labels("timeout").inc()
            raise SlowError(f"No answer within {seconds:g} s. Try again in a second.") from None
        finally:
            if future.cancelled():
                self.metrics.queued.dec()
        return result, begun - asked

    def known(self) -> tuple[str, ...]:
        """Symbols that can be forecast: with a model, or with stored prices."""
        stored = self.live.store.symbols(self.settings.source)
        return tuple(dict.fromkeys((*self.live.symbols(), *stored)))

    def must_be_known(self, symbol: str) -> None:
        """Raise :class:`UnknownSymbolError` for a canonical symbol without model and prices; reads folders."""
        known = self.known()
        if symbol not in known:
            raise UnknownSymbolError(symbol, suggest(symbol, known))

    def explained(self, symbol: str, error: TickgraphError) -> TickgraphError:
        """Give the error that a caller can act on: a symbol without stored prices may be unknown altogether."""
        if isinstance(error, PriceDataError):
            try:
                self.must_be_known(symbol)
            except UnknownSymbolError as unknown:
                return unknown
        return error

    def _compute(self, symbol: str, price: float | None, *, trained_now: bool = False) -> Forecast:
        try:
            return self.live.answer(self.live.prepare(symbol), price, trained_now=trained_now)
        except PriceDataError as error:
            raise self.explained(symbol, error) from error

    async def _train(
        self, found: Forecast, symbol: str, price: float | None, *, wait: bool
    ) -> tuple[Forecast, str | None]:
        known = self.background.running(symbol) or self.background.recent_failure(symbol)
        if known is not None:
            job = known
        else:
            try:
                job, _ = await self.in_thread(lambda: self.background.train(symbol, None))
            except TickgraphError as error:  # a full queue, a full disk: momentum still answers
                return _with_note(found, f"no model is being trained: {error}"), None
        if wait and not job.over:
            ended = asyncio.wrap_future(self.background.ended(job))
            try:
                job = await asyncio.wait_for(asyncio.shield(ended), self.settings.serve.wait_seconds)
            except TimeoutError:
                return _with_note(found, "the model was not trained within the time to wait"), job.id
        if job.state == "done":
            try:
                trained, _ = await self.in_thread(lambda: self._compute(symbol, price, trained_now=wait))
            except TickgraphError as error:
                return _with_note(found, f"the trained model cannot be used: {error}"), job.id
            return trained, job.id
        text = f"no model could be trained: {job.error}" if job.over else "a model is being trained"
        return _with_note(found, text), job.id

    def _job_ended(self, job: Job, compilations: int) -> None:
        self.metrics.job_ended(job, compilations)


def _with_note(forecast: Forecast, note: str) -> Forecast:
    return forecast.model_copy(update={"notes": (*forecast.notes, note)})


def _answered(found: Forecast, cached: bool, timings: Timings, job: str | None) -> ForecastAnswer:
    # Its values were made by the forecaster and are of their types; validating them again is a waste.
    return ForecastAnswer.model_construct(**found.__dict__, cached=cached, timings=timings, training_job=job)
