"""What a worker process does, done in this process."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
from filelock import FileLock

from hand_driven import WAIT
from tickgraph.market.calendar import exchange
from tickgraph.market.universe import add_aliases, canonical
from tickgraph.model.weights import weight_shapes
from tickgraph.pipeline import state_of_the_day, worker
from tickgraph.pipeline.jobs import Job, new_id
from tickgraph.pipeline.workplace import Workplace


class Stopping:
    """An event that is set when it was asked a number of times."""

    def __init__(self, after):
        self._left = after
        self.asked = threading.Semaphore(0)

    def is_set(self):
        self._left -= 1
        self.asked.release()
        return self._left < 0


@pytest.fixture
def run(workplace, tmp_path, monkeypatch):
    """Run a job in a thread of the test's; gives what it becomes and its stopping event."""

    def started(kind, symbol=None, basis=None, *, stops_after=1000):
        stopping, ended = Stopping(stops_after), []
        monkeypatch.setattr(worker, "_stopping", stopping)
        job = Job.model_validate({"id": new_id(), "kind": kind, "symbol": symbol})
        call = lambda: ended.append(worker.run(workplace, tmp_path / "jobs", job, basis)[0])  # noqa: E731
        thread = threading.Thread(target=call, daemon=True)
        thread.start()

        def outcome():
            thread.join(WAIT)
            assert not thread.is_alive(), "it waits for ever"
            return ended[0]

        return outcome, stopping

    return started


@pytest.fixture
def elsewhere(tmp_path):
    """The lock that another process holds while it trains TSLA."""
    (tmp_path / "training").mkdir()
    lock = FileLock(tmp_path / "training" / "TSLA.lock", thread_local=False)
    with lock:
        yield lock


@pytest.fixture
def no_training(monkeypatch):
    monkeypatch.setattr(Workplace, "train", lambda *_: pytest.fail("it trained"))


def test_a_job_that_begins_when_the_service_stops_is_not_done(run, no_training):
    outcome, _ = run("train", "TSLA", stops_after=0)
    assert (outcome().state, outcome().error) == ("failed", "The service was shut down before the job began.")


def test_a_symbol_that_another_process_trains_is_waited_for_and_not_trained_again(
    run, elsewhere, registry, no_training
):
    outcome, stopping = run("train", "TSLA")
    for _ in range(2):  # when it begins, and when it finds the lock held
        assert stopping.asked.acquire(timeout=WAIT)
    stored = registry.load("AAPL", weight_shapes)
    config = stored.metadata.training_config
    peers = tuple("AAPL" if peer == "TSLA" else peer for peer in config.correlated_symbols)
    config = config.model_copy(update={"correlated_symbols": peers})
    metadata = stored.metadata.model_copy(update={"symbol": "TSLA", "training_config": config})
    registry.publish(metadata, stored.weights, stored.correlation)
    elsewhere.release()
    assert (outcome().state, outcome().error) == ("done", None)


def test_a_symbol_that_another_process_trains_is_waited_for_only_until_the_service_stops(
    run, elsewhere, no_training
):
    outcome, _ = run("train", "TSLA", stops_after=2)
    assert outcome().state == "failed"
    assert "shut down while another process trained the symbol" in outcome().error


def test_a_refresh_stops_between_two_symbols(run):
    outcome, _ = run("refresh", stops_after=2)
    assert outcome().state == "failed"
    assert "what was refreshed before is kept" in outcome().error
    assert 1 <= outcome().completed < outcome().total == 4


def test_a_retrain_trains_although_a_refresh_came_between(
    workplace, registry, program, tmp_path, monkeypatch
):
    basis = workplace.basis("AAPL")
    stored = registry.load("AAPL", weight_shapes)
    as_of = stored.metadata.correlations.as_of
    registry.publish_correlation("AAPL", stored.correlation, as_of, basis=stored.metadata)
    assert registry.generation("AAPL") != stored.generation
    monkeypatch.setattr(worker, "program_for", lambda _: program)
    before = registry.metadata("AAPL").training_date
    done, _ = worker.run(workplace, tmp_path / "jobs", Job(id=new_id(), kind="train", symbol="AAPL"), basis)
    assert (done.state, done.error) == ("done", None)
    assert registry.metadata("AAPL").training_date > before


def test_a_generation_published_meanwhile_is_not_trained_again(workplace, registry, tmp_path, monkeypatch):
    monkeypatch.setattr(Workplace, "train", lambda *_: pytest.fail("trained again"))
    job = Job(id=new_id(), kind="train", symbol="AAPL")
    done, _ = worker.run(workplace, tmp_path / "jobs", job, "the weights before")
    assert done.state == "done"


def test_a_worker_is_told_the_former_names_that_its_service_knows(workplace, tmp_path):
    job = Job.model_validate({"id": new_id(), "kind": "refresh"})
    try:
        worker.run(replace(workplace, aliases={"OLDCO": "NEWCO"}), tmp_path / "jobs", job, None)
        assert canonical("OLDCO") == "NEWCO"
    finally:
        add_aliases({})


def test_the_exchange_in_force_is_the_workplaces(workplace, tmp_path):
    london = replace(workplace, exchange="XLON", prices_dir=tmp_path / "none")
    job = Job.model_validate({"id": new_id(), "kind": "train", "symbol": "AAPL"})
    worker.run(london, tmp_path / "jobs", job, None)
    assert exchange() == "XLON"


def test_new_correlations_bring_the_universes_state_of_the_day(drawn, ahead, prices_dir, tmp_path):
    drawn.universe.publish_state(replace(drawn.universe.state("sample"), session=np.datetime64("2022-12-29")))
    workplace = Workplace(drawn.root, prices_dir, training=ahead)
    job, _ = worker.run(workplace, tmp_path / "jobs", Job(id=new_id(), kind="refresh"), None)
    assert (job.state, job.error) == ("done", None)
    state = drawn.universe.state("sample")
    assert (state.session, len(state.symbols)) == (np.datetime64("2022-12-30"), 42)


def test_a_state_that_cannot_be_renewed_fails_the_job_and_no_correlations(
    drawn, ahead, prices_dir, tmp_path, monkeypatch
):
    def fail(*_):
        raise ValueError("a fault")

    monkeypatch.setattr(state_of_the_day, "universe_state", fail)
    workplace = Workplace(drawn.root, prices_dir, training=ahead)
    job, _ = worker.run(workplace, tmp_path / "jobs", Job(id=new_id(), kind="refresh"), None)
    assert (job.state, job.completed, job.failures) == ("failed", 2, {})
    assert "the state of the universe of 'sample'" in job.error
