"""The service as a process: how it ends, where it listens, what it leaves."""

from __future__ import annotations

import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from real_service import process, until_ended

posix = pytest.mark.skipif(os.name == "nt", reason="signals and several processes are different on Windows")


def no_tracebacks(running):
    return not [line for line in running.log if "Traceback" in line or "leaked" in line]


@posix
def test_a_request_cut_off_by_the_end_is_told_and_training_ends_with_the_service(
    registry, prices_dir, tmp_path
):
    long = {"TICKGRAPH_TRAINING__EPOCHS": "10000", "TICKGRAPH_SERVE__DRAIN_SECONDS": "1"}
    with process(registry.root, prices_dir, cwd=tmp_path, **long) as running, ThreadPoolExecutor(1) as pool:
        assert running.get("/forecast/TSLA").json()["training_job"]
        parent = psutil.Process(running.process.pid)
        waiting = pool.submit(httpx.get, f"{running.url}/forecast/TSLA?wait=true", timeout=60)
        with httpx.Client(base_url=running.url) as http:
            while "gnn_requests_in_flight 1.0" not in http.get("/metrics").text:
                pass
        children = parent.children(recursive=True)
        assert running.stop() == 0
        answer = waiting.result(60)
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:tickgraph:problem:overloaded")
        assert "stopping" in answer.json()["detail"]
        assert "retry-after" in answer.headers
    until_ended(children)
    assert no_tracebacks(running), running.log
    assert registry.generation("TSLA") is None


@posix
def test_a_terminal_that_closes_ends_it_in_order(registry, prices_dir, tmp_path):
    with process(registry.root, prices_dir, "--no-on-demand", cwd=tmp_path) as running:
        assert running.get("/forecast/AAPL").status_code == 200
        assert running.stop(signal.SIGHUP) == 0
    assert any("Application shutdown complete" in line for line in running.log)
    assert no_tracebacks(running), running.log


@posix
def test_several_workers_leave_nothing_behind(registry, prices_dir, tmp_path):
    shared = registry.root / ".service" / "metrics"
    with process(registry.root, prices_dir, "--workers", "2", cwd=tmp_path) as running:
        waited = running.get("/forecast/TSLA?wait=true").json()
        assert waited["status"] == "trained-on-demand"
        assert list(shared.glob("*/counter_*.db"))
        assert running.stop() in (0, -signal.SIGTERM)
    assert not list(shared.iterdir())
    assert no_tracebacks(running), running.log
    assert list(Path(registry.root, ".service", "owners").glob("*.lock")) == []


def _has_ipv6():
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.skipif(not _has_ipv6(), reason="no IPv6 loopback here")
def test_it_can_listen_on_ipv6(trained_dir, prices_dir, tmp_path):
    places = {"TICKGRAPH_SERVE__RUNTIME_DIR": str(tmp_path / "runtime")}
    words = ("--host", "::1", "--no-on-demand")
    with process(trained_dir, prices_dir, *words, cwd=tmp_path, **places) as running:
        assert running.url.startswith("http://[::1]:")
        assert running.get("/forecast/AAPL").status_code == 200
