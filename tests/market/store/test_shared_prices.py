"""Prices on object storage: a real S3 server behind a proxy that breaks requests."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pandas as pd
import pytest

from made_prices import Scripted, made_bars
from made_storage import Broken
from tickgraph.errors import OtherExchangeError, PriceDataError, StorageError
from tickgraph.market.calendar import use_exchange
from tickgraph.market.store import PriceStore
from tickgraph.object_store import MARKER, ObjectStore

CLOCK = datetime(2023, 1, 3, 12, tzinfo=UTC)
NAMES = ("AAPL", "MSFT")
MANIFEST = "prices/sources/test.json"


@pytest.fixture
def machine(storage, tmp_path):
    """``machine("b")`` is another machine's store of the same bucket."""

    def on(name="a", now=lambda: CLOCK, **access):
        return PriceStore(storage.place(tmp_path / "machines" / name, prefix="prices", **access), now)

    return on


def read(store, symbols=NAMES):
    return store.read("test", symbols)


def closes(store, symbol="AAPL"):
    return read(store, (symbol,))["close"].tolist()


def test_prices_stored_on_one_machine_are_read_on_another(machine):
    here, there = machine("here"), machine("there")
    assert there.symbols("test") == ()
    assert there.sources() == []
    bars = made_bars(NAMES)
    here.write("test", bars)
    assert there.symbols("test") == NAMES
    assert there.sources() == ["test"]
    pd.testing.assert_frame_equal(read(there), read(here))
    here.write("test", made_bars(("AAPL",), count=41))
    assert len(closes(there)) == 41
    assert len(closes(there, "MSFT")) == 40


def test_an_update_sends_what_changed_and_no_more(storage, machine):
    here, there = machine("here"), machine("there", poll_seconds=0)
    source = Scripted(made_bars(NAMES, count=45))
    here.update(source, NAMES, last=pd.Timestamp(made_bars(NAMES)["date"].max()).date())
    name = source.name
    there.read(name, NAMES)
    storage.counted()
    here.update(source, NAMES)
    sent = [path for method, path in storage.requests if method == "PUT"]
    assert [path.split("/")[3] for path in sent] == ["files", "sources"]
    assert "recent/sessions.parquet" in sent[0]
    storage.counted()
    pd.testing.assert_frame_equal(there.read(name, NAMES), here.read(name, NAMES))
    fetched = [path for method, path in storage.requests if method == "GET" and "/files/" in path]
    assert len(fetched) == 1
    assert here.fold(name, always=True) == 2
    pd.testing.assert_frame_equal(there.read(name, NAMES), here.read(name, NAMES))


def test_a_look_at_prices_that_did_not_change_is_one_request_each_interval(storage, machine):
    machine("here").write("test", made_bars(NAMES))
    there = machine("there", poll_seconds=10)
    now = [0.0]
    there._shared.contact.monotonic = lambda: now[0]
    read(there)
    storage.counted()
    for _ in range(5):
        read(there)
        there.stamp("test", "AAPL")
        there.symbols("test")
    assert storage.counted() == {}
    now[0] = 11
    there.stamp("test", "AAPL")
    read(there)
    assert storage.counted() == {"GET": 1}
    read(machine("there", poll_seconds=10))  # a process that begins anew, with the copy there
    assert storage.counted() == {"GET": 1}


def test_prices_are_told_of_once_they_are_published_and_who_hears_of_them_asks_again(
    storage, machine, tmp_path
):
    told = []
    news = SimpleNamespace(
        tell=lambda kind: told.append((kind, "prices/sources/test.json" in storage.stored()))
    )
    here = PriceStore(storage.place(tmp_path / "told", prefix="prices"), lambda: CLOCK, news=news)
    here.write("test", made_bars(NAMES))
    assert told == [("prices", True)]
    there = machine("there", poll_seconds=3600)
    assert len(closes(there)) == 40
    assert len(told) == 1
    here.write("test", made_bars(("AAPL",), count=41))
    assert len(closes(there)) == 40
    there.ask_anew()
    assert len(closes(there)) == 41


