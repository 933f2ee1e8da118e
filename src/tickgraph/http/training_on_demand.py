"""Training on demand: a request for a symbol without a model has one trained, and may wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from tickgraph.errors import StorageError, TickgraphError
from tickgraph.http.request_threads import RequestThreads
from tickgraph.market.spelling import Symbol
from tickgraph.pipeline.background import Background
from tickgraph.pipeline.jobs import Job
from tickgraph.serve_settings import ServeSettings
from tickgraph.serving.outlook import Outlook
from tickgraph.serving.watcher import Watcher


@dataclass(frozen=True)
class Training:
    """Training on demand for one request: its job, a note for the answer, and whether the answer waited for it."""

    job: str | None = None
    note: str | None = None
    trained: bool = False


class TrainingOnDemand:
    """Has models trained in the background for requests that find none.

    Attributes
    ----------
    waiting
        Requests that wait for training now.
    """

    def __init__(
        self, serve: ServeSettings, background: Background, watcher: Watcher, threads: RequestThreads
    ) -> None:
        self._serve, self._background, self._watcher, self._threads = serve, background, watcher, threads
        self.waiting = 0

    async def of(
        self, outlook: Outlook, again: Callable[[], Outlook], *, wait: bool
    ) -> tuple[Outlook, Training]:
        """Have a model trained; gives what to answer from: the model if it is there by then, or else ``outlook``."""
        symbol = outlook.symbol
        job = self._background.running(symbol) or self._background.recent_failure(symbol)
        if job is None:
            try:
                begun = await self._threads.run(lambda: self._begin(symbol))
            except TickgraphError as error:  # a full queue, a full disk: momentum still answers
                return outlook, Training(note=f"no model is being trained: {error}")
            job = begun
        if wait and not job.over:
            if self.waiting >= self._serve.max_waiting:
                return outlook, Training(job.id, "too many requests wait for training: ask again later")
            ended = asyncio.wrap_future(self._background.ended(job))
            self.waiting += 1
            try:
                job = await asyncio.wait_for(asyncio.shield(ended), self._serve.wait_seconds)
            except TimeoutError:
                seconds = self._serve.wait_seconds
                return outlook, Training(
                    job.id, f"the model was not trained within {seconds:g} s: ask again later"
                )
            finally:
                self.waiting -= 1
        if job.state == "done":
            try:
                trained = await self._threads.run(again)
            except TickgraphError as error:
                return outlook, Training(job.id, f"the trained model cannot be used: {error}")
            return trained, Training(job.id, trained=wait)
        return outlook, Training(job.id, self._note_of(job))

    def note(self, symbol: Symbol) -> str:
        """Have a model trained for a symbol without one, and say so; writes a file."""
        try:
            return self._note_of(self._begin(symbol))
        except TickgraphError as error:
            return f"no model is being trained: {error}"

    def _begin(self, symbol: Symbol) -> Job:
        """Join or start the training of a symbol without a model; writes a file.

        Raises
        ------
        TickgraphError
            It cannot be started now.
        """
        if self._watcher.fault is not None:
            # A model published into a folder that vanished would look as if all others were withdrawn.
            raise StorageError(self._watcher.fault)
        known = self._background.running(symbol) or self._background.recent_failure(symbol)
        return known or self._background.train(symbol, None)

    def _note_of(self, job: Job) -> str:
        if job.over:
            return f"no model could be trained: {job.error}"
        if job.symbol in self._background.elsewhere:
            return "another process or machine trains the model"
        return "a model is being trained"
