from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tickgraph.errors import PriceDataError
from tickgraph.graph.graph_config import GraphConfig
from tickgraph.graph.snapshots import build_snapshots
from tickgraph.market.panel import PANEL_COLUMNS

CONFIG = GraphConfig(num_stocks=4)
NODES = ("AAPL", "MSFT", "ABNB")


def test_shapes_targets_and_an_empty_place(panel):
    snapshots = build_snapshots(panel.tail(200), NODES, CONFIG)
    assert len(snapshots) == 140  # the first needs 61 closes
    assert snapshots.features.shape == (140, 4, 4)
    assert snapshots.adjacency.shape == (140, 4, 4)
    assert not snapshots.present[:, 3].any()
    returns = panel.log_returns()[:, panel.column("MSFT")]
    np.testing.assert_allclose(snapshots.targets[:-1, 1], returns[-139:], rtol=1e-6)
    assert np.isnan(snapshots.targets[-1]).all()
    assert snapshots.sessions[-1] == panel.sessions[-1]


def test_a_peer_that_is_not_listed_yet_is_absent_until_it_has_a_lookback(panel):
    snapshots = build_snapshots(panel, NODES, CONFIG)
    listed = np.searchsorted(snapshots.sessions, np.datetime64("2020-12-10"))
    here = snapshots.present[:, 2]
    assert not here[: listed + 18].any()
    assert here[listed + 18 :].all()
    assert not snapshots.features[: listed + 18, 2].any()
    early, edges = slice(listed + 18, listed + 54), snapshots.adjacency[:, 2, :2]
    assert not edges[early].any()  # features need 18 of 20 returns, an edge 54 of 60
    assert edges[listed + 61 :].any()


def test_the_future_does_not_reach_the_past(panel):
    cut = 150
    small = panel.tail(200)
    noise = np.random.default_rng(0).uniform(1, 1e6, small.close.shape)
    later = np.arange(200)[:, None] >= cut
    corrupt = dataclasses.replace(
        small, **{name: np.where(later, noise, getattr(small, name)) for name in PANEL_COLUMNS}
    )
    before, after = (build_snapshots(p, NODES, CONFIG) for p in (small, corrupt))
    known = cut - 60
    for name in ("features", "correlation", "adjacency"):
        np.testing.assert_allclose(getattr(before, name)[:known], getattr(after, name)[:known], atol=1e-7)
    np.testing.assert_array_equal(before.targets[: known - 1], after.targets[: known - 1])
    assert (before.features[known] != after.features[known]).any()


def test_a_session_is_the_same_however_long_the_history(panel):
    long, short = (build_snapshots(panel.tail(n), NODES, CONFIG) for n in (400, 61))
    assert len(short) == 1
    np.testing.assert_allclose(long.features[-1], short.features[0], rtol=1e-6)
    np.testing.assert_allclose(long.adjacency[-1], short.adjacency[0], rtol=1e-6)


def test_too_short_a_history_has_no_snapshots_and_a_stranger_is_named(panel):
    assert len(build_snapshots(panel.tail(60), NODES, CONFIG)) == 0
    with pytest.raises(PriceDataError, match="No prices for ZZZ"):
        build_snapshots(panel, ("AAPL", "ZZZ"), CONFIG)
