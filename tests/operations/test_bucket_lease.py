"""The lease of a bucket: an object that is written on condition, by the storage's clock."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest

from made_site import Clock
from made_storage import BUCKET, Broken
from tickgraph.errors import InputError, StorageError
from tickgraph.market.calendar import system_time
from tickgraph.market.store import PriceStore
from tickgraph.object_contact import Contact
from tickgraph.object_place import ObjectPlace
from tickgraph.operations.bucket_lease import BucketLease
from tickgraph.operations.leader import adopt_what_others_did
from tickgraph.operations.lease import Lease
from tickgraph.operations.lease_object import KEY, LeaseObject, read_bucket_lease
from tickgraph.operations.lease_record import LeaseHeldError, LeaseLostError
from tickgraph.operations.records import RefreshRun
from tickgraph.operations.site import Site
from tickgraph.registry.registry import ModelRegistry

OBJECT = f"gnn/{KEY}"
HOLDER = """
import sys
from pathlib import Path
from tickgraph.market.calendar import system_time
from tickgraph.object_contact import Contact
from tickgraph.object_place import ObjectPlace
from tickgraph.operations.bucket_lease import BucketLease
from tickgraph.operations.lease import Lease
contact = Contact(ObjectPlace.model_validate_json(sys.argv[2]), system_time)
with BucketLease(Lease(Path(sys.argv[1]), "theirs", system_time), contact):
    print("held", flush=True)
    sys.stdin.read()
