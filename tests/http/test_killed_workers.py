"""A training worker that the system kills: the service goes on, and still ends when it is told to."""

from __future__ import annotations

import os
import signal

import psutil
import pytest

from real_service import ADMIN, TOKEN, process, until, until_ended
from tickgraph.pipeline.jobs import JobBoard

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are different on Windows")


def niced(running):
    """Worker processes of a service: those that yield to it, whatever the tests themselves yield to."""
    found, service = [], psutil.Process(running.process.pid)
    for child in service.children(recursive=True):
        try:
            if child.nice() > service.nice() and child.status() != psutil.STATUS_ZOMBIE:
                found.append(child)
        except psutil.NoSuchProcess:  # it ended meanwhile
            continue
    return found


def test_a_worker_killed_twice_in_mid_job_fails_that_job_and_the_service_ends_in_order(
    registry, prices_dir, tmp_path
):
    slow = {"TICKGRAPH_TRAINING__EPOCHS": "10000", "TICKGRAPH_SERVE__DRAIN_SECONDS": "1"}
    with process(registry.root, prices_dir, cwd=tmp_path, **slow) as running:
        job = running.get("/forecast/TSLA").json()["training_job"]
        board = JobBoard(registry.root / ".service" / "jobs")
        for _ in range(2):
            (worker,) = until(lambda: niced(running), "starting the worker")
            until(lambda: board.read(job).state == "running", "beginning to train")
            worker.kill()
            until(lambda worker=worker: worker not in niced(running), "the worker's end")
        ended = until(lambda: (found := board.read(job)).over and found, "the end of the job")
        assert "died 2 times on this job" in ended.error
        assert running.get("/forecast/AAPL").json()["status"] == "pre-trained"
        assert running.stop() == 0, running.log
    assert not [line for line in running.log if "Traceback" in line], running.log


def test_idle_workers_that_were_killed_are_replaced_and_stopped_ones_hold_up_no_end_of_two_processes(
    registry, prices_dir, tmp_path
):
    settings = {"TICKGRAPH_SERVE__DRAIN_SECONDS": "1", "TICKGRAPH_SERVE__ADMIN_TOKEN": TOKEN}
    with process(registry.root, prices_dir, "--workers", "2", cwd=tmp_path, **settings) as running:
        board = JobBoard(registry.root / ".service" / "jobs")

        def published():
            job = running.http.post("/admin/correlations", headers=ADMIN).json()["id"]
            until(lambda: board.read(job).over, "the end of the job")
            assert board.read(job).error is None
            return niced(running)

        for worker in published():
            worker.kill()
        workers = published()
        for worker in workers:
            worker.send_signal(signal.SIGSTOP)
        assert running.stop() in (0, -signal.SIGTERM), running.log
    until_ended(workers)
    assert not [line for line in running.log if "Traceback" in line], running.log
