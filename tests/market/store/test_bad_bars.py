"""Bad bars that a source gives: what is stored of them, what waits, and what is taken out again."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest

from made_prices import Scripted, closes, closes_of, walk
from tickgraph.market.store import PriceStore, examine, repair

NAMES = ("ALFA", "BRVO")
PRICES = ["open", "high", "low", "close", "adj_close"]
BARS = walk(NAMES, 103)
LAST = BARS["date"][:103].dt.date.tolist()


def until(count, **changed):
    """The first sessions of each, and the prices of some of ALFA's multiplied: ``at100=5``."""
    bars = BARS.copy()
    for place, factor in changed.items():
        bars.loc[int(place.removeprefix("at")), PRICES] *= factor
    return bars.groupby("symbol").head(count).reset_index(drop=True)


def source(bars):
    return Scripted(bars)


@pytest.fixture
def held(store):
    """A store that holds 100 sessions of both."""
    store.update(source(until(100)), NAMES)
    return store


def told(report):
    return [(f.symbol, f.kind, f.session) for f in report.findings]


def test_a_spike_in_a_first_history_is_left_out_and_said(store):
    report = store.update(source(until(100, at40=100)), NAMES)
    assert (report.failures, report.added) == ({}, {"ALFA": 99, "BRVO": 100})
    assert told(report) == [("ALFA", "implausible price", str(LAST[40]))]
    assert closes(store, NAMES) == closes_of(until(100).drop(index=40))


def test_a_spike_that_is_the_newest_bar_waits_and_is_left_out_when_the_price_comes_back(held):
    report = held.update(source(until(101, at100=100)), NAMES)
    assert (report.added, report.failures) == ({"ALFA": 0, "BRVO": 1}, {})
    assert told(report) == [("ALFA", "unconfirmed price", str(LAST[100]))]
    assert report.findings[0].left_out
    report = held.update(source(until(102, at100=100)), NAMES)
    assert (report.added, report.restated) == ({"ALFA": 1, "BRVO": 1}, [])
    assert told(report)[0] == ("ALFA", "implausible price", str(LAST[100]))
    spiked = closes_of(until(102))
    del spiked["ALFA"][LAST[100]]
    assert closes(held, NAMES) == spiked
    asked = source(until(103, at100=100))
    assert held.update(asked, NAMES).restated == []  # the bar that was left out is no reason to fetch it all
    assert len(asked.asked) == 1


def test_a_move_that_stays_is_stored_a_session_later(held):
    grown = BARS.copy()
    grown.loc[100:102, PRICES] *= 4  # a drug that works
    for count, added in ((101, 0), (102, 2)):
        part = grown.groupby("symbol").head(count).reset_index(drop=True)
        report = held.update(source(part), NAMES)
        assert (report.added["ALFA"], report.failures) == (added, {})
    assert closes(held, NAMES) == closes_of(part)


def test_another_unit_that_stays_refuses_the_symbol_until_the_source_mends_it(held):
    wrong = BARS.copy()
    wrong.loc[100:102, PRICES] *= 100
    for count in (101, 102, 103):
        report = held.update(source(wrong.groupby("symbol").head(count).reset_index(drop=True)), NAMES)
    assert "implausible level" in report.failures["ALFA"]
    assert str(LAST[100]) in report.failures["ALFA"]
    assert closes(held, ["ALFA"]) == closes_of(until(100).query("symbol == 'ALFA'"))
    pence = BARS.copy()
    pence.loc[:102, PRICES] *= 100
    report = held.update(source(pence), NAMES)
    assert (report.restated, report.failures) == (["ALFA"], {})
    assert closes(held, NAMES) == closes_of(pence)


def test_a_slip_that_was_stored_is_taken_out_when_the_price_comes_back(held):
    report = held.update(source(until(101, at100=2)), NAMES)  # too small a move to wait
    assert report.added["ALFA"] == 1
    assert [f.kind for f in report.findings] == ["split-like jump"]
    report = held.update(source(until(102, at100=2)), NAMES)
    assert (report.restated, report.shortened, report.failures) == (["ALFA"], {"ALFA": 1}, {})
    mended = closes_of(until(102))
    del mended["ALFA"][LAST[100]]
    assert closes(held, NAMES) == mended
    assert held.update(source(until(102, at100=2)), NAMES).restated == []


def test_a_bad_bar_that_the_source_corrects_is_put_in_its_place(held):
    held.update(source(until(102, at100=100)), NAMES)
    report = held.update(source(until(103)), NAMES)
    assert report.restated == ["ALFA"]
    assert closes(held, NAMES) == closes_of(until(103))


def test_a_session_without_a_close_costs_that_session_only(held):
    bars = until(102)
    bars.loc[100, PRICES] = np.nan
    report = held.update(source(bars), NAMES)
    assert (report.added, report.failures) == ({"ALFA": 1, "BRVO": 2}, {})
    assert ("ALFA", "missing price", str(LAST[100])) in told(report)


def test_a_low_of_zero_costs_nothing(held):
    bars = until(101)
    bars.loc[100, "low"] = 0.0
    report = held.update(source(bars), NAMES)
    assert (report.added["ALFA"], report.failures) == (1, {})
    assert told(report) == [("ALFA", "no range", str(LAST[100]))]
    stored = held.read("scripted", ["ALFA"])
    assert np.isnan(stored["low"].iloc[-1])
    assert stored["high"].iloc[-1] == bars["high"][100]


