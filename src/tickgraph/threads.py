"""Threads for calls that may never come back: a hung disk holds up no other call, and not the end of the process."""

from __future__ import annotations

import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, TypeVar

from tickgraph.errors import StorageError

# Python runs a signal's handler between two steps of the main thread. A signal that arrives just before a wait
# begins is handled when the wait ends, so no wait is long.
LONGEST_WAIT = 1.0  # seconds

T = TypeVar("T")
_Task = tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class HungError(StorageError):
    """Storage does not answer: calls that read it hang."""


class ClosedError(StorageError, RuntimeError):
    """The threads were closed: the service stops."""


class Threads:
    """A pool of threads that are started when they are needed. The end of the process waits for them only so long.

    A call that nobody waits for any more is given up, and a new thread takes the place of its thread. Once
    ``size + spare`` calls that were given up still run, further calls are refused. A call that comes back gives its
    thread back.

    Parameters
    ----------
    size
        Calls that run side by side.
    name
        Of the threads.
    spare
        Threads that may be started in place of those whose calls were given up.
    begin
        Called first in each thread.
    """

    def __init__(
        self, size: int, name: str, *, spare: int = 0, begin: Callable[[], None] = lambda: None
    ) -> None:
        self._size, self._name, self._spare, self._begin = size, name, spare, begin
        self._changed = threading.Condition()
        self._tasks: deque[_Task] = deque()
        self._running: set[Future[Any]] = set()
        self._given_up: set[Future[Any]] = set()
        self._since: dict[Future[Any], float] = {}  # when a call began, or was asked for if it has not begun
        self._moved = 0.0  # when a call last ended
        self._threads = self._idle = 0
        self._closed = False

    @property
    def given_up(self) -> int:
        """Calls that run on although nobody waits for them."""
        return len(self._given_up)

    def submit(self, call: Callable[..., T], *words: Any) -> Future[T]:
        """Call in one of the threads.

        Raises
        ------
        HungError
            Every thread hangs in a call that was given up.
        ClosedError
            The threads were closed.
        """
        future: Future[T] = Future()
        with self._changed:
            if self._closed:
                raise ClosedError("The service is stopping: nothing more is read.")
            if len(self._given_up) >= self._size + self._spare:
                raise HungError(
                    f"Storage does not answer: {len(self._given_up)} calls that read it hang. "
                    "Look at the disk or network mount that holds models and prices."
                )
            self._tasks.append((future, call, words))
            self._since[future] = time.monotonic()
            try:
                self._grow()
            except RuntimeError:
                del self._since[future]
                raise
            self._changed.notify()
        return future

    def result(self, future: Future[T], seconds: float | None, *, hurry: bool = False) -> T:
        """Wait for a call until it has run for so long; if it has not begun, until no other has ended for so long.

        Parameters
        ----------
        future
            What :meth:`submit` gave.
        seconds
            How long; None is without limit.
        hurry
            Do not wait at all. The call goes on, and another caller may find its result.

        Raises
        ------
        HungError
            The call has not ended by then. It is given up, unless there was a hurry.
        """
        while not future.done():
            left = math.inf if seconds is None else self._deadline(future, seconds) - time.monotonic()
            if hurry or left <= 0:
                if not hurry:
                    self.give_up(future)
                waited = "" if seconds is None else f" within {seconds:g} s"
                raise HungError(f"Storage did not answer{waited}. Look at the disk or network mount.")
            wait((future,), min(left, LONGEST_WAIT))
        return future.result(0)

    def _deadline(self, future: Future[Any], seconds: float) -> float:
        with self._changed:
            since = self._since.get(future, 0.0)
            return seconds + (since if future in self._running else max(since, self._moved))

    def give_up(self, future: Future[Any]) -> None:
        """Wait for a call no longer. It is dropped; if it has begun, another thread takes the place of its thread."""
        if future.cancel():
            with self._changed:
                self._since.pop(future, None)
            return
        with self._changed:
            if future in self._running:
                self._given_up.add(future)
                self._grow()

    def close(self, seconds: float) -> None:
        """Take no more calls, drop those that wait, and wait so long for those that run."""
        with self._changed:
            self._closed = True
            dropped, self._tasks = self._tasks, deque()
            self._changed.notify_all()
        for future, *_ in dropped:
            self.give_up(future)
        self.settle(seconds)

    def settle(self, seconds: float) -> bool:
        """Wait so long for the calls that run and were not given up; whether all have ended."""
        deadline = time.monotonic() + seconds
        while running := self._running - self._given_up:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            wait(running, left)
        return True

    def _grow(self) -> None:
        """Start a thread if a call waits and there is room; the lock is held."""
        room = min(self._size + len(self._given_up), self._size + self._spare)
        if self._idle < len(self._tasks) and self._threads < room:
            self._threads += 1
            try:
                threading.Thread(target=self._work, name=self._name, daemon=True).start()
            except (
                RuntimeError
            ):  # the system has no more threads: another one takes the call, if there is one
                self._threads -= 1
                if not self._threads:
                    self._tasks.pop()
                    raise

    def _work(self) -> None:
        self._begin()
        while (task := self._next()) is not None:
            future, call, words = task
            try:
                result = call(*words)
            except BaseException as error:  # noqa: BLE001  whoever waits must hear of it
                future.set_exception(error)
            else:
                future.set_result(result)
                del result
            needed = self._ended(future)
            del task, future, call, words  # neither an idle thread nor the traceback of an error holds them
            if not needed:
                return

    def _next(self) -> _Task | None:
        with self._changed:
            self._idle += 1
            try:
                while True:
                    while self._tasks:
                        task = self._tasks.popleft()
                        if task[0].set_running_or_notify_cancel():
                            self._running.add(task[0])
                            self._since[task[0]] = time.monotonic()
                            return task
                        self._since.pop(task[0], None)
                    if self._closed:
                        self._threads -= 1
                        return None
                    self._changed.wait()
            finally:
                self._idle -= 1

    def _ended(self, future: Future[Any]) -> bool:
        """Note that a call ended; whether its thread is still needed."""
        with self._changed:
            self._running.discard(future)
            self._given_up.discard(future)
            self._since.pop(future, None)
            self._moved = time.monotonic()
            if self._threads > self._size + len(self._given_up):  # another one took its place
                self._threads -= 1
                return False
            return True


class Loop:
    """A thread that takes one step again and again until it is stopped: at the start, then after each wait or nudge.

    Parameters
    ----------
    step
        What it does; an error that it raises ends the loop.
    seconds
        Wait between two steps.
    name
        Of the thread, which the end of the process does not wait for.
    last
        Whether it takes one last step when it is stopped.
    """

    def __init__(self, step: Callable[[], None], seconds: float, name: str, *, last: bool = False) -> None:
        self._step, self._seconds, self._last = step, seconds, last
        self._wake, self._stopping = threading.Event(), False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def started(self) -> bool:
        """Whether it was started."""
        return self._thread.ident is not None

    def start(self, *, at_once: bool = True) -> None:
        """Take the first step, at once or after a wait, and go on."""
        if at_once:
            self._wake.set()
        self._thread.start()

    def nudge(self) -> None:
        """Take the next step now."""
        self._wake.set()

    def stop(self, seconds: float | None = None) -> None:
        """Take no more steps but the last, and wait so long for one that is being taken; None is without limit."""
        self._stopping = True
        self._wake.set()
        if self.started:
            self._thread.join(seconds)

    def _run(self) -> None:
        while True:
            self._wake.wait(self._seconds)
            self._wake.clear()
            stopping = self._stopping
            if not stopping or self._last:
                self._step()
            if stopping:
                return
