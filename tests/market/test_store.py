from __future__ import annotations

import errno
import os
import random
from datetime import date

import numpy as np
import pandas as pd
import pytest

from tickgraph.errors import InputError, PriceDataError, SourceUnavailableError, StorageError, SymbolError
from tickgraph.market.panel import PANEL_COLUMNS
from tickgraph.market.source import Fetched, select_bars
from tickgraph.market.store import PriceStore


class Scripted:
    """A source over given bars that remembers what it was asked."""

    name = "scripted"
    editable = False

    def __init__(self, bars):
        self.bars, self.asked, self.down = bars, [], False

    def symbols(self):
        return tuple(sorted(set(self.bars["symbol"])))

    def fetch(self, symbols, first=None, last=None):
        self.asked.append((tuple(symbols), first))
        if self.down:
            raise SourceUnavailableError("offline")
        missing = {s: f"{s} unknown" for s in symbols if s not in self.symbols()}
        return Fetched(select_bars(self.bars, symbols, first, last), missing)


@pytest.fixture
def bars(sample):
    return sample.fetch(["AAPL", "JPM"], date(2022, 6, 1), None).bars


@pytest.fixture
def store(tmp_path):
    return PriceStore(tmp_path / "prices")


def until(bars, day):
    return bars[bars["date"] <= day].reset_index(drop=True)


def test_what_is_written_is_read_back(store, bars):
    store.write("scripted", bars)
    pd.testing.assert_frame_equal(store.read("scripted", ["AAPL", "JPM"]), bars)
    part = store.read("scripted", ["JPM"], date(2022, 12, 1), date(2022, 12, 2))
    assert part["date"].dt.day.tolist() == [1, 2]
    assert [(s.symbol, s.last) for s in store.info("scripted")] == [
        ("AAPL", date(2022, 12, 30)),
        ("JPM", date(2022, 12, 30)),
    ]


def test_sources_are_kept_apart(store, bars):
    store.write("one", bars)
    assert store.symbols("two") == ()
    with pytest.raises(PriceDataError, match="No prices of AAPL are stored from source 'two'"):
        store.read("two", ["AAPL"])


def test_an_update_asks_only_for_what_is_new(store, bars):
    source = Scripted(until(bars, "2022-11-30"))
    assert store.update(source, ["AAPL"]).added == {"AAPL": 127}
    source.bars = bars
    assert store.update(source, ["AAPL"]).added == {"AAPL": 21}
    assert source.asked == [(("AAPL",), None), (("AAPL",), date(2022, 11, 20))]
    pd.testing.assert_frame_equal(
        store.read("scripted", ["AAPL"]), bars[bars["symbol"] == "AAPL"].reset_index(drop=True)
    )


def test_a_restated_history_is_fetched_whole(store, bars):
    source = Scripted(until(bars, "2022-11-30"))
    store.update(source, ["AAPL"])
    source.bars = bars.assign(adj_close=bars["adj_close"] * 0.9)
    assert store.update(source, ["AAPL"]).added == {"AAPL": 148}
    assert source.asked[-1] == (("AAPL",), None)
    assert store.read("scripted", ["AAPL"])["adj_close"].iloc[0] == pytest.approx(
        bars["adj_close"].iloc[0] * 0.9
    )


def test_a_row_corrected_in_a_persons_file_is_taken(store, bars):
    source = Scripted(bars)
    source.editable = True
    store.update(source, ["AAPL"])
    source.bars = bars.copy()
    source.bars.loc[3, "adj_close"] *= 1.01
    store.update(source, ["AAPL"])
    assert store.read("scripted", ["AAPL"])["adj_close"].iloc[3] == pytest.approx(
        bars["adj_close"].iloc[3] * 1.01
    )


def test_a_damaged_file_is_fetched_whole_and_the_others_go_on(store, bars):
    source = Scripted(bars)
    store.update(source, ["AAPL", "JPM"])
    (store.root / "scripted" / "AAPL.parquet").write_bytes(b"PAR1 no")
    report = store.update(source, ["AAPL", "JPM"])
    assert not report.failures
    assert report.repaired == ["AAPL"]
    assert source.asked[-2] == (("AAPL",), None)
    assert len(store.read("scripted", ["AAPL"])) == 148