@pytest.mark.parametrize("treatment", ["refuse", "keep"])
def test_a_store_treats_what_cannot_be_as_it_is_set(tmp_path, treatment):
    store = PriceStore(tmp_path, implausible=treatment)
    report = store.update(source(until(100, at40=100)), NAMES)
    assert set(report.failures) == ({"ALFA"} if treatment == "refuse" else set())
    assert store.symbols("scripted") == (("BRVO",) if treatment == "refuse" else NAMES)


CLOCK = datetime.combine(LAST[99], datetime.min.time(), UTC).replace(hour=22)  # the session's close is past


@pytest.fixture
def early(tmp_path):
    return PriceStore(tmp_path, now=lambda: CLOCK)


def test_a_session_that_has_not_closed_is_not_stored(early):
    early.update(source(until(99)), NAMES)
    running = PriceStore(early.root, now=lambda: CLOCK.replace(hour=15))
    report = running.update(source(until(100)), NAMES)
    assert set(report.added.values()) == {0}
    assert told(report) == [(name, "unfinished session", str(LAST[99])) for name in NAMES]
    assert set(early.update(source(until(101)), NAMES).added.values()) == {1}
    assert {stored.last for stored in early.info("scripted")} == {LAST[99]}


def test_a_bar_of_the_future_hurts_no_other_symbol(early):
    bars = until(100)
    bars.loc[99, "date"] = pd.Timestamp("2031-03-04")
    report = early.update(source(bars), NAMES)
    assert report.added == {"ALFA": 99, "BRVO": 100}
    assert told(report) == [("ALFA", "future session", "2031-03-04")]
    assert early.panel("scripted", NAMES).sessions[-1] == np.datetime64(LAST[99])


@pytest.mark.parametrize("appended", [False, True])
def test_a_bar_of_the_future_that_is_stored_is_reported_not_used_and_taken_out(early, appended):
    """An earlier version may have stored it."""
    bars = until(100)
    bars.loc[99, "date"] = pd.Timestamp("2031-03-04")
    if appended:
        early.write("scripted", until(98))
        PriceStore(early.root, now=lambda: datetime(2032, 1, 1, tzinfo=UTC)).update(source(bars), NAMES)
    else:
        early.write("scripted", bars)
    assert early.stored("scripted", "ALFA").last == LAST[98]
    assert early.read("scripted", ["ALFA"])["date"].iloc[-1].date() == LAST[98]
    assert early.panel("scripted", ["ALFA"]).sessions[-1] == np.datetime64(LAST[98])
    assert not (early.recent("scripted", NAMES).sessions > np.datetime64(LAST[99])).any()
    found = [f for f in examine(early, "scripted").findings if f.severity == "error"]
    assert [(f.symbol, f.kind, f.session) for f in found] == [("ALFA", "future session", "2031-03-04")]
    assert "prices repair --source scripted --symbols ALFA" in found[0].detail
    report = early.update(source(until(100)), NAMES)
    assert report.failures == {}
    assert closes(PriceStore(early.root), NAMES) == closes_of(until(100))


def test_bad_bars_that_are_stored_are_named_and_repaired(held):
    held.write("scripted", until(100, at40=100))
    found = [(f.symbol, f.kind, f.severity) for f in examine(held, "scripted").findings]
    assert found == [("ALFA", "implausible price", "error")]
    assert repair(held, source(until(100)), ["ALFA"]).rebuilt == {"ALFA": "implausible price"}
    assert closes(held, NAMES) == closes_of(until(100))


class Edited(Scripted):
    editable = True


@pytest.fixture
def written(monkeypatch):
    """Names of the histories that were written."""
    from tickgraph.market.store.writer import StoreWriter

    names, real = [], StoreWriter._write
    monkeypatch.setattr(
        StoreWriter,
        "_write",
        lambda writer, table, head: names.append(head.symbol) or real(writer, table, head),
    )
    return names


def test_files_that_did_not_change_are_not_written_again(store, written):
    report = store.update(Edited(until(100)), NAMES)
    assert (report.added, written) == (dict.fromkeys(NAMES, 100), list(NAMES))
    written.clear()
    report = store.update(Edited(until(100)), NAMES)
    assert (report.added, report.restated, written) == (dict.fromkeys(NAMES, 0), [], [])


def test_of_files_that_changed_the_changed_symbols_are_written(store, written):
    store.update(Edited(until(100)), NAMES)
    written.clear()
    report = store.update(Edited(until(100, at40=1.01)), NAMES)
    assert (report.added, report.restated, written) == ({"ALFA": 0, "BRVO": 0}, ["ALFA"], ["ALFA"])
    written.clear()
    report = store.update(Edited(until(101, at40=1.01)), NAMES)
    assert (report.added, report.restated, written) == ({"ALFA": 1, "BRVO": 1}, [], list(NAMES))
    written.clear()
    report = store.update(Edited(until(101, at40=1.01).drop(index=3)), NAMES)  # a row that was removed
    assert (report.added["ALFA"], report.shortened, written) == (0, {"ALFA": 1}, ["ALFA"])


def test_the_session_of_today_may_be_stored_after_its_close(early):
    early.update(source(until(100)), NAMES)
    assert early.stored("scripted", "ALFA").last == LAST[99] == date(2021, 5, 26)
