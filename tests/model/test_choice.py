"""Peers where symbols do not end on the same session; no model is trained."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fitted_peers import peers_as_fitted
from tickgraph.market.calendar import next_session
from tickgraph.market.panel import PricePanel
from tickgraph.model.choice import choose
from tickgraph.model.fitting import fitting_data
from tickgraph.model.training_config import TrainingConfig

CONFIG = TrainingConfig(sessions=300, min_sessions=200)


def extended(panel, symbols, count=1):
    """The panel with so many more sessions, at which only these symbols have a price."""
    days = [panel.sessions[-1]]
    for _ in range(count):
        days.append(next_session(days[-1]))

    def longer(values):
        more = np.full((count, values.shape[1]), np.nan)
        for symbol in symbols:
            more[:, panel.column(symbol)] = values[-1, panel.column(symbol)] * 1.01
        return np.vstack([values, more])

    later = np.array(days[1:], dtype="datetime64[D]")
    arrays = longer(panel.close), longer(panel.adj_close), longer(panel.volume)
    return PricePanel(np.concatenate([panel.sessions, later]), panel.symbols, *arrays, panel.source)


def ended(panel, symbol, count):
    """The panel without the last sessions of one symbol."""
    adj_close = panel.adj_close.copy()
    adj_close[len(adj_close) - count :, panel.column(symbol)] = np.nan
    return replace(panel, adj_close=adj_close)


def test_one_symbol_a_session_ahead_takes_nobodys_peers(panel):
    before = peers_as_fitted(panel, panel.symbols, CONFIG)
    assert {len(peers) for peers in before.values()} == {10}
    assert peers_as_fitted(extended(panel, ["AAPL"]), panel.symbols, CONFIG) == before, "its own neither"


def test_half_of_the_symbols_some_sessions_ahead_take_nobodys_peers(panel):
    before = peers_as_fitted(panel, panel.symbols, CONFIG)
    assert peers_as_fitted(extended(panel, panel.symbols[::2], 3), panel.symbols, CONFIG) == before


def test_one_symbol_behind_is_no_peer_and_has_all_its_own_as_of_its_last_session(panel):
    behind = ended(panel, "JPM", 1)
    found = choose(behind, panel.symbols, CONFIG)
    assert found["JPM"].session == panel.sessions[-2]
    assert found["JPM"].peers == choose(panel.through(panel.sessions[-2]), ["JPM"], CONFIG)["JPM"].peers
    assert all("JPM" not in choice.peers for choice in found.values())
    assert {len(choice.peers) for choice in found.values()} == {10}
    assert (found["AAPL"].candidates, found["AAPL"].absent) == (41, 1)


def test_what_a_delisted_symbol_is_fitted_on_ends_with_its_last_session(panel):
    """No look-ahead, and no window that runs on without it."""
    data = fitting_data(ended(panel, "XOM", 200), "XOM", CONFIG)
    assert data.snapshots.sessions[-1] == data.window.sessions[-1] == panel.sessions[-201]
    assert data.history == CONFIG.history + CONFIG.sessions
    alone = fitting_data(panel.through(panel.sessions[-201]), "XOM", CONFIG)
    assert data.peers == alone.peers
    np.testing.assert_array_equal(data.training.features, alone.training.features)


def test_a_symbol_ahead_is_fitted_as_of_the_session_that_the_others_have(panel):
    ahead = fitting_data(extended(panel, ["AAPL"]), "AAPL", CONFIG)
    same = fitting_data(panel, "AAPL", CONFIG)
    assert ahead.window.sessions[-1] == panel.sessions[-1]
    assert ahead.peers == same.peers
    np.testing.assert_array_equal(ahead.snapshots.features, same.snapshots.features)


def test_a_symbol_years_ahead_of_all_others_has_no_peers_and_is_not_taken_back_by_years(panel):
    alone = choose(extended(panel, ["AAPL"], 300), ["AAPL", "MSFT"], CONFIG)
    assert (alone["AAPL"].peers, alone["AAPL"].absent) == ((), 41)
    assert alone["AAPL"].session > panel.sessions[-1]
    assert alone["MSFT"].session == panel.sessions[-1]


def test_one_algorithm_agrees_with_pandas(panel):
    """What a data frame's own correlation says of the training part."""
    window = panel.tail(CONFIG.history + CONFIG.sessions)
    part = window.log_returns()[: len(window.sessions) - 60 - 1]
    strength = pd.DataFrame(part, columns=panel.symbols).corr()["JPM"].abs().drop("JPM")
    expected = tuple(strength.sort_values(ascending=False).index[:10])
    assert choose(panel, ["JPM"], CONFIG)["JPM"].peers == expected


@pytest.mark.parametrize("history", ["constant", "nearly", "late", "early"])
def test_a_price_that_does_not_move_is_nobodys_peer_and_harms_nobody(panel, history):
    prices = panel.adj_close.copy()
    column, rows = panel.column("BAC"), np.arange(len(prices))
    prices[:, column] = {
        "constant": 1.0,
        "nearly": np.exp(1e-4 * rows),  # the same return every day
        "late": np.where(rows < len(rows) - 500, prices[:, column], 1.0),  # it moved before the window
        "early": np.where(rows < len(rows) - 60, 1.0, prices[:, column]),  # it moves after the training part
    }[history]
    found = peers_as_fitted(replace(panel, adj_close=prices), panel.symbols, CONFIG)
    assert found["BAC"] == ()
    assert all("BAC" not in peers and len(peers) == 10 for s, peers in found.items() if s != "BAC")
