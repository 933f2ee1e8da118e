"""What a look of the watcher tells: the symbols of which an answer may be different now."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tickgraph.serving.changes import Held, changed_symbols
from tickgraph.serving.watcher import Watcher

NOW = Held(
    frozenset({"AAPL", "MSFT"}), frozenset({"AAPL"}), {"AAPL": object(), "MSFT": object()}, {"sample": 0}
)


def after(**changes):
    return Held(**{**NOW.__dict__, **changes})


@pytest.mark.parametrize(
    ("later", "told"),
    [
        (after(), set()),
        (after(outlooks={}), set()),
        (after(outlooks={**NOW.outlooks, "JPM": object()}), set()),
        (after(outlooks={**NOW.outlooks, "AAPL": object()}), {"AAPL"}),
        (after(trained=frozenset()), {"AAPL"}),
        (after(trained=frozenset({"AAPL", "MSFT"})), {"MSFT"}),
        (after(known=frozenset({"AAPL", "MSFT", "XOM"})), {"XOM"}),
        (after(behind={"sample": 1}), {"AAPL", "MSFT"}),
        (after(behind={"sample": 0, "yahoo": 1}), set()),
        (after(behind={}), set()),
    ],
)
def test_an_answer_that_may_be_different_is_told(later, told):
    assert changed_symbols(NOW, later) == told


def test_the_watcher_tells_what_grew_old_since_its_last_look(live, clock):
    told = []
    watcher = Watcher(live, on_change=told.append)
    live.outlook("AAPL")
    watcher.look()
    watcher.look()
    assert told == []
    clock[0] += timedelta(days=5)  # two sessions are missing now
    watcher.look()
    assert len(told) == 1
    assert {"AAPL", "AMZN"} <= told[0]


def test_a_change_that_could_not_be_told_is_told_by_the_next_look(live, clock):
    told = []

    def tell(symbols):
        told.append(symbols)
        if len(told) == 1:
            raise OSError("nobody listens")

    watcher = Watcher(live, on_change=tell)
    live.outlook("AAPL")
    watcher.look()
    clock[0] += timedelta(days=5)
    with pytest.raises(OSError, match="nobody listens"):
        watcher.look()
    watcher.look()
    watcher.look()
    assert len(told) == 2
    assert told[0] == told[1] >= {"AAPL", "AMZN"}
