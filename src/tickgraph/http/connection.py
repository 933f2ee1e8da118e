"""HTTP/1.1 connections: a deadline and a largest size for every request, which uvicorn leaves to a proxy."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from tickgraph.http.whole_answer import WholeAnswer

MAX_HEAD_BYTES = 64 * 1024  # address and headers
MAX_REQUEST_BYTES = 512 * 1024  # with the body: a chain of options with quotes takes 300 KiB
MAX_PIPELINED = 100  # requests sent ahead of their answers: each takes memory


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's protocol; a client that sends too slowly or too much is told so and disconnected.

    A client that does not read its answers is disconnected, too: its requests would stay in work for ever.

    Attributes
    ----------
    header_seconds
        Time for a client to send a whole request, from connecting or from the request's first byte; and time for it to
        make room for more of an answer.
    """

    header_seconds = 10.0

    _deadline: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _received = 0
    _in_body = False
    _last = b""
    _half_closed = False
    _cycles: deque[RequestResponseCycle] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the deadline of the first request."""
        super().connection_made(transport)
        self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop the deadlines, and tell every request in work that its client has gone."""
        self._end()
        # uvicorn tells only the newest request. The one in work would write to nobody.
        for cycle in self._cycles or ():
            if not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what a request sends."""
        if self._deadline is None:
            self._begin()
        head = self._received + self._end_of_head(data)
        self._received += len(data)
        if head > MAX_HEAD_BYTES:
            self._refuse(
                b"413 Content Too Large", b"The request's address and headers are larger than 64 KiB."
            )
            return
        if self._received > MAX_REQUEST_BYTES:
            self._refuse(b"413 Content Too Large", b"The request is larger than 512 KiB.")
            return
        super().data_received(data)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keep the connection while an answer is on its way: the client may have closed only its sending side.

        A stream of events is no such answer: whoever closes a page is gone, and makes room for another.
        """
        self._half_closed = any(
            not cycle.response_complete and _end_of_stream(cycle) is None for cycle in self._cycles or ()
        )
        return self._half_closed

    def on_response_complete(self) -> None:
        """Close a connection whose client sends no more, once its last answer is written."""
        for cycle in self._cycles or ():
            cast(WholeAnswer, cycle.transport).flush()  # an answer without a body
        super().on_response_complete()
        if self._half_closed and all(cycle.response_complete for cycle in self._cycles or ()):
            self.transport.close()

    def on_headers_complete(self) -> None:
        """Remember the request until it is answered."""
        self._in_body = True
        super().on_headers_complete()
        if self._cycles is None:
            self._cycles = deque()
        while self._cycles and self._cycles[0].response_complete:  # they are answered in order
            self._cycles.popleft()
        if self.cycle is not None:
            self.cycle.transport = WholeAnswer(self.transport, self.loop)  # type: ignore[assignment]
            self._cycles.append(self.cycle)
        if len(self._cycles) > MAX_PIPELINED:
            self.transport.abort()

    def on_message_complete(self) -> None:
        """End the deadline: the request is here."""
        self._end()
        super().on_message_complete()

    def shutdown(self) -> None:
        """End the streams that would go on for ever; requests in work are finished."""
        for cycle in self._cycles or ():
            if end := _end_of_stream(cycle):
                end()
        super().shutdown()

    def pause_writing(self) -> None:
        """Start the deadline for a client that does not read."""
        super().pause_writing()
        if self._unread is None:
            self._unread = self.loop.call_later(self.header_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Drop that deadline: the client reads again."""
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
        super().resume_writing()

    def _end_of_head(self, data: bytes) -> int:
        """How many bytes of these belong to the address and the headers."""
        if self._in_body:
            return -self._received
        before, self._last = self._last, data[-3:]  # the empty line that ends them may come in two parts
        place = (before + data).find(b"\r\n\r\n")
        return len(data) if place < 0 else place

    def _begin(self) -> None:
        self._received = 0
        self._deadline = self.loop.call_later(self.header_seconds, self._too_slow)

    def _end(self) -> None:
        self._received, self._in_body, self._last = 0, False, b""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        self._refuse(b"408 Request Timeout", b"The request did not arrive in time.")

    def _refuse(self, status: bytes, text: bytes) -> None:
        if self.transport is None or self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:  # never into the middle of an answer
            self.transport.write(
                b"HTTP/1.1 " + status + b"\r\ncontent-type: text/plain\r\nconnection: close\r\n"
                b"content-length: " + str(len(text)).encode() + b"\r\n\r\n" + text
            )
        self._end()
        self.transport.close()


def _end_of_stream(cycle: RequestResponseCycle) -> Callable[[], None] | None:
    """What ends a stream that would go on for ever; None for a request that ends by itself."""
    end: Callable[[], None] | None = cycle.scope.get("state", {}).get("end_stream")
    return end
