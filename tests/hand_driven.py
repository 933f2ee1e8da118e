"""Worker processes without processes, for tests of background work."""

from __future__ import annotations

import threading
from concurrent.futures import Future

WAIT = 120


class HandDriven:
    """Stands for the worker processes: work ends when and as the test says."""

    def __init__(self, background):
        self._background = background
        self._futures: list[Future] = []
        self.was_shut_down = threading.Event()

    @property
    def futures(self):
        """What was submitted, once everything that was asked for has been."""
        self._background._dispatcher.submit(lambda: None).result(WAIT)
        return self._futures

    def submit(self, *_):
        self._futures.append(Future())
        self._futures[-1].set_running_or_notify_cancel()
        return self._futures[-1]

    def shutdown(self):
        self.was_shut_down.set()


def over(job, **changes):
    return job.model_copy(update={"state": "done", "completed": 1, **changes}), 1
