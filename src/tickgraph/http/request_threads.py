"""The threads in which requests read and compute, so that the loop answers others meanwhile."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from tickgraph.http.metrics import ServiceMetrics
from tickgraph.http.problem import SlowError
from tickgraph.serve_settings import ServeSettings
from tickgraph.threads import HungError, Threads

T = TypeVar("T")

SPARE_SCRAPES = 4  # requests for metrics that may hang before more are refused at once


class RequestThreads:
    """A few threads for requests; and one that reads the metrics of several processes, whatever else hangs."""

    def __init__(self, serve: ServeSettings, metrics: ServiceMetrics) -> None:
        self._serve, self._metrics = serve, metrics
        self._threads = Threads(serve.threads, "tickgraph-request", spare=serve.threads)
        self._scrapes = Threads(1, "tickgraph-scrape", spare=SPARE_SCRAPES)

    @property
    def given_up(self) -> int:
        """How many threads run calls that nobody waits for any more."""
        return self._threads.given_up

    def close(self, seconds: float) -> None:
        """Take no more calls; those that run may end within so many seconds."""
        self._threads.close(seconds)
        self._scrapes.close(0)

    async def run(self, call: Callable[[], T]) -> T:
        """Run a call that reads or computes in one of the threads.

        Raises
        ------
        SlowError
            It took longer than a request may. The thread goes on: other requests may wait for what it loads.
        HungError
            Too many calls hang: storage does not answer.
        """
        asked, context = time.perf_counter(), contextvars.copy_context()

        def timed() -> T:
            self._metrics.queued.dec()
            self._metrics.queue_seconds.observe(time.perf_counter() - asked)
            return context.run(call)

        seconds = self._serve.request_seconds
        future = self._threads.submit(timed)
        self._metrics.queued.inc()
        try:
            return await _within(seconds, self._threads, future)
        except TimeoutError:
            self._metrics.shed.labels("timeout").inc()
            raise SlowError(f"No answer within {seconds:g} s. Try again in a second.") from None
        finally:
            if future.cancelled():
                self._metrics.queued.dec()

    async def scrape(self) -> bytes:
        """Text of all metrics. One of several processes reads files for it, in threads of their own.

        Raises
        ------
        StorageError
            The files cannot be read or written, or do not answer.
        """
        if self._metrics.files is None:
            return self._metrics.expose()
        seconds = self._serve.request_seconds / 2  # Prometheus waits for 10 s
        try:
            return await _within(seconds, self._scrapes, self._scrapes.submit(self._metrics.expose))
        except TimeoutError:
            raise HungError(
                f"The folder of metrics, {self._metrics.files.folder}, did not answer within {seconds:g} s. "
                "Look at its disk or network mount."
            ) from None


async def _within(seconds: float, threads: Threads, future: Future[T]) -> T:
    """Wait for a call in one of the threads; after so long give it up and raise :class:`TimeoutError`."""
    try:
        # A call that is still queued when time is up is taken back; the bound on requests bounds the queue.
        return await asyncio.wait_for(asyncio.wrap_future(future), seconds)
    except TimeoutError:
        threads.give_up(future)
        raise
