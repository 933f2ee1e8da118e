"""What an update appends, replaces, refuses and reports."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from made_prices import DAYS, Scripted, closes, closes_of, made_bars, offline
from tickgraph.errors import SourceUnavailableError
from tickgraph.market.store import PriceStore, writer
from tickgraph.market.store import store as store_module

NAMES = ("AAPL", "JPM", "MSFT", "XOM")
LAST = [day.item() for day in DAYS]


@pytest.fixture
def source(store):
    """A source a session ahead of the store, which holds 40."""
    source = Scripted(made_bars(NAMES, 40))
    store.update(source, NAMES)
    source.bars = made_bars(NAMES, 41)
    source.asked.clear()
    return source


def files(store):
    return {path.name: path.read_bytes() for path in (store.root / "scripted").glob("*.parquet")}


def revised(store, symbol):
    return store.stored("scripted", symbol).revised_at


def test_a_new_session_of_all_symbols_is_one_write(store, source, monkeypatch):
    before, real, replaced = files(store), os.replace, []
    monkeypatch.setattr(os, "replace", lambda old, new: replaced.append(new.name) or real(old, new))
    report = store.update(source, NAMES)
    assert report.added == dict.fromkeys(NAMES, 1)
    assert source.asked == [(NAMES, LAST[39] - pd.Timedelta(days=10).to_pytimedelta())]
    assert replaced == ["sessions.parquet"]
    assert files(store) == before


def test_what_was_appended_is_read_as_if_the_history_held_it(store, source, sample):
    bars = sample.fetch(["AAPL", "JPM"], date(2022, 6, 1), None).bars
    whole = Scripted(bars[bars["date"] < "2022-12-28"])
    whole.name = "whole"
    store.update(whole, ["AAPL", "JPM"])
    for day in ("2022-12-29", "2022-12-30", "2022-12-31"):
        whole.bars = bars[bars["date"] < day]
        store.update(whole, ["AAPL", "JPM"])
    pd.testing.assert_frame_equal(PriceStore(store.root).read("whole", ["AAPL", "JPM"]), bars)
    held = store.info("whole")[0]
    assert (held.last, held.sessions, held.provider) == (date(2022, 12, 30), len(bars) // 2, "whole")


def test_digits_that_a_history_has_no_room_for_are_kept(store):
    bars = made_bars(["AAPL"], 41)
    store.write("scripted", bars.iloc[:40].astype({"adj_close": "float32"}))
    store.update(Scripted(bars), ["AAPL"])
    assert store.read("scripted", ["AAPL"])["adj_close"].iloc[-1] == bars["adj_close"].iloc[-1]


def test_prices_came_when_their_newest_session_did(tmp_path):
    clock = [datetime(2022, 7, 28, 22, tzinfo=UTC)]
    store = PriceStore(tmp_path, now=lambda: clock[0])
    store.update(Scripted(made_bars(NAMES, 40)), NAMES)
    clock[0] = datetime(2022, 7, 29, 22, tzinfo=UTC)
    store.update(Scripted(made_bars(NAMES[:2], 41)), NAMES[:2])
    came = {held.symbol: held.fetched_at for held in store.info("scripted")}
    assert came["AAPL"] == "2022-07-29T22:00:00+00:00"
    assert came["XOM"] == "2022-07-28T22:00:00+00:00"


def test_a_dividend_restates_a_history_and_revises_no_return(store, source):
    later = made_bars(NAMES, 41)
    paid = later["symbol"] == "AAPL"
    later.loc[paid & (later["date"] < str(DAYS[40])), "adj_close"] *= 0.99
    source.bars = later
    report = store.update(source, NAMES)
    assert (report.restated, report.added["AAPL"], report.failures) == (["AAPL"], 41, {})
    assert revised(store, "AAPL") is None
    assert closes(store, NAMES) == closes_of(later)


def test_a_corrected_close_is_a_revision_and_a_later_dividend_keeps_its_date(tmp_path):
    clock = [datetime(2022, 8, 1, tzinfo=UTC)]
    store, source = PriceStore(tmp_path, now=lambda: clock[0]), Scripted(made_bars(NAMES, 40))
    store.update(source, NAMES)
    source.bars = made_bars(NAMES, 41)
    source.bars.loc[38, ["close", "adj_close"]] *= 1.001
    assert store.update(source, NAMES).restated == ["AAPL"]
    assert revised(store, "AAPL") == clock[0]
    assert revised(store, "JPM") is None
    source.bars.loc[source.bars["symbol"] == "AAPL", "adj_close"] *= 0.98
    clock[0] = datetime(2022, 9, 1, tzinfo=UTC)
    assert store.update(source, NAMES).restated == ["AAPL"]
    assert revised(store, "AAPL") == datetime(2022, 8, 1, tzinfo=UTC)


def test_a_restated_symbol_is_never_a_session_ahead_of_the_others(store, source, monkeypatch):
    source.bars = pd.concat([made_bars(["AAPL"], 41, scale=0.5), made_bars(NAMES[1:], 41)])
    seen, real = [], os.replace

    def look(old, new):
        real(old, new)
        seen.append({symbol: max(days) for symbol, days in closes(PriceStore(store.root), NAMES).items()})

    monkeypatch.setattr(os, "replace", look)
    store.update(source, NAMES)
    assert [set(ends.values()) for ends in seen] == [{LAST[39]}, {LAST[40]}]


def test_another_provider_gives_the_whole_history(store, source):
    source.bars, source.providers = made_bars(NAMES, 41), {"AAPL": "tiingo"}
    source.bars.loc[source.bars["symbol"] == "AAPL", ["close", "adj_close"]] += 0.2
    report = store.update(source, NAMES)
    assert (report.switched, report.restated) == ({"AAPL": "tiingo"}, [])
    assert source.asked[-1] == (("AAPL",), None)
    assert closes(store, NAMES) == closes_of(source.bars)
    assert store.panel("scripted", NAMES).provider("AAPL") == "tiingo"
    assert store.panel("scripted", NAMES).provider("JPM") == "scripted"
    assert store.stored("scripted", "AAPL").provider == "tiingo"
    assert revised(store, "AAPL") is not None
    source.bars = pd.concat([source.bars, made_bars(["AAPL"], 1, 41).assign(volume=1)])
    store.update(source, NAMES)
    assert store.panel("scripted", NAMES).provider("AAPL") == "tiingo"


@pytest.mark.parametrize(("column", "factor"), [("close", 1.001), ("volume", 1.5)])
def test_a_close_or_volume_that_was_corrected_is_taken_and_revises_no_return(store, source, column, factor):
    source.bars[column] = source.bars[column].astype(float)
    source.bars.loc[39, column] *= factor
    report = store.update(source, NAMES)
    assert (report.restated, revised(store, "AAPL")) == (["AAPL"], None)
    assert store.read("scripted", ["AAPL"])[column].iloc[39] == source.bars.loc[39, column]
    assert store.update(source, NAMES).restated == []


@pytest.mark.parametrize(("column", "first"), [("low", 0.0), ("open", np.nan), ("high", 90.0)])
def test_an_open_high_or_low_that_is_mended_later_is_taken(store, source, column, first):
    right = source.bars[column][40]
    source.bars.loc[40, column] = first
    assert store.update(source, NAMES).restated == []
    assert store.update(source, NAMES).restated == []
    source.bars.loc[40, column] = right
    assert store.update(source, NAMES).restated == ["AAPL"]
    assert store.read("scripted", ["AAPL"])[column].iloc[40] == right
    source.bars.loc[40, column] = 0.0
    assert store.update(source, NAMES).restated == []
    assert store.read("scripted", ["AAPL"])[column].iloc[40] == right


def test_a_few_trades_reported_late_cost_no_history(store, source):
    source.bars["volume"] = source.bars["volume"] * 1.05
    source.bars["high"] = source.bars["high"] * 1.002
    assert store.update(source, NAMES).restated == []


def test_a_session_that_came_after_a_later_one_is_put_in_its_place(store, source):
    source.bars = made_bars(NAMES, 42).drop(index=40)
    store.update(source, NAMES)
    source.bars = made_bars(NAMES, 43)
    assert store.update(source, NAMES).restated == ["AAPL"]
    assert closes(store, NAMES) == closes_of(source.bars)


def test_a_date_without_a_session_before_the_last_one_is_left_where_it_is(store, source):
    sunday = made_bars(["AAPL"], 1, 38).assign(date=pd.Timestamp("2022-07-24"))
    source.bars = pd.concat([source.bars, sunday])
    report = store.update(source, NAMES)
    assert (report.added, report.failures) == (dict.fromkeys(NAMES, 1), {})


def test_another_companys_prices_under_the_same_name_are_not_appended(store, source):
    source.bars = pd.concat([made_bars(["AAPL"], 20, 60, scale=3), made_bars(NAMES[1:], 41)])
    report = store.update(source, NAMES)
    assert "lacks 40 of 40 stored sessions" in report.failures["AAPL"]
    assert "remove AAPL.parquet from the store" in report.failures["AAPL"]
    assert closes(store, ["AAPL"]) == closes_of(made_bars(["AAPL"], 40))
    (store.root / "scripted" / "AAPL.parquet").unlink()
    assert store.update(source, NAMES).added["AAPL"] == 20
    assert closes(store, ["AAPL"]) == closes_of(made_bars(["AAPL"], 20, 60, scale=3))


def test_a_restated_history_that_another_provider_gives_is_named_as_switched(store, source):
    source.bars = made_bars(NAMES, 41, scale=2)
    source.down = lambda symbols, first: first is None and source.providers.update(AAPL="tiingo")
    report = store.update(source, NAMES)
    assert (report.switched, sorted(report.restated)) == ({"AAPL": "tiingo"}, list(NAMES[1:]))


def test_a_provider_with_nothing_new_is_not_switched_to(store, source):
    source.bars, source.providers = made_bars(NAMES, 40, scale=1.1), dict.fromkeys(NAMES, "tiingo")
    report = store.update(source, NAMES)
    assert (report.switched, report.added) == ({}, dict.fromkeys(NAMES, 0))
    assert len(source.asked) == 1


def test_a_history_that_lacks_too_much_is_refused(store, source):
    source.bars, source.providers = made_bars(NAMES, 41), {"AAPL": "tiingo"}
    source.bars = source.bars.drop(index=range(3))  # 3 of 40 sessions of AAPL
    report = store.update(source, NAMES)
    assert "from tiingo lacks 3 of 40 stored sessions" in report.failures["AAPL"]
    assert (report.switched, set(report.added)) == ({}, set(NAMES[1:]))
    assert closes(store, ["AAPL"]) == closes_of(made_bars(["AAPL"], 40))


def test_a_history_that_lacks_little_says_so(store, source):
    source.bars = made_bars(NAMES, 41, scale=2).drop(index=[0, 1])
    report = store.update(source, NAMES)
    assert (report.shortened, report.failures) == ({"AAPL": 2}, {})
    assert len(closes(store, ["AAPL"])["AAPL"]) == 39


def test_a_whole_history_that_ends_earlier_is_refused(store, source):
    def shorter(symbols, first):
        source.bars = made_bars(NAMES, 41 if first else 39, scale=2)

    source.down = shorter
    report = store.update(source, NAMES)
    assert "ends on 2022-07-27, before the stored one's 2022-07-28" in report.failures["JPM"]
    assert closes(store, NAMES) == closes_of(made_bars(NAMES, 40))


def test_a_symbol_that_is_asked_for_alone_and_has_become_unknown_fails_by_that_name(store, source):
    """It is behind the others, so its request has no other symbol; and there may be nothing new of it either."""
    store.write("scripted", made_bars(["XOM"], 30))
    source.bars = made_bars(NAMES[:3], 41)
    report = store.update(source, NAMES)
    assert report.failures == {"XOM": "XOM unknown"}
    assert report.added == dict.fromkeys(NAMES[:3], 1)
    source.symbols = lambda: NAMES
    assert store.update(source, NAMES).added == dict.fromkeys(NAMES, 0)


def test_an_outage_in_one_request_costs_no_other(store, source):
    store.write("scripted", made_bars(["XOM"], 30))
    source.down = lambda symbols, first: offline() if "XOM" in symbols else None
    report = store.update(source, [*NAMES, "NEW"])
    assert report.failures == {"XOM": "offline", "NEW": "NEW unknown"}
    assert report.added == dict.fromkeys(NAMES[:3], 1)
    source.down = lambda symbols, first: offline() if first is None else None
    report = store.update(source, [*NAMES, "NEW"])
    assert (report.failures, report.added["XOM"]) == ({"NEW": "offline"}, 11)


def test_after_two_outages_in_a_row_whole_histories_are_asked_for_no_more(store, monkeypatch):
    monkeypatch.setattr("tickgraph.market.store.update.BATCH", 1)
    source = Scripted(made_bars(NAMES, 40))
    source.down = offline
    with pytest.raises(SourceUnavailableError):
        store.update(source, NAMES)
    assert len(source.asked) == 2


def test_what_was_fetched_before_an_interruption_is_kept(store, source):
    store.write("scripted", made_bars(["XOM"], 30))

    def interrupt(symbols, first):
        if "XOM" in symbols:
            raise KeyboardInterrupt

    source.down = interrupt
    with pytest.raises(KeyboardInterrupt):
        store.update(source, NAMES)
    assert max(closes(store, ["AAPL"])["AAPL"]) == LAST[40]


def test_checks_look_at_new_sessions_only(store):
    bars = made_bars(NAMES[:2], 42)
    for column in ("open", "high", "low", "close", "adj_close"):
        around = {"high": 1.01, "low": 0.99}.get(column, 1)
        bars.loc[38:40, column] = np.array([60.0, 120.0, 60.0]) * around  # like two splits, the first stored
    store.update(Scripted(bars[bars["date"] <= str(DAYS[39])]), NAMES[:2])
    report = store.update(Scripted(bars[bars["date"] <= str(DAYS[40])]), NAMES[:2])
    assert [(f.symbol, f.kind, f.session) for f in report.findings] == [
        ("AAPL", "split-like jump", str(DAYS[40]))  # and not again the one before
    ]
    bars.loc[41, "close"] = -1.0
    report = store.update(Scripted(bars), NAMES[:2])
    assert "price not positive" in report.failures["AAPL"]
    assert report.added == {"JPM": 1}


def test_another_writer_during_the_request_costs_no_session_and_doubles_none(store, source):
    def other(symbols, first):
        source.down = lambda *_: None
        PriceStore(store.root).update(source, NAMES[:2])

    source.down = other
    store.update(source, NAMES)
    assert closes(store, NAMES) == closes_of(source.bars)
    assert len(store.read("scripted", NAMES)) == 4 * 41


def test_what_another_writer_restated_during_the_request_is_not_appended_to(store, source):
    source.down = lambda *_: PriceStore(store.root).write("scripted", made_bars(["AAPL"], 40, scale=0.5))
    report = store.update(source, NAMES)
    assert "changed by another writer" in report.failures["AAPL"]
    assert closes(store, ["AAPL"]) == closes_of(made_bars(["AAPL"], 40, scale=0.5))
    assert max(closes(store, ["JPM"])["JPM"]) == LAST[40]


def test_many_recent_sessions_are_folded_into_the_histories(store, source, monkeypatch):
    monkeypatch.setattr(writer, "FOLD_SESSIONS", 2)
    monkeypatch.setattr(store_module, "FOLD_BATCH", 3)
    for count in (41, 42):
        source.bars = made_bars(NAMES, count)
        store.update(source, NAMES)
    before = files(store)
    source.bars = made_bars(NAMES, 43)
    store.update(source, NAMES)
    assert all(data != before[name] for name, data in files(store).items())
    assert store.recent("scripted", NAMES).symbols == ()
    assert closes(store, NAMES) == closes_of(source.bars)
    source.bars = made_bars(NAMES, 44)  # and they are appended to again
    store.update(source, NAMES)
    assert closes(store, NAMES) == closes_of(source.bars)


def test_sessions_appended_after_the_recent_file_was_lost_count(store, source):
    """Histories remember up to which append they hold everything; the next one's number must be above that."""
    for count in (41, 42, 43):
        source.bars = made_bars(NAMES, count)
        store.update(source, NAMES)
    store.fold("scripted", always=True)
    (store.root / "scripted" / "recent" / "sessions.parquet").unlink()
    source.bars = made_bars(NAMES, 44)
    store.update(source, NAMES)
    assert closes(store, NAMES) == closes_of(source.bars)


