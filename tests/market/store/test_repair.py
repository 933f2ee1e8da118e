"""What is wrong with a store's files is found, named with the remedy, and mended without losing what can be read."""

from __future__ import annotations

import random

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from made_prices import DAYS, closes, closes_of, made_bars, offline
from tickgraph.errors import PriceDataError, StorageError
from tickgraph.market.store import PriceStore, examine, history, recent, repair
from tickgraph.storage import write_atomically

NAMES = ("AAPL", "JPM", "MSFT", "XOM")


@pytest.fixture
def folder(held):
    return held.root / "scripted"


def problems(store, symbols=None):
    found = examine(store, "scripted", symbols).findings
    return [(finding.symbol, finding.kind, finding.severity) for finding in found]


def flip(path, place):
    data = bytearray(path.read_bytes())
    data[place] ^= 255
    path.write_bytes(data)


def rewrite_recent(store, change):
    with store.writing("scripted") as writer:
        writer._write_recent(change(writer._recent.table()))


def test_a_sound_store_has_nothing_to_say(held):
    result = examine(held, "scripted")
    assert result.findings == []
    assert result.last == dict.fromkeys(NAMES, DAYS[40].item())
    assert result.bars == 4 * 41


def test_one_bad_page_is_found_and_the_others_are_looked_at(held, folder, source):
    flip(folder / "JPM.parquet", 400)
    assert problems(held) == [("JPM", "damaged file", "error")]
    before = (folder / "AAPL.parquet").read_bytes()
    report = repair(held, source)
    assert (report.rebuilt, report.failures) == ({"JPM": "damaged file"}, {})
    assert problems(held) == []
    assert closes(held, NAMES) == closes_of(source.bars)
    assert (folder / "AAPL.parquet").read_bytes() != before  # folded


def test_a_dry_run_says_what_it_would_do_and_does_nothing(held, folder, source):
    flip(folder / "JPM.parquet", 400)
    (folder / ".XOM.parquet.0123.tmp").write_bytes(b"half")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    asked = len(source.asked)
    report = repair(held, source, dry_run=True)
    assert (report.rebuilt, report.removed) == ({"JPM": "damaged file"}, [".XOM.parquet.0123.tmp"])
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert len(source.asked) == asked


def test_leftovers_of_a_writer_that_died_are_found_and_removed(held, folder, source):
    for name in (".XOM.parquet.0123.tmp", "recent/.sessions.parquet.4567.tmp"):
        (folder / name).write_bytes(b"half")
    assert problems(held) == [("(store)", "leftover file", "warning")] * 2
    assert len(repair(held, source).removed) == 2
    assert problems(held) == []


def test_a_damaged_recent_file_is_named_and_its_sessions_are_fetched_again(held, folder, source):
    path = folder / "recent" / "sessions.parquet"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(PriceDataError, match=r"sessions\.parquet is damaged.*tickgraph prices repair"):
        held.panel("scripted", NAMES)
    with pytest.raises(PriceDataError, match="damaged"):
        held.write("scripted", made_bars(NAMES[:1], 40))
    assert ("(store)", "damaged recent file", "error") in problems(held)
    report = repair(held, source, [])
    assert (report.healed, report.failures) == (True, {})
    assert closes(held, NAMES) == closes_of(source.bars)


def test_what_can_be_read_of_a_damaged_recent_file_outlives_an_outage(held, folder, source, monkeypatch):
    monkeypatch.setattr(recent, "GROUP_ROWS", 1)
    rewrite_recent(held, lambda rows: rows)  # a group for each symbol
    flip(folder / "recent" / "sessions.parquet", 200)  # in the first one's pages
    source.down = offline
    report = repair(held, source)
    assert set(report.failures.values()) == {"offline"}
    last = {symbol: max(days) for symbol, days in closes(held, NAMES).items()}
    assert last == {"AAPL": DAYS[39].item(), **dict.fromkeys(NAMES[1:], DAYS[40].item())}
    source.down = lambda *_: None
    held.update(source, NAMES)
    assert closes(held, NAMES) == closes_of(source.bars)


