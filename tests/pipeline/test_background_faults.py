"""Jobs that fail, workers that die, services that stop: whoever waits hears of it, and no other job suffers."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool

import pytest

from hand_driven import WAIT, HandDriven, over
from tickgraph import atomic
from tickgraph.errors import StorageError
from tickgraph.pipeline.background import Background
from tickgraph.pipeline.jobs import Job, new_id


class Pools:
    """The pools that were started, one after the other."""

    def __init__(self, background):
        self._background = background
        self.made: list[HandDriven] = []
        self.words: list[dict] = []

    def __call__(self, *_, **words):
        self.made.append(HandDriven(self._background))
        self.words.append(words)
        return self.made[-1]

    def settle(self):
        """Wait until all that ended was heard of, and what follows from it was done."""
        for _ in range(2):
            self._background._dispatcher.submit(lambda: None).result(WAIT)

    def only(self):
        """Give the one job that the newest pool has not ended."""
        self.settle()
        (future,) = [one for one in self.made[-1]._futures if not one.done()]
        return future


@pytest.fixture
def pools(background, monkeypatch):
    made = Pools(background)
    monkeypatch.setattr("tickgraph.pipeline.background.ProcessPoolExecutor", made)
    return made


def test_too_many_open_files_refuse_a_job_with_a_remedy_and_leave_no_trace(background, pools, monkeypatch):
    def refused(*_, **__):
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as broken:
        broken.setattr(atomic.os, "open", refused)
        with pytest.raises(StorageError, match="ulimit -n"):
            background.train("TSLA", None)
    assert background.waiting == 0
    assert background.recent_failure("TSLA") is None
    assert background.train("TSLA", None).state == "queued"


def test_whatever_refuses_a_job_leaves_no_trace_of_it(background, pools, monkeypatch):
    def refused(*_):
        raise MemoryError

    with monkeypatch.context() as broken:
        broken.setattr(background.board, "trim", refused)
        with pytest.raises(MemoryError):
            background.train("TSLA", None)
    assert background.waiting == 0


def test_a_pool_that_cannot_be_started_fails_the_job_and_not_the_next(background, pools, monkeypatch):
    def refused(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("tickgraph.pipeline.background.ProcessPoolExecutor", refused)
        job = background.train("TSLA", None)
        ended = background.ended(job)
        assert "No space left" in ended.result(WAIT).error
    assert background.waiting == 0
    next_one = background.train("META", None)
    ended = background.ended(next_one)
    pools.only().set_result(over(next_one))
    assert ended.result(WAIT).state == "done"


def test_a_job_that_kills_its_workers_fails_alone(background, pools):
    jobs = [background.train(symbol, None) for symbol in ("TSLA", "META", "NVDA")]
    ends = [background.ended(job) for job in jobs]
    for _ in range(2):
        pools.only().set_exception(BrokenProcessPool("killed"))
    assert "died 2 times on this job" in ends[0].result(WAIT).error
    for job, ended in zip(jobs[1:], ends[1:], strict=True):
        pools.only().set_result(over(job))
        assert ended.result(WAIT).state == "done"


def test_a_pool_found_dead_before_a_job_began_is_none_of_the_jobs_deaths(background, pools, monkeypatch):
    dead = HandDriven(background)

    def refused(*_):
        raise BrokenProcessPool("killed before")

    monkeypatch.setattr(dead, "submit", refused)
    background._pool = dead
    job = background.train("TSLA", None)
    ended = background.ended(job)
    pools.only().set_exception(BrokenProcessPool("killed"))  # its first death: it is tried again
    pools.only().set_result(over(job))
    assert ended.result(WAIT).state == "done"
    assert dead.was_shut_down.is_set()


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
    background = Background(workplace, tmp_path / "runtime", grace_seconds=7)
    pools = Pools(background)
    monkeypatch.setattr("tickgraph.pipeline.background.ProcessPoolExecutor", pools)
    running, queued = (background.train(symbol, None) for symbol in ("TSLA", "META"))
    ended, never_begun = background.ended(running), background.ended(queued)
    future = pools.only()
    stopping, grace_seconds = pools.words[0]["initargs"]

    def shutdown(*, wait, cancel_futures):
        assert stopping.is_set()  # how a worker knows that it shall end
        future.set_result(over(running))

    monkeypatch.setattr(pools.made[0], "shutdown", shutdown)
    background.close()
    assert grace_seconds == 7
    assert ended.result(0).state == "done"
    assert background.board.read(running.id).error is None
    assert "shut down before the job began" in never_begun.result(0).error


def test_a_job_whose_time_is_up_when_the_service_stops_says_so(workplace, tmp_path, monkeypatch):
    background = Background(workplace, tmp_path / "runtime")
    pools = Pools(background)
    monkeypatch.setattr("tickgraph.pipeline.background.ProcessPoolExecutor", pools)
    job = background.train("TSLA", None)
    ended, future = background.ended(job), pools.only()
    kill = lambda **_: future.done() or future.set_exception(BrokenProcessPool("killed"))  # noqa: E731
    monkeypatch.setattr(pools.made[0], "shutdown", kill)
    background.close()
    assert ended.result(0).error == "The service was shut down; the job was ended."
    assert len(pools.made) == 1


def test_what_killed_processes_left_is_cleared_away(workplace, tmp_path):
    owners = tmp_path / "runtime" / "owners"
    killed = "import os, pathlib, sys; from tickgraph.pipeline.jobs import Ownership; "
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
