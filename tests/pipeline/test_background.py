"""Worker processes are real: they are started, used, killed."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from concurrent.futures import Future

import pytest

from tickgraph.errors import PriceDataError
from tickgraph.market.store import PriceStore
from tickgraph.model.weights import weight_shapes
from tickgraph.pipeline.background import Background, QueueFullError
from tickgraph.pipeline.jobs import KEPT, Job, JobBoard, new_id
from tickgraph.pipeline.train import train_one
from tickgraph.pipeline.workplace import Workplace
from tickgraph.registry.registry import ModelRegistry

WAIT = 120


@pytest.fixture
def workplace(registry, prices_dir, config):
    return Workplace(registry.root, prices_dir, training=config)


@pytest.fixture
def background(workplace, tmp_path):
    made = Background(workplace, tmp_path / "runtime", max_waiting=3)
    yield made
    made.close()


class _HandDriven:
    """Stands for the pool of processes: work ends when and as the test says."""

    def __init__(self):
        self.futures: list[Future] = []
        self.was_shut_down = threading.Event()

    def submit(self, *_):
        self.futures.append(Future())
        self.futures[-1].set_running_or_notify_cancel()
        return self.futures[-1]

    def shutdown(self, *, wait, cancel_futures=False):
        self.was_shut_down.set()


@pytest.fixture
def by_hand(background):
    background._pool = pool = _HandDriven()
    return pool


def over(job, **changes):
    return job.model_copy(update={"state": "done", "completed": 1, **changes}), 1


def test_a_model_trained_in_the_background_is_the_one_trained_ahead(background, registry, panel, program):
    ended = []
    background._on_end = lambda job, compilations: ended.append((job.symbol, compilations))
    job = background.train("TSLA", None)
    assert background.ended(job).result(WAIT).state == "done"
    here = ModelRegistry(registry.root.parent / "here")
    train_one(panel, "TSLA", panel.symbols, program, here)
    there = registry.load("TSLA", weight_shapes)
    ahead = here.load("TSLA", weight_shapes)
    assert there.metadata.training_config == ahead.metadata.training_config
    for path, value in ahead.weights.items():
        assert value == pytest.approx(there.weights[path], abs=1e-5), path
    # A second symbol is trained by the same process with the same compiled program.
    second = background.train("META", None)
    assert background.ended(second).result(WAIT).state == "done"
    assert ended == [("TSLA", 1), ("META", 1)]


def test_a_killed_worker_is_replaced_and_its_job_done(background, registry):
    first = background.train("TSLA", None)
    background.ended(first).result(WAIT)
    (worker,) = background._pool._processes.values()
    job = background.train("META", None)
    os.kill(worker.pid, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    assert background.ended(job).result(WAIT).state == "done"
    assert registry.generation("META") is not None


def test_a_symbol_is_trained_once_however_many_ask(background, by_hand):
    jobs = [background.train("TSLA", None) for _ in range(100)]
    assert len({job.id for job in jobs}) == 1
    assert len(by_hand.futures) == 1
    assert background.running("TSLA").id == jobs[0].id
    by_hand.futures[0].set_result(over(jobs[0]))
    assert background.running("TSLA") is None
    assert background.train("TSLA", None).id != jobs[0].id


def test_more_than_the_bound_is_refused(background, by_hand):
    jobs = [background.train(symbol, None) for symbol in ("TSLA", "META", "NVDA")]
    with pytest.raises(QueueFullError, match="3 background jobs are waiting"):
        background.train("AMZN", None)
    assert background.train("TSLA", None).id == jobs[0].id  # joining one is not one more
    assert background.waiting == 3
    by_hand.futures[1].set_result(over(jobs[1]))
    assert background.train("AMZN", None).symbol == "AMZN"


def test_what_cannot_be_trained_fails_with_the_reason_and_is_left_alone_for_a_while(background, by_hand):
    job = background.train("TSLA", None)
    ended = background.ended(job)
    failed, _ = over(job, state="failed", error="TSLA has too few sessions")
    by_hand.futures[0].set_result((failed, 0))
    assert ended.result(WAIT).error == "TSLA has too few sessions"
    assert background.recent_failure("TSLA").error == "TSLA has too few sessions"
    background._failed["TSLA"] = (failed, 0.0)  # as if its time had passed
    assert background.recent_failure("TSLA") is None


def test_a_fault_in_the_worker_is_heard_by_those_who_wait(background, by_hand):
    job = background.train("TSLA", None)
    ended = background.ended(job)
    by_hand.futures[0].set_exception(RuntimeError("unforeseen"))
    assert ended.result(WAIT).error == "RuntimeError: unforeseen"
    assert background.board.read(job.id).state == "failed"


def test_closing_ends_what_is_queued_and_takes_no_more(workplace, tmp_path):
    background = Background(workplace, tmp_path / "runtime")
    background._pool = pool = _HandDriven()
    job = background.train("TSLA", None)
    ended = background.ended(job)
    background.close()
    assert pool.was_shut_down.is_set()
    later = background.train("META", None)
    assert "shut down" in background.ended(later).result(WAIT).error
    pool.futures[0].set_result(over(job))
    assert ended.result(WAIT).state == "done"


def test_refreshing_reports_how_far_it_is(background, registry, prices_dir):
    job = background.refresh()
    assert background.refresh().id == job.id
    done = background.ended(job).result(WAIT)
    assert (done.state, done.completed, done.total) == ("done", 4, 4)
    assert background.board.read(job.id) == done


def test_training_asks_no_source_and_needs_stored_prices(workplace, program, tmp_path):
    from dataclasses import replace

    empty = replace(workplace, prices_dir=tmp_path / "nothing")
    with pytest.raises(PriceDataError, match="tickgraph prices update --symbols TSLA"):
        empty.train("TSLA", program)


def test_a_generation_published_meanwhile_is_not_trained_again(workplace, registry, tmp_path, monkeypatch):
    from tickgraph.pipeline import worker

    monkeypatch.setattr(Workplace, "train", lambda *_: pytest.fail("trained again"))
    job = Job(id=new_id(), kind="train", symbol="AAPL")
    done, _ = worker.run(workplace, tmp_path / "jobs", job, "the generation before")
    assert done.state == "done"


def test_the_board_survives_what_others_leave_in_its_folder(tmp_path):
    board = JobBoard(tmp_path)
    job = board.write(Job(id=new_id(), kind="train", symbol="AAPL"))
    (tmp_path / "broken.json").write_text("{")
    assert board.all() == [job]
    assert board.read("broken") is None
    for name in ("../../etc/passwd", "..", "", "a/b", "ä", "nothing"):
        assert board.read(name) is None


def test_the_board_keeps_the_newest_and_all_that_runs(tmp_path):
    board = JobBoard(tmp_path)
    running = board.write(Job(id=new_id(), kind="refresh", state="running"))
    ended = [board.write(Job(id=new_id(), kind="refresh", state="done")) for _ in range(KEPT + 5)]
    board.trim()
    left = board.all()
    assert len(left) == KEPT + 1
    assert left[-1] == running
    assert left[0] == ended[-1]


def test_a_job_on_a_full_disk_is_an_error_that_says_so(background, monkeypatch, tmp_path):
    from tickgraph import atomic
    from tickgraph.errors import StorageError

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic.os, "replace", full)
    with pytest.raises(StorageError, match="No space left"):
        background.train("TSLA", None)
    monkeypatch.undo()
    assert background.waiting == 0
    assert not [path for path in (tmp_path / "runtime").rglob("*") if path.is_file()]


def test_prices_of_the_store_alone_are_enough(workplace, prices_dir, tmp_path, program, config):
    """Peers come from what is stored: a store with few symbols trains with few peers."""
    from dataclasses import replace

    few = tmp_path / "few"
    (few / "sample").mkdir(parents=True)
    for symbol in ("AAPL", "MSFT", "JPM", "XOM", "TSLA", "META"):
        shutil.copy(prices_dir / "sample" / f"{symbol}.parquet", few / "sample")
    for path in prices_dir.iterdir():
        if path.is_file():
            shutil.copy(path, few)
    assert set(PriceStore(few).symbols("sample")) == {"AAPL", "MSFT", "JPM", "XOM", "TSLA", "META"}
    there = replace(workplace, prices_dir=few, models_dir=tmp_path / "trained")
    there.train("TSLA", program)
    stored = ModelRegistry(tmp_path / "trained").load("TSLA", weight_shapes)
    assert set(stored.metadata.training_config.correlated_symbols) == {"AAPL", "MSFT", "JPM", "XOM", "META"}
