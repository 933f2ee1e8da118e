"""Hosts: processes of tickgraph with an address and a disk of their own, and a line to each partner."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import httpx

import made_storage
import real_service
from cut_line import Line
from tickgraph.object_place import StorageSettings, read_place


class Host:
    """A machine: its address, its folder, and its lines to the storage (and, if there is one, to Redis).

    Parameters
    ----------
    name, number
        Its name, and its address, which is ``127.0.0.NUMBER``.
    folder
        Its disk.
    storage
        Object storage of :mod:`made_storage`; None for hosts that share a folder.
    redis
        ``(address, port)`` of a Redis server; None without one.
    """

    def __init__(self, name, number, folder, storage=None, redis=None, **environment):
        self.name, self.address, self.folder = name, f"127.0.0.{number}", folder / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.environment = {
            "AWS_ACCESS_KEY_ID": made_storage.KEY_ID,
            "AWS_SECRET_ACCESS_KEY": made_storage.SECRET,
            "TICKGRAPH_STORAGE__CACHE_DIR": str(self.folder / "copies"),
            "TICKGRAPH_STORAGE__TIMEOUT_SECONDS": "2",
            "TICKGRAPH_STORAGE__RETRIES": "0",
            "TICKGRAPH_STORAGE__POLL_SECONDS": "0.1",
            "TICKGRAPH_STORAGE__RETRY_SECONDS": "0.2",
            "TICKGRAPH_SERVE__RUNTIME_DIR": str(self.folder / "runtime"),
            "TICKGRAPH_SERVE__POLL_SECONDS": "0.1",
            "TICKGRAPH_SHARED__RETRY_SECONDS": "0.2",
            "TICKGRAPH_SERVE__TRAIN_ON_DEMAND": "false",
            "TICKGRAPH_OPERATIONS_DIR": str(self.folder / "operations"),
            **real_service.BRIEF,
            **environment,
        }
        self.lines: dict[str, Line] = {}
        if storage is not None:
            parts = urlsplit(storage.endpoint)
            line = self.lines["storage"] = Line((parts.hostname, parts.port), self.address)
            self.environment["TICKGRAPH_STORAGE__ENDPOINT"] = line.url
        if redis is not None:
            line = self.lines["redis"] = Line(redis, self.address)
            self.environment["TICKGRAPH_SHARED__REDIS"] = f"redis://{self.address}:{line.port}/0"

    def place(self, url):
        """A place in the bucket as this host reaches it, for this process; patient, as the machine may be busy."""
        settings = StorageSettings(
            endpoint=self.lines["storage"].url,
            cache_dir=self.folder / "copies",
            timeout_seconds=30,
            poll_seconds=0,
        )
        return read_place(url, settings)

    def mend(self):
        for line in self.lines.values():
            line.mend()

    def cut(self):
        for line in self.lines.values():
            line.cut()

    @contextmanager
    def serving(self, models, prices, *flags):
        """``tickgraph serve``; its clients reach it by the line ``clients``."""
        with real_service.process(
            models, prices, "--host", self.address, *flags, cwd=self.folder, **self.environment
        ) as running:
            parts = urlsplit(running.url)
            line = self.lines["clients"] = Line((parts.hostname, parts.port), self.address)
            with httpx.Client(base_url=line.url, timeout=5) as http:
                yield Serving(running, http)
            line.cut()

    def start(self, *words, program=("-m", "tickgraph"), **environment):
        """Start a command; gives the process, with what it prints in ``communicate()``."""
        return subprocess.Popen(
            [sys.executable, *program, *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env={**os.environ, **self.environment, **environment},
        )

    def run(self, *words, **more):
        """Run a command to its end; gives exit code, output and errors."""
        process = self.start(*words, **more)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err


class Serving:
    """A running service, as its clients and its operator see it."""

    def __init__(self, running, http):
        self.running, self.http = running, http

    def forecast(self, symbol):
        answer = self.http.get(f"/forecast/{symbol}?price=100")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def metric(self, name):
        """Sum of a metric's samples, as its operator reads it on the host itself."""
        lines = self.running.get("/metrics").text.splitlines()
        return sum(
            float(line.rpartition(" ")[2]) for line in lines if line.split("{")[0].split(" ")[0] == name
        )

    def ready(self):
        answer = self.running.get("/health/ready")
        return answer.status_code, answer.json()

    @contextmanager
    def paused(self):
        """Stop the process where it is, as a machine that hangs, and let it go on at the end."""
        self.running.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.running.process.send_signal(signal.SIGCONT)


