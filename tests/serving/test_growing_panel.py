from __future__ import annotations

import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzzing import examples
from tickgraph.market.panel import PANEL_COLUMNS, PricePanel
from tickgraph.serving import growing_panel as module
from tickgraph.serving.growing_panel import GrowingPanel

DAYS = np.arange(np.datetime64("2022-01-03"), np.datetime64("2022-03-14"))


def prices(symbols, rows, seed=0, missing=0.0):
    """Made-up prices of symbols on some of the days; a share of them is missing."""
    generator = np.random.default_rng(seed)
    values = generator.uniform(50, 60, (len(rows), len(symbols)))
    values[generator.uniform(size=values.shape) < missing] = np.nan
    grids = dict.fromkeys(PANEL_COLUMNS, values)
    return PricePanel(DAYS[rows], tuple(symbols), source="sample", **grids)


def assert_same_prices(one, other):
    """Whatever the order of the symbols."""
    assert sorted(one.symbols) == sorted(other.symbols)
    assert one.select(other.symbols).same_prices(other)


Steps = st.lists(
    st.tuples(
        st.sampled_from(["join", "extend"]),
        st.lists(st.sampled_from("ABCDEFGH"), min_size=1, max_size=3, unique=True),
        st.integers(0, 59),
        st.integers(1, 5),
        st.integers(0, 1000),
    ),
    max_size=8,
)


@given(steps=Steps)
@settings(max_examples=examples(60), deadline=None)
def test_it_holds_what_panels_joined_and_extended_would_hold(steps):
    first = prices("AB", range(20, 40))
    growing, whole = GrowingPanel(first), first
    given_out = [(growing.panel, {name: getattr(growing.panel, name).copy() for name in PANEL_COLUMNS})]
    for kind, symbols, start, count, seed in steps:
        part = prices(symbols, range(start, min(start + count, 60)), seed, 0.1)
        if kind == "extend":
            known = [symbol for symbol in symbols if symbol in whole.columns]
            if not known:
                continue
            part = part.select(known)
            growing, whole = growing.extended(part), whole.extended(part)
        else:
            growing, whole = growing.joined(part), whole.joined(part)
        assert_same_prices(growing.panel, whole)
        given_out.append(
            (growing.panel, {name: getattr(growing.panel, name).copy() for name in PANEL_COLUMNS})
        )
    for panel, were in given_out:  # one that was given out stays what it was
        for name, values in were.items():
            np.testing.assert_array_equal(getattr(panel, name), values)


def test_symbols_and_sessions_are_added_without_a_copy_of_what_is_there(monkeypatch):
    monkeypatch.setattr(PricePanel, "joined", None)
    monkeypatch.setattr(PricePanel, "extended", None)
    growing = GrowingPanel(prices("ABC", range(40)))
    before = growing.panel
    after = growing.joined(prices("DE", range(30, 40))).extended(prices("AD", [40])).panel
    assert after.symbols == ("A", "B", "C", "D", "E")
    assert len(after.sessions) == 41
    assert all(np.shares_memory(getattr(before, name), getattr(after, name)) for name in PANEL_COLUMNS)
    assert before.lineage is not after.lineage


def test_more_symbols_change_nothing_that_was_computed_and_more_sessions_do():
    growing = GrowingPanel(prices("ABC", range(40)))
    lineage = growing.panel.lineage
    assert growing.joined(prices("D", range(40))).panel.lineage is lineage
    assert growing.extended(prices("A", [40])).panel.lineage is not lineage


def test_n_symbols_that_come_one_by_one_are_copied_a_few_times(monkeypatch):
    copied, real = [], GrowingPanel._make_room

    def make_room(self, symbols):
        copied.append(len(self.panel.symbols))
        real(self, symbols)

    monkeypatch.setattr(GrowingPanel, "_make_room", make_room)
    monkeypatch.setattr(PricePanel, "joined", None)
    growing = first = GrowingPanel(prices(["A"], range(10)))
    for number in range(1, 1000):
        growing = growing.joined(prices([f"B{number}"], range(10)))
    assert growing is first
    assert len(growing.panel.symbols) == 1000
    assert sum(copied) < 9 * 1000  # room for an eighth more each time: all copies are eight times the symbols


def test_while_room_is_made_one_array_at_a_time_is_there_twice(monkeypatch):
    growing = GrowingPanel(prices("ABC", range(40)))
    former = [weakref.ref(growing._grids[name]) for name in PANEL_COLUMNS]
    alive, real = [], np.empty

    def empty(shape, *words, **more):
        if shape == growing._room:
            alive.append(sum(grid() is not None for grid in former))
        return real(shape, *words, **more)

    monkeypatch.setattr(module.np, "empty", empty)
    growing.joined(prices([f"B{number}" for number in range(100)], range(40)))
    assert alive == [6, 5, 4, 3, 2, 1]


def test_sessions_that_are_there_already_are_compared_and_not_copied(monkeypatch):
    """A store gives all sessions since the histories were written, be they days old."""
    later = prices("ABC", range(35, 45))
    growing = GrowingPanel(prices("ABC", range(35))).extended(later.through(DAYS[43]))
    monkeypatch.setattr(PricePanel, "extended", None)
    before = growing.panel
    assert growing.extended(later.through(DAYS[43])).panel is before
    after = growing.extended(later).panel
    assert after.sessions[-1] == DAYS[44]
    assert np.shares_memory(before.close, after.close)


def test_it_keeps_so_many_sessions_and_some_until_there_is_no_room(monkeypatch):
    monkeypatch.setattr(module, "SPARE", 4)
    growing = GrowingPanel(prices("AB", range(30)), sessions=30)
    for row in range(30, 60):
        growing = growing.extended(prices("AB", [row], seed=row))
        assert 30 <= len(growing.panel.sessions) <= 34
        assert growing.panel.sessions[-1] == DAYS[row]


def test_a_new_symbol_brings_no_older_sessions_unless_it_ended_before_the_others(monkeypatch):
    monkeypatch.setattr(module, "ENDED", 10)
    growing = GrowingPanel(prices("AB", range(20, 50)), sessions=30)
    assert growing.joined(prices("C", range(50))).panel.sessions[0] == DAYS[20]
    ended = growing.joined(prices("D", range(15))).panel
    assert np.isfinite(ended.close[:15, ended.column("D")]).any()


def test_nobody_can_write_to_it():
    panel = GrowingPanel(prices("AB", range(5))).panel
    with pytest.raises(ValueError, match="read-only"):
        panel.close[0, 0] = 1.0


def test_whom_is_asked_for_first_takes_no_sessions_from_those_who_come_later():
    """One that has come to the market lately has few sessions."""
    young, old = prices("Y", range(30, 60)), prices("O", range(60))
    for first, second in ((young, old), (old, young)):
        growing = GrowingPanel(first.tail(40), sessions=40).joined(second.tail(40))
        assert growing.panel.traded("O").sessions[0] == DAYS[20]


def test_the_same_prices_once_more_leave_what_was_computed_valid():
    """Whatever the order of the symbols, and however many sessions are there besides."""
    growing = GrowingPanel(prices("CA", range(40)), sessions=30)
    lineage = growing.panel.lineage
    assert growing.joined(growing.panel.select("AC").tail(30)).panel.lineage is lineage
    assert growing.joined(prices("A", range(10, 40), seed=1)).panel.lineage is not lineage