def test_rows_out_of_order_are_rebuilt(held, folder, source):
    table = pa_table(folder / "XOM.parquet")
    path = folder / "XOM.parquet"
    order = [*range(20), 21, 20, *range(22, 40)]
    rows = table.take(order)
    write_atomically(path, history.encode(rows, history.Head.over(rows, "XOM", 0, "scripted", "", None)))
    assert problems(held) == [("XOM", "out of order", "error")]
    assert repair(held, source).rebuilt == {"XOM": "out of order"}
    assert problems(held) == []
    assert closes(held, NAMES) == closes_of(source.bars)


def pa_table(path):
    return pq.read_table(path).replace_schema_metadata(None)


def test_a_session_that_is_twice_in_the_recent_file_is_rebuilt(held, source):
    import pyarrow as pa

    rewrite_recent(held, lambda rows: pa.concat_tables([rows, rows.slice(0, 1)]))
    assert ("AAPL", "duplicate row", "error") in problems(held)
    assert repair(held, source).rebuilt == {"AAPL": "duplicate row"}
    assert problems(held) == []
    assert closes(held, NAMES) == closes_of(source.bars)


def test_of_a_session_that_is_twice_in_the_recent_file_the_later_row_is_folded(held, source):
    import pyarrow as pa

    later = made_bars(["AAPL"], 41, scale=1.01)["adj_close"].iloc[-1]

    def twice(rows):
        again = rows.slice(0, 1)
        place = again.schema.get_field_index("adj_close")
        return pa.concat_tables([rows, again.set_column(place, "adj_close", pa.array([later]))])

    rewrite_recent(held, twice)
    held.fold("scripted", always=True)
    wanted = closes_of(source.bars)
    wanted["AAPL"][DAYS[40].item()] = later
    assert closes(held, NAMES) == wanted
    assert problems(held) == []


def test_symbols_behind_the_others_and_gaps_are_named_with_a_remedy(held, source):
    bars = made_bars(NAMES, 41)
    held.write("scripted", bars[(bars["symbol"] != "JPM") | (bars["date"] != str(DAYS[7]))])
    held.write("scripted", made_bars(["XOM"], 38))
    found = {finding.symbol: finding for finding in examine(held, "scripted").findings}
    assert "ends 3 sessions before others" in found["XOM"].detail
    assert "prices update --symbols XOM" in found["XOM"].detail
    assert "1 sessions missing before this one" in found["JPM"].detail
    assert "prices repair --source scripted --symbols JPM" in found["JPM"].detail
    assert repair(held, source).rebuilt == {}
    assert repair(held, source, ["JPM"]).rebuilt == {"JPM": "gap"}
    assert problems(held, ["JPM"]) == []


def test_a_gap_that_the_source_has_too_is_left(held, source):
    bars = made_bars(NAMES, 41)
    source.bars = bars[(bars["symbol"] != "JPM") | (bars["date"] != str(DAYS[7]))]
    held.write("scripted", source.bars)
    report = repair(held, source, ["JPM"])
    assert (report.rebuilt, report.failures) == ({}, {})


def test_a_damaged_file_is_kept_while_the_source_has_less_than_it_holds(held, folder, source):
    path = folder / "JPM.parquet"
    table = pq.ParquetFile(path).metadata.row_group(0)
    volume = table.column(table.num_columns - 1)
    flip(path, volume.data_page_offset + volume.total_compressed_size - 3)  # its dates can be read
    before = path.read_bytes()
    source.bars = made_bars(NAMES, 41).groupby("symbol").tail(20).reset_index(drop=True)
    assert "lacks 21 of 41 stored sessions" in repair(held, source, ["JPM"]).failures["JPM"]
    assert "lacks 21 of 41 stored sessions" in held.update(source, ["JPM"]).failures["JPM"]
    assert path.read_bytes() == before


def test_an_outage_during_a_repair_leaves_files_as_they_were(held, folder, source):
    flip(folder / "JPM.parquet", 400)
    before = (folder / "JPM.parquet").read_bytes()
    source.down = offline
    assert repair(held, source).failures == {"JPM": "offline"}
    assert (folder / "JPM.parquet").read_bytes() == before


def test_recent_rows_without_a_history_are_named(held, folder):
    (folder / "XOM.parquet").unlink()
    assert problems(held) == [("XOM", "no history", "warning")]


