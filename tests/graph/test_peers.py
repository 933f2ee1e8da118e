from __future__ import annotations

import numpy as np
import pandas as pd

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
