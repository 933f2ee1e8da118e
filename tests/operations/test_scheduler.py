from __future__ import annotations

import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest

from made_site import Clock
from tickgraph.operations.records import RefreshRun, RunLog
from tickgraph.operations.scheduler import Command, Scheduler
from tickgraph.operations.timetable import missed

MONDAY = datetime(2022, 11, 7, 11, tzinfo=UTC)  # 06:00 in New York, the day after the clocks went back
WAIT = 60


class Refresher:
    """Stands for the command: records a run for each due moment, and ends as the test says."""

    def __init__(self, operations_dir, now):
        self.runs, self.now = RunLog(operations_dir), now
        self.codes = []
        self.done = []
        self.finished = threading.Semaphore(0)

    def __call__(self):
        code = self.codes.pop(0) if self.codes else 0
        for due in missed(self.runs, self.now()):
            self.done.append((due.kind, due.at, code))
            self.runs.write(
                RefreshRun(
                    id=f"{len(list(self.runs.newest_first())):06}",
                    kind=due.kind,
                    due_at=due.at,
                    started_at=self.now(),
                    owner="here",
                    session=due.at.date(),
                    state="failed" if code else "done",
                )
            )
        self.finished.release()
        return code


@pytest.fixture
def clock():
    return Clock(MONDAY + timedelta(hours=1))


@pytest.fixture
def refresher(tmp_path, clock):
    return Refresher(tmp_path, clock)


def test_missed_runs_are_caught_up_once(tmp_path, refresher, clock):
    scheduler = Scheduler(tmp_path, refresher, now=clock)
    assert scheduler.catch_up() == 0
    assert [(kind, at) for kind, at, _ in refresher.done] == [
        ("weekly", datetime(2022, 11, 6, 7, tzinfo=UTC)), ("daily", MONDAY),
    ]  # fmt: skip
    scheduler.catch_up()
    assert len(refresher.done) == 2


def serving(scheduler):
    stop = threading.Event()
    thread = threading.Thread(target=scheduler.serve, args=(stop,), daemon=True)
    thread.start()
    return stop, thread


def test_a_real_scheduler_fires_once_at_the_due_moment(tmp_path, refresher, clock):
    """Its clock is a shifted one, by which the daily run is due in a moment; nothing else is."""
    Scheduler(tmp_path, refresher, now=clock).catch_up()
    refresher.done.clear()
    refresher.finished.acquire()
    shift = datetime(2022, 11, 8, 11, tzinfo=UTC) - datetime.now(UTC) - timedelta(seconds=0.4)
    refresher.now = lambda: datetime.now(UTC) + shift
    stop, thread = serving(Scheduler(tmp_path, refresher, now=refresher.now))
    assert refresher.finished.acquire(timeout=WAIT)
    stop.set()
    thread.join(WAIT)
    assert not thread.is_alive()
    assert refresher.done == [("daily", datetime(2022, 11, 8, 11, tzinfo=UTC), 0)]


def test_a_failed_run_is_tried_again_until_it_is_done(tmp_path, refresher, clock, caplog):
    caplog.set_level("INFO", "tickgraph.operations.scheduler")
    refresher.codes = [6, 1]
    retry = timedelta(milliseconds=10)
    stop, thread = serving(
        Scheduler(tmp_path, refresher, now=clock, first_retry=retry, last_retry=1.5 * retry)
    )
    for _ in range(3):
        assert refresher.finished.acquire(timeout=WAIT)
    stop.set()
    thread.join(WAIT)
    assert [code for kind, _, code in refresher.done if kind == "daily"] == [6, 1, 0]
    assert "exit code 6" in caplog.text
    assert "tried again in 0:00:00.010000" in caplog.text
    assert "tried again in 0:00:00.015000" in caplog.text


