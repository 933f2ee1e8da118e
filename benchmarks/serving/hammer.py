"""Ask over a number of connections; prints requests per second, failures and latencies as JSON.

Usage: python benchmarks/serving/hammer.py PORT CONNECTIONS SECONDS THOUGHT PATH...

A process of its own, so that what it costs is not taken for the server's. Each connection asks for the paths in
turn, one request at a time: as fast as answers come, or with THOUGHT seconds between an answer and the next request.
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

    def __init__(self, requests: list[bytes], thought: float, seconds: list[float]) -> None:
        self.requests, self.thought, self.seconds = requests, thought, seconds
        self.until, self.failures = 0.0, 0
        self.count, self.buffer = 0, b""
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport

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
    requests = [f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode() for path in paths]
    askers = []
    for number in range(connections):
        turned = requests[number % len(requests) :] + requests[: number % len(requests)]
        asker = Asker(turned, thought, seconds)
        await loop.create_connection(lambda asker=asker: asker, "127.0.0.1", port)
        askers.append(asker)
    started = time.perf_counter()
    for number, asker in enumerate(askers):
        asker.until = started + duration
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


if __name__ == "__main__":
    port, connections, duration, thought, *paths = sys.argv[1:]
    asked = hammer(int(port), int(connections), float(duration), float(thought), paths)
    print(json.dumps(loop_of.run(asked)))
