"""The engine of one machine: a thread per core, or stacks of symbols on an accelerator."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from tickgraph.market.spelling import Symbol
from tickgraph.model.fitting import FittedModel
from tickgraph.model.program import Program
from tickgraph.model.stack import stack_size, together
from tickgraph.model.training import TrainingProgram
from tickgraph.model.variance_training import SYMBOL, correction_program
from tickgraph.pipeline.engines.plan import Plan, Publish
from tickgraph.registry.metadata import ModelMetadata
from tickgraph.threads import cores


class LocalEngine:
    """Fits in this process.

    Parameters
    ----------
    workers
        Threads; 0 is one per core.
    stack
        Symbols of one call of a compiled program; 0 is one on a CPU, and on an accelerator what its memory holds.
    """

    def __init__(self, workers: int = 0, stack: int = 0) -> None:
        self._workers, self._stack = workers or cores(), stack
        self._stopping = threading.Event()
        self._threads: ThreadPoolExecutor | None = None
        self._stacker: threading.Thread | None = None
        self._waiting: list[Future[ModelMetadata]] = []

    def start(
        self, plan: Plan, symbols: Sequence[Symbol], program: TrainingProgram, publish: Publish
    ) -> dict[Future[ModelMetadata], Symbol]:
        """Begin; each symbol's future ends with the metadata of its published model, or with its error."""
        self._threads = ThreadPoolExecutor(min(self._workers, max(1, len(symbols))), "train")
        programs: list[Program] = [program]
        if plan.universe:
            programs.append(correction_program(plan.config, SYMBOL))
        size = self._stack or stack_size(programs, len(symbols))
        if size == 1:
            return {
                self._threads.submit(lambda one: publish(plan.fit(one, program)), symbol): symbol
                for symbol in symbols
            }
        futures: dict[Future[ModelMetadata], Symbol] = {Future(): symbol for symbol in symbols}
        self._waiting = list(futures)
        self._stacker = threading.Thread(
            target=self._fit_stacks,
            args=(self._threads, plan, futures, program, publish, size),
            name="stacks",
        )
        self._stacker.start()
        return futures

    def close(self) -> None:
        """Begin nothing more, cancel what has not begun, and wait for what has."""
        self._stopping.set()
        for future in self._waiting:
            future.cancel()
        if self._stacker:
            self._stacker.join()
        if self._threads:
            self._threads.shutdown(wait=True, cancel_futures=True)

    def _fit_stacks(
        self,
        threads: ThreadPoolExecutor,
        plan: Plan,
        futures: dict[Future[ModelMetadata], Symbol],
        program: TrainingProgram,
        publish: Publish,
        size: int,
    ) -> None:
        waiting = list(futures.items())
        for first in range(0, len(waiting), size):
            stack = [pair for pair in waiting[first : first + size] if pair[0].set_running_or_notify_cancel()]
            if self._stopping.is_set() and not stack:
                return
            try:
                begin = [partial(plan.fitting, symbol, program) for _, symbol in stack]
                outcomes = together(begin, size, threads)
            except BaseException as error:  # noqa: BLE001  whoever waits must hear of it
                for future, _ in stack:
                    future.set_exception(error)
                continue
            list(threads.map(partial(settle, publish), [future for future, _ in stack], outcomes))


def settle(publish: Publish, future: Future[ModelMetadata], outcome: FittedModel | BaseException) -> None:
    """End a symbol's future: publish its fitted model, or pass its error on."""
    try:
        if isinstance(outcome, BaseException):
            raise outcome
        published = publish(outcome)
    except BaseException as error:  # noqa: BLE001  whoever waits must hear of it
        future.set_exception(error)
    else:
        future.set_result(published)