def test_a_command_that_cannot_be_run_ends_no_scheduler(tmp_path, clock, caplog):
    tried = threading.Semaphore(0)

    def broken():
        tried.release()
        raise OSError("no process")

    stop, thread = serving(
        Scheduler(tmp_path, broken, now=clock, first_retry=timedelta(0), last_retry=timedelta(0))
    )
    for _ in range(2):
        assert tried.acquire(timeout=WAIT)
    stop.set()
    thread.join(WAIT)
    assert "the refresh could not be run" in caplog.text


def test_runs_that_cannot_be_listed_for_a_while_are_looked_at_again(tmp_path, refresher, clock):
    """A disk that is away at the due moment costs no day."""
    (tmp_path / "runs").write_text("not a folder")
    looked = threading.Semaphore(0)

    def now():
        looked.release()
        return clock.moment

    retry = timedelta(milliseconds=10)
    stop, thread = serving(Scheduler(tmp_path, refresher, now=now, first_retry=retry, last_retry=retry))
    for _ in range(4):
        assert looked.acquire(timeout=WAIT)
    (tmp_path / "runs").unlink()
    assert refresher.finished.acquire(timeout=WAIT)
    stop.set()
    thread.join(WAIT)
    assert [kind for kind, _, _ in refresher.done] == ["weekly", "daily"]


def test_it_never_ceases_to_try_again(tmp_path, refresher, clock):
    refresher.codes = [1] * 4
    first, last = timedelta.max / 3, timedelta(milliseconds=50)  # twice doubled, longer than any duration
    stop, thread = serving(Scheduler(tmp_path, refresher, now=clock, first_retry=first, last_retry=last))
    for _ in range(5):
        assert refresher.finished.acquire(timeout=WAIT)
    stop.set()
    thread.join(WAIT)


def test_it_ends_although_it_is_told_to_while_it_plans(tmp_path, clock):
    stop, asked = threading.Event(), []

    def now():
        asked.append(1)
        if len(asked) == 3:  # after the refresh, while it plans the next
            stop.set()
        return clock.moment

    thread = threading.Thread(target=Scheduler(tmp_path, lambda: 1, now=now).serve, args=(stop,), daemon=True)
    thread.start()
    thread.join(WAIT)
    assert not thread.is_alive()
    assert stop.is_set()


def test_a_command_is_told_to_stop_and_started_no_more(tmp_path):
    ready = tmp_path / "ready"
    words = (
        "import pathlib, signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))\n"
        f"pathlib.Path({str(ready)!r}).touch()\n"
        "signal.pause()"
    )
    command = Command([sys.executable, "-c", words])
    codes = []
    thread = threading.Thread(target=lambda: codes.append(command()))
    thread.start()
    waited = threading.Event()
    while not ready.exists() and thread.is_alive():
        waited.wait(0.01)
    command.stop()
    thread.join(WAIT)
    assert codes == [5]
    assert command() == 0


def test_a_clock_that_was_set_back_puts_no_refresh_off(tmp_path, clock, refresher):
    """The next look was planned for a day years ahead; the loop reads the clock again and again."""
    looked, right = threading.Semaphore(0), clock.moment
    Scheduler(tmp_path, refresher, now=clock).catch_up()
    refresher.finished.acquire()
    clock.moment += timedelta(days=900)

    def now():
        looked.release()
        return clock.moment

    stop, thread = serving(Scheduler(tmp_path, refresher, now=now))
    assert refresher.finished.acquire(timeout=WAIT)
    refresher.done.clear()
    for moment in (right, right + timedelta(days=1)):
        clock.moment = moment
        while looked.acquire(blocking=False):
            pass
        for _ in range(2):  # it has seen the clock as it is now
            assert looked.acquire(timeout=WAIT)
    assert refresher.finished.acquire(timeout=WAIT)
    stop.set()
    thread.join(WAIT)
    assert not thread.is_alive()
    assert [at for _, at, _ in refresher.done] == [MONDAY + timedelta(days=1)]
