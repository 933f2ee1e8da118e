"""Real processes refresh one bucket or folder: one of them at a time, and none that was paused beyond its lease."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from leader_process import site_of
from made_site import POOL, SYMBOLS, Clock, contents
from made_storage import Broken, Storage
from tickgraph.market.sources.sample import SampleSource
from tickgraph.market.store import PriceStore
from tickgraph.operations.lease import read_lease
from tickgraph.operations.lease_record import LeaseHeldError, LeaseLostError
from tickgraph.operations.records import RunLog
from tickgraph.operations.refresh import refresh
from tickgraph.registry.copying import copy_models
from tickgraph.registry.registry import ModelRegistry

LEADER = Path(__file__).parents[1] / "leader_process.py"
PATIENCE = 120


class Leader:
    """A process that refreshes once it is told to."""

    def __init__(self, case):
        self._process = subprocess.Popen(
            [sys.executable, LEADER, json.dumps(case)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout.readline() == "ready\n"

    def begin(self):
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def until_paused(self):
        """Wait until it has stopped itself."""
        pid, status = os.waitpid(self._process.pid, os.WUNTRACED)
        assert pid
        assert os.WIFSTOPPED(status), status

    def pause(self):
        os.kill(self._process.pid, signal.SIGSTOP)
        self.until_paused()

    def go_on(self):
        os.kill(self._process.pid, signal.SIGCONT)

    def ended(self):
        """How its refresh ended."""
        out, _ = self._process.communicate(timeout=PATIENCE)
        return json.loads(out)

    def kill(self):
        self._process.kill()
        self._process.communicate()


@dataclass
class World:
    """Machines that share models and prices, in a folder or in a bucket."""

    kind: str
    case: dict
    machines: Path
    sample: SampleSource
    clock: Clock
    storage: Storage

    def on(self, name, **where):
        """What a machine refreshes; the machine "a" does not hear of what others publish meanwhile."""
        case = {**self.case, **where, "moment": self.clock.moment.isoformat()}
        if self.kind == "folder":
            return case
        access = {"cache_dir": str(self.machines / name), "poll_seconds": 600 if name == "a" else 0}
        own = {
            key: {**case[key], "access": {**case[key]["access"], **access}} for key in ("models", "prices")
        }
        return {**case, **own, "state": str(self.machines / name / "state")}

    @contextmanager
    def leader(self, name="a", **where):
        leader = Leader(self.on(name, **where))
        try:
            yield leader
        finally:
            leader.kill()

    def refreshed(self, name="b"):
        """Refresh in this process, as a machine of a name."""
        return refresh(site_of(self.on(name), self.clock, self.sample), retrain=False)

    def pass_time(self):
        """Let the lease run out for everybody who looks at a clock."""
        self.clock.moment += timedelta(seconds=62)
        self.storage.ahead += timedelta(seconds=62)

    def published(self):
        """All that any machine reads, byte for byte."""
        if self.kind == "bucket":
            return {key: self.storage.get(key) for key in sorted(self.storage.stored())}
        found = contents(Path(self.case["state"]).parent)
        return {path: data for path, data in found.items() if "owners" not in path.parts}


@pytest.fixture(params=["folder", "bucket"])
def world(request, fresh_site, site, storage, sample, clock, tmp_path):
    clock.moment += timedelta(days=1)
    folder = site.operations_dir.parent
    made = World(
        request.param,
        {"models": str(folder / "models"), "prices": str(folder / "prices"), "state": str(folder / "state")},
        tmp_path / "machines",
        sample,
        clock,
        storage,
    )
    if made.kind == "bucket":
        places = {
            name: storage.place(tmp_path / "first", prefix=name, timeout_seconds=60)
            for name in ("models", "prices")
        }
        copy_models(site.registry, ModelRegistry(places["models"], clock))
        PriceStore(places["prices"], clock).write("sample", site.store.read("sample", POOL))
        made.case |= {name: json.loads(place.model_dump_json()) for name, place in places.items()}
    return made


def test_of_two_refreshes_at_once_one_does_the_work_and_the_other_names_it(world):
    with world.leader("a", event=["correlations", "JPM"]) as first, world.leader("b") as second:
        first.begin()
        first.until_paused()  # for less than its lease
        second.begin()
        kind, text = second.ended()
        assert kind == "LeaseHeldError"
        assert "Another refresh is running: process" in text
        first.go_on()
        assert first.ended() == ["done", None]
    run = world.refreshed("c")  # finds everything done
    assert {one.correlations for one in run.symbols.values() if one.correlations} == {"unchanged"}
    assert sum(one.sessions_added for one in run.symbols.values()) == 0


def test_a_leader_that_was_paused_beyond_its_lease_publishes_nothing_afterwards(world):
    with world.leader(event=["correlations", "JPM"]) as leader:
        leader.begin()
        leader.until_paused()
        world.pass_time()
        run = world.refreshed()
        assert run.state == "done"
        published = {s for s, one in run.symbols.items() if one.correlations == "published"}
        assert published
        assert published < set(SYMBOLS)  # what the first had finished is kept
        before = world.published()
        leader.go_on()
        kind, text = leader.ended()
        assert kind == "LeaseLostError", text
        assert "publishes anything more" in text
        assert world.published() == before
    states = [run.state for run in RunLog(Path(world.on("a")["state"])).newest_first()]
    assert "interrupted" in states
    assert "running" not in states


@pytest.mark.parametrize("world", ["bucket"], indirect=True)
def test_a_leader_that_was_paused_with_a_write_on_its_way_publishes_nothing_afterwards(world):
    """Its check was done, and its write had left: the storage refuses it when it comes in."""
    storage, sent, go_on = world.storage, threading.Event(), threading.Event()

    def hold(method, path):
        if method == "PUT" and "JPM.model.zip" in path:
            storage.fault = None
            sent.set()
            return Broken(wait=go_on)
        return None

    with world.leader() as leader:
        storage.fault = hold
        leader.begin()
        assert sent.wait(PATIENCE)
        leader.pause()
        world.pass_time()
        run = world.refreshed()
        assert run.symbols["JPM"].correlations == "published"
        before = world.published()
        storage.counted()
        go_on.set()
        leader.go_on()
        kind, text = leader.ended()
        assert kind == "LeaseLostError", text
        assert world.published() == before


@pytest.mark.parametrize("world", ["bucket"], indirect=True)
def test_a_run_that_lost_its_lease_when_all_was_published_does_not_count_as_done(world):
    def paused(event, symbol):
        if (event, symbol) == ("correlations", SYMBOLS[-1]):
            world.storage.ahead += timedelta(seconds=62)  # its own clock stood still as well
            world.refreshed()

    site = site_of(world.on("a"), world.clock, world.sample)
    with pytest.raises(LeaseLostError, match="it ran out on"):
        refresh(site, retrain=False, on_event=paused)
    assert RunLog(site.operations_dir).latest().state == "interrupted"


@pytest.mark.parametrize("world", ["folder"], indirect=True)
def test_nobody_takes_over_from_a_leader_that_is_paused_between_its_check_and_its_rename(world, monkeypatch):
    """In a folder the lock of the lease is held for so long. Once it goes on, the rename is its last."""
    monkeypatch.setattr("tickgraph.storage.WAIT_SECONDS", 0.05)
    with world.leader(rename="JPM_metadata.json") as leader:
        leader.begin()
        leader.until_paused()
        world.pass_time()
        before = world.published()
        owner = read_lease(Path(world.case["state"])).owner
        with pytest.raises(LeaseHeldError, match=f"{owner}.* in the middle of a publication"):
            world.refreshed()
        assert world.published() == before
        leader.go_on()
        assert leader.ended()[0] == "done"  # by its own clock, which stands in this test, it lives on
    assert world.refreshed().state == "done"