def test_offline_keeps_what_is_stored_and_says_so(store, bars):
    source = Scripted(bars)
    store.update(source, ["AAPL"])
    source.down = True
    assert store.update(source, ["AAPL"]).failures == {"AAPL": "offline"}
    assert len(store.read("scripted", ["AAPL"])) == 148
    with pytest.raises(SourceUnavailableError):
        store.update(source, ["JPM"])


def test_bad_new_prices_are_refused_and_the_old_kept(store, bars):
    source = Scripted(until(bars, "2022-11-30"))
    store.update(source, ["AAPL", "JPM"])
    source.bars = bars.copy()
    source.bars.loc[source.bars["symbol"].eq("AAPL") & source.bars["date"].eq("2022-12-15"), "close"] = -1.0
    report = store.update(source, ["AAPL", "JPM"])
    assert "2022-12-15: price not positive" in report.failures["AAPL"]
    assert report.added == {"JPM": 21}
    assert store.read("scripted", ["AAPL"])["date"].max() == pd.Timestamp("2022-11-30")


def test_an_unknown_symbol_is_reported(store, bars):
    assert store.update(Scripted(bars), ["AAPL", "ZZZ"]).failures == {"ZZZ": "ZZZ unknown"}


@pytest.mark.parametrize("content", [b"", b"PAR1 no", None])
def test_a_damaged_file_is_named_with_the_remedy(store, bars, content):
    store.write("scripted", bars)
    path = store.root / "scripted" / "AAPL.parquet"
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + data[-100:] if content is None else content)
    with pytest.raises(PriceDataError, match=r"AAPL\.parquet is damaged.*tickgraph prices update"):
        store.read("scripted", ["AAPL"])
    assert len(store.read("scripted", ["JPM"])) == 148


def test_another_parquet_file_is_foreign(store, bars):
    store.write("scripted", bars)
    pd.DataFrame({"a": [1]}).to_parquet(store.root / "scripted" / "AAPL.parquet")
    with pytest.raises(PriceDataError, match="damaged or foreign"):
        store.read("scripted", ["AAPL"])


@pytest.mark.parametrize(
    ("code", "remedy"),
    [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only"), (errno.EACCES, "Permission")],
)
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_storage_that_fails_loses_nothing(store, bars, monkeypatch, code, remedy, call):
    store.write("scripted", bars)

    def fail(*_):
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(StorageError, match=remedy):
            store.write("scripted", until(bars, "2022-07-01"))
    assert len(store.read("scripted", ["AAPL"])) == 148
    assert sorted(path.name for path in (store.root / "scripted").iterdir()) == [
        "AAPL.parquet",
        "JPM.parquet",
    ]


def test_a_file_where_the_store_should_be_is_named(tmp_path, bars):
    (tmp_path / "prices").write_text("not a folder")
    with pytest.raises(StorageError, match="A file stands where a folder is needed"):
        PriceStore(tmp_path / "prices").write("scripted", bars)


def test_paths_cannot_leave_the_store(store, bars, tmp_path):
    with pytest.raises(SymbolError):
        store.read("scripted", ["../../etc/passwd"])
    (tmp_path / "elsewhere").mkdir()
    store.root.mkdir()
    (store.root / "scripted").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PriceDataError, match="outside the price store"):
        store.write("scripted", bars)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_an_empty_date_range_is_an_error(store):
    with pytest.raises(InputError, match="Empty date range"):
        store.read("scripted", ["AAPL"], date(2022, 2, 1), date(2022, 1, 1))


@pytest.mark.parametrize("seed", range(8))
def test_no_damage_goes_unseen(store, bars, seed):
    """Bytes changed or cut off: the file is refused, or its prices are what was written."""
    store.write("scripted", bars)
    path = store.root / "scripted" / "AAPL.parquet"
    data, want, chance, refused = path.read_bytes(), store.read("scripted", ["AAPL"]), random.Random(seed), 0
    for _ in range(40):
        torn = bytearray(data)
        for _ in range(chance.choice([1, 4, 30])):
            torn[chance.randrange(len(torn))] = chance.randrange(256)
        path.write_bytes(torn[: chance.choice([len(torn), chance.randrange(len(torn))])])
        try:
            store.info("scripted")
            pd.testing.assert_frame_equal(store.read("scripted", ["AAPL"]), want)
            panel = store.panel("scripted", ["AAPL"])
            assert panel.adj_close[:, 0].tolist() == want["adj_close"].tolist()
        except PriceDataError:
            refused += 1
    assert refused > 20


