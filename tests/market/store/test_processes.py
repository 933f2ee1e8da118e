"""One writer and several readers, each a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from made_prices import Scripted, closes, closes_of, made_bars
from tickgraph import storage
from tickgraph.errors import StorageError
from tickgraph.market.store import PriceStore

SCRIPT = Path(__file__).with_name("committing.py")


def started(what, root):
    paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    return subprocess.Popen(
        [sys.executable, SCRIPT, what, root],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )


def test_readers_see_only_what_was_committed_while_a_writer_appends_replaces_and_folds(store):
    store.write("scripted", made_bars(("AAPL", "JPM", "MSFT", "TSLA", "XOM"), 20))
    readers = [started("read", store.root) for _ in range(2)]
    processes = list(readers)
    try:
        for reader in readers:
            assert reader.stdout.readline().strip() == "reading", reader.stderr.read()
        processes.append(started("write", store.root))
        _, errors = processes[-1].communicate(timeout=100)
        assert processes[-1].returncode == 0, errors
        for reader in readers:
            out, errors = reader.communicate(timeout=100)
            assert reader.returncode == 0, errors
            reads, states = map(int, out.split())
            assert reads >= states > 1
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def test_two_writers_take_turns_and_each_ones_sessions_are_kept(store):
    names = ("AAPL", "JPM")
    store.write("scripted", made_bars(names, 40))
    other = PriceStore(store.root)
    thread = threading.Thread(target=other.update, args=(Scripted(made_bars(names[:1], 45)), names[:1]))
    with store.writing("scripted"):
        thread.start()
        store.reader.one("scripted", "AAPL")  # reading waits for nobody
    store.update(Scripted(made_bars(names[1:], 44)), names[1:])
    thread.join(30)
    assert closes(store, ["AAPL"]) == closes_of(made_bars(["AAPL"], 45))
    assert closes(store, ["JPM"]) == closes_of(made_bars(["JPM"], 44))


def test_a_writer_that_does_not_let_go_is_named_and_nothing_changes(store, monkeypatch):
    store.write("scripted", made_bars(["AAPL"], 40))
    monkeypatch.setattr(storage, "WAIT_SECONDS", 0.05)
    with PriceStore(store.root).writing("scripted"):
        with pytest.raises(StorageError, match=r"scripted\.lock is held by another writer"):
            store.write("scripted", made_bars(["AAPL"], 41))
        store.write("another", made_bars(["AAPL"], 41))  # another source's writer is in nobody's way
    assert len(store.read("scripted", ["AAPL"])) == 40
