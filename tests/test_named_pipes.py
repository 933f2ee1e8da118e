"""Named pipes in the places of prices and records: whoever reads them is told, and waits for no one."""

from __future__ import annotations

import os
import threading

import pytest

from made_prices import Scripted, made_bars
from placed import put
from tickgraph.errors import PriceDataError, StorageError
from tickgraph.market.store import PriceStore
from tickgraph.operations.lease import read_lease
from tickgraph.operations.records import RunLog, read_quality
from tickgraph.storage import exclusive

pytestmark = pytest.mark.skipif(os.name == "nt", reason="named pipes")


@pytest.fixture
def store(tmp_path):
    source = Scripted(made_bars(("AAPL", "MSFT")))
    made = PriceStore(tmp_path / "prices")
    made.update(source, ("AAPL", "MSFT"))
    return made


@pytest.mark.parametrize("kind", ["a named pipe", "a link to a device that never ends", "a folder"])
def test_a_price_history_that_is_no_file_is_damaged_for_its_symbol(store, kind):
    path = store.root / "scripted" / "AAPL.parquet"
    put(kind, path)
    with pytest.raises(PriceDataError, match="AAPL"):
        store.panel("scripted", ("AAPL",))
    assert store.panel("scripted", ("MSFT",)).symbols == ("MSFT",)


def test_recent_sessions_that_are_no_file_are_damaged(store):
    path = store.root / "scripted" / "recent" / "sessions.parquet"
    path.parent.mkdir(exist_ok=True)
    os.mkfifo(path)
    with pytest.raises(PriceDataError, match=r"sessions\.parquet is damaged or foreign"):
        store.panel("scripted", ("AAPL",))


def test_records_of_operations_that_are_no_files_are_none(tmp_path):
    (tmp_path / "runs").mkdir()
    for name in ("runs/20230101T000000.json", "quality.json", "lease.json"):
        os.mkfifo(tmp_path / name)
    assert list(RunLog(tmp_path).newest_first()) == []
    assert read_quality(tmp_path) is None
    with pytest.raises(
        StorageError, match=r"lease\.json: it is a named pipe, and a regular file was expected. Remove"
    ):
        read_lease(tmp_path)


def test_a_link_in_a_locks_place_is_not_followed(tmp_path):
    target, lock = tmp_path / "precious", tmp_path / "x.lock"
    target.write_text("kept")
    lock.symlink_to(target)
    with (
        pytest.raises(StorageError, match=r"x\.lock is a link, where a lock file belongs"),
        exclusive(lock, threading.Lock()),
    ):
        pytest.fail("it was held")
    assert target.read_text() == "kept"
