"""An answer's head goes out together with its body: a process that is killed has sent all of an answer, or nothing."""

from __future__ import annotations

import asyncio

_HEAD = b"HTTP/1.1 "
_INTERIM = b"HTTP/1.1 1"  # 100 Continue: a client waits for it before it sends its body


class WholeAnswer:
    """What one request writes its answer to.

    uvicorn writes the head of an answer, and then its body. If the process is killed between the two, the client has a
    broken answer, and a balancer that has passed the head on cannot ask another process any more. Here the head waits
    for the body, but not beyond the running step of the loop: a stream's head goes out at once. That also saves a
    system call for each answer.

    Parameters
    ----------
    transport
        Where the connection writes to.
    loop
        The loop of the connection.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._head: bytes | None = None

    def write(self, data: bytes) -> None:
        """Write a part of the answer; a head waits for what follows it."""
        if self._head is not None:
            head, self._head = self._head, None
            self._transport.write(head + data)
        elif data.startswith(_HEAD) and not data.startswith(_INTERIM):
            self._head = data
            self._loop.call_soon(self.flush)
        else:
            self._transport.write(data)

    def flush(self) -> None:
        """Write the head that still waits: its answer has no body, or not yet."""
        head, self._head = self._head, None
        if head is not None and not self._transport.is_closing():
            self._transport.write(head)

    def close(self) -> None:
        """Close the connection once all of it is written."""
        self.flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """Whether the connection is closed, or about to be."""
        return self._transport.is_closing()
