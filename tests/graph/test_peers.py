from __future__ import annotations

import numpy as np
import pandas as pd

from tickgraph.graph import peers
from tickgraph.graph.peers import select_peers


def peers_of(returns, symbols, target, count, overlap):
    trading = np.isfinite(returns[-1])
    return select_peers(returns, symbols, (target,), count, (overlap,), trading)[target]


def test_peers_are_the_most_correlated_by_pandas(panel):
    returns = panel.tail(800).log_returns()
    frame = pd.DataFrame(returns, columns=panel.symbols)
    strength = frame.corr(min_periods=400)["JPM"].abs().drop("JPM").sort_values(ascending=False)
    assert peers_of(returns, panel.symbols, "JPM", 10, 400) == tuple(strength.index[:10])


def test_a_candidate_needs_enough_sessions_and_the_last_one():
    returns = np.random.default_rng(0).normal(size=(100, 4))
    returns[:, 1] = returns[:, 2] = returns[:, 3] = returns[:, 0]
    returns[:60, 1] = np.nan
    returns[-1, 2] = np.nan
    assert peers_of(returns, list("ABCD"), "A", 10, 50) == ("D",)


def test_equal_candidates_are_ordered_by_name():
    returns = np.random.default_rng(0).normal(size=(100, 1)) * [1.0, 3.0, -2.0, 0.5]
    assert peers_of(returns, ["T", "C", "A", "B"], "T", 2, 50) == ("A", "B")


def test_a_constant_candidate_is_no_peer():
    returns = np.random.default_rng(0).normal(size=(50, 2))
    returns[:, 1] = 0.0
    assert peers_of(returns, ["T", "C"], "T", 5, 10) == ()


def test_many_targets_in_blocks_have_the_peers_that_each_has_alone(panel, monkeypatch):
    """Some traded at the same sessions and some did not; a block is compared with all, and no more is in memory."""
    window = panel.tail(500)
    returns, names, sizes = window.log_returns(), window.symbols, []
    real = peers.Moves.strength

    def strength(moves, columns, overlap):
        found = real(moves, columns, overlap)
        sizes.append(found.shape)
        return found

    monkeypatch.setattr(peers, "BLOCK", 4)
    monkeypatch.setattr(peers, "FEW", 2)
    monkeypatch.setattr(peers.Moves, "strength", strength)
    ends = [400 if place % 5 else 350 for place in range(len(names))]
    overlap = [100] * len(names)
    together = select_peers(returns, names, names, 10, overlap, ends=ends)
    assert max(rows for rows, _ in sizes) <= 4
    assert {columns for _, columns in sizes} == {len(names)}
    for name, end in zip(names, ends, strict=True):
        assert together[name] == select_peers(returns[:end], names, (name,), 10, (100,))[name]


def test_what_comes_after_a_targets_part_changes_no_peer(panel):
    window = panel.tail(500)
    returns, names = window.log_returns(), window.symbols
    ends = [400 if place % 2 else 350 for place in range(len(names))]
    changed = returns.copy()
    changed[400:] = np.random.default_rng(0).normal(size=changed[400:].shape) * 5
    one, other = (
        select_peers(each, names, names, 10, [100] * len(names), ends=ends) for each in (returns, changed)
    )
    assert one == other
