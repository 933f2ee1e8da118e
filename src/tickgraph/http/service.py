"""What the routes do: from memory at once, in a bounded number of threads otherwise, training elsewhere."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from pydantic_core import to_json

from tickgraph.errors import ModelNotFoundError, PriceDataError, StorageError, TickgraphError
from tickgraph.http.metrics import ServiceMetrics
from tickgraph.http.problem import SlowError, UnknownSymbolError
from tickgraph.http.schema import ForecastAnswer, Timings
from tickgraph.market.spelling import Symbol
from tickgraph.market.universe import canonical, suggest
from tickgraph.model.calibration import PredictiveDistribution
from tickgraph.pipeline.background import Background
from tickgraph.pipeline.jobs import Job
from tickgraph.pipeline.workplace import Workplace
from tickgraph.registry.registry import ModelRegistry
from tickgraph.serving.answer import Forecast, Forecasts
from tickgraph.serving.forecaster import Fallback, Forecaster
from tickgraph.serving.journal import ForecastJournal
from tickgraph.serving.outlook import Outlook
from tickgraph.serving.watcher import Watcher
from tickgraph.settings import Settings
from tickgraph.threads import Threads

T = TypeVar("T")

END_SECONDS = 2.0  # for calls that nobody waits for any more
MAX_SUGGESTED = 10  # unknown symbols of one request that similar names are looked for


@dataclass(frozen=True)
class _Asked:
    """What became of training on demand for one request: its job, what to say, and whether it was waited for."""

    job: str | None = None
    note: str | None = None
    trained: bool = False


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
        self.forecaster = Forecaster(
            ModelRegistry(settings.models_dir),
            settings.price_store(),
            source=settings.source,
            graph=settings.training,
            max_models=serve.max_models,
            max_bytes=serve.max_megabytes * 1024 * 1024,
            # So that who waits for storage hears that it does not answer, and gives its thread back.
            storage_seconds=max(1.0, 0.8 * serve.request_seconds),
            now=now,
            observer=self.metrics,
            journal=ForecastJournal(settings.operations_dir / "journal", now),
        )
        self.watcher = Watcher(self.forecaster, poll_seconds=serve.poll_seconds)
        self.background = Background(
            Workplace(
                settings.models_dir.absolute(),
                settings.prices_dir.absolute(),
                settings.source,
                settings.source_path,
                settings.peer_pool,
                settings.training,
                settings.aliases,
                access=settings.access,
                exchange=settings.exchange,
            ),
            settings.runtime_dir.absolute(),
            workers=serve.training_workers,
            max_waiting=serve.max_jobs,
            grace_seconds=serve.drain_seconds,
            on_end=self._job_ended,
        )
        self.metrics.attach(
            self.forecaster, self.watcher, lambda: self.background.waiting, settings.operations_dir
        )
        # Training happens beside the request, or is waited for: what answers meanwhile is momentum, or nothing.
        self.fallback: Fallback = "none" if settings.fallback == "none" else "momentum"
        self.started_at = datetime.now(UTC)
        self._waiting = 0
        self._threads = Threads(serve.threads, "tickgraph-request", spare=serve.threads)

    def start(self) -> None:
        """Read the catalogue and begin to watch."""
        self.background.start()
        self.watcher.start()

    def stop(self) -> None:
        """Stop watching and working; what runs is let end, unless it hangs."""
        self.background.close()
        self._threads.close(END_SECONDS)
        self.watcher.stop()
        self.forecaster.close()

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
        answer, _ = await self.forecast_and_distribution(symbol, price, wait=wait)
        return answer

    def from_memory(self, symbol: Symbol, price: float | None) -> bytes | None:
        """JSON of what :meth:`forecast` would answer for a canonical symbol, if nothing need be read or computed.

        The most frequent question of all: it is answered without a model of the answer in between.
        """
        started = time.perf_counter()
        outlook = self.forecaster.peek(symbol)
        if outlook is None or (outlook.model is None and self.settings.serve.train_on_demand):
            return None
        fields = self.forecaster.answer_fields(outlook, price)
        seconds = time.perf_counter() - started
        self.metrics.answered(seconds, cached=True)
        fields["cached"], fields["training_job"], fields["timings"] = True, None, Timings(seconds, 0.0)
        return to_json(fields)

    async def forecast_and_distribution(
        self, symbol: str, price: float | None, *, wait: bool = False
    ) -> tuple[ForecastAnswer, PredictiveDistribution]:
        """Forecast as :meth:`forecast`, with the distribution that the answer was made from."""
        started = time.perf_counter()
        name = canonical(symbol)
        warm, queued, asked = self.forecaster.peek(name), 0.0, _Asked()
        if warm is not None:
            outlook = warm
        else:
            outlook, queued = await self.in_thread(lambda: self._outlook(name))
        if outlook.model is None:
            if self.settings.serve.train_on_demand:
                outlook, asked = await self._train(outlook, name, wait=wait)
            elif wait:
                asked = _Asked(note="training on demand is off: there is nothing to wait for")
        found = self.forecaster.answer(outlook, price, trained_now=asked.trained)
        seconds = time.perf_counter() - started
        cached = outlook is warm
        self.metrics.answered(seconds, cached=cached)
        return _answered(found, cached, Timings(seconds, queued), asked), outlook.distribution

    async def in_thread(self, call: Callable[[], T]) -> tuple[T, float]:
        """Run what reads or computes in one of the threads; gives its result and the seconds it waited.

        Raises
        ------
        SlowError
            It took longer than a request may. The thread goes on: others may be waiting for what it loads.
        HungError
            Too many calls hang: storage does not answer.
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
        future = self._threads.submit(timed)
        self.metrics.queued.inc()
        try:
            # A call that is still queued when time is up is taken back; the bound on requests bounds the queue.
            result = await asyncio.wait_for(asyncio.wrap_future(future), seconds)
        except TimeoutError:
            self._threads.give_up(future)
            self.metrics.shed.labels("timeout").inc()
            raise SlowError(f"No answer within {seconds:g} s. Try again in a second.") from None
        finally:
            if future.cancelled():
                self.metrics.queued.dec()
        return result, begun - asked

    def forecast_many(self, symbols: Sequence[Symbol], prices: Mapping[str, float]) -> Forecasts:
        """Forecast several canonical symbols in one call, and have those without a model trained; reads files."""
        found = self.forecaster.forecasts(symbols, prices, fallback=self.fallback)
        found.failures = self.explained(found.failures)
        if self.settings.serve.train_on_demand:
            for symbol, forecast in found.forecasts.items():
                if forecast.status == "momentum":
                    found.forecasts[symbol] = _with_note(forecast, self._training_note(symbol))
        return found

    def _training_note(self, symbol: str) -> str:
        try:
            job = self._begin_training(symbol)
        except TickgraphError as error:
            return f"no model is being trained: {error}"
        return f"no model could be trained: {job.error}" if job.over else "a model is being trained"

    def known(self) -> tuple[Symbol, ...]:
        """Symbols that can be forecast, with a model or with stored prices, as of the watcher's last look."""
        return self.forecaster.catalogue.known()

    def must_be_known(self, symbol: Symbol) -> None:
        """Raise :class:`UnknownSymbolError` for a canonical symbol without model and prices; may read a folder."""
        if symbol in self.known():
            return
        known = self.forecaster.catalogue.known_now()
        if symbol not in known:
            raise UnknownSymbolError(symbol, suggest(symbol, known), self.settings.source)

    def explained(self, failures: Mapping[str, TickgraphError]) -> dict[str, TickgraphError]:
        """Give the errors that a caller can act on: a symbol without model or prices may be unknown altogether."""
        without = PriceDataError, ModelNotFoundError
        unpriced = [symbol for symbol, error in failures.items() if isinstance(error, without)]
        known = self.forecaster.catalogue.known_now() if unpriced else ()
        unknown = [symbol for symbol in unpriced if symbol not in known]
        # Looking for similar names takes a while, so a long list of nonsense gets none.
        similar = {symbol: suggest(symbol, known) for symbol in unknown[:MAX_SUGGESTED]}
        source = self.settings.source
        said = {name: UnknownSymbolError(name, similar.get(name, []), source) for name in unknown}
        return {**failures, **said}

    def _outlook(self, symbol: Symbol) -> Outlook:
        try:
            return self.forecaster.outlook(symbol, fallback=self.fallback)
        except (PriceDataError, ModelNotFoundError) as error:
            raise self.explained({symbol: error})[symbol] from error

    async def _train(self, outlook: Outlook, symbol: Symbol, *, wait: bool) -> tuple[Outlook, _Asked]:
        """Have a model trained; gives it if it is there by then, and else what there was, with the reason."""
        known = self.background.running(symbol) or self.background.recent_failure(symbol)
        try:
            job = known or (await self.in_thread(lambda: self._begin_training(symbol)))[0]
        except TickgraphError as error:  # a full queue, a full disk: momentum still answers
            return outlook, _Asked(note=f"no model is being trained: {error}")
        if wait and not job.over:
            if self._waiting >= self.settings.serve.max_waiting:
                return outlook, _Asked(job.id, "too many requests wait for training: ask again later")
            ended = asyncio.wrap_future(self.background.ended(job))
            self._waiting += 1
            try:
                job = await asyncio.wait_for(asyncio.shield(ended), self.settings.serve.wait_seconds)
            except TimeoutError:
                return outlook, _Asked(job.id, "the model was not trained within the time to wait")
            finally:
                self._waiting -= 1
        if job.state == "done":
            try:
                trained, _ = await self.in_thread(lambda: self._outlook(symbol))
            except TickgraphError as error:
                return outlook, _Asked(job.id, f"the trained model cannot be used: {error}")
            return trained, _Asked(job.id, trained=wait)
        note = f"no model could be trained: {job.error}" if job.over else "a model is being trained"
        return outlook, _Asked(job.id, note)

    def _begin_training(self, symbol: str) -> Job:
        """Join or start the training of a symbol without a model; writes a file.

        Raises
        ------
        TickgraphError
            It cannot be started now.
        """
        if self.watcher.fault is not None:
            # Publishing into a folder that vanished would look like the withdrawal of all other models.
            raise StorageError(self.watcher.fault)
        known = self.background.running(symbol) or self.background.recent_failure(symbol)
        return known or self.background.train(symbol, None)

    def _job_ended(self, job: Job, compilations: int) -> None:
        self.metrics.job_ended(job, compilations)
        self.watcher.nudge()


def _with_note(forecast: Forecast, note: str) -> Forecast:
    return forecast.model_copy(update={"notes": (*forecast.notes, note)})


def _answered(found: Forecast, cached: bool, timings: Timings, asked: _Asked) -> ForecastAnswer:
    # Its values were made by the forecaster and are of their types; validating them again is a waste.
    values = found.__dict__
    if asked.note:
        values = {**values, "notes": (*found.notes, asked.note)}
    return ForecastAnswer.model_construct(**values, cached=cached, timings=timings, training_job=asked.job)
