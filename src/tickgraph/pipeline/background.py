"""Background work of a service: a bounded queue of jobs, processes that do them, each symbol trained once."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, CancelledError, Future
from datetime import UTC, datetime
from pathlib import Path

from tickgraph.errors import TickgraphError
from tickgraph.market.spelling import Symbol
from tickgraph.pipeline import worker
from tickgraph.pipeline.elsewhere import Elsewhere
from tickgraph.pipeline.jobs import Job, JobBoard, Kind, new_id
from tickgraph.pipeline.ownership import Ownership
from tickgraph.pipeline.recent_failures import RecentFailures
from tickgraph.pipeline.running_job import RunningJob
from tickgraph.pipeline.workers import Workers, leave_interrupts_alone
from tickgraph.pipeline.workplace import Workplace
from tickgraph.shared.claims import Claims
from tickgraph.threads import Threads

ATTEMPTS = 2  # another worker process does the job of one that was killed, once
SETTLE_SECONDS = 2.0  # for the board's files at the start and at the end: storage may hang
STOPPED = "The service was shut down before the job began."

_log = logging.getLogger(__name__)


class QueueFullError(TickgraphError):
    """More background work is waiting than is allowed."""


class Background:
    """Train symbols and publish correlations in processes of their own, so that no request waits behind them.

    Parameters
    ----------
    workplace
        Where prices and models are.
    folder
        Runtime folder of the service: jobs and locks.
    workers
        Number of processes. Each is started when it is first needed, and keeps its compiled program.
    max_waiting
        Number of jobs that may be queued or running; one more is refused.
    grace_seconds
        How long a running job may go on after :meth:`close`; None is without limit.
    on_end
        Called with each job that ended, and with how often the training program was compiled for it.
    claims
        Shared with other processes and machines, so that one of them trains a symbol; None if nothing is shared.

    Attributes
    ----------
    elsewhere
        Jobs that wait for another process or machine, which trains their symbols.
    """

    def __init__(
        self,
        workplace: Workplace,
        folder: Path,
        *,
        workers: int = 1,
        max_waiting: int = 64,
        grace_seconds: float | None = None,
        on_end: Callable[[Job, int], None] | None = None,
        claims: Claims | None = None,
    ) -> None:
        self._workplace, self._folder = workplace, folder / "jobs"
        self.board = JobBoard(self._folder)
        self._max_waiting, self._on_end = max_waiting, on_end
        # The lock is for the two fields below it: nobody who holds it touches a file or a process.
        self._lock = threading.Lock()
        self._running: dict[tuple[str, str | None], RunningJob] = {}  # by kind and symbol
        self._closed = False
        self._failures = RecentFailures()
        self._ownership = Ownership(folder / "owners")
        # This one thread starts the work of processes, and writes how jobs ended.
        self._dispatcher = Threads(1, "tickgraph-jobs", begin=leave_interrupts_alone)
        self._pool, self._workers = Workers(grace_seconds), workers
        # No other thread touches these two, so that they need no lock.
        self._queue: deque[RunningJob] = deque()
        self._given = 0  # jobs that a process does now, at most one a process
        self.elsewhere = Elsewhere(
            claims,
            workplace.basis,
            lambda running, trained: self._dispatch(self._back, running, trained),
        )

    def start(self) -> None:
        """Mark the jobs on the board whose process has ended as failed.

        Nobody waits for that if storage hangs.
        """
        self._settle(self._end_what_others_left)

    def _end_what_others_left(self) -> None:
        for job in self.board.all():
            if not job.over and self._ownership.is_gone(job.owner):
                self._note(_failed(job, "The service ended before the job did."))
        self._ownership.forget_the_gone()

    @property
    def waiting(self) -> int:
        """Jobs that are queued or running."""
        return len(self._running)

    def train(self, symbol: Symbol, basis: str | None, *, insists: bool = False) -> Job:
        """Train a symbol, once however many ask while it is queued or running.

        Parameters
        ----------
        symbol
            What to train.
        basis
            What :meth:`basis` says now. If that has changed when the job begins, there is nothing to do.
        insists
            Train it even if another machine could not, a short while ago.

        Raises
        ------
        QueueFullError
            Too much is waiting.
        StorageError
            The job cannot be written down.
        """
        return self._submit("train", symbol, basis, insists)

    def basis(self, symbol: Symbol) -> str | None:
        """What is published of a symbol now; see :meth:`Workplace.basis`. Reads a file."""
        return self._workplace.basis(symbol)

    def publish_correlations(self) -> Job:
        """Publish all models' correlations of the newest stored session; errors as in :meth:`train`."""
        return self._submit("refresh", None, None, insists=False)

    def running(self, symbol: Symbol) -> Job | None:
        """Give the job of this process that trains a symbol, as it was when it was queued."""
        running = self._running.get(("train", symbol))
        return running.job if running else None

    def recent_failure(self, symbol: Symbol) -> Job | None:
        """Give the job that failed to train a symbol a short while ago."""
        return self._failures.of(symbol)

    def ended(self, job: Job) -> Future[Job]:
        """Give a future of a job of this process; it is done when the job ends."""
        with self._lock:
            running = self._running.get((job.kind, job.symbol))
        if running is not None and running.job.id == job.id:
            return running.ended
        future: Future[Job] = Future()
        future.set_result(self.board.read(job.id) or job)
        return future

    def close(self) -> None:
        """Drop queued jobs, and let running ones end: at their next symbol, or when their time is up."""
        with self._lock:
            self._closed = True
        # Not in the dispatcher's thread: that must hear of jobs that end meanwhile.
        self._settle(self._drop_queued)
        self._pool.shutdown()
        self._settle(self._ownership.give_up)
        self._settle(self.elsewhere.close)
        self._dispatcher.close(0)

    def _settle(self, work: Callable[[], None]) -> None:
        """Have the dispatcher do this, and wait for as long as it takes if storage answers."""
        with contextlib.suppress(TimeoutError, RuntimeError):
            self._dispatcher.submit(work).result(SETTLE_SECONDS)

    def _submit(self, kind: Kind, symbol: Symbol | None, basis: str | None, insists: bool) -> Job:
        job = Job(id=new_id(), kind=kind, symbol=symbol, owner=self._ownership.id)
        with self._lock:
            known = self._running.get((kind, symbol))
            if known is not None:
                return known.job
            if self._closed:
                raise QueueFullError("The service is shutting down.")
            if len(self._running) >= self._max_waiting:
                raise QueueFullError(f"{len(self._running)} background jobs are waiting. Try again later.")
            running = self._running[kind, symbol] = RunningJob(job, basis, insists)
        try:
            self._ownership.take()
            self.board.write(job)
            self.board.trim()
        except BaseException as error:
            self._finish(running, _failed(job, str(error)), remember=False)
            raise
        self._dispatch(self._enqueue, running)
        return job

    def _dispatch(self, work: Callable[..., None], running: RunningJob, *words: object) -> None:
        try:
            self._dispatcher.submit(work, running, *words)
        except RuntimeError:  # closed
            self._finish(running, _failed(running.job, STOPPED))

    # From here on: in the dispatcher's thread.

    def _enqueue(self, running: RunningJob) -> None:
        if self._closed:
            self._finish(running, _failed(running.job, STOPPED))
            return
        self._queue.append(running)
        self._give()

    def _give(self) -> None:
        while self._queue and self._given < self._workers:
            running = self._queue.popleft()
            try:
                if self._claim(running):
                    self._start(running)
            except Exception as error:  # noqa: BLE001  no thread or no memory: those who wait must hear of it
                self._finish(running, _failed(running.job, f"{type(error).__name__}: {error}"))

    def _claim(self, running: RunningJob) -> bool:
        """Whether this process is to train; another one may be at it, or have found that nobody can."""
        if running.job.symbol is None:
            return True
        claimed = self.elsewhere.claim(running.symbol, insists=running.insists)
        if claimed.failure is not None:
            self._finish(running, _failed(running.job, claimed.failure))
        elif not claimed.granted:
            self.elsewhere.wait(running)
        return claimed.granted

    def _back(self, running: RunningJob, trained: bool) -> None:
        """Go on with a job that has waited for another process."""
        if not trained:
            self._enqueue(running)
            return
        end = {"state": "done", "completed": 1, "finished_at": datetime.now(UTC)}
        job = running.job.model_copy(update=end)
        self._note(job)
        self._finish(running, job)

    def _start(self, running: RunningJob) -> None:
        future = self._pool.submit(worker.run, self._workplace, self._folder, running.job, running.basis)
        running.attempts += 1
        self._given += 1
        future.add_done_callback(lambda done: self._dispatch(self._worker_ended, running, done))

    def _worker_ended(self, running: RunningJob, future: Future[tuple[Job, int]]) -> None:
        self._given -= 1
        try:
            job, compilations = future.result()
        except CancelledError:
            self._finish(running, _failed(running.job, STOPPED))
        except BrokenExecutor:
            if self._closed:
                self._finish(running, _failed(running.job, "The service was shut down; the job was ended."))
            elif running.attempts < ATTEMPTS:
                self._queue.appendleft(running)
            else:
                text = f"The worker process died {ATTEMPTS} times on this job."
                self._finish(running, _failed(running.job, text))
        except Exception as error:  # noqa: BLE001  whatever it was, those who wait must hear of it
            self._finish(running, _failed(running.job, f"{type(error).__name__}: {error}"))
        else:
            self._finish(running, job, compilations)
        self._give()

    def _drop_queued(self) -> None:
        dropped = [*self._queue, *self.elsewhere.take_all()]
        self._queue.clear()
        for running in dropped:
            self._finish(running, _failed(running.job, STOPPED))

    # From any thread.

    def _finish(self, running: RunningJob, job: Job, compilations: int = 0, *, remember: bool = True) -> None:
        if job.state == "failed":
            self._note(job)
        if job.symbol:
            self.elsewhere.give_back(job.symbol, None if job.of_machine else job.error)
            self._failures.note(job.symbol, job if remember and job.state == "failed" else None)
        with self._lock:
            self._running.pop((job.kind, job.symbol), None)
        level = logging.WARNING if job.state == "failed" else logging.INFO
        what = f"{job.kind} {job.symbol}" if job.symbol else job.kind
        _log.log(level, "job %s, %s: %s", job.id, what, f"failed: {job.error}" if job.error else job.state)
        try:
            if self._on_end:
                self._on_end(job, compilations)
        finally:
            running.ended.set_result(job)

    def _note(self, job: Job) -> None:
        # If the disk or memory is full, those who wait in this process still hear of the job.
        with contextlib.suppress(Exception):
            self.board.write(job)


def _failed(job: Job, error: str) -> Job:
    end = {"state": "failed", "error": error, "of_machine": True, "finished_at": datetime.now(UTC)}
    return job.model_copy(update=end)
