from __future__ import annotations

import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from made_site import Clock
from tickgraph.errors import StorageError
from tickgraph.operations.lease import Lease, lease_in_words, read_lease
from tickgraph.operations.lease_record import LeaseHeldError, LeaseLostError

NOON = datetime(2022, 11, 1, 12, tzinfo=UTC)
HOLDER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from tickgraph.operations.lease import Lease
with Lease(Path(sys.argv[1]), "theirs", lambda: datetime(2022, 11, 1, 12, tzinfo=UTC)):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def clock():
    return Clock(NOON)


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lease until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_one_process_at_a_time_and_the_error_names_the_owner_and_the_remedy(holder, tmp_path, clock):
    clock.moment += timedelta(seconds=59)
    with pytest.raises(LeaseHeldError) as held, Lease(tmp_path, "ours", clock):
        pass
    for text in (
        f"process {holder.pid} on ", "run theirs", "since 2022-11-01 12:00:00", "until 2022-11-01 12:01:00", "delete",
    ):  # fmt: skip
        assert text in str(held.value)
    assert held.value.exit_code == 7
    holder.communicate("")
    with Lease(tmp_path, "ours", clock):
        assert read_lease(tmp_path).run == "ours"
    assert read_lease(tmp_path) is None


def test_the_lease_of_a_killed_process_of_this_host_is_taken_over_at_once(holder, tmp_path, clock):
    holder.kill()
    holder.wait()
    with Lease(tmp_path, "ours", clock):
        assert (read_lease(tmp_path).run, read_lease(tmp_path).pid) == ("ours", os.getpid())
    assert list((tmp_path / "owners").iterdir()) == []


def test_the_lease_of_another_host_is_taken_over_when_it_has_run_out(tmp_path, clock):
    with Lease(tmp_path, "theirs", clock):
        elsewhere = read_lease(tmp_path).model_copy(update={"host": "elsewhere", "process": "unknown"})
    (tmp_path / "lease.json").write_text(elsewhere.model_dump_json())
    clock.moment = NOON + timedelta(seconds=59)
    with pytest.raises(LeaseHeldError, match="on elsewhere"):
        Lease(tmp_path, "ours", clock).take()
    clock.moment = NOON + timedelta(seconds=60)
    with Lease(tmp_path, "ours", clock):
        assert read_lease(tmp_path).run == "ours"


def test_whoever_lost_the_lease_hears_of_it_and_leaves_it_to_its_owner(tmp_path, clock):
    first = Lease(tmp_path, "first", clock)
    first.take()
    first.check()
    clock.moment += timedelta(hours=1)  # held up, as by a machine asleep
    with Lease(tmp_path, "second", clock):
        with pytest.raises(LeaseLostError, match="took it over for run second"):
            first.check()
        with pytest.raises(LeaseLostError):
            first.renew()
        first.release()
        assert read_lease(tmp_path).run == "second"
    with pytest.raises(LeaseLostError, match="it is gone"):
        first.check()


def test_the_same_run_in_another_process_is_another_owner(tmp_path, clock):
    first = Lease(tmp_path, "ours", clock)
    first.take()
    theirs = read_lease(tmp_path).model_copy(update={"process": "another"})
    (tmp_path / "lease.json").write_text(theirs.model_dump_json())
    with pytest.raises(LeaseLostError, match="took it over"):
        first.check()
    first.release()
    assert read_lease(tmp_path) == theirs


def test_a_lease_that_ran_out_is_lost_even_if_nobody_took_it(tmp_path, clock):
    lease = Lease(tmp_path, "ours", clock)
    lease.take()
    clock.moment += timedelta(seconds=59)
    lease.check()
    assert read_lease(tmp_path).expires_at == clock.moment + timedelta(seconds=60)
    assert read_lease(tmp_path).taken_at == NOON
    clock.moment += timedelta(seconds=60)
    for publishing in (lease.check, lease.renew, lease.end):
        with pytest.raises(LeaseLostError, match="ran out on 2022-11-01 12:01:59 UTC"):
            publishing()
    with pytest.raises(LeaseLostError), lease.holding():
        pass
    with lease.closing():  # the run's last record
        pass
    with Lease(tmp_path, "theirs", clock):
        with pytest.raises(LeaseLostError, match="took it over"), lease.closing():
            pass


