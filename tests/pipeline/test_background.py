"""Worker processes are real: they are started, used, killed."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest

from hand_driven import WAIT, HandDriven, over
from tickgraph.errors import PriceDataError
from tickgraph.market.store import PriceStore
from tickgraph.model.weights import weight_shapes
from tickgraph.pipeline.background import Background, QueueFullError
from tickgraph.pipeline.jobs import KEPT, Job, JobBoard, new_id
from tickgraph.pipeline.ownership import Ownership
from tickgraph.pipeline.train import train_one
from tickgraph.registry.registry import ModelRegistry


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
    assert ended == [("TSLA", 1), ("META", 0)]


def test_a_killed_worker_is_replaced_and_its_job_done(background, registry):
    first = background.train("TSLA", None)
    background.ended(first).result(WAIT)
    (worker,) = background._pool.processes
    job = background.train("META", None)
    os.kill(worker, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    assert background.ended(job).result(WAIT).state == "done"
    assert registry.generation("META") is not None


def test_a_symbol_is_trained_once_however_many_ask(background, by_hand):
    jobs = [background.train("TSLA", None) for _ in range(100)]
    assert len({job.id for job in jobs}) == 1
    assert len(by_hand.futures) == 1
    assert background.running("TSLA").id == jobs[0].id
    ended = background.ended(jobs[0])
    by_hand.futures[0].set_result(over(jobs[0]))
    assert ended.result(WAIT).state == "done"
    assert background.running("TSLA") is None
    assert background.train("TSLA", None).id != jobs[0].id


def test_more_than_the_bound_is_refused(background, by_hand):
    jobs = [background.train(symbol, None) for symbol in ("TSLA", "META", "NVDA")]
    with pytest.raises(QueueFullError, match="3 background jobs are waiting"):
        background.train("AMZN", None)
    assert background.train("TSLA", None).id == jobs[0].id  # joining one is not one more
    assert background.waiting == 3
    ended = background.ended(jobs[1])
    by_hand.futures[1].set_result(over(jobs[1]))
    ended.result(WAIT)
    assert background.train("AMZN", None).symbol == "AMZN"


def test_what_cannot_be_trained_fails_with_the_reason_and_is_left_alone_for_a_while(background, by_hand):
    job = background.train("TSLA", None)
    ended = background.ended(job)
    failed, _ = over(job, state="failed", error="TSLA has too few sessions")
    by_hand.futures[0].set_result((failed, 0))
    assert ended.result(WAIT).error == "TSLA has too few sessions"
    assert background.recent_failure("TSLA").error == "TSLA has too few sessions"
    background._failures._jobs["TSLA"] = (failed, 0.0)  # as if its time had passed
    assert background.recent_failure("TSLA") is None


def test_a_fault_in_the_worker_is_heard_by_those_who_wait(background, by_hand):
    job = background.train("TSLA", None)
    ended = background.ended(job)
    by_hand.futures[0].set_exception(RuntimeError("unforeseen"))
    assert ended.result(WAIT).error == "RuntimeError: unforeseen"
    assert background.board.read(job.id).state == "failed"


def test_closing_ends_what_is_queued_and_takes_no_more(workplace, tmp_path):
    background = Background(workplace, tmp_path / "runtime", workers=2)
    background._pool = pool = HandDriven(background)
    job = background.train("TSLA", None)
    ended = background.ended(job)
    pool.futures[0].set_result(over(job))
    queued = background.train("META", None)
    futures = pool.futures
    was_queued = background.ended(queued)
    futures[1].set_exception(CancelledError())  # as a pool that is shut down does with what it has not begun
    background.close()
    assert pool.was_shut_down.is_set()
    assert ended.result(WAIT).state == "done"
    assert "shut down" in was_queued.result(WAIT).error
    with pytest.raises(QueueFullError, match="shutting down"):
        background.train("NVDA", None)


def test_the_sign_of_a_live_process_is_its_own_whichever_thread_takes_it(tmp_path):
    owner, other = Ownership(tmp_path), Ownership(tmp_path)

    def in_thread(call):
        thread = threading.Thread(target=call, daemon=True)
        thread.start()
        thread.join(WAIT)
        assert not thread.is_alive(), "it waits for its own process"

    for _ in range(3):
        in_thread(owner.take)
    assert not other.is_gone(owner.id)
    in_thread(owner.give_up)
    assert other.is_gone(owner.id)
    assert list(tmp_path.glob("*.lock")) == []


def test_many_threads_can_ask_at_once(background):
    background._pool, background._max_waiting, background._workers = HandDriven(background), 100, 20
    symbols = [f"T{number}" for number in range(20)]
    with ThreadPoolExecutor(20) as threads:
        jobs = list(threads.map(lambda symbol: background.train(symbol, None), symbols, timeout=WAIT))
    assert [job.symbol for job in jobs] == symbols
    assert len(background._pool.futures) == 20
    for job, future in zip(jobs, background._pool.futures, strict=True):
        future.set_result((job.model_copy(update={"state": "done"}), 0))


def test_what_a_process_left_unfinished_is_ended_by_the_next(workplace, background, tmp_path):
    background._pool = HandDriven(background)
    mine = background.train("TSLA", None)
    left = background.board.write(Job(id=new_id(), kind="refresh", state="running", owner="no-such-owner"))
    other = Background(workplace, tmp_path / "runtime")
    other.start()
    assert other.board.read(mine.id).state == "queued"  # its process lives
    ended = other.board.read(left.id)
    assert (ended.state, ended.error) == ("failed", "The service ended before the job did.")
    other.close()


def test_refreshing_reports_how_far_it_is(background, registry, prices_dir):
    job = background.publish_correlations()
    assert background.publish_correlations().id == job.id
    done = background.ended(job).result(WAIT)
    assert (done.state, done.completed, done.total) == ("done", 4, 4)
    assert background.board.read(job.id) == done


def test_a_refresh_that_fails_for_some_says_how_far_it_came_and_why(background, registry):
    registry.paths("AAPL").weights.unlink()
    registry.paths("JPM").metadata.write_text("{}")
    done = background.ended(background.publish_correlations()).result(WAIT)
    assert (done.state, done.completed, done.total) == ("failed", 4, 4)
    assert "JPM" in done.failures
    assert "symbols failed" in done.error


def test_a_model_is_retrained_on_its_own_source(workplace, registry, program):
    from dataclasses import replace

    elsewhere = replace(workplace, source="yahoo")
    assert elsewhere.train("AAPL", program).data_stats.source == "sample"
    with pytest.raises(PriceDataError, match="source 'yahoo'"):
        elsewhere.train("TSLA", program)


def test_training_asks_no_source_and_needs_stored_prices(workplace, program, tmp_path):
    from dataclasses import replace

    empty = replace(workplace, prices_dir=tmp_path / "nothing")
    with pytest.raises(PriceDataError, match="tickgraph prices update --symbols TSLA"):
        empty.train("TSLA", program)


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
    from tickgraph import storage
    from tickgraph.errors import StorageError

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storage.os, "replace", full)
    with pytest.raises(StorageError, match="No space left"):
        background.train("TSLA", None)
    monkeypatch.undo()
    assert background.waiting == 0
    assert not [
        path for path in (tmp_path / "runtime").rglob("*") if path.suffix != ".lock" and path.is_file()
    ]


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
