"""Jobs that fail, workers that die, services that stop: whoever waits hears of it, and no other job suffers."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hand_driven import WAIT, HandDriven, over
from tickgraph import storage
from tickgraph.errors import StorageError
from tickgraph.pipeline.background import Background
from tickgraph.pipeline.jobs import Job, new_id
from tickgraph.pipeline.workers import WorkerDied


def only(by_hand):
    """Give the one job that has begun and not ended, once all that follows from the last end was done."""
    for _ in range(2):
        futures = by_hand.futures
    (future,) = [one for one in futures if not one.done()]
    return future


@pytest.fixture
def one_worker(background, by_hand):
    background._workers = 1
    return by_hand


def test_too_many_open_files_refuse_a_job_with_a_remedy_and_leave_no_trace(
    background, one_worker, monkeypatch
):
    def refused(*_, **__):
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as broken:
        broken.setattr(storage.os, "open", refused)
        with pytest.raises(StorageError, match="ulimit -n"):
            background.train("TSLA", None)
    assert background.waiting == 0
    assert background.recent_failure("TSLA") is None
    assert background.train("TSLA", None).state == "queued"


def test_whatever_refuses_a_job_leaves_no_trace_of_it(background, one_worker, monkeypatch):
    def refused(*_):
        raise MemoryError

    with monkeypatch.context() as broken:
        broken.setattr(background.board, "trim", refused)
        with pytest.raises(MemoryError):
            background.train("TSLA", None)
    assert background.waiting == 0


def test_a_worker_that_cannot_be_asked_fails_the_job_and_not_the_next(background, one_worker, monkeypatch):
    def refused(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(one_worker, "submit", refused)
        job = background.train("TSLA", None)
        ended = background.ended(job)
        assert "No space left" in ended.result(WAIT).error
    assert background.waiting == 0
    next_one = background.train("META", None)
    ended = background.ended(next_one)
    only(one_worker).set_result(over(next_one))
    assert ended.result(WAIT).state == "done"


def test_a_job_that_kills_its_workers_fails_alone(background, one_worker):
    jobs = [background.train(symbol, None) for symbol in ("TSLA", "META", "NVDA")]
    ends = [background.ended(job) for job in jobs]
    for _ in range(2):
        only(one_worker).set_exception(WorkerDied("killed"))
    assert "died 2 times on this job" in ends[0].result(WAIT).error
    for job, ended in zip(jobs[1:], ends[1:], strict=True):
        only(one_worker).set_result(over(job))
        assert ended.result(WAIT).state == "done"


def test_a_success_ends_what_was_remembered_of_a_failure(background, by_hand):
    for number, (state, error) in enumerate((("failed", "too few sessions"), ("done", None))):
        job = background.train("TSLA", None)
        ended = background.ended(job)
        by_hand.futures[number].set_result(over(job, state=state, error=error))
        ended.result(WAIT)
        assert (background.recent_failure("TSLA") is None) == (state == "done")


def test_those_who_wait_hear_of_the_end_although_telling_others_failed(background, by_hand):
    def on_end(*_):
        raise OSError(28, "No space left on device")

    background._on_end = on_end
    job = background.train("TSLA", None)
    ended = background.ended(job)
    by_hand.futures[0].set_result(over(job))
    assert ended.result(WAIT).state == "done"
    assert background.waiting == 0


def test_a_job_that_ends_while_the_service_stops_is_recorded_as_it_ended(workplace, tmp_path, monkeypatch):
    background = Background(workplace, tmp_path / "runtime")
    background._pool = by_hand = HandDriven(background)
    running, queued = (background.train(symbol, None) for symbol in ("TSLA", "META"))
    ended, never_begun = background.ended(running), background.ended(queued)
    future = only(by_hand)
    monkeypatch.setattr(by_hand, "shutdown", lambda: future.set_result(over(running)))
    background.close()
    assert ended.result(0).state == "done"
    assert background.board.read(running.id).error is None
    assert "shut down before the job began" in never_begun.result(0).error


def test_a_job_whose_time_is_up_when_the_service_stops_says_so(workplace, tmp_path, monkeypatch):
    background = Background(workplace, tmp_path / "runtime")
    background._pool = by_hand = HandDriven(background)
    job = background.train("TSLA", None)
    ended, future = background.ended(job), only(by_hand)
    monkeypatch.setattr(by_hand, "shutdown", lambda: future.set_exception(WorkerDied("killed")))
    background.close()
    assert ended.result(0).error == "The service was shut down; the job was ended."
    assert len(by_hand._futures) == 1


def test_what_killed_processes_left_is_cleared_away(workplace, tmp_path):
    owners = tmp_path / "runtime" / "owners"
    killed = "import os, pathlib, sys; from tickgraph.pipeline.ownership import Ownership; "
    killed += "Ownership(pathlib.Path(sys.argv[1])).take(); os._exit(9)"
    subprocess.run([sys.executable, "-c", killed, str(owners)], check=False, timeout=WAIT)
    assert len(list(owners.iterdir())) == 1
    background = Background(workplace, tmp_path / "runtime")
    background.start()
    assert list(owners.iterdir()) == []
    background.close()


def test_the_board_is_kept_short_by_those_who_write_on_it(background, by_hand, monkeypatch):
    monkeypatch.setattr("tickgraph.pipeline.jobs.KEPT", 3)
    for _ in range(5):
        background.board.write(Job(id=new_id(), kind="refresh", state="done"))
    job = background.train("TSLA", None)
    assert len(background.board.all()) == 3
    assert background.board.all()[0] == job
