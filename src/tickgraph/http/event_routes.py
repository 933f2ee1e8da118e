"""The route of server-sent events: every open page hears what changed, so that none has to ask again and again."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from tickgraph.http.parameters import CurrentService
from tickgraph.http.problem import problems
from tickgraph.http.streams import Queue, Streams

PATH = "/events"
BEAT_SECONDS = 15.0
"""A comment so often finds clients that have gone, and keeps proxies from closing the stream."""

router = APIRouter(tags=["events"])


class EventStream(StreamingResponse):
    """A stream of events, until its client or the service ends it."""

    media_type = "text/event-stream"

    def __init__(self, streams: Streams, queue: Queue, hello: bytes) -> None:
        super().__init__(_events(queue, hello), headers={"x-accel-buffering": "no"})
        self._streams, self._queue = streams, queue

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events; whatever ends that, the stream is closed."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._streams.close(self._queue)


async def _events(queue: Queue, hello: bytes) -> AsyncIterator[bytes]:
    event: bytes | None = hello
    while event is not None:
        yield event
        try:
            event = await asyncio.wait_for(queue.get(), BEAT_SECONDS)
        except TimeoutError:
            event = b": beat\n\n"


@router.get(
    PATH,
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}},
        **problems(),
    },
)
async def events(request: Request, service: CurrentService) -> EventStream:
    """Stream what changes, as server-sent events, until the client or the service ends it.

    `hello` comes first, with `started_at` of the process. `changed` names the `symbols` whose forecasts, prices or age
    may be different now. `job` says how far a training is. A client whose stream ends asks again, and reads everything
    anew.
    """
    queue = service.streams.open()

    def end() -> None:
        with contextlib.suppress(asyncio.QueueFull):
            queue.put_nowait(None)

    request.state.end_stream = end  # the connection calls it when the service stops
    hello = json.dumps({"started_at": service.started_at.isoformat()})
    return EventStream(service.streams, queue, b"event: hello\ndata: %b\n\n" % hello.encode())