@pytest.mark.parametrize("column", [{"a": [1]}, {"date": ["yesterday"]}])
def test_a_foreign_file_is_named_by_updates_and_listings_too(store, bars, column):
    store.write("scripted", bars)
    pd.DataFrame(column).to_parquet(store.root / "scripted" / "AAPL.parquet")
    with pytest.raises(PriceDataError, match=r"AAPL\.parquet is damaged or foreign"):
        store.info("scripted")
    source = Scripted(bars)
    source.down = True
    with pytest.raises(SourceUnavailableError):
        store.update(source, ["AAPL"])
    source.down = False
    assert store.update(source, ["AAPL", "JPM"]).repaired == ["AAPL"]


def test_a_file_of_another_symbol_is_foreign(store, bars):
    store.write("scripted", bars)
    folder = store.root / "scripted"
    (folder / "AAPL.parquet").write_bytes((folder / "JPM.parquet").read_bytes())
    with pytest.raises(PriceDataError, match=r"AAPL\.parquet is damaged or foreign"):
        store.read("scripted", ["AAPL"])


def test_a_former_name_reads_todays_prices(store, sample):
    store.write("sample", sample.fetch(["XYZ"]).bars)
    assert set(store.read("sample", ["SQ"])["symbol"]) == {"XYZ"}
    assert len(store.read("sample", ["sq"])) == len(store.read("sample", ["XYZ"])) > 1000


def test_a_source_that_goes_down_during_a_restatement_is_reported(store, bars):
    store.update(Scripted(bars), ["AAPL"])

    class Restated(Scripted):
        def fetch(self, symbols, first=None, last=None):
            self.down = first is None
            return super().fetch(symbols, first, last)

    report = store.update(Restated(bars.assign(adj_close=bars["adj_close"] * 0.9)), ["AAPL"])
    assert report.failures == {"AAPL": "offline"}
    assert store.read("scripted", ["AAPL"])["adj_close"].iloc[0] == bars["adj_close"].iloc[0]


def test_a_source_with_nothing_newer_is_reported_as_nothing_added(store, bars):
    store.update(Scripted(bars), ["AAPL"])
    report = store.update(Scripted(until(bars, "2022-07-01")), ["AAPL"])
    assert (report.added, report.failures) == ({"AAPL": 0}, {})
    assert len(store.read("scripted", ["AAPL"])) == 148


@pytest.mark.parametrize("source", ["..", "../elsewhere", "/etc"])
def test_a_source_that_is_a_path_is_refused(store, bars, source):
    with pytest.raises(PriceDataError, match="outside the price store"):
        store.write(source, bars)
    assert not store.root.exists()


def test_bad_first_prices_are_not_stored(store, bars):
    bad = bars.copy()
    bad.loc[5, "close"] = -1.0
    report = store.update(Scripted(bad), ["AAPL", "JPM"])
    assert "price not positive" in report.failures["AAPL"]
    assert report.added == {"JPM": 148}
    assert store.symbols("scripted") == ("JPM",)


def test_a_link_out_of_the_store_is_not_followed(store, bars, tmp_path):
    store.write("scripted", bars)
    path = store.root / "scripted" / "AAPL.parquet"
    path.rename(tmp_path / "elsewhere.parquet")
    path.symlink_to(tmp_path / "elsewhere.parquet")
    with pytest.raises(PriceDataError, match="outside the price store"):
        store.read("scripted", ["AAPL"])


def test_a_panel_holds_what_was_read(store, bars):
    store.write("scripted", bars)
    symbols = sorted(set(bars["symbol"]))
    for first, last in ((None, None), (date(2022, 12, 28), None), (None, date(2022, 12, 29))):
        panel = store.panel("scripted", symbols, first, last)
        read = store.read("scripted", symbols, first, last)
        for row in read.itertuples():
            place = np.searchsorted(panel.sessions, np.datetime64(row.date, "D")), panel.column(row.symbol)
            for name in PANEL_COLUMNS:
                assert getattr(panel, name)[place] == getattr(row, name)
        assert np.isfinite(panel.close).sum() == len(read)
