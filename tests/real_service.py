"""Real services for tests: uvicorn over loopback, as a process of its own or in a thread of the test's."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
import uvicorn

from tickgraph.http.application import create_app
from tickgraph.http.connection import GuardedProtocol
from tickgraph.http.server import configuration
from tickgraph.http.service import Service
from tickgraph.object_place import Place, local_folder
from tickgraph.settings import Settings, load_settings

EVENING = datetime(2022, 12, 30, 22, tzinfo=UTC)  # after the last session of the bundled sample
TOKEN = "an-admin-token-of-tests"  # noqa: S105
ADMIN = {"authorization": f"Bearer {TOKEN}"}

BRIEF = {  # what the models of the tests were trained with
    "TICKGRAPH_TRAINING__EPOCHS": "2",
    "TICKGRAPH_TRAINING__SESSIONS": "300",
    "TICKGRAPH_TRAINING__MIN_SESSIONS": "200",
    "TICKGRAPH_TRAINING__HORIZONS": "[]",
}


@dataclass
class Running:
    """A service as a process."""

    url: str
    process: subprocess.Popen[str]
    http: httpx.Client
    log: list[str] = field(default_factory=list)

    def get(self, path: str, **words: object) -> httpx.Response:
        return self.http.get(path, **words)

    def stop(self, kind: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop, and give its exit status."""
        self.process.send_signal(kind)
        return self.process.wait(60)


@contextmanager
def process(
    models_dir: Path,
    prices_dir: Path,
    *flags: str,
    cwd: Path | None = None,
    program: tuple[str, ...] = ("-m", "tickgraph"),
    **environment: str,
) -> Iterator[Running]:
    """``tickgraph serve`` on a free port; killed at the end if it still runs."""
    command = [sys.executable, *program, "serve", "--port", "0"]
    command += ["--models-dir", str(models_dir), "--prices-dir", str(prices_dir), *flags]
    started = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, cwd=cwd, env={**os.environ, **BRIEF, **environment}
    )
    log: list[str] = []
    address: list[str] = []
    known = threading.Event()

    def read() -> None:
        for line in started.stderr:
            log.append(line.rstrip())
            if found := re.match(r"listening on (http://\S+)", line):
                address.append(found[1])
                known.set()
        known.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        assert known.wait(60), "the service did not say where it listens"
        assert address, "\n".join(log)
        with httpx.Client(base_url=address[0], timeout=60) as http:
            running = Running(address[0], started, http, log)
            # The socket is open before the application is ready: the first request waits for it.
            assert running.get("/health/ready").status_code == 200, log
            yield running
    finally:
        started.kill()
        started.wait(60)
        reader.join(60)
        started.stderr.close()


@dataclass
class Here:
    """A service in this process."""

    url: str
    service: Service
    http: httpx.Client
    server: uvicorn.Server

    def get(self, path: str, **words: object) -> httpx.Response:
        return self.http.get(path, **words)

    def post(self, path: str, **words: object) -> httpx.Response:
        return self.http.post(path, **words)

    def metric(self, name: str, **labels: str) -> float:
        """Value of a sample, 0 if it does not exist yet."""
        from prometheus_client.parser import text_string_to_metric_families

        text = self.get("/metrics").text
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


def settings_of(
    models_dir: Place, prices_dir: Path, config: object, redis: str | None = None, **serve: object
) -> Settings:
    """Settings of a service that trains nothing unless told to; it asks a Redis server that was away at once."""
    shared = {"redis": redis, "retry_seconds": 0.05, "timeout_seconds": 30} if redis else None
    table = {
        "train_on_demand": False,
        "poll_seconds": 0.02,
        "runtime_dir": local_folder(models_dir) / ".service",
        **serve,
    }
    return load_settings(
        models_dir=models_dir, prices_dir=prices_dir, training=config, serve=table, shared=shared
    )


@contextmanager
def here(settings: Settings, now: object = lambda: EVENING) -> Iterator[Here]:
    """The application under uvicorn in a thread: its parts can be looked at and replaced."""
    app = create_app(settings, now=now)
    config = configuration(app, settings)
    config.http = type("Guarded", (GuardedProtocol,), {"header_seconds": settings.serve.header_seconds})
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as opened:
        url = f"http://127.0.0.1:{opened.getsockname()[1]}"
        thread = threading.Thread(target=server.run, args=([opened],), daemon=True)
        thread.start()
        try:
            with httpx.Client(base_url=url, timeout=60) as http:
                assert http.get("/health/ready").status_code == 200
                yield Here(url, app.state.service, http, server)
        finally:
            server.should_exit = True
            thread.join(60)
            assert not thread.is_alive(), "the service did not stop"


def until(condition, what, seconds=60):
    """Poll for what another process does; fails with ``what`` when it never happens."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what} did not happen within {seconds} s")


def until_ended(processes):
    """Wait for processes of others to end. One that its new parent is slow to reap has ended."""

    def lives(one):
        try:
            return one.is_running() and one.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    until(lambda: not any(map(lives, processes)), f"the end of {processes}")
