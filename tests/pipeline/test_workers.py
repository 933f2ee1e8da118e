"""Worker processes that are killed or stopped in every state: jobs go on, and the end comes within its bound."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import sys
import threading
from multiprocessing.connection import wait

import psutil
import pytest

from hand_driven import WAIT
from tickgraph.pipeline.workers import WorkerDied, Workers

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are different on Windows")


@pytest.fixture(autouse=True)
def _short_margin(monkeypatch):
    monkeypatch.setattr("tickgraph.pipeline.workers.MARGIN", 0.3)


@contextlib.contextmanager
def opened(**words):
    """Workers that must have shut down at the end, whatever became of their processes."""
    workers = Workers(**words)
    try:
        yield workers
    finally:
        ending = threading.Thread(target=workers.shutdown, daemon=True)
        ending.start()
        ending.join(WAIT)
        assert not ending.is_alive(), "it waits for a process that was killed"


def one_of(workers):
    """The one process, once it was started and has done something."""
    (pid,) = workers.processes
    return psutil.Process(pid)


def test_a_worker_killed_again_and_again_in_mid_job_fails_each_job_and_not_the_next():
    with opened(grace_seconds=0.1) as workers:
        for _ in range(2):
            with pytest.raises(WorkerDied, match="ended before its job did"):
                workers.submit(signal.raise_signal, signal.SIGKILL).result(WAIT)
        assert workers.submit(pow, 2, 3).result(WAIT) == 8


def test_a_worker_killed_while_idle_costs_no_job():
    with opened(grace_seconds=0.1) as workers:
        first = workers.submit(os.getpid).result(WAIT)
        (idle,) = workers._idle
        os.kill(first, signal.SIGKILL)
        assert wait([idle._process.sentinel], WAIT)
        assert workers.submit(os.getpid).result(WAIT) != first


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
def test_shutting_down_waits_for_no_worker_that_was(kind, busy):
    with opened(grace_seconds=0.1) as workers:
        workers.submit(os.getpid).result(WAIT)
        process = one_of(workers)
        job = workers.submit(signal.pause) if busy else None
        process.send_signal(kind)
    assert not psutil.pid_exists(process.pid) or process.status() == psutil.STATUS_ZOMBIE
    if job is not None:
        assert isinstance(job.exception(WAIT), WorkerDied)


def test_one_killed_worker_takes_no_other_with_it(tmp_path):
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    with opened(grace_seconds=0.1) as workers:
        first = workers.submit(os.getpid).result(WAIT)
        held = workers.submit(exec, f"open({str(begun)!r}, 'w').close(); import signal; signal.pause()")
        begun.read_bytes()
        with pytest.raises(WorkerDied):
            workers.submit(signal.raise_signal, signal.SIGKILL).result(WAIT)
        assert not held.done()
        assert first in workers.processes


def test_a_job_that_ends_within_the_grace_is_let_end(tmp_path):
    with opened(grace_seconds=WAIT) as workers:
        begun, go_on = tmp_path / "begun", tmp_path / "go on"
        os.mkfifo(begun)
        os.mkfifo(go_on)
        job = workers.submit(exec, f"open({str(begun)!r}, 'w').close(); open({str(go_on)!r}).close()")
        begun.read_bytes()
        (process,) = workers._busy
        process.stop()
        go_on.write_bytes(b"")
    assert job.result(0) is None


def test_an_error_in_a_worker_comes_back_and_the_worker_stays():
    with opened(grace_seconds=0.1) as workers:
        with pytest.raises(RuntimeError, match="ValueError: math domain error"):
            workers.submit(math.sqrt, -1).result(WAIT)
        assert len(workers.processes) == 1


def test_workers_end_when_their_service_is_killed():
    code = (
        "import os, signal, sys; from tickgraph.pipeline.workers import Workers; workers = Workers()\n"
        "idle = workers.submit(os.getpid).result()\n"
        "print(idle, flush=True); signal.raise_signal(signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, timeout=WAIT)
    assert done.returncode == -signal.SIGKILL
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(int(done.stdout)).wait(WAIT)