def test_threads_of_a_run_publish_side_by_side_and_nobody_takes_the_lease_meanwhile(
    tmp_path, clock, monkeypatch
):
    monkeypatch.setattr("tickgraph.storage.WAIT_SECONDS", 0.05)
    lease, inside = Lease(tmp_path, "ours", clock), threading.Barrier(3)
    lease.take()
    go_on = threading.Event()

    def publish():
        with lease.holding():
            inside.wait(20)
            assert go_on.wait(20)

    threads = [threading.Thread(target=publish) for _ in range(2)]
    for thread in threads:
        thread.start()
    inside.wait(20)
    lease.renew()
    clock.moment += timedelta(hours=1)  # whoever publishes stands still
    with pytest.raises(LeaseHeldError, match=r"process \d+ on .* in the middle of a publication"):
        Lease(tmp_path, "theirs", clock).take()
    go_on.set()
    for thread in threads:
        thread.join(20)
    with Lease(tmp_path, "theirs", clock):
        assert read_lease(tmp_path).run == "theirs"


def test_it_is_renewed_while_a_step_takes_long(tmp_path, clock):
    renewed = threading.Event()

    def now():
        if threading.current_thread().name == "tickgraph-lease":
            renewed.set()
        return clock.moment

    with Lease(tmp_path, "ours", now, seconds=0.03):
        assert renewed.wait(30)


def test_a_lease_that_only_a_later_release_can_read_is_held(tmp_path, clock):
    path = tmp_path / "lease.json"
    path.write_text('{"schema_version": 2, "leader": "someone"}')
    with pytest.raises(
        StorageError, match="lease.json cannot be read: a later release wrote it .*Upgrade tickgraph"
    ):
        Lease(tmp_path, "run", clock).take()
    assert "Upgrade" in lease_in_words(tmp_path)
    assert path.read_text() == '{"schema_version": 2, "leader": "someone"}'


def test_a_lease_file_that_holds_nothing_readable_blocks_nobody(tmp_path, clock):
    (tmp_path / "lease.json").write_bytes(b"\x00")
    with Lease(tmp_path, "ours", clock):
        assert read_lease(Path(tmp_path)).run == "ours"


def test_a_killed_process_of_another_user_blocks_nobody_once_its_lease_has_run_out(
    holder, tmp_path, clock, monkeypatch
):
    """Somebody refreshed as root: what the service finds is a lock that it may not open."""
    holder.kill()
    holder.wait()
    (theirs,) = (tmp_path / "owners").iterdir()
    opened = os.open

    def not_allowed(path, *words, **named):
        if str(path) == str(theirs):
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *words, **named)

    monkeypatch.setattr(os, "open", not_allowed)
    with pytest.raises(LeaseHeldError), Lease(tmp_path, "ours", clock):
        pass
    clock.moment += timedelta(minutes=11)
    with Lease(tmp_path, "ours", clock):
        assert read_lease(tmp_path).run == "ours"


def test_a_folder_in_the_place_of_the_lease_is_said_to_be_one(tmp_path, clock):
    (tmp_path / "lease.json").mkdir()
    with pytest.raises(StorageError, match=r"lease\.json"), Lease(tmp_path, "ours", clock):
        pass


def test_without_a_lease_nobody_refreshes(tmp_path):
    assert lease_in_words(tmp_path) is None


def test_a_lease_names_its_owner(tmp_path):
    with Lease(tmp_path, "r1", lambda: NOON):
        assert "process" in lease_in_words(tmp_path)
