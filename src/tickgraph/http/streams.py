"""The open streams of server-sent events, and what is told to them."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterable
from typing import Any

from tickgraph.http.problem import OverloadedError
from tickgraph.pipeline.jobs import Job
from tickgraph.wording import counted

MAX_WAITING = 100
"""Events that a client may be behind; then its stream ends, and it begins anew."""

Queue = asyncio.Queue[bytes | None]
"""Events of one stream in the order of time; None ends it."""


class Streams:
    """The streams that are open, and what is told to them; it may be told from any thread.

    Parameters
    ----------
    bound
        Streams that may be open at one time.
    """

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._lock = threading.Lock()
        self._open: dict[Queue, asyncio.AbstractEventLoop] = {}

    def __len__(self) -> int:
        return len(self._open)

    def open(self) -> Queue:
        """Open a stream of the running loop; its events come through the queue.

        Raises
        ------
        OverloadedError
            Too many are open.
        """
        queue: Queue = asyncio.Queue(MAX_WAITING + 1)
        with self._lock:
            if len(self._open) >= self._bound:
                raise OverloadedError(
                    f"No more than {counted(self._bound, 'stream')} of events may be open. Try again later."
                )
            self._open[queue] = asyncio.get_running_loop()
        return queue

    def close(self, queue: Queue) -> None:
        """Forget a stream."""
        with self._lock:
            self._open.pop(queue, None)

    def changed(self, symbols: Iterable[str]) -> None:
        """Tell that what is answered of these symbols may be different now."""
        self._tell("changed", {"symbols": sorted(symbols)})

    def job(self, job: Job) -> None:
        """Tell how far a job is."""
        self._tell("job", job.model_dump(mode="json", include={"id", "kind", "symbol", "state", "error"}))

    def _tell(self, event: str, data: dict[str, Any]) -> None:
        text = b"event: %b\ndata: %b\n\n" % (event.encode(), json.dumps(data).encode())
        with self._lock:
            everybody = list(self._open.items())
        for queue, loop in everybody:
            if not loop.is_closed():
                loop.call_soon_threadsafe(_put, queue, text)


def _put(queue: Queue, text: bytes) -> None:
    if queue.qsize() < MAX_WAITING:
        queue.put_nowait(text)
    elif not queue.full():  # the client does not keep up: it begins anew and reads everything again
        queue.put_nowait(None)
