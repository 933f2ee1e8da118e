"""Long tasks on threads, all of which stop when one fails or when Ctrl-C comes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

from tickgraph.threads import cores

Key = TypeVar("Key")
Result = TypeVar("Result")
Check = Callable[[], None]
"""Raises :class:`Stopped` when the tasks were stopped. A task calls it between its steps."""


class Stopped(Exception):
    """The tasks were stopped before their end."""


def run_side_by_side(
    tasks: Mapping[Key, Callable[[Check], Result]],
    jobs: int = 0,
    on_result: Callable[[Key, Result], None] = lambda *_: None,
) -> dict[Key, Result]:
    """Run tasks on threads; an error of one, or Ctrl-C, stops the others at their next check.

    Parameters
    ----------
    tasks
        Each is called with a :data:`Check`.
    jobs
        Tasks at a time; 0 is one per core.
    on_result
        Called in this thread after each task.

    Returns
    -------
    dict
        Results by key, in the order in which the tasks ended.
    """
    stop = threading.Event()

    def check() -> None:
        if stop.is_set():
            raise Stopped

    def run(task: Callable[[Check], Result]) -> Result:
        check()
        return task(check)

    results: dict[Key, Result] = {}
    executor = ThreadPoolExecutor(jobs or cores(), "lab")
    try:
        keys = {executor.submit(run, task): key for key, task in tasks.items()}
        for future in as_completed(keys):
            results[keys[future]] = future.result()
            on_result(keys[future], results[keys[future]])
    finally:
        stop.set()
        executor.shutdown(wait=True, cancel_futures=True)
    return results
