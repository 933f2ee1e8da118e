"""Backgrounds of two hosts, with one Redis server and one folder of models; worker processes are the test's hand."""

from __future__ import annotations

from functools import partial

import pytest

from hand_driven import WAIT, HandDriven, over
from real_service import until
from tickgraph.pipeline.background import Background
from tickgraph.shared.claims import Claims
from tickgraph.shared.contact import SharedContact
from tickgraph.shared.shared_settings import SharedSettings

SHORT = "TSLA has 12 sessions, 200 are needed"


@pytest.fixture
def contact(redis):
    contact = SharedContact(SharedSettings(redis=redis.url, retry_seconds=1e-9, timeout_seconds=30), "models")
    yield contact
    contact.close()


@pytest.fixture
def hosts(contact, workplace, tmp_path):
    """Two hosts with a worker process each; nobody tells them of news."""
    hosts = []
    for name in ("one", "other"):
        host = Background(workplace, tmp_path / name, claims=Claims(contact))
        host._pool = HandDriven(host)
        hosts.append(host)
    yield hosts
    for host in hosts:
        host.close()


def asked(host):
    """Jobs that the host's worker processes were asked to do."""
    return len(host._pool.futures)


def trained_by_one(hosts):
    """The jobs of TSLA at both hosts, of which the first one trains it and the other one waits."""
    one, other = hosts
    first = one.train("TSLA", None)
    assert asked(one) == 1
    second = other.train("TSLA", None)
    assert asked(other) == 0
    assert "TSLA" in other.elsewhere
    return first, second


def end(host, job, number=0, **changes):
    ended = host.ended(job)
    host._pool.futures[number].set_result(over(job, **changes))
    return ended.result(WAIT)


def end_of(host, job):
    """How a job that waits ends, now that the host is told to look."""
    ended = host.ended(job)
    host.elsewhere.look()
    return ended.result(WAIT)


def test_one_host_trains_and_the_other_takes_no_worker_and_hears_of_the_model(hosts, monkeypatch):
    one, other = hosts
    first, second = trained_by_one(hosts)
    assert other.board.read(second.id).state == "queued"
    third = other.train("META", None)  # its worker is free
    assert asked(other) == 1
    assert other.train("TSLA", None).id == second.id

    other.elsewhere._look()
    assert "TSLA" in other.elsewhere
    monkeypatch.setattr(other.elsewhere, "_basis", lambda symbol: "of the model that was published")
    end(one, first)
    ended = end_of(other, second)
    assert (ended.state, ended.completed) == ("done", 1)
    assert other.board.read(second.id) == ended
    assert asked(other) == 1
    assert len(other.elsewhere) == 0
    end(other, third)


def test_a_host_that_died_leaves_its_work_to_others_when_its_claim_runs_out(hosts, contact):
    _, other = hosts
    claim = contact.key("claim", "train:TSLA")
    contact.ask(lambda redis: redis.set(claim, "a host that died", px=30_000))
    job = other.train("TSLA", None)
    assert asked(other) == 0
    assert "TSLA" in other.elsewhere
    contact.ask(lambda redis: redis.pexpire(claim, 50))  # as after most of its 30 seconds

    def begun():
        other.elsewhere.look()
        return asked(other)

    until(begun, "the training by the other host")
    assert end(other, job).state == "done"


def test_what_nobody_can_train_is_not_tried_by_every_host(hosts):
    one, other = hosts
    first, second = trained_by_one(hosts)
    end(one, first, state="failed", error=SHORT)
    failed = end_of(other, second)
    assert (failed.state, failed.error) == ("failed", SHORT)
    assert other.recent_failure("TSLA").error == SHORT
    assert asked(other) == 0
    # An operator insists, and so it is tried; and what was told is forgotten.
    third = other.train("TSLA", None, insists=True)
    assert asked(other) == 1
    assert end(other, third).state == "done"
    fourth = one.train("TSLA", None)
    assert asked(one) == 2
    end(one, fourth, 1)


def test_a_fault_of_one_machine_does_not_keep_the_others_from_training(hosts):
    one, other = hosts
    first, second = trained_by_one(hosts)
    end(one, first, state="failed", error="No space left on device", of_machine=True)
    other.elsewhere.look()
    until(partial(asked, other), "the training by the other host")
    end(other, second)


def test_without_redis_each_host_trains_by_itself_also_what_waited(hosts, redis):
    _, other = hosts
    _, job = trained_by_one(hosts)
    redis.kill()
    other.elsewhere.look()
    until(partial(asked, other), "the training by the other host")
    assert end(other, job).state == "done"
    next_one = other.train("META", None)
    assert asked(other) == 2
    assert end(other, next_one, 1).state == "done"


def test_a_job_that_waits_ends_with_its_service_and_claims_are_given_back(hosts, contact):
    one, other = hosts
    _, job = trained_by_one(hosts)
    ended = other.ended(job)
    other.close()
    assert "shut down" in ended.result(WAIT).error
    assert contact.ask(lambda redis: redis.exists(contact.key("claim", "train:TSLA")))
    one.close()
    assert not contact.ask(lambda redis: redis.exists(contact.key("claim", "train:TSLA")))


def test_storage_that_cannot_be_read_leaves_the_decision_to_the_worker(hosts, monkeypatch):
    one, other = hosts
    first, second = trained_by_one(hosts)

    def refused(symbol):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(other.elsewhere, "_basis", refused)
    end(one, first)
    other.elsewhere.look()
    until(partial(asked, other), "the training by the other host")
    end(other, second)