def test_a_folded_history_came_when_its_newest_session_did(tmp_path):
    clock = [datetime(2022, 7, 28, 22, tzinfo=UTC)]
    store = PriceStore(tmp_path, now=lambda: clock[0])
    for count in (40, 41, 42):
        store.update(Scripted(made_bars(NAMES, count)), NAMES)
        clock[0] += timedelta(days=2)
    store.fold("scripted", always=True)
    assert {held.fetched_at for held in store.info("scripted")} == {"2022-08-01T22:00:00+00:00"}


def test_a_damaged_recent_file_is_fetched_again_for_every_symbol(store, source):
    store.update(source, NAMES)
    path = store.root / "scripted" / "recent" / "sessions.parquet"
    path.write_bytes(path.read_bytes()[:-30])
    report = store.update(source, ["AAPL"])
    assert report.healed
    assert closes(store, NAMES) == closes_of(source.bars)


def test_a_history_put_back_in_time_is_not_lengthened_by_what_was_appended_before(store, source):
    store.update(source, NAMES)
    store.write("scripted", made_bars(["AAPL"], 20))
    assert closes(store, ["AAPL"]) == closes_of(made_bars(["AAPL"], 20))
    rows = pd.read_parquet(store.root / "scripted" / "recent" / "sessions.parquet")
    assert set(rows["symbol"]) == set(NAMES[1:])  # for who reads the files without us
    store.update(source, NAMES)
    assert closes(store, NAMES) == closes_of(source.bars)


def test_a_store_that_may_not_be_written_to_is_not_where_nothing_is_new(store, source):
    source.bars = made_bars(NAMES, 40)
    lock = store.root / ".locks" / "scripted.lock"
    lock.unlink(missing_ok=True)
    assert store.update(source, NAMES).added == dict.fromkeys(NAMES, 0)
    assert not lock.exists()
