"""Where nodes are drawn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickgraph.pictures.graph_layout import FARTHEST, NEAREST, places


@given(st.integers(0, 12), st.integers(0, 1000))
def test_the_target_is_in_the_middle_and_no_two_nodes_are_in_one_place(peers, seed):
    drawn = np.random.default_rng(seed)
    returns = drawn.normal(size=(60, peers + 1)) + drawn.normal(size=(60, 1))
    at = places(np.atleast_2d(np.corrcoef(returns, rowvar=False)))
    assert at.shape == (peers + 1, 2)
    assert at[0].tolist() == [0, 0]
    radius = np.hypot(*at[1:].T)
    assert ((radius >= NEAREST - 1e-9) & (radius <= FARTHEST + 1e-9)).all()
    apart = np.hypot(*(at[:, None] - at).T) + np.eye(peers + 1)
    assert apart.min() > 0.25


def test_a_stronger_correlation_is_nearer_whatever_its_sign():
    correlation = np.eye(4)
    correlation[0, 1:] = correlation[1:, 0] = 0.9, -0.95, 0.4
    radius = np.hypot(*places(correlation)[1:].T)
    assert np.argsort(radius).tolist() == [1, 0, 2]
    assert radius[[1, 2]] == pytest.approx([NEAREST, FARTHEST])


def test_peers_that_move_together_stand_side_by_side():
    correlation = np.full((7, 7), 0.3)
    for together in ([1, 4], [2, 5], [3, 6]):
        correlation[np.ix_(together, together)] = 0.9
    np.fill_diagonal(correlation, 1.0)
    x, y = places(correlation)[1:].T
    turn = np.argsort(np.arctan2(y, x))
    around = [(int(turn[i]) % 3, int(turn[(i + 1) % 6]) % 3) for i in range(6)]
    assert sum(one == other for one, other in around) == 3