def test_of_two_machines_that_write_at_once_one_is_refused_and_reads_what_the_other_published(
    machine, storage
):
    first, second = machine("first"), machine("second")
    first.write("test", made_bars(NAMES))
    before = closes(second)

    def write_meanwhile(method, path):
        if method == "PUT" and path.endswith("sources/test.json"):
            storage.fault = None
            first.write("test", made_bars(("MSFT",), scale=2.0))

    storage.fault = write_meanwhile
    with pytest.raises(StorageError, match="Another machine updated prices from test"):
        second.write("test", made_bars(("AAPL",), scale=3.0))
    assert closes(second) == closes(first) == before
    assert closes(second, "MSFT") == made_bars(("MSFT",), scale=2.0)["close"].tolist()
    second.write("test", made_bars(("AAPL",), scale=3.0))
    assert closes(first) == closes(second) == made_bars(("AAPL",), scale=3.0)["close"].tolist()


class Killed(BaseException):
    """Stands for a process that ends: nothing after it is carried out but what the system does."""


def test_a_writer_killed_at_any_request_leaves_the_former_prices_or_the_new_ones(machine, monkeypatch):
    machine("a").write("test", made_bars(NAMES))
    ends, step = set(), 0

    def dying(at, original):
        def call(self, *words, **options):
            count[0] += 1
            if count[0] == at:
                raise Killed
            answer = original(self, *words, **options)
            count[0] += 1
            if count[0] == at:
                raise Killed
            return answer

        return call

    originals = {
        name: getattr(ObjectStore, name) for name in ("get", "put", "_put_on_condition", "written_at")
    }
    former = closes(machine("reader"))
    while True:
        step += 1
        count = [0]
        wanted = made_bars(("AAPL",), scale=1.0 + step / 10)
        for name, original in originals.items():
            monkeypatch.setattr(ObjectStore, name, dying(step, original))
        try:
            machine("killed").write("test", wanted)
            killed = False
        except Killed:
            killed = True
        for name, original in originals.items():
            monkeypatch.setattr(ObjectStore, name, original)
        now = closes(machine("reader"))
        assert now in (former, wanted["close"].tolist())
        assert closes(machine("killed")) == now
        assert closes(machine("killed"), "MSFT") == made_bars(("MSFT",))["close"].tolist()
        ends.add(now == former)
        former = now
        if not killed:
            break
    assert step > 8
    assert ends == {True, False}


def files_of(storage):
    return {key for key in storage.stored() if "/files/" in key}


def named_in(storage):
    files = json.loads(storage.get(MANIFEST))["files"]
    return {f"prices/files/test/{name}.{each['key']}" for name, each in files.items()}


@pytest.fixture
def older(monkeypatch):
    """``older(keys)`` has the storage say that it wrote these two days before the others."""
    real, old = ObjectStore.written_at, set()

    def written_at(store, folder):
        back = timedelta(days=2)
        return {
            name: at - back if f"prices/{folder}/{name}" in old else at
            for name, at in real(store, folder).items()
        }

    monkeypatch.setattr(ObjectStore, "written_at", written_at)
    return old.update


def test_files_that_nobody_names_are_removed_a_day_later(storage, machine, older):
    """A machine whose clock is a day ahead removes no more than others."""
    own = machine("own", now=lambda: datetime.now(UTC) + timedelta(days=2))
    own.write("test", made_bars(NAMES))
    own.write("test", made_bars(NAMES, scale=2.0))
    former = named_in(storage)
    assert len(files_of(storage)) == 4
    older(files_of(storage))
    own.write("test", made_bars(("AAPL",), scale=3.0))
    assert files_of(storage) == named_in(storage) | former  # readers of the former manifest find its files
    assert len(named_in(storage) | former) == 3
    own.write("test", made_bars(("AAPL",), scale=4.0))
    assert former & files_of(storage) == former & named_in(storage)
    assert closes(machine("new")) == closes(own)


