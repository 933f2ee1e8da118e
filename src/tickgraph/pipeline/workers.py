"""Worker processes that may be killed at any moment: they share no lock, queue or event.

Each has two pipes of its own. The service sends jobs through the first pipe, and closes it to tell the worker to stop.
It reads from the second what became of the jobs. The system closes the pipes of a dead process, so nobody waits for it.
Every other wait has a bound.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future
from multiprocessing.connection import wait
from typing import Any

from tickgraph.pipeline import worker

MARGIN = 2.0  # seconds beyond the grace for a worker to end, and again for the system to end it

_context = multiprocessing.get_context("spawn")


class WorkerDied(BrokenExecutor):
    """The process that did the job was killed, or has ended."""


class Workers:
    """Processes that make calls; each is started when it is first needed, and kept.

    Parameters
    ----------
    grace_seconds
        How long a call may go on after :meth:`shutdown`; None is without limit.
    """

    def __init__(self, grace_seconds: float | None = None) -> None:
        self._grace_seconds = grace_seconds
        self._lock = threading.Lock()  # for the fields below, and for starting a process
        self._idle: list[_Worker] = []
        self._busy: set[_Worker] = set()
        self._calls: set[threading.Thread] = set()
        self._closed = False

    @property
    def processes(self) -> list[int]:
        """Identities of the processes."""
        with self._lock:
            return [one.pid for one in (*self._idle, *self._busy)]

    def submit(self, call: Callable[..., Any], *words: Any) -> Future[Any]:
        """Call in an idle process; the future fails with :class:`WorkerDied` if the process is killed."""
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        thread = threading.Thread(
            target=self._call, args=(future, call, words), name="tickgraph-worker", daemon=True
        )
        with self._lock:
            thread.start()
            self._calls.add(thread)
        return future

    def shutdown(self) -> None:
        """Start nothing more, and end every process: in order within the grace, or else by force."""
        deadline = None if self._grace_seconds is None else time.monotonic() + self._grace_seconds + MARGIN
        with self._lock:
            self._closed = True
            known, calls = [*self._idle, *self._busy], list(self._calls)
            self._idle.clear()
        for one in known:
            one.stop()
        for one in known:
            one.end(deadline)
        for thread in calls:
            thread.join(MARGIN)  # their callers have heard of the end

    def _call(self, future: Future[Any], call: Callable[..., Any], words: tuple[Any, ...]) -> None:
        leave_interrupts_alone()
        try:
            one = self._take()
            try:
                result, error = one.ask(call, words)
            except BaseException:
                with self._lock:
                    self._busy.discard(one)
                one.end(time.monotonic())
                raise
            with self._lock:
                self._busy.discard(one)
                if not self._closed:
                    self._idle.append(one)
        except BaseException as failure:  # noqa: BLE001  whoever waits must hear of it
            future.set_exception(failure)
        else:
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)
        finally:
            with self._lock:
                self._calls.discard(threading.current_thread())

    def _take(self) -> _Worker:
        """Give a living, idle process."""
        with self._lock:
            if self._closed:
                raise WorkerDied("the processes were shut down")
            while self._idle:
                one = self._idle.pop()
                if one.lives:
                    break
                one.end(time.monotonic())  # it was killed while it was idle: no job suffers
            else:
                one = _Worker(self._grace_seconds)
            self._busy.add(one)
            return one


class _Worker:
    """One process and its two pipes."""

    def __init__(self, grace_seconds: float | None) -> None:
        reads, self._calls = _context.Pipe(duplex=False)
        self._results, writes = _context.Pipe(duplex=False)
        self._sending = threading.Lock()
        self._process = _context.Process(
            target=worker.serve, args=(reads, writes, grace_seconds), name="tickgraph-worker", daemon=True
        )
        try:
            self._process.start()
        finally:
            # Only the process holds these ends: they close with it, whatever ends it.
            reads.close()
            writes.close()

    @property
    def pid(self) -> int:
        """Identity of the process."""
        return self._process.pid or 0

    @property
    def lives(self) -> bool:
        """Whether the process has not ended."""
        return not wait([self._process.sentinel], 0)

    def ask(self, call: Callable[..., Any], words: tuple[Any, ...]) -> tuple[Any, BaseException | None]:
        """Give what a call in the process returned or raised; :class:`WorkerDied` if the process ends before."""
        try:
            with self._sending:
                self._calls.send((call, words))
            wait([self._results, self._process.sentinel])
            outcome: tuple[Any, BaseException | None] = self._results.recv()
            return outcome
        except (EOFError, OSError) as error:
            raise WorkerDied(f"worker process {self.pid} ended before its job did") from error

    def stop(self) -> None:
        """Tell the process to end."""
        # A process that does not even read what it is sent is ended by force.
        if self._sending.acquire(timeout=MARGIN):
            try:
                self._calls.close()
            finally:
                self._sending.release()

    def end(self, deadline: float | None) -> None:
        """Wait for the process to end until the deadline, and then end it by force."""
        with contextlib.suppress(OSError, ValueError):
            self._process.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
            if self.lives:
                self._process.kill()
                self._process.join(MARGIN)  # a process that hangs in the system is left to it


def leave_interrupts_alone() -> None:
    """Keep Ctrl-C from every process that this thread starts, also before its first line has run."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