"""
RUN = {"kind": "daily", "started_at": "2022-11-01T10:00Z", "owner": "process 1 on a", "session": "2022-10-31"}


@pytest.fixture
def place(storage, tmp_path):
    return storage.place(tmp_path / "copies")


@pytest.fixture
def machine(place, tmp_path):
    """``machine("a", "run")`` is the lease of a run on a machine of its own, whose clock stands on 2022."""

    def on(name, run=None, **how):
        near = Lease(tmp_path / name, run or f"run of {name}", Clock(datetime(2022, 11, 1, tzinfo=UTC)))
        return BucketLease(near, Contact(place, system_time), **how)

    return on


def said(storage):
    return LeaseObject.model_validate_json(storage.get(OBJECT))


def test_one_machine_at_a_time_and_the_error_names_the_owner_and_the_remedy(storage, machine):
    first = machine("a")
    first.take()
    held = said(storage)
    with pytest.raises(LeaseHeldError) as error:
        machine("b").take()
    for text in (
        f"{held.holder.owner}, run run of a,",
        f"since {held.holder.taken_at:%Y-%m-%d %H:%M:%S} UTC",
        f"until {held.holder.expires_at:%Y-%m-%d %H:%M:%S} UTC",
        f"the lease in s3://{BUCKET}/gnn runs out by itself",
    ):
        assert text in str(error.value)
    assert error.value.exit_code == 7
    assert held.holder.expires_at - held.holder.renewed_at == timedelta(seconds=60)
    first.release()
    assert said(storage).holder is None
    machine("b").take()
    assert said(storage).holder.run == "run of b"
    assert said(storage).token > held.token


def test_of_machines_that_take_it_at_once_one_gets_it(storage, machine):
    begin, results = threading.Barrier(4), []

    def take(name, held):
        begin.wait(20)
        try:
            held.enter_context(machine(name))
        except LeaseHeldError:
            results.append(None)
        else:
            results.append(f"run of {name}")

    with ExitStack() as stack:
        threads = [
            threading.Thread(target=take, args=(name, stack.enter_context(ExitStack()))) for name in "abcd"
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert results.count(None) == 3
        assert said(storage).holder.run in results


def test_it_is_taken_over_when_its_time_is_over_by_the_storages_clock(storage, machine):
    first = machine("a")
    first.take()
    storage.ahead = timedelta(seconds=30)
    with pytest.raises(LeaseHeldError), machine("b"):
        pass
    storage.ahead = timedelta(seconds=62)
    with machine("b"):
        assert said(storage).holder.run == "run of b"
        for publishing in (first.renew, first.check):
            with pytest.raises(LeaseLostError, match="ran out on|took it over for run run of b"):
                publishing()
        with pytest.raises(LeaseLostError), first.holding():
            pass
        with pytest.raises(LeaseLostError):
            first.end()
        first.release()
        assert said(storage).holder.run == "run of b"


def test_a_run_whose_lease_has_run_out_has_lost_it_even_if_nobody_took_it(storage, machine):
    first = machine("a")
    first.take()
    storage.ahead = timedelta(seconds=62)
    with pytest.raises(LeaseLostError, match=r"ran out on .*the next run does the rest"):
        first.renew()
    storage.ahead = timedelta(0)
    with pytest.raises(LeaseLostError, match="ran out on"):
        first.check()


def test_a_signature_ends_long_before_the_lease_does(storage, machine):
    lease = machine("a")
    lease.take()
    assert said(storage).holder.expires_at - lease.end() == timedelta(seconds=20)


def test_a_lease_costs_few_requests(storage, machine):
    lease = machine("a")
    lease.take()
    assert storage.counted() == {"GET": 1, "HEAD": 1, "PUT": 4}  # three try conditions once
    lease.renew()
    assert storage.counted() == {"HEAD": 1, "PUT": 1}
    lease.check()
    with lease.holding():
        lease.end()
    assert storage.counted() == {}
    lease.release()
    assert storage.counted() == {"PUT": 1}


def test_it_is_renewed_while_a_step_takes_long(storage, machine):
    renewed = threading.Semaphore(0)

    def fault(method, path):
        if method == "PUT" and KEY in path:
            renewed.release()

    with machine("a", seconds=6):
        storage.fault = fault
        for _ in range(2):  # the first is at once
            assert renewed.acquire(timeout=60)


@pytest.mark.parametrize("reads", [True, False])
def test_a_renewal_whose_answer_is_lost_is_known_the_next_time(storage, machine, reads):
    """It was carried out. Whoever renews reads the object back, or finds its own writing there the next time."""
    lease = machine("a")
    lease.take()
    token = said(storage).token
    storage.ahead = timedelta(seconds=5)
    lost = [Broken(None, after=True)]
    storage.fault = lambda method, path: (
        lost.pop() if lost and method == "PUT" else (None if reads or lost else Broken(None))
    )
    if reads:
        lease.renew()
    else:
        with pytest.raises(StorageError, match="does not answer"):
            lease.renew()
    storage.fault = None
    assert said(storage).holder.renewed_at - said(storage).holder.taken_at >= timedelta(seconds=4)
    lease.renew()
    lease.check()
    assert (said(storage).holder.run, said(storage).token) == ("run of a", token)
    lease.release()
    assert said(storage).holder is None


@pytest.mark.parametrize("spoiled", [b"\x00", b"[]", b'{"token": "x"}'])
def test_a_damaged_object_counts_as_held_for_as_long_as_its_owner_may_have_it(storage, machine, spoiled):
    first = machine("a")
    first.take()
    token = said(storage).token
    storage.put(OBJECT, spoiled)
    with pytest.raises(LeaseHeldError, match=rf"{KEY} is damaged or foreign.*held until"), machine("b"):
        pass
    with pytest.raises(LeaseLostError, match="its object is damaged"):
        first.renew()
    storage.ahead = timedelta(seconds=62)
    with machine("b"):
        assert said(storage).token > token


def test_an_object_that_was_removed_is_written_again_with_a_larger_token(storage, machine):
    first = machine("a")
    first.take()
    token = said(storage).token
    storage.delete(OBJECT)
    with pytest.raises(LeaseLostError, match="it is gone"):
        first.renew()
    storage.ahead = timedelta(seconds=1.1)
    with machine("b"):
        assert said(storage).token > token


def test_a_lease_from_the_future_blocks_nobody(storage, machine):
    storage.ahead = timedelta(days=400)
    machine("a").take()
    storage.ahead = timedelta(0)
    with machine("b"):
        assert said(storage).holder.run == "run of b"


def test_a_machine_whose_clock_is_ahead_hears_so_and_takes_nothing(storage, machine):
    """What it signed would end before the storage looked at it."""
    storage.ahead = timedelta(seconds=-40)
    with pytest.raises(StorageError, match=r"clock of this machine is \d\d s ahead of that of s3://.*NTP"):
        machine("a").take()
    assert OBJECT not in storage.stored()
    storage.ahead = timedelta(hours=9)  # a clock that is behind does no harm
    with machine("a") as lease, lease.holding():
        assert lease.end() > datetime.now(UTC) + timedelta(hours=8)


def test_storage_that_is_away_is_an_error_at_the_begin_and_none_at_the_end(storage, machine, tmp_path):
    away = lambda method, path: Broken(503)  # noqa: E731
    storage.fault = away
    with pytest.raises(StorageError, match="answers 503"), machine("a"):
        pass
    assert not (tmp_path / "a" / "lease.json").exists()
    storage.fault = None
    with machine("a"):
        storage.fault = away
    storage.fault = None
    assert said(storage).holder.run == "run of a"  # until its time is over
    with pytest.raises(LeaseHeldError), machine("b"):
        pass
    with machine("a"):  # but the machine knows that its own run has ended
        pass
    assert said(storage).holder is None
    assert not (tmp_path / "a" / "lease.json").exists()


@pytest.fixture
def holder(place, tmp_path):
    """Another process of the machine a, which has the lease until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, tmp_path / "a", place.model_dump_json()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_the_lease_of_a_killed_process_of_the_machine_is_taken_over_at_once(storage, machine, holder):
    with pytest.raises(LeaseHeldError, match=f"process {holder.pid} on"), machine("b"):
        pass
    holder.kill()
    holder.wait()
    with pytest.raises(LeaseHeldError, match=f"process {holder.pid} on"), machine("b"):
        pass  # another machine cannot tell
    with machine("a"):
        assert said(storage).holder.run == "run of a"