def test_an_update_that_stood_still_after_its_commit_removes_nothing_that_a_later_one_names(
    storage, machine, older, monkeypatch
):
    """What is removed was settled before the commit: files that came later are not among it, however old they are."""
    late = machine("late")
    late.write("test", made_bars(NAMES))
    late.write("test", made_bars(NAMES, scale=2.0))
    older(files_of(storage))
    removed = ObjectStore.delete

    def delete(store, key):
        monkeypatch.setattr(ObjectStore, "delete", removed)
        machine("other").write("test", made_bars(NAMES, scale=5.0))
        older(files_of(storage))
        removed(store, key)

    monkeypatch.setattr(ObjectStore, "delete", delete)
    late.write("test", made_bars(("AAPL",), scale=3.0))
    assert named_in(storage) <= files_of(storage)
    assert closes(machine("new")) == made_bars(("AAPL",), scale=5.0)["close"].tolist()


def test_copies_answer_while_the_storage_is_away(storage, machine):
    machine("here").write("test", made_bars(NAMES))
    reader = machine("reader")
    before = closes(reader)
    storage.fault = lambda method, path: Broken(503)
    for store in (reader, machine("reader")):
        assert closes(store) == before
        assert store.symbols("test") == NAMES
        assert list(store.sources()) == ["test"]
        assert "answers 503" in store.away
        with pytest.raises(StorageError, match="answers 503"):
            store.write("test", made_bars(NAMES, scale=2.0))
        assert closes(store) == before
    with pytest.raises(StorageError, match="There is no copy of prices from test"):
        closes(machine("empty"))
    storage.fault = None
    machine("here").write("test", made_bars(NAMES, scale=2.0))
    assert closes(reader) == made_bars(("AAPL",), scale=2.0)["close"].tolist()
    assert reader.away is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[: len(text) // 2],
        lambda text: b"",
        lambda text: text.replace(b"AAPL.parquet", b"../../x.parquet"),
        lambda text: text.replace(b"AAPL.parquet", b"/etc/x.parquet"),
        lambda text: text.replace(b'"exchange":"XNYS"', b'"exchange":"../x"'),
    ],
    ids=["half", "empty", "leads up", "leads elsewhere", "no exchange"],
)
def test_a_spoilt_manifest_is_refused_and_changes_no_copy(storage, machine, spoil):
    machine("here").write("test", made_bars(NAMES))
    reader = machine("reader")
    read(reader)
    files = {path: path.read_bytes() for path in reader.root.rglob("*.parquet")}
    text = storage.get(MANIFEST)
    storage.put(MANIFEST, spoil(text))
    for store in (reader, machine("new")):
        with pytest.raises(PriceDataError, match=r"test.json is damaged or foreign"):
            closes(store)
    assert {path: path.read_bytes() for path in reader.root.rglob("*.parquet")} == files
    storage.put(MANIFEST, text)
    assert len(closes(reader)) == len(closes(machine("new"))) == 40


def test_a_spoilt_file_is_refused(storage, machine):
    machine("here").write("test", made_bars(NAMES))
    key = next(key for key in storage.stored() if "AAPL" in key)
    data = storage.get(key)
    storage.put(key, data[:-8] + b"12345678")
    new = machine("new")
    with pytest.raises(PriceDataError, match="its sha256 is not the manifest's"):
        closes(new)
    storage.put(key, data)
    assert len(closes(new)) == 40


def test_prices_of_another_exchange_are_refused_as_in_a_folder(storage, machine):
    machine("here").write("test", made_bars(NAMES))
    use_exchange("XLON")
    with pytest.raises(OtherExchangeError, match="XNYS"):
        closes(machine("there"))


def test_the_bucket_holds_the_manifest_and_its_files_alone(storage, machine):
    machine("here").write("test", made_bars(NAMES))
    kinds = {key.split("/")[1] for key in storage.stored()}
    assert kinds == {"files", "sources", MARKER}


def test_a_file_that_the_manifest_names_and_nobody_has_is_damage(storage, machine):
    machine("here").write("test", made_bars(NAMES))
    key = next(key for key in storage.stored() if "/files/test/AAPL" in key)
    storage.delete(key)
    with pytest.raises(PriceDataError, match="it names a file that is not there"):
        closes(machine("new"))


def test_a_foreign_object_beside_the_manifests_hides_no_source(storage, machine):
    machine("here").write("test", made_bars(NAMES))
    storage.put(MANIFEST.replace("test", "..x"), b"{}")
    assert list(machine("new").sources()) == ["test"]
