"""A panel is what was stored at one moment, and its end can be read without the rest."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from made_prices import DAYS, Scripted, closes, closes_of, made_bars
from tickgraph.errors import PriceDataError, StorageError
from tickgraph.market.store import PriceStore, history, reader

NAMES = ("AAPL", "JPM", "MSFT")


@pytest.fixture
def held(store):
    """Histories of 40 sessions, one of 25, with two more appended to the others."""
    store.write("scripted", pd.concat([made_bars(NAMES, 40), made_bars(["OLD"], 25)]))
    store.update(Scripted(made_bars(NAMES, 42)), NAMES)
    return store


@pytest.mark.parametrize("rows", [8, 4096])
@pytest.mark.parametrize("count", [1, 2, 3, 17, 42, 100])
def test_the_last_sessions_are_the_end_of_the_whole_panel(held, monkeypatch, rows, count):
    monkeypatch.setattr(history, "GROUP_ROWS", rows)
    held.write("scripted", held.read("scripted", ["JPM"]))
    names = (*NAMES, "OLD")
    for last in (None, DAYS[30].item()):
        for first in (None, DAYS[5].item()):
            tail = held.panel("scripted", names, first, last, sessions=count)
            assert tail.same_prices(held.panel("scripted", names, first, last).tail(count))


def test_only_the_groups_that_reach_far_enough_are_decoded(store, monkeypatch):
    monkeypatch.setattr(history, "GROUP_ROWS", 16)
    store.write("scripted", made_bars(["AAPL"], 40))
    path = store.root / "scripted" / "AAPL.parquet"
    data = bytearray(path.read_bytes())
    data[200] ^= 255  # in the first group
    path.write_bytes(data)
    assert store.panel("scripted", ["AAPL"], sessions=20).sessions.tolist() == DAYS[20:40].tolist()
    with pytest.raises(PriceDataError, match="damaged"):
        store.panel("scripted", ["AAPL"], sessions=25)


def test_what_earlier_versions_wrote_is_read_and_updated(store):
    bars = made_bars(["AAPL"], 40)
    path = store.root / "scripted" / "AAPL.parquet"
    path.parent.mkdir(parents=True)
    table = pa.Table.from_pandas(bars, preserve_index=False)
    when = {b"tickgraph.fetched_at": b"2022-07-28T22:00:00+00:00"}
    pq.write_table(table.replace_schema_metadata(when), path, compression="zstd", write_page_checksum=True)
    pd.testing.assert_frame_equal(store.read("scripted", ["AAPL"]), bars)
    held = store.stored("scripted", "AAPL")
    assert (held.provider, held.revised_at, held.fetched_at[:10]) == ("scripted", None, "2022-07-28")
    before = path.read_bytes()
    assert store.update(Scripted(made_bars(["AAPL"], 41)), ["AAPL"]).added == {"AAPL": 1}
    assert path.read_bytes() == before
    pd.testing.assert_frame_equal(store.read("scripted", ["AAPL"]), made_bars(["AAPL"], 41))
    store.fold("scripted", always=True)
    pd.testing.assert_frame_equal(store.read("scripted", ["AAPL"]), made_bars(["AAPL"], 41))


def test_sessions_that_an_earlier_version_wrote_into_a_history_are_not_doubled(held):
    bars = made_bars(["AAPL"], 42)
    pq.write_table(pa.Table.from_pandas(bars, preserve_index=False), held.root / "scripted" / "AAPL.parquet")
    pd.testing.assert_frame_equal(held.read("scripted", ["AAPL"]), bars)


def test_facts_in_a_footer_that_were_changed_are_refused(held):
    path = held.root / "scripted" / "AAPL.parquet"
    data = path.read_bytes()
    assert data.count(b'"folded":0') == 1
    path.write_bytes(data.replace(b'"folded":0', b'"folded":9'))
    with pytest.raises(PriceDataError, match=r"AAPL\.parquet is damaged"):
        held.read("scripted", ["AAPL"])


def test_earlier_versions_can_read_what_is_written_now(store):
    bars = made_bars(["AAPL"], 40)
    store.write("scripted", bars)
    pd.testing.assert_frame_equal(pd.read_parquet(store.root / "scripted" / "AAPL.parquet"), bars)


def test_a_footer_may_say_more_than_is_known_here(store):
    """A later version may have written it."""
    store.write("scripted", made_bars(["AAPL"], 40))
    path = store.root / "scripted" / "AAPL.parquet"
    facts = history.facts_in(pq.ParquetFile(path), path) | {"more": 1}
    path.write_bytes(history.parquet_bytes(pq.read_table(path), facts, [0, 40], ["symbol"]))
    assert store.stored("scripted", "AAPL").sessions == 40


@pytest.fixture
def between(held, monkeypatch):
    """Have the store changed while a panel is read, after its first symbol."""

    def arranged(*changes):
        real, left = held.reader.one, list(changes)

        def one(source, symbol, *rest, **words):
            prices = real(source, symbol, *rest, **words)
            if left and symbol == NAMES[0]:
                left.pop(0)()
            return prices

        monkeypatch.setattr(held.reader, "one", one)

    return arranged


def test_a_panel_is_of_one_moment_while_histories_are_replaced(held, between):
    other = PriceStore(held.root)
    between(lambda: other.write("scripted", made_bars(NAMES, 42, scale=2)))
    assert closes(held, NAMES) == closes_of(made_bars(NAMES, 42, scale=2))


def test_a_panel_is_of_one_moment_while_sessions_are_appended_and_folded(held, between):
    other = PriceStore(held.root)

    def append_and_fold():
        other.update(Scripted(made_bars(NAMES, 43)), NAMES)
        other.fold("scripted", always=True)

    between(append_and_fold)
    assert closes(held, NAMES) == closes_of(made_bars(NAMES, 43))


def test_prices_that_never_stop_changing_are_an_error_and_no_mixture(held, between, monkeypatch):
    monkeypatch.setattr(reader, "LOOKS", 5)
    scales = iter(range(2, 20))
    other = PriceStore(held.root)
    between(*[lambda: other.write("scripted", made_bars(NAMES, 42, scale=next(scales)))] * 10)
    with pytest.raises(StorageError, match="changed at each of 5 looks"):
        held.panel("scripted", NAMES)


def test_a_stamp_changes_with_prices_and_only_then_its_history_part(held):
    before = held.stamp("scripted", "AAPL")
    assert held.stamp("scripted", "aapl") == before
    held.update(Scripted(made_bars(NAMES, 43)), NAMES)
    appended = held.stamp("scripted", "AAPL")
    assert appended != before
    assert appended.history == before.history
    held.write("scripted", made_bars(["AAPL"], 43, scale=2))
    assert held.stamp("scripted", "AAPL").history != before.history
    assert held.stamp("scripted", "ZZZ") is None


def test_recent_sessions_lie_over_an_earlier_panel_and_make_the_present_one(held):
    before = held.panel("scripted", NAMES)
    held.update(Scripted(made_bars(NAMES[:2], 44)), NAMES[:2])
    grown = before.extended(held.recent("scripted", NAMES))
    assert grown.same_prices(held.panel("scripted", NAMES))
    assert np.isnan(grown.select(("MSFT",)).close[-1, 0])
    assert grown.extended(held.recent("scripted", NAMES)) is grown


def test_dates_are_kept_within(held):
    panel = held.panel("scripted", NAMES, date(2022, 7, 28), date(2022, 7, 29))
    assert panel.sessions.tolist() == [date(2022, 7, 28), date(2022, 7, 29)]


def test_what_is_stored_of_a_symbol_is_read_again_only_after_its_history_was_replaced(held, monkeypatch):
    read, real = [], reader.read_history

    def counting(path, *rest):
        read.append(path.stem)
        return real(path, *rest)

    monkeypatch.setattr(reader, "read_history", counting)
    before = held.stored("scripted", "AAPL")
    held.update(Scripted(made_bars(NAMES, 43)), NAMES)
    read.clear()
    after = held.stored("scripted", "AAPL")
    assert read == []
    assert (after.last, after.sessions) == (DAYS[42].item(), 43)
    assert before.last < after.last
    PriceStore(held.root).write("scripted", made_bars(["AAPL"], 30))
    read.clear()
    assert held.stored("scripted", "AAPL").sessions == 30
    assert read == ["AAPL"]
