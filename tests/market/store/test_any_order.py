"""The store against a plain dictionary, whatever is done to it in whatever order, crashes included."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from made_prices import DAYS, Scripted, closes, closes_of, made_bars
from tickgraph.market.store import PriceStore, writer

NAMES = ("AAPL", "JPM", "MSFT")
chosen = st.sets(st.sampled_from(NAMES), min_size=1)


class Crash(BaseException):
    pass


class StoreMachine(RuleBasedStateMachine):
    """A symbol's state is how many sessions it has, and the scale of its prices; the model keeps just that."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.store = PriceStore(self.folder)
        self.model = {}
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(writer, "FOLD_SESSIONS", 4)

    def teardown(self):
        self.patch.undo()
        shutil.rmtree(self.folder)

    def stored(self):
        """What the store holds, in the model's terms."""
        if not (names := self.store.symbols("scripted")):
            return {}
        found = {}
        for symbol, days in closes(self.store, names).items():
            scale = round(days[DAYS[0].item()] / made_bars([symbol], 1)["adj_close"].iloc[0], 6)
            assert days == closes_of(made_bars([symbol], len(days), scale=scale))[symbol]
            found[symbol] = len(days), scale
        return found

    def run(self, crash_at, step, after, halfway=None):
        """Do a step, crashing at a call to the disk, and hold what is found against the states allowed."""
        real, left = os.replace, [crash_at]

        def failing(*args):
            left[0] -= 1
            if left[0] == 0:
                raise Crash
            real(*args)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "replace", failing)
            try:
                step()
            except Crash:
                self.store = PriceStore(self.folder)
                found = self.stored()
                for symbol in NAMES:
                    states = [each.get(symbol) for each in (self.model, halfway or {}, after)]
                    assert found.get(symbol) in states
                self.model = found
                return
        self.model = after

    @rule(symbols=chosen, crash_at=st.integers(0, 4))
    def write(self, symbols, crash_at):
        after = self.model | dict.fromkeys(symbols, (20, 1.0))
        self.run(crash_at, lambda: self.store.write("scripted", made_bars(sorted(symbols), 20)), after)

    @precondition(lambda self: self.model)
    @rule(symbols=chosen, more=st.integers(0, 3), crash_at=st.integers(0, 4))
    def update(self, symbols, more, crash_at):
        symbols = symbols & set(self.model)
        self.updated(symbols, more, 1.0, crash_at)

    @precondition(lambda self: self.model)
    @rule(
        symbols=chosen, more=st.integers(0, 3), scale=st.sampled_from([0.5, 2.0]), crash_at=st.integers(0, 6)
    )
    def restate(self, symbols, more, scale, crash_at):
        self.updated(symbols & set(self.model), more, scale, crash_at)

    def updated(self, symbols, more, scale, crash_at):
        after, halfway, bars = dict(self.model), dict(self.model), []
        for symbol in sorted(symbols):
            count, old = self.model[symbol]
            after[symbol] = min(count + more, len(DAYS)), old * scale
            halfway[symbol] = count, old * scale
            bars.append(made_bars([symbol], after[symbol][0], scale=old * scale))
        if bars:
            source = Scripted(pd.concat(bars))
            self.run(crash_at, lambda: self.store.update(source, sorted(symbols)), after, halfway)

    @precondition(lambda self: self.model)
    @rule(crash_at=st.integers(0, 5))
    def fold(self, crash_at):
        self.run(crash_at, lambda: self.store.fold("scripted", always=True), self.model)

    @precondition(lambda self: self.model)
    @rule()
    def open_anew(self):
        self.store = PriceStore(self.folder)

    @invariant()
    def it_holds_what_the_model_does(self):
        assert self.stored() == self.model
        info = {held.symbol: held.sessions for held in self.store.info("scripted")}
        assert info == {symbol: count for symbol, (count, _) in self.model.items()}

    @invariant()
    def its_end_is_the_end_of_the_whole(self):
        if self.model:
            names = sorted(self.model)
            tail = self.store.panel("scripted", names, sessions=5)
            assert tail.same_prices(self.store.panel("scripted", names).tail(5))


TestInAnyOrder = StoreMachine.TestCase
TestInAnyOrder.settings = settings(
    max_examples=10, stateful_step_count=12, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