@contextmanager
def all_serving(hosts, *words):
    """Services on several hosts, started side by side."""
    with ExitStack() as stack:
        started, faults = {}, []

        def start(host):
            try:
                started[host.name] = host.serving(*words)
                started[host.name] = started[host.name], started[host.name].__enter__()
            except BaseException as error:  # noqa: BLE001  the test's own thread tells of it
                faults.append(error)

        threads = [threading.Thread(target=start, args=(host,)) for host in hosts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for entered in started.values():
            if isinstance(entered, tuple):
                stack.push(entered[0].__exit__)
        if faults:
            raise faults[0]
        yield tuple(started[host.name][1] for host in hosts)


class Asking:
    """Clients that ask services without a pause, and what they were told."""

    def __init__(self):
        self.asked: Counter[str] = Counter()  # by service
        self.answers: dict[tuple[str, str], set[float]] = {}  # what was forecast, by symbol and generation
        self.failed: Counter[str] = Counter()  # by service
        self.slowest: dict[str, float] = {}
        self._ended = threading.Event()
        self._rounds = {}

    @contextmanager
    def of(self, services, symbols):
        """Ask services by name, one client each, until the block ends."""
        self._rounds = {name: threading.Semaphore(0) for name in services}
        threads = [
            threading.Thread(target=self._ask, args=(name, service, symbols))
            for name, service in services.items()
        ]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            for thread in threads:
                thread.join(60)

    def wait(self, name, rounds=3):
        """Wait until a service was asked for every symbol again, whatever it said."""
        while self._rounds[name].acquire(blocking=False):
            pass
        for _ in range(rounds):
            assert self._rounds[name].acquire(timeout=60)

    def _ask(self, name, service, symbols):
        with httpx.Client(base_url=str(service.http.base_url), timeout=5) as http:
            while not self._ended.is_set():
                for symbol in symbols:
                    began = time.perf_counter()
                    self.asked[name] += 1
                    try:
                        answer = http.get(f"/forecast/{symbol}?price=100")
                    except httpx.HTTPError:
                        self.failed[name] += 1
                        self._ended.wait(0.01)
                        continue
                    taken = time.perf_counter() - began
                    self.slowest[name] = max(taken, self.slowest.get(name, 0.0))
                    if answer.status_code == 200:
                        body = answer.json()
                        assert body["symbol"] == symbol
                        self.answers.setdefault((symbol, body["generation"]), set()).add(
                            body["predicted_return"]
                        )
                    else:
                        self.failed[name] += 1
                self._rounds[name].release()

    def said(self):
        """What was forecast by symbol and generation: one value each, or an answer mixed two generations."""
        assert all(len(values) == 1 for values in self.answers.values()), self.answers
        return {key: next(iter(values)) for key, values in self.answers.items()}


class SmallDisk:
    """A disk of a few megabytes that can be filled and emptied: a tmpfs where one may be mounted."""

    def __init__(self, folder, megabytes=4):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder],
            capture_output=True,
            check=False,
        )
        self.refused = mounted.stderr.decode() if mounted.returncode else None

    def fill(self):
        with (self.folder / "ballast").open("ab", buffering=0) as ballast, contextlib.suppress(OSError):
            while True:
                ballast.write(bytes(4096))

    def free(self):
        (self.folder / "ballast").unlink()

    def unmount(self):
        if self.refused is None:
            subprocess.run(["umount", "-l", self.folder], check=True)
