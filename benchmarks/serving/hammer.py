"""Ask as fast as answers come, over a number of connections; prints requests per second and latencies as JSON.

Usage: python benchmarks/serving/hammer.py PORT CONNECTIONS SECONDS PATH...

A process of its own, so that what it costs is not taken for the server's. Each connection asks for the paths in
turn, one request at a time.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

try:
    import uvloop as loop_of
except ImportError:  # Windows
    loop_of = asyncio  # type: ignore[assignment]


class Asker(asyncio.Protocol):
    """One connection."""

    def __init__(self, requests: list[bytes], seconds: list[float], until: float) -> None:
        self.requests, self.seconds, self.until = requests, seconds, until
        self.count, self.buffer = 0, b""
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport
        self.ask()

    def ask(self):
        self.asked = time.perf_counter()
        if self.asked >= self.until:
            self.transport.close()
            return
        self.transport.write(self.requests[self.count % len(self.requests)])
        self.count += 1

    def data_received(self, data):
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        if not head.startswith(b"HTTP/1.1 200"):
            self.ended.set_exception(RuntimeError(self.buffer.decode()))
            self.transport.close()
            return
        at = head.index(b"content-length: ") + 16
        if len(body) < int(head[at:].split(b"\r\n", 1)[0]):
            return
        self.buffer = b""
        self.seconds.append(time.perf_counter() - self.asked)
        self.ask()

    def connection_lost(self, error):
        if not self.ended.done():
            self.ended.set_result(None)


async def hammer(port: int, connections: int, duration: float, paths: list[str]) -> dict[str, float]:
    """Load one server and measure."""
    loop, seconds = asyncio.get_running_loop(), []
    requests = [f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode() for path in paths]
    started = time.perf_counter()
    until = started + duration
    askers = []
    for number in range(connections):
        turned = requests[number % len(requests) :] + requests[: number % len(requests)]
        _, asker = await loop.create_connection(
            lambda mine=turned: Asker(mine, seconds, until), "127.0.0.1", port
        )
        askers.append(asker)
    await asyncio.gather(*(asker.ended for asker in askers))
    took = time.perf_counter() - started
    seconds.sort()
    return {
        "rate": len(seconds) / took,
        "p50": seconds[len(seconds) // 2],
        "p99": seconds[int(len(seconds) * 0.99)],
    }


if __name__ == "__main__":
    port, connections, duration, *paths = sys.argv[1:]
    print(json.dumps(loop_of.run(hammer(int(port), int(connections), float(duration), paths))))
