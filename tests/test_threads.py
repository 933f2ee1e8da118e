"""Calls that hang: their threads are replaced up to a bound, and nobody waits for them at the end."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from tickgraph.threads import ClosedError, HungError, Loop, Threads

WAIT = 60


@pytest.fixture
def hung():
    """An event that calls wait for; it comes at the end of the test."""
    storage = threading.Event()
    yield storage
    storage.set()


def hang(threads, storage):
    """Have a call begin and hang."""
    begun = threading.Event()
    future = threads.submit(lambda: (begun.set(), storage.wait(WAIT)))
    assert begun.wait(WAIT)
    return future


def test_a_call_that_was_given_up_has_its_thread_replaced_up_to_a_bound_and_gives_it_back(hung):
    threads = Threads(2, "test", spare=1)
    stuck = [hang(threads, hung), hang(threads, hung)]
    waiting = threads.submit(lambda: "answered")
    threads.give_up(stuck[0])
    assert waiting.result(WAIT) == "answered"
    stuck.append(hang(threads, hung))
    for future in stuck[1:]:
        threads.give_up(future)
    assert threads.given_up == 3
    with pytest.raises(HungError, match="3 calls that read it hang"):
        threads.submit(lambda: "refused")
    hung.set()
    for future in stuck:
        future.result(WAIT)
    assert threads.settle(WAIT)
    assert threads.submit(lambda: "again").result(WAIT) == "again"
    with threads._changed:
        assert threads._threads <= 2


def test_a_call_that_has_not_begun_is_taken_back(hung):
    threads = Threads(1, "test")
    hang(threads, hung)
    waiting = threads.submit(lambda: pytest.fail("it was taken back"))
    threads.give_up(waiting)
    assert waiting.cancelled()
    assert threads.given_up == 0


def test_closing_drops_what_waits_and_waits_only_so_long(hung):
    threads = Threads(1, "test")
    hang(threads, hung)
    waiting = threads.submit(lambda: pytest.fail("it was dropped"))
    threads.close(0.01)
    assert waiting.cancelled()
    with pytest.raises(ClosedError):
        threads.submit(lambda: None)


def test_an_error_reaches_who_waits_and_the_thread_goes_on():
    threads = Threads(1, "test")
    with pytest.raises(ZeroDivisionError):
        threads.submit(lambda: 1 / 0).result(WAIT)
    assert threads.submit(lambda: 2).result(WAIT) == 2


def test_a_process_ends_although_a_call_hangs():
    code = (
        "import threading; from tickgraph.threads import Threads; begun = threading.Event()\n"
        "Threads(1, 'test').submit(lambda: (begun.set(), threading.Event().wait())); begun.wait()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=WAIT)


def test_a_loop_steps_at_once_and_after_a_nudge_and_no_more_once_it_is_stopped():
    steps = threading.Semaphore(0)
    loop = Loop(steps.release, 3600, "test")
    assert not loop.started
    loop.start()
    assert steps.acquire(timeout=WAIT)
    loop.nudge()
    assert steps.acquire(timeout=WAIT)
    loop.stop(WAIT)
    loop.nudge()
    assert loop.started
    assert not steps.acquire(blocking=False)


def test_a_loop_may_wait_before_its_first_step():
    steps = threading.Semaphore(0)
    loop = Loop(steps.release, 3600, "test", last=True)
    loop.start(at_once=False)
    loop.stop(WAIT)
    assert steps.acquire(timeout=WAIT)  # the last step
    assert not steps.acquire(blocking=False)


def test_a_loop_whose_step_hangs_holds_up_no_stop(hung):
    begun = threading.Event()
    loop = Loop(lambda: (begun.set(), hung.wait(WAIT)), 3600, "test")
    loop.start()
    assert begun.wait(WAIT)
    loop.stop(0.01)
