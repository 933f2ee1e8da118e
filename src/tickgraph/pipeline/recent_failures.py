"""Symbols that could not be trained a short while ago, and are left alone for as long."""

from __future__ import annotations

import threading
import time

from tickgraph.market.spelling import Symbol
from tickgraph.pipeline.jobs import Job

LEFT_ALONE_SECONDS = 600.0


class RecentFailures:
    """The last failed training of each symbol, for a while. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[str, tuple[Job, float]] = {}

    def of(self, symbol: Symbol) -> Job | None:
        """Give the job that failed to train a symbol a short while ago."""
        with self._lock:
            job, until = self._jobs.get(symbol, (None, 0.0))
            if job is not None and time.monotonic() >= until:
                del self._jobs[symbol]
                return None
            return job

    def note(self, symbol: Symbol, failed: Job | None) -> None:
        """Note the job that failed to train a symbol, or that the last one did not fail."""
        with self._lock:
            if failed is None:
                self._jobs.pop(symbol, None)
            else:
                self._jobs[symbol] = failed, time.monotonic() + LEFT_ALONE_SECONDS