def test_runs_that_ended_well_are_told_with_the_lease(storage, machine, place):
    done = RefreshRun(id="1", state="done", symbols={"AAPL": {}}, **RUN)
    with machine("a") as lease:
        lease.note(done)
        lease.note(done.model_copy(update={"kind": "weekly", "state": "failed"}))
        lease.note(done.model_copy(update={"kind": "manual", "selected": True}))
    with machine("b") as lease:
        lease.note(done.model_copy(update={"kind": "weekly"}))
    told = read_bucket_lease(Contact(place, system_time))
    assert {kind: run.state for kind, run in told.done.items()} == {"daily": "done", "weekly": "done"}
    assert told.done["daily"] == done.model_copy(update={"symbols": {}})


def test_an_object_of_a_later_version_is_understood(storage, machine):
    with machine("a"):
        pass
    document = json.loads(storage.get(OBJECT))
    storage.put(OBJECT, json.dumps({**document, "quorum": 3}).encode())
    with machine("b"):
        assert said(storage).holder.run == "run of b"


def test_an_object_that_only_a_later_release_can_read_is_left_as_it_is(storage, machine):
    later = b'{"schema_version": 2, "leaders": []}'
    storage.put(OBJECT, later)
    with pytest.raises(StorageError, match=f"{KEY} cannot be read: a later release wrote it .*Upgrade"):
        machine("a").take()
    assert storage.get(OBJECT) == later


def test_a_place_is_sent_to_another_process_as_it_is(place):
    assert ObjectPlace.model_validate_json(place.model_dump_json()) == place


@pytest.mark.parametrize("name", ["AWS_SERVER_SIDE_ENCRYPTION", "AWS_SSE_KMS_KEY_ID"])
def test_encryption_that_no_signed_write_could_ask_for_is_refused_first(storage, machine, monkeypatch, name):
    monkeypatch.setenv(name, "aws:kms")
    with pytest.raises(InputError, match=f"{name} would.*default encryption of the bucket"), machine("a"):
        pass
    assert OBJECT not in storage.stored()
    monkeypatch.delenv(name)
    with machine("a"):
        pass


def test_a_run_in_the_bucket_becomes_no_path_outside_the_folder_of_runs(storage, place, machine, tmp_path):
    with machine("a"):
        pass
    run = {**RUN, "state": "done", "started_at": "2022-11-01T10:00Z"}
    good, bad = "20221101100000000000-0123abcd", "../../../escaped"
    done = {"daily": {**run, "id": bad}, "weekly": {**run, "kind": "weekly", "id": good}}
    storage.put(OBJECT, LeaseObject(token=1, done=done).model_dump_json().encode())
    registry = ModelRegistry(place)
    site = Site(registry, PriceStore(tmp_path / "prices"), lambda _: None, "sample", tmp_path / "b")
    assert [run.id for run in adopt_what_others_did(site)] == [good]
    assert not list(tmp_path.rglob("*escaped*"))
