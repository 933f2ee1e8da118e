"""Trainings that another process or machine does: their jobs wait here, and take no worker process."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tickgraph.market.spelling import Symbol
from tickgraph.pipeline.recent_failures import LEFT_ALONE_SECONDS
from tickgraph.pipeline.running_job import RunningJob
from tickgraph.shared.claims import Claimed, Claims
from tickgraph.threads import Loop

LOOK_SECONDS = 2.0
"""Between two looks whether others have ended, if no news comes before."""

UNCLAIMED = Claimed(granted=True)


class Elsewhere:
    """Claims symbols for the trainings of this process, and keeps the jobs that wait for others.

    Without claims every training is granted, and nothing waits.

    Parameters
    ----------
    claims
        Shared with other processes; None if nothing is shared.
    basis
        What is published of a symbol now. It may read storage.
    back
        Called in a thread of this class with each job whose wait is over, and whether another process has trained it.
    """

    def __init__(
        self,
        claims: Claims | None,
        basis: Callable[[Symbol], str | None],
        back: Callable[[RunningJob, bool], None],
    ) -> None:
        self._claims, self._basis, self._back = claims, basis, back
        self._lock = threading.Lock()
        self._waiting: dict[Symbol, RunningJob] = {}
        self._looking = Loop(self._look, LOOK_SECONDS, "tickgraph-elsewhere")

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, symbol: object) -> bool:
        return symbol in self._waiting

    def claim(self, symbol: Symbol, *, insists: bool) -> Claimed:
        """Claim a symbol for training; one who ``insists`` takes no notice that others have failed."""
        if self._claims is None:
            return UNCLAIMED
        return self._claims.take(_work(symbol), heed_failure=not insists)

    def give_back(self, symbol: Symbol, failure: str | None = None) -> None:
        """Give a symbol back, with why nobody can train it; others that wait are told."""
        if self._claims is not None:
            self._claims.give_back(_work(symbol), failure, LEFT_ALONE_SECONDS)

    def wait(self, job: RunningJob) -> None:
        """Keep a job until the other process has ended."""
        with self._lock:
            self._waiting[job.symbol] = job
            if not self._looking.started:
                self._looking.start(at_once=False)

    def look(self) -> None:
        """Look now whether others have ended."""
        if self._waiting:
            self._looking.nudge()

    def take_all(self) -> list[RunningJob]:
        """Give up every job that waits."""
        with self._lock:
            jobs, self._waiting = list(self._waiting.values()), {}
        return jobs

    def close(self) -> None:
        """Look no more, and give every claim back."""
        self._looking.stop(0)
        if self._claims is not None:
            self._claims.close()

    def _look(self) -> None:
        waiting = tuple(self._waiting)
        if self._claims is None or not waiting:
            return
        free = self._claims.free([_work(symbol) for symbol in waiting])
        for symbol in waiting:
            if _work(symbol) not in free:
                continue
            with self._lock:
                job = self._waiting.pop(symbol, None)
            if job is not None:
                self._back(job, self._is_trained(job))

    def _is_trained(self, job: RunningJob) -> bool:
        try:
            return self._basis(job.symbol) != job.basis
        except Exception:  # noqa: BLE001  storage that cannot be read: the worker process says so
            return False


def _work(symbol: Symbol) -> str:
    return f"train:{symbol}"
