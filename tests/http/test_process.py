"""``tickgraph serve`` as a process of its own: what only the operating system can show."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from real_service import BRIEF, process, until, until_ended
from tickgraph.http.server import configuration
from tickgraph.pipeline.jobs import JobBoard
from tickgraph.settings import Settings

posix = pytest.mark.skipif(os.name == "nt", reason="signals and several processes are different on Windows")


@pytest.fixture(scope="module")
def served(trained_dir, prices_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    shutil.copytree(trained_dir, folder / "gnn")
    with process(folder / "gnn", prices_dir, "--no-on-demand", cwd=folder) as running:
        yield running


def test_it_says_where_it_listens_and_serves(served):
    assert any("serving 4 trained models" in line for line in served.log)
    body = served.get("/forecast/AAPL?price=130").json()
    assert (body["status"], body["price"]) == ("pre-trained", 130)


def test_the_serving_process_has_neither_jax_nor_keras_in_memory(served):
    served.get("/forecast/all")
    served.get("/symbols/AAPL/graph")
    maps = {entry.path for entry in psutil.Process(served.process.pid).memory_maps()}
    assert not [path for path in maps if "jaxlib" in path or "tensorflow" in path]


def raw(url, requests, ask):
    """Send many requests down one connection, 50 at a time, and count the answers by status."""
    parts = urlsplit(url)
    counts: dict[bytes, int] = {}
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as opened:
        stream = opened.makefile("rb")
        for first in range(0, requests, 50):
            opened.sendall(b"".join(map(ask, range(first, first + 50))))
            for _ in range(50):
                status = stream.readline().split()[1]
                counts[status] = counts.get(status, 0) + 1
                length = 0
                while (line := stream.readline()) != b"\r\n":
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                stream.read(length)
    return counts


def test_50000_requests_leak_nothing(served):
    def ask(number):
        path = (
            b"/forecast/AAPL?price=%d" % (100 + number),
            b"/forecast/JPM",
            b"/forecast/UNKNOWN",
            b"/forecast/AAPL?price=bad",
            b"/forecast/XOM/probability?strike=%d" % (50 + number % 100),
        )[number % 5 if number % 10 == 0 else number % 2]
        return b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path

    def gone(count):
        parts = urlsplit(served.url)
        for _ in range(count):
            with socket.create_connection((parts.hostname, parts.port), timeout=60) as opened:
                opened.sendall(b"GET /forecast/all HTTP/1.1\r\nHost: x\r\n\r\n")

    watched = psutil.Process(served.process.pid)
    descriptors = watched.num_fds if os.name != "nt" else watched.num_handles  # type: ignore[attr-defined]
    raw(served.url, 5_000, ask)
    gone(50)
    served.get("/health/live")
    memory, files, threads = watched.memory_info().rss, descriptors(), watched.num_threads()
    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(lambda _: raw(served.url, 12_500, ask), range(4)))
    gone(200)
    assert sum(sum(one.values()) for one in counts) == 50_000
    assert set().union(*counts) <= {b"200", b"404", b"422"}
    served.get("/health/live")
    until(lambda: descriptors() <= files + 8, "closing the connections that clients left")
    assert watched.num_threads() <= threads + 8  # what the pool of threads may still grow by
    assert watched.memory_info().rss - memory < 12 * 1024 * 1024  # 250 bytes a request would be more


@posix
@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(trained_dir, prices_dir, tmp_path, kind):
    flags = {"TICKGRAPH_SERVE__RUNTIME_DIR": str(tmp_path / "runtime")}
    with process(trained_dir, prices_dir, cwd=tmp_path, **flags) as running:
        assert running.get("/forecast/AAPL").status_code == 200
        status = running.stop(kind)
        assert status in (0, 130), running.log
    assert not [line for line in running.log if "Traceback" in line or "leaked" in line], running.log


@posix
def test_a_signal_during_training_ends_it_and_its_worker(registry, prices_dir, tmp_path):
    slow = {"TICKGRAPH_TRAINING__EPOCHS": "10000"}
    with process(registry.root, prices_dir, cwd=tmp_path, **slow) as running:
        assert running.get("/forecast/TSLA").json()["status"] == "momentum"
        parent = psutil.Process(running.process.pid)
        children = until(lambda: parent.children(recursive=True), "starting the worker")
        running.process.kill()  # no chance to tidy up: the worker must see it for itself
        running.process.wait(60)
    until_ended(children)
    assert registry.generation("TSLA") is None


@posix
def test_a_burst_of_first_requests_is_answered_and_a_signal_ends_it_in_order(registry, prices_dir, tmp_path):
    names = ("TSLA", "META", "NVDA", "AMZN", "HD", "COST", "PFE", "WMT", "DIS", "NKE", "MCD", "MRK")
    with process(registry.root, prices_dir, cwd=tmp_path) as running:
        with ThreadPoolExecutor(len(names)) as clients:
            bodies = [one.json() for one in clients.map(lambda name: running.get(f"/forecast/{name}"), names)]
        assert [body["symbol"] for body in bodies] == list(names)
        assert all(body["training_job"] for body in bodies)
        assert running.stop() == 0, running.log
    assert not [line for line in running.log if "Traceback" in line or "leaked" in line], running.log


@posix
def test_training_does_not_hold_up_the_end_beyond_the_time_to_drain(registry, prices_dir, tmp_path):
    slow = {"TICKGRAPH_TRAINING__EPOCHS": "10000", "TICKGRAPH_SERVE__DRAIN_SECONDS": "1"}
    with process(registry.root, prices_dir, cwd=tmp_path, **slow) as running:
        job = running.get("/forecast/TSLA").json()["training_job"]
        board = JobBoard(registry.root / ".service" / "jobs")
        until(lambda: board.read(job).state == "running", "beginning to train")
        assert running.stop() == 0, running.log
    ended = board.read(job)
    assert (ended.state, ended.error) == ("failed", "The service was shut down; the job was ended.")
    assert registry.generation("TSLA") is None
    assert not [line for line in running.log if "Traceback" in line], running.log


@posix
def test_several_workers_serve_and_a_killed_one_is_replaced(registry, prices_dir, tmp_path):
    with process(registry.root, prices_dir, "--workers", "2", "--no-on-demand", cwd=tmp_path) as running:
        parent = psutil.Process(running.process.pid)

        def works(child):
            try:
                return child.status() != psutil.STATUS_ZOMBIE and "spawn_main" in " ".join(child.cmdline())
            except psutil.NoSuchProcess:  # it ended, or became a zombie, since it was listed
                return False

        def workers():
            return [child for child in parent.children() if works(child)]

        until(lambda: len(workers()) == 2, "starting two workers")
        ended, statuses, broken = threading.Event(), [], []

        def ask():
            with httpx.Client(base_url=running.url, timeout=60) as http:
                while not ended.is_set():
                    try:
                        statuses.append(http.get("/forecast/AAPL").status_code)
                    except httpx.HTTPError as error:  # a connection that the killed one held
                        broken.append(error)

        asking = [threading.Thread(target=ask) for _ in range(4)]
        for thread in asking:
            thread.start()
        try:
            victim = workers()[0]
            victim.kill()
            until(lambda: len(workers()) == 2 and victim not in workers(), "replacing the killed worker")
            before = len(statuses)
            until(lambda: len(statuses) > before + 50, "answering after the worker was replaced")
        finally:
            ended.set()
            for thread in asking:
                thread.join(60)
        assert set(statuses) == {200}
        assert len(broken) <= len(asking)
        # Metrics are of all workers together.
        text = running.get("/metrics").text
        total = sum(
            float(line.split()[-1])
            for line in text.splitlines()
            if line.startswith('gnn_http_requests_total{route="/forecast/{symbol}"')
        )
        assert total >= len(statuses) * 0.5
        assert running.stop() in (0, -signal.SIGTERM)
    assert not [line for line in running.log if "Traceback" in line], running.log


@posix
def test_workers_end_when_the_process_that_started_them_is_killed(registry, prices_dir, tmp_path):
    with process(registry.root, prices_dir, "--workers", "2", "--no-on-demand", cwd=tmp_path) as running:
        children = psutil.Process(running.process.pid).children(recursive=True)
        assert len(children) >= 2
        running.process.kill()
        running.process.wait(60)
        until_ended(children)


def test_a_port_that_is_taken_is_said_and_is_not_a_traceback(trained_dir, prices_dir, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "tickgraph",
                "serve",
                "--port",
                str(port),
                "--models-dir",
                str(trained_dir),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            cwd=tmp_path,
            env={**os.environ, **BRIEF},
        )
    assert done.returncode == 2
    assert (
        f"Cannot listen on 127.0.0.1:{port}: another program does. Stop it, or choose another" in done.stderr
    )
    assert "--port" in done.stderr
    assert "serving" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_worker_process_may_take_half_a_minute_to_import_before_it_is_replaced():
    """uvicorn gives 5 s by default; on a busy machine no worker would ever begin."""
    assert configuration("some:application", Settings()).timeout_worker_healthcheck >= 30


def test_without_models_it_starts_answers_by_momentum_and_says_what_to_do(prices_dir, tmp_path):
    with process(tmp_path / "none", prices_dir, "--no-on-demand", cwd=tmp_path) as running:
        assert any("Run: tickgraph train" in line for line in running.log)
        assert running.get("/forecast/AAPL").json()["status"] == "momentum"
        assert running.get("/forecast/all").json()["forecasts"] == {}


def test_bad_settings_stop_it_before_it_listens(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tickgraph", "serve", "--rate-limit", "often"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=tmp_path,
        env={**os.environ, "TICKGRAPH_SERVE__API_KEYS": '["short"]'},
    )
    assert done.returncode == 2
    assert "at least 16 characters" in done.stderr
    assert "short" not in done.stderr.replace("shortest", "")
