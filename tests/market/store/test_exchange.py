"""A store's prices are of one exchange, which it records; whoever finds another says so."""

from __future__ import annotations

import os
import shutil

import pytest

from made_prices import Scripted, made_bars
from tickgraph.errors import OtherExchangeError, StorageError
from tickgraph.market.calendar import use_exchange
from tickgraph.market.store import PriceStore, examine, repair
from tickgraph.market.store.layout import StoreExchange

BARS = made_bars(["AAPL", "MSFT"])


@pytest.fixture
def london(store):
    """A store of London; New York is in force."""
    use_exchange("XLON")
    store.write("files", BARS)
    use_exchange("XNYS")
    return store


USES = {
    "symbols": lambda store: store.symbols("files"),
    "read": lambda store: store.read("files", ["AAPL"]),
    "panel": lambda store: store.panel("files", ["AAPL"]),
    "recent": lambda store: store.recent("files", ["AAPL"]),
    "info": lambda store: store.info("files"),
    "write": lambda store: store.write("files", BARS),
    "write of another source": lambda store: store.write("yahoo", BARS),
    "update": lambda store: store.update(Scripted(BARS), ["AAPL"]),
    "check": lambda store: examine(store, "files"),
    "repair": lambda store: repair(store, Scripted(BARS)),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
@pytest.mark.parametrize("opened", ["anew", "before"])
def test_every_use_of_a_store_of_another_exchange_is_refused_with_the_remedy(london, use, opened):
    store = PriceStore(london.root) if opened == "anew" else london  # which has agreed on London
    with pytest.raises(
        OtherExchangeError, match=r"exchange XLON.* in force is XNYS.*--exchange XLON.*--prices-dir"
    ):
        use(store)
    use_exchange("XLON")
    assert PriceStore(london.root).symbols("files") == ("AAPL", "MSFT")


def test_the_exchange_is_recorded_once_with_the_first_prices(store):
    store.write("files", BARS)
    record = store.root / "exchange"
    assert record.read_text() == "XNYS\n"
    before = record.stat().st_ino
    store.write("yahoo", BARS)
    PriceStore(store.root).write("yahoo", BARS)
    assert record.stat().st_ino == before


def test_a_store_of_an_earlier_release_is_of_new_york(store):
    store.write("files", BARS)
    (store.root / "exchange").unlink()
    assert PriceStore(store.root).symbols("files") == ("AAPL", "MSFT")
    use_exchange("XLON")
    with pytest.raises(OtherExchangeError, match="exchange XNYS"):
        PriceStore(store.root).symbols("files")


def test_prices_that_were_refused_and_prices_that_were_removed_leave_a_store_of_no_exchange(store):
    refused = store.update(Scripted(BARS.assign(close=-1.0)), ["AAPL"])
    assert refused.failures
    assert not (store.root / "exchange").exists()
    use_exchange("XLON")
    store.write("files", BARS)
    shutil.rmtree(store.root / "files")
    use_exchange("XTKS")
    store.write("files", BARS)
    assert (store.root / "exchange").read_text() == "XTKS\n"


def test_of_two_first_writers_only_the_first_exchange_is_recorded(tmp_path):
    first, second = StoreExchange(tmp_path), StoreExchange(tmp_path)
    (tmp_path / "files").mkdir()
    use_exchange("XLON")
    second.check()  # nothing is stored yet
    first.record()
    (tmp_path / "files/AAPL.parquet").touch()
    use_exchange("XTKS")
    with pytest.raises(OtherExchangeError, match="exchange XLON"):
        second.record()
    assert (tmp_path / "exchange").read_text() == "XLON\n"


@pytest.mark.parametrize("kind", ["text", "bytes", "folder", "pipe", "empty"])
def test_a_record_that_names_no_exchange_is_named(store, kind):
    store.write("files", BARS)
    record = store.root / "exchange"
    record.unlink()
    if kind == "folder":
        record.mkdir()
    elif kind == "pipe":
        if not hasattr(os, "mkfifo"):
            pytest.skip("no pipes here")
        os.mkfifo(record)  # opening it would wait for ever
    else:
        record.write_bytes({"text": b"NOWHERE", "bytes": b"\xff\x00" * 1000, "empty": b""}[kind])
    with pytest.raises(StorageError, match="exchange does not name an exchange"):
        PriceStore(store.root).symbols("files")
