"""Storage that does not answer, as a network mount whose server is gone: memory answers, and nothing waits for ever."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from hanging import Hanging
from real_service import BRIEF, here, process, settings_of
from tickgraph.market.store import PriceStore
from tickgraph.registry.registry import ModelRegistry
from tickgraph.serving.forecaster import Forecaster
from tickgraph.serving.watcher import Watcher

WAIT = 60
# The command line with a registry whose reads hang.
HANGS = (
    "import os, threading; from tickgraph.registry.registry import ModelRegistry\n"
    # Not by print: a thread that never comes back must not hold the lock of the stream that the exit flushes.
    "ModelRegistry.load = lambda *_: (os.write(1, b'reading\\n'), threading.Event().wait())\n"
    "from tickgraph.cli import main; main()"
)


@pytest.fixture
def mount(monkeypatch):
    """What holds models and prices; every read waits while it hangs."""
    hanging = Hanging()
    for owner, name in (
        (ModelRegistry, "load"),
        (ModelRegistry, "generation"),
        (ModelRegistry, "symbols"),
        (ModelRegistry, "metadata"),
        (PriceStore, "panel"),
        (PriceStore, "stamp"),
        (PriceStore, "symbols"),
    ):
        monkeypatch.setattr(owner, name, hanging.slow(getattr(owner, name)))
    yield hanging
    hanging.answer()


@pytest.fixture
def make(registry, prices_dir, config):
    return lambda **words: here(settings_of(registry.root, prices_dir, config, request_seconds=2, **words))


def until(condition):
    """Poll for what the watcher does."""
    for _ in range(6_000):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it did not happen")


def test_memory_answers_the_rest_is_503_and_all_is_well_once_storage_answers_again(make, mount):
    with make(threads=2) as service, ThreadPoolExecutor(8) as clients:
        before = service.get("/forecast/AAPL").json()
        mount.hang()
        assert mount.waiting.acquire(timeout=WAIT)  # the watcher
        cold = ["/forecast/JPM", "/forecast/MSFT", "/forecast/TSLA", "/forecast/NOSUCH"] * 3
        for answer in clients.map(service.get, cold):
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert service.get("/forecast/AAPL").json()["predicted_return"] == before["predicted_return"]
        assert service.get("/symbols").json()["count"] == 42
        several = service.get("/forecast/all").json()
        assert list(several["forecasts"]) == ["AAPL"]
        assert "storage does not answer" in several["failures"]["JPM"]["detail"].lower()
        service.service.watcher._silent_seconds = 0.1
        assert service.get("/health/ready").status_code == 503
        assert "storage does not answer" in service.get("/health/ready").json()["detail"]
        assert service.metric("gnn_watch_fault") == 1
        mount.answer()
        until(lambda: service.service.watcher.fault is None and service.service.threads.given_up == 0)
        service.service.watcher._silent_seconds = 30.0
        until(lambda: len(service.get("/forecast/all").json()["forecasts"]) == 4)


def test_reads_that_hang_cost_no_thread_of_those_that_answer_and_do_not_hold_up_the_end(make, mount):
    with make(threads=1) as service:
        service.get("/forecast/AAPL")
        mount.hang()
        assert mount.waiting.acquire(timeout=WAIT)  # the watcher
        for _ in range(3):
            assert service.get("/forecast/TSLA").status_code == 503
        assert service.service.threads.given_up == 0
        assert list(service.get("/forecast/all").json()["forecasts"]) == ["AAPL"]
    # It has stopped: `here` would not have ended.


def test_a_service_whose_storage_hangs_from_the_start_comes_up_and_says_so(
    registry, prices_dir, mount, monkeypatch
):
    monkeypatch.setattr("tickgraph.serving.watcher.START_SECONDS", 0.1)
    monkeypatch.setattr("tickgraph.serving.watcher.END_SECONDS", 0.1)
    mount.hang()
    watcher = Watcher(Forecaster(registry, PriceStore(prices_dir)))
    watcher.start()
    assert "has not been read yet" in watcher.fault
    watcher.stop()


@pytest.mark.skipif(os.name == "nt", reason="signals are different on Windows")
def test_a_signal_ends_a_service_whose_reads_hang(trained_dir, prices_dir, tmp_path):
    limits = {
        "TICKGRAPH_SERVE__REQUEST_SECONDS": "1.5",
        "TICKGRAPH_SERVE__DRAIN_SECONDS": "1",
        "TICKGRAPH_SERVE__RUNTIME_DIR": str(tmp_path / "runtime"),
    }
    with process(trained_dir, prices_dir, cwd=tmp_path, program=("-c", HANGS), **limits) as running:
        for symbol in ("AAPL", "MSFT"):
            assert running.get(f"/forecast/{symbol}").status_code == 503
        assert running.stop() == 0, running.log


@pytest.mark.skipif(os.name == "nt", reason="signals are different on Windows")
def test_ctrl_c_ends_a_command_whose_read_hangs(trained_dir, prices_dir, tmp_path):
    folders = ["--models-dir", str(trained_dir), "--prices-dir", str(prices_dir)]
    command = [sys.executable, "-c", HANGS, "predict", "AAPL", "--price", "130", *folders]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=tmp_path, env={**os.environ, **BRIEF}
    ) as started:
        assert started.stdout.readline() == "reading\n"
        try:
            started.send_signal(signal.SIGINT)
            assert started.wait(WAIT) == 130
        finally:
            started.kill()
