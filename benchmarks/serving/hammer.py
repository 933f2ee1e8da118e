"""Ask over a number of connections; prints requests per second, failures and latencies as JSON.

Usage: python benchmarks/serving/hammer.py PORT CONNECTIONS SECONDS THOUGHT PATH...

A process of its own, so that what it costs is not taken for the server's. Each connection asks for the paths in
turn, one request at a time: as fast as answers come, or with THOUGHT seconds between an answer and the next request.
With 0 SECONDS the connections ask for each path once between them. Behind a path and a space there may be a header.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from itertools import cycle

try:
    import uvloop as loop_of
except ImportError:  # Windows
    loop_of = asyncio  # type: ignore[assignment]


class Asker(asyncio.Protocol):
    """One connection."""

    def __init__(self, requests: Iterator[bytes], thought: float, seconds: list[float]) -> None:
        self.requests, self.thought, self.seconds = requests, thought, seconds
        self.until, self.failures, self.buffer = 0.0, 0, b""
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport

    def ask(self):
        self.asked = time.perf_counter()
        request = next(self.requests, None) if self.asked < self.until else None
        if request is None:
            self.until = 0.0
            self.transport.close()
            return
        self.transport.write(request)

    def data_received(self, data):
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        at = head.index(b"content-length: ") + 16
        if len(body) < int(head[at:].split(b"\r\n", 1)[0]):
            return
        self.buffer = b""
        self.seconds.append(time.perf_counter() - self.asked)
        self.failures += not head.startswith(b"HTTP/1.1 200")
        if self.thought:
            asyncio.get_running_loop().call_later(self.thought, self.ask)
        else:
            self.ask()

    def connection_lost(self, error):
        self.failures += time.perf_counter() < self.until
        self.ended.set_result(None)


async def hammer(
    port: int, connections: int, duration: float, thought: float, paths: list[str]
) -> dict[str, float]:
    """Load one server and measure."""
    loop, seconds = asyncio.get_running_loop(), []
    requests = [_request(*path.split(" ", 1)) for path in paths]
    once, askers = iter(requests), []
    for number in range(connections):
        turned = requests[number % len(requests) :] + requests[: number % len(requests)]
        asker = Asker(cycle(turned) if duration else once, thought, seconds)
        await loop.create_connection(lambda asker=asker: asker, "127.0.0.1", port)
        askers.append(asker)
    started = time.perf_counter()
    for number, asker in enumerate(askers):
        asker.until = started + (duration or 600)
        loop.call_later(thought * number / connections, asker.ask)
    await asyncio.gather(*(asker.ended for asker in askers))
    took = time.perf_counter() - started
    seconds.sort()
    return {
        "requests": len(seconds),
        "failures": sum(asker.failures for asker in askers),
        "rate": len(seconds) / took,
        **{f"p{share}": seconds[len(seconds) * share // 100] for share in (50, 95, 99)},
    }


def _request(path: str, header: str = "") -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *([header] if header else [])]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


if __name__ == "__main__":
    port, connections, duration, thought, *paths = sys.argv[1:]
    asked = hammer(int(port), int(connections), float(duration), float(thought), paths)
    print(json.dumps(loop_of.run(asked)))
