"""The network of a market: edges are each symbol's strongest correlations, clusters are what moves together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickgraph.graph.market_network import market_network


def blocks(*sizes, noise=0.3, sessions=60, seed=0):
    """Returns of groups of symbols, each with a factor of its own."""
    random = np.random.default_rng(seed)
    factors = random.normal(size=(sessions, len(sizes)))
    return np.concatenate(
        [
            factors[:, [group]] + noise * random.normal(size=(sessions, size))
            for group, size in enumerate(sizes)
        ],
        axis=1,
    )


def test_what_moves_together_is_one_cluster_and_the_largest_comes_first():
    network = market_network(blocks(3, 6, 4), strongest=2, threshold=0.5, clusters=3)
    np.testing.assert_array_equal(network.clusters, [2] * 3 + [0] * 6 + [1] * 4)
    groups = np.repeat([0, 1, 2], [3, 6, 4])
    assert (groups[network.edges[:, 0]] == groups[network.edges[:, 1]]).all()


def test_edges_are_the_strongest_of_each_symbol():
    returns = blocks(5, 5, noise=1.0)
    network = market_network(returns, strongest=2, threshold=0.2, clusters=2)
    strength = np.abs(np.corrcoef(returns, rowvar=False))
    np.fill_diagonal(strength, 0)
    expected = {
        tuple(sorted((one, other)))
        for one in range(10)
        for other in np.argsort(-strength[one])[:2]
        if strength[one, other] >= 0.2
    }
    assert set(map(tuple, network.edges.tolist())) == expected


@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=4).filter(lambda sizes: sum(sizes) > 1),
    st.integers(1, 5),
    st.integers(1, 4),
    st.integers(0, 9),
)
@settings(max_examples=25, deadline=None)
def test_a_network_is_one_whatever_the_returns(sizes, strongest, clusters, seed):
    network = market_network(
        blocks(*sizes, noise=0.8, seed=seed), strongest=strongest, threshold=0.3, clusters=clusters
    )
    size = sum(sizes)
    assert network.correlation.shape == (size, size)
    assert np.abs(network.correlation).max() <= 1
    assert len(network.clusters) == size
    counts = np.bincount(network.clusters)
    assert len(counts) <= clusters
    assert (np.diff(counts) <= 0).all()
    if len(network.edges):
        first, second = network.edges.T
        assert (first < second).all()
        assert (np.abs(network.correlation[first, second]) >= 0.3).all()
    assert len(np.unique(network.edges, axis=0)) == len(network.edges) <= size * strongest


def test_opposite_moves_are_an_edge_and_no_cluster():
    returns = blocks(2, 2, noise=0.1)
    returns[:, 1] *= -1
    network = market_network(returns, strongest=1, threshold=0.5, clusters=3)
    assert [0, 1] in network.edges.tolist()
    assert network.clusters[0] != network.clusters[1]
    assert network.correlation[0, 1] == pytest.approx(-1, abs=0.05)
