"""A crash or a full disk at any call to the disk leaves each symbol as it was before a step or after it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from made_prices import Scripted, closes, closes_of, made_bars
from tickgraph.errors import StorageError
from tickgraph.market.store import PriceStore

NAMES = ("AAPL", "JPM", "MSFT")
HELD = 41  # sessions when a step begins, the last of them not folded


def append(store):
    store.update(Scripted(made_bars(NAMES, 42)), NAMES)


def restate(store):
    store.update(Scripted(made_bars(NAMES, 42, scale=0.5)), NAMES)


def fold(store):
    store.fold("scripted", always=True)


def replace(store):
    store.write("scripted", made_bars(NAMES, 30, scale=3))


# Every state that a symbol may be found in.
STEPS: dict[Callable, list[tuple[int, float]]] = {
    append: [(HELD, 1), (42, 1)],
    restate: [(HELD, 1), (HELD, 0.5), (42, 0.5)],
    fold: [(HELD, 1)],
    replace: [(HELD, 1), (30, 3)],
}
steps = pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)


@pytest.fixture
def store(tmp_path):
    store = PriceStore(tmp_path / "prices")
    store.write("scripted", made_bars(NAMES, HELD - 1))
    store.update(Scripted(made_bars(NAMES, HELD)), NAMES)
    return store


def states(root, step):
    """Which of a step's states each symbol is in, and an error if one is in none."""
    found = {}
    for symbol, days in closes(PriceStore(root), NAMES).items():
        (found[symbol],) = [
            state
            for state in STEPS[step]
            if days == closes_of(made_bars([symbol], state[0], scale=state[1]))[symbol]
        ]
    return found


class Crash(BaseException):
    pass


@steps
@pytest.mark.parametrize("call", ["replace", "fsync", "open"])
@pytest.mark.parametrize(
    "fault", [Crash(), OSError(errno.ENOSPC, "No space left on device")], ids=["crash", "full"]
)
def test_a_fault_at_any_call_leaves_old_or_new(store, monkeypatch, step, call, fault):
    real, calls = getattr(os, call), 0
    for fatal in range(1, 40):
        left = [fatal]

        def failing(*args, left=left, **words):
            if call != "open" or str(args[0]).endswith(".tmp"):
                left[0] -= 1
                if left[0] == 0:
                    raise fault
            return real(*args, **words)

        with monkeypatch.context() as patch:
            patch.setattr(os, call, failing)
            try:
                step(store)
            except (Crash, StorageError):
                calls += 1
            else:
                assert left[0] > 0
                break
        found = states(store.root, step)
        if step is append:
            assert len(set(found.values())) == 1  # a session of all symbols, or of none
    assert calls >= (1 if step is append else 3)
    step(PriceStore(store.root))
    assert set(states(store.root, step).values()) == {STEPS[step][-1]}
    assert not list((store.root / "scripted").rglob("*.tmp"))


KILLED = """
import json, os, shutil, sys
sys.path[:0] = sys.argv[3].split(os.pathsep)
import test_crashes
from pathlib import Path
from tickgraph.market.store import PriceStore

step, origin = getattr(test_crashes, sys.argv[1]), Path(sys.argv[2])

def die_at(fatal, when, root):
    real, left = os.replace, [fatal]
    def replace(*args):
        left[0] -= 1
        if left[0] == 0 and when == "before":
            os._exit(9)
        real(*args)
        if left[0] == 0:
            os._exit(9)
    os.replace = replace
    step(PriceStore(root))

def recover(root):
    test_crashes.states(root, step)
    step(PriceStore(root))
    assert set(test_crashes.states(root, step).values()) == {test_crashes.STEPS[step][-1]}

def forked(call, *args):
    if os.fork() == 0:
        call(*args)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.wait()[1])

deaths = 0
for when in ("before", "after"):
    for fatal in range(1, 20):
        root = origin.with_name(f"{when}-{fatal}")
        shutil.copytree(origin, root)
        died = forked(die_at, fatal, when, root)
        assert died in (0, 9), (fatal, when)
        assert forked(recover, root) == 0, (fatal, when)
        if died == 0:
            break
        deaths += 1
print(deaths)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
@pytest.mark.parametrize("step", [restate, fold], ids=lambda step: step.__name__)
def test_a_writer_that_is_killed_leaves_old_or_new_and_its_lock_free(store, step):
    here = os.pathsep.join(map(str, (Path(__file__).parent, Path(__file__).parents[2])))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", KILLED, step.__name__, store.root, here],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == 8  # at each of four writes, before it and after


def test_a_full_disk_during_folding_loses_nothing_that_was_appended(store, monkeypatch):
    monkeypatch.setattr("tickgraph.market.store.writer.FOLD_SESSIONS", 1)
    real, left = os.replace, [1]

    def full(old, new):
        if left[0] == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        left[0] -= 1
        real(old, new)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(StorageError, match="disk is full"):
            append(store)
    assert closes(store, NAMES) == closes_of(made_bars(NAMES, 42))
    assert len(pd.read_parquet(store.root / "scripted" / "recent" / "sessions.parquet")) == 6
