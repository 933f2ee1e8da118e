"""A real Redis server for tests: Debian's redis-server, on a port of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

REQUIRED = "TICKGRAPH_TESTS_NEED_REDIS" in os.environ  # read before conftest forgets such variables


class RedisServer:
    """A Redis server that can be killed, stopped for a while, and started again at the same address."""

    def __init__(self, folder: Path, port: int | None = None, host: str = "127.0.0.1") -> None:
        self._folder, self.host = folder, host
        self.port = port or _free_port(host)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://{self.host}:{self.port}/0"

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(self) -> None:
        words = [
            "--port",
            str(self.port),
            "--bind",
            self.host,
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
            str(self._folder),
        ]
        log = self._folder / "redis.log"
        with log.open("ab") as written:
            self._process = subprocess.Popen([shutil.which("redis-server"), *words], stdout=written)
        deadline = time.monotonic() + 30
        while not _answers(self.host, self.port):
            assert self._process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, "redis-server does not answer"

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


def start_redis(folder: Path) -> RedisServer:
    """A running server; without Debian's redis-server CI fails, and elsewhere the test is skipped."""
    if shutil.which("redis-server") is None:
        said = "Redis is not installed: apt-get install redis-server"
        pytest.fail(said) if REQUIRED else pytest.skip(said)
    server = RedisServer(folder)
    server.start()
    return server


def _free_port(host: str) -> int:
    with socket.create_server((host, 0)) as free:
        return free.getsockname()[1]


def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=1) as line:
            line.sendall(b"PING\r\n")
            return line.recv(16).startswith(b"+PONG")
    except OSError:
        return False
