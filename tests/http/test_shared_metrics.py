"""Metrics of several processes, whatever becomes of the folder that they share."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest
from prometheus_client.mmap_dict import MmapedDict

from hanging import Hanging
from real_service import here, process, settings_of
from tickgraph.http import request_threads, shared_metrics
from tickgraph.http.shared_metrics import folder_of_a_service

posix = pytest.mark.skipif(os.name == "nt", reason="several processes are different on Windows")

TOTAL = "gnn_cache_misses_total"


def until(met, seconds=60.0):
    """What ``met`` gives, once that is something."""
    end = time.monotonic() + seconds
    while not (found := met()):
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)
    return found


def spawned(running):
    """Processes that answer."""
    found = set()
    for child in psutil.Process(running.process.pid).children():
        with contextlib.suppress(psutil.Error):  # it has been killed
            if "spawn_main" in " ".join(child.cmdline()):
                found.add(child.pid)
    return found


def started(running):
    """How many processes have begun to answer so far."""
    return sum("Application startup complete" in line for line in running.log)


def ask(running, path):
    """Ask over a connection of its own: another process may answer each time."""
    try:
        return httpx.get(f"{running.url}{path}", timeout=60)
    except httpx.TransportError:  # of a process that is being killed
        return None


@posix
def test_a_service_outlives_its_folder_of_metrics_and_its_workers(registry, prices_dir, tmp_path):
    shared = registry.root / ".service" / "metrics"
    words = ("--workers", "2", "--no-on-demand")
    with process(registry.root, prices_dir, *words, cwd=tmp_path) as running:
        until(lambda: started(running) == 2)
        running.get("/forecast/AAPL")
        assert f'{TOTAL}{{symbol="AAPL"}} 1.0' in running.get("/metrics").text
        (folder,) = (path for path in shared.iterdir() if path.is_dir())
        shutil.rmtree(shared)  # what a cleaner of old files does
        told = until(lambda: ask(running, "/metrics"))
        assert told.status_code == 200
        # Each process writes all that it has counted into the folder again.
        until(lambda: f'{TOTAL}{{symbol="AAPL"}} 1.0' in ask(running, "/metrics").text)
        assert folder.is_dir()
        before = spawned(running)
        shutil.rmtree(shared)
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        until(lambda: started(running) == 4)  # each has been replaced
        answer = until(lambda: ask(running, "/forecast/AAPL"))
        assert answer.status_code == 200
        assert until(lambda: ask(running, "/metrics")).status_code == 200
        assert running.stop() in (0, -signal.SIGTERM)
    assert not [line for line in running.log if "Traceback" in line], running.log
    assert not [path for path in shared.glob("*") if path.is_dir()]


def test_one_process_needs_no_folder(registry, prices_dir, tmp_path):
    places = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "none")}
    with process(registry.root, prices_dir, "--no-on-demand", cwd=tmp_path, **places) as running:
        assert "gnn_requests_in_flight" in running.get("/metrics").text
    assert not (tmp_path / "none").exists()


WITHOUT = """
import os, shutil, sys
from pathlib import Path
from tickgraph.errors import StorageError
from tickgraph.http.metrics import ServiceMetrics
folder = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])

def told():
    try:
        return metrics.expose().decode()
    except StorageError as error:
        return str(error)

folder.parent.touch()  # a file where the folder's parent belongs: it cannot be made
metrics = ServiceMetrics()
metrics.in_flight.inc()
metrics.hit("AAPL")
metrics.answered(0.001, cached=True)
assert "cannot be kept" in told(), told()
metrics.looked()
folder.parent.unlink()
metrics.in_flight.inc()  # nobody has looked: it is kept in memory
text = told()
for line in (
    "gnn_requests_in_flight 2.0", 'cache_hits_total{symbol="_other"} 1.0', 'latency_seconds_count{cached="true"} 1.0'
):
    assert line in text, text

next(folder.glob("counter_*.db")).unlink()  # a cleaner takes single files, too
metrics.hit("AAPL")
metrics.in_flight.dec()
text = told()
assert 'gnn_cache_hits_total{symbol="_other"} 2.0' in text, text
assert "gnn_requests_in_flight 1.0" in text, text

shutil.rmtree(folder)
metrics.prices_kept("new", ValueError())  # a label, and so a value, that is new
metrics.fallbacks.labels("new").inc()
metrics.looked()
text = told()
assert 'gnn_price_read_failures_total{source="new"} 1.0' in text, text
assert 'gnn_cache_hits_total{symbol="_other"} 2.0' in text, text

