from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tickgraph.lab.horizons.moves import Moves
from tickgraph.lab.options.strategy_rules import RULES
from tickgraph.lab.options.strategy_walk import enter_strategies, lognormal_probability
from tickgraph.lab.run import Listener, Run

CHOSEN = tuple(RULES[name] for name in ("strangle-16", "covered-call-30"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("strategies")


@pytest.fixture(scope="module")
def entered(walk, folder):
    return enter_strategies(walk, CHOSEN, Run(folder))


def test_what_came_is_the_profit_at_the_close_that_came(moves, schedule, entered):
    place, symbol, column = 3, moves.panel.symbols.index("JPM"), 1
    session = int(schedule.origins[place])
    closes = moves.panel.adj_close[:, symbol]
    deviation = moves.returns[session - 59 : session + 1, symbol].std() * np.sqrt(moves.horizons[column])
    for number, rule in enumerate(CHOSEN):
        position = rule.position(closes[session], deviation)
        profit = position.profit_at(np.array(closes[session + moves.horizons[column]]))
        cell = place, symbol, column, number
        np.testing.assert_allclose(entered.earned[cell], profit / closes[session] / 100, rtol=1e-6)
        assert entered.profitable[cell] == (profit > 0)


def test_the_probability_is_the_stated_distributions(moves, schedule, entered):
    """The stated distribution is normal here: its ranks and a normal of the same deviation say nearly the same."""
    place, symbol, column = 5, moves.panel.symbols.index("AAPL"), 2
    session = int(schedule.origins[place])
    price = moves.panel.adj_close[session, symbol]
    deviation = moves.returns[session - 59 : session + 1, symbol].std() * np.sqrt(moves.horizons[column])
    for number, rule in enumerate(CHOSEN):
        wanted = lognormal_probability(rule.position(price, deviation), price, deviation)
        np.testing.assert_allclose(entered.stated[place, symbol, column, number], wanted, atol=1e-3)


def test_nothing_is_entered_without_150_returns_or_without_an_end(moves, schedule, entered):
    young = moves.panel.symbols.index("ABNB")
    first = int(np.searchsorted(schedule.origins, np.flatnonzero(moves.ages[:, young] >= 150)[0]))
    assert first > 0
    assert np.isnan(entered.stated[:first, young]).all()
    assert np.isfinite(entered.stated[first, young]).all()
    open_ended = schedule.origins + 10 >= len(moves.panel.sessions)
    assert open_ended.any()
    assert np.isnan(entered.stated[open_ended][:, :, -1]).all()
    for field in dataclasses.fields(entered):
        same = np.isfinite(getattr(entered, field.name)) == np.isfinite(entered.stated)
        assert same.all(), field.name


def test_only_the_expiries_that_are_asked_for_are_entered(walk, entered, tmp_path):
    asked = dataclasses.replace(walk, horizons=walk.horizons[1:2])
    one = enter_strategies(asked, CHOSEN, Run(tmp_path))
    for field in dataclasses.fields(entered):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(entered, field.name)[:, :, 1:2])


def test_prices_after_entry_change_what_came_and_not_what_was_stated(
    moves, walk, schedule, entered, tmp_path
):
    cut = int(schedule.origins[4])
    panel = moves.panel
    later = (np.arange(len(panel.sessions)) > cut)[:, None]
    jumped = {
        name: np.where(later, getattr(panel, name) * 1.5, getattr(panel, name))
        for name in ("open", "high", "low", "close", "adj_close")
    }
    other = Moves.of(dataclasses.replace(panel, **jumped), moves.horizons)
    again = enter_strategies(dataclasses.replace(walk, moves=other), CHOSEN, Run(tmp_path))
    seen = slice(0, 5)
    np.testing.assert_allclose(again.stated[seen], entered.stated[seen])
    assert not np.allclose(again.earned[4], entered.earned[4], equal_nan=True)


def test_what_was_found_is_taken_up_again_and_a_damaged_file_is_not(walk, folder, entered):
    heard = []
    run = Run(folder, listener=Listener(on_piece=heard.append))
    again = enter_strategies(walk, CHOSEN, run)
    assert [each.reused for each in heard] == [True]
    np.testing.assert_array_equal(again.stated, entered.stated)
    (path,) = folder.glob("known-*.npz")
    path.write_bytes(path.read_bytes()[:-50])
    heard.clear()
    enter_strategies(walk, CHOSEN, run)
    assert not any(each.reused for each in heard)
    assert [each.damaged is not None for each in heard] == [each.done for each in heard]