@pytest.mark.parametrize("seed", range(4))
def test_no_damage_of_the_recent_file_goes_unseen(held, folder, seed):
    """Bytes changed or cut off: the file is refused, or its prices are what was written."""
    path, want = folder / "recent" / "sessions.parquet", held.read("scripted", NAMES)
    data, chance, refused = path.read_bytes(), random.Random(seed), 0
    for _ in range(40):
        torn = bytearray(data)
        for _ in range(chance.choice([1, 4, 30])):
            torn[chance.randrange(len(torn))] = chance.randrange(256)
        path.write_bytes(torn[: chance.choice([len(torn), chance.randrange(len(torn))])])
        try:
            pd.testing.assert_frame_equal(PriceStore(held.root).read("scripted", NAMES), want)
        except PriceDataError:
            refused += 1
    assert refused > 20


@pytest.mark.parametrize("content", [b"", b"PAR1 no", None])
def test_another_file_in_place_of_the_recent_one_is_named(held, folder, content):
    path = folder / "recent" / "sessions.parquet"
    path.write_bytes(content) if content is not None else pd.DataFrame({"a": [1]}).to_parquet(path)
    with pytest.raises(PriceDataError, match="damaged or foreign"):
        held.read("scripted", NAMES)
    path.unlink()
    path.mkdir()
    with pytest.raises(PriceDataError, match="damaged or foreign"):
        held.read("scripted", NAMES)


def test_bad_prices_are_found_too(held):
    bars = made_bars(["JPM"], 41)
    bars.loc[5, "close"] = -1.0
    held.write("scripted", bars)
    assert ("JPM", "price not positive", "error") in problems(held)
    assert np.isfinite(held.panel("scripted", ["AAPL"]).close).all()


def test_a_file_that_is_no_symbols_is_named_and_stands_in_nobodys_way(held, folder, source):
    (folder / "._AAPL.parquet").write_bytes(b"what another system left")
    (folder / "FB.parquet").write_bytes((folder / "JPM.parquet").read_bytes())
    assert held.symbols("scripted") == NAMES
    assert [stored.symbol for stored in held.info("scripted")] == list(NAMES)
    assert problems(held) == [("(store)", "foreign file", "warning")] * 2
    details = [finding.detail for finding in examine(held, "scripted").findings]
    assert "._AAPL.parquet has no symbol's name" in details[0]
    assert "FB has traded as META since" in details[1]
    assert "prices update --symbols META" in details[1]
    assert repair(held, source).failures == {}


def test_a_folder_in_a_historys_place_costs_no_other_symbol(held, folder, source):
    (folder / "AAPL.parquet").unlink()
    (folder / "AAPL.parquet").mkdir()
    flip(folder / "JPM.parquet", 400)
    report = repair(held, source)
    assert report.rebuilt == {"JPM": "damaged file"}
    assert "AAPL.parquet is damaged or foreign. Delete it" in report.failures["AAPL"]
    source.bars = made_bars(NAMES, 42)
    report = held.update(source, NAMES)
    assert (report.added, set(report.failures)) == (dict.fromkeys(NAMES[1:], 1), {"AAPL"})


def test_a_folder_in_the_recent_files_place_is_named(held, folder, source):
    path = folder / "recent" / "sessions.parquet"
    path.unlink()
    path.mkdir()
    with pytest.raises(
        StorageError, match=r"sessions.parquet: a folder stands where the file belongs. Remove it"
    ):
        repair(held, source)
    assert list(path.parent.glob(".*")) == []


def test_a_move_of_the_whole_market_is_no_fault_of_one_symbol(store):
    """As in an update, where the same move is not remarked on."""
    names = [f"AA{letter}" for letter in "ABCDEFGH"]
    bars = made_bars(names, 60)
    prices = ["open", "high", "low", "close", "adj_close"]
    bars[prices] = 50.0 + bars[prices] / 1e3
    fallen = bars["date"] >= DAYS[30].astype("datetime64[us]")
    bars.loc[fallen, prices] *= 2 / 3
    store.write("scripted", bars)
    assert not examine(store, "scripted").findings
    bars.loc[fallen & (bars["symbol"] == names[0]), prices] *= 2 / 3
    store.write("scripted", bars)
    assert [found.symbol for found in examine(store, "scripted").findings] == names[:1]