if hasattr(os, "posix_fallocate"):  # a full disk: to write into a mapped file without space of its own ends a process
    def full(*_):
        raise OSError(28, "No space left on device")

    usual, os.posix_fallocate = os.posix_fallocate, full
    shutil.rmtree(folder)
    metrics.looked()
    metrics.hit("AAPL")
    assert "No space left" in told(), told()
    assert not [path for path in folder.glob("*.db") if path.stat().st_size]
    os.posix_fallocate = usual
    text = told()
    assert 'gnn_cache_hits_total{symbol="_other"} 3.0' in text, text
    assert all(path.stat().st_blocks * 512 >= path.stat().st_size > 0 for path in folder.glob("*.db"))

(folder / "counter_999999.db").write_bytes(b"cut off")
assert "cannot be read" in told(), told()
"""


def test_without_its_folder_a_process_counts_in_memory_and_goes_on_with_all_of_it(tmp_path):
    places = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "taken" / "metrics")}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT], env=places, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def disk(monkeypatch):
    """The disk of the folder of metrics; it opens no file while it hangs."""
    hanging = Hanging()
    monkeypatch.setattr(shared_metrics, "MmapedDict", hanging.slow(MmapedDict))
    yield hanging
    hanging.answer()


def test_a_folder_that_hangs_costs_the_metrics_and_nothing_else(
    registry, prices_dir, config, tmp_path, monkeypatch, disk
):
    folder = tmp_path / "metrics"
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(folder))
    monkeypatch.setattr(request_threads, "SPARE_SCRAPES", 0)
    with here(settings_of(registry.root, prices_dir, config, request_seconds=2)) as service:
        service.get("/forecast/AAPL")
        assert f'{TOTAL}{{symbol="AAPL"}} 1.0' in service.get("/metrics").text
        disk.hang()
        shutil.rmtree(folder)  # so that each file is opened again
        assert disk.waiting.acquire(timeout=60)
        for said in (f"{folder}, did not answer within 1 s", "1 calls that read it hang"):
            answer = service.get("/metrics")
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            assert answer.json()["type"] == "urn:tickgraph:problem:storage-failed"
            assert said in answer.json()["detail"]
        assert service.get("/symbols/NOSUCH").status_code == 404  # a status, and so a value, that is new
        assert service.get("/forecast/JPM").status_code == 200
        assert service.get("/health/ready").status_code == 200
        looks = service.service.metrics.last_look._value.get
        before = looks()
        until(lambda: looks() > before)
        disk.answer()
        until(lambda: service.get("/metrics").status_code == 200)
        assert f'{TOTAL}{{symbol="JPM"}} 1.0' in service.get("/metrics").text
        service.get("/forecast/XOM")
    (counters,) = folder.glob("counter_*.db")  # written once more at the end
    written = {key: value for key, value, *_ in MmapedDict.read_all_values_from_file(counters)}
    assert [value for key, value in written.items() if TOTAL in key and "XOM" in key] == [1.0]


def test_services_share_no_folder_and_clear_away_what_killed_ones_left(tmp_path, monkeypatch):
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    shared = tmp_path / "metrics"
    shared.mkdir()
    (shared / "dead").mkdir()
    (shared / "dead" / "counter_1.db").touch()
    (shared / "dead.lock").touch()  # which nobody holds
    (shared / "a person's").mkdir()
    with folder_of_a_service(tmp_path) as first:
        assert os.environ["PROMETHEUS_MULTIPROC_DIR"] == str(first)
        del os.environ["PROMETHEUS_MULTIPROC_DIR"]  # as in a process of its own
        with folder_of_a_service(tmp_path) as second:
            assert first != second
            assert first.is_dir()
            assert not list(second.iterdir())
        assert {path.name for path in shared.iterdir() if path.is_dir()} == {first.name, "a person's"}
    assert [path.name for path in shared.iterdir()] == ["a person's"]


def test_a_folder_named_in_the_environment_is_where_that_of_the_service_lies(tmp_path, monkeypatch):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "mine"))
    with folder_of_a_service(tmp_path / "runtime") as folder:
        assert folder.parent == tmp_path / "mine"
    assert os.environ["PROMETHEUS_MULTIPROC_DIR"] == str(tmp_path / "mine")
    assert not (tmp_path / "runtime").exists()


def test_where_the_runtime_folder_cannot_be_written_metrics_are_kept_elsewhere(tmp_path, monkeypatch):
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    (tmp_path / "metrics").write_text("a file")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with folder_of_a_service(tmp_path) as folder:
        assert folder.is_dir()
        assert folder.parent == tmp_path
    assert not Path(folder).exists()
    assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ
