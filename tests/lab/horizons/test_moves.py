from __future__ import annotations

import numpy as np

from tickgraph.lab.horizons.moves import sums_ahead


def test_a_target_sums_the_sessions_after_it_and_no_other():
    values = np.arange(10.0)[:, None] ** 2
    sums = sums_ahead(values, 3)
    assert sums[2, 0] == 9 + 16 + 25
    assert np.isnan(sums[7:]).all()
    assert np.isfinite(sums[:7]).all()


def test_a_missing_session_leaves_no_target_that_needs_it():
    values = np.ones((8, 1))
    values[4] = np.nan
    np.testing.assert_array_equal(np.isfinite(sums_ahead(values, 2))[:, 0], [1, 1, 0, 0, 1, 1, 0, 0])


def test_a_history_shorter_than_the_horizon_has_no_target():
    assert np.isnan(sums_ahead(np.ones((5, 2)), 5)).all()


def test_returns_ahead_are_those_of_the_close(moves, few):
    ahead = np.log(few.adj_close[105] / few.adj_close[100])
    np.testing.assert_allclose(moves.return_ahead[100, :, 1], ahead, atol=1e-12)


def test_the_range_variance_is_set_beside_the_squared_return_with_what_was_known(moves):
    seen = slice(0, 401)
    expected = moves.variance[seen][1:, 0].sum() / (moves.returns[seen][1:, 0] ** 2).sum()
    np.testing.assert_allclose(moves.range_scale[400, 0], expected)
