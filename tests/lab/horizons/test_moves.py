from __future__ import annotations

import numpy as np


def test_returns_ahead_are_those_of_the_close(moves, few):
    ahead = np.log(few.adj_close[105] / few.adj_close[100])
    np.testing.assert_allclose(moves.return_ahead[100, :, 1], ahead, atol=1e-12)


def test_the_range_variance_is_set_beside_the_squared_return_with_what_was_known(moves):
    seen = slice(0, 401)
    expected = moves.variance[seen][1:, 0].sum() / (moves.returns[seen][1:, 0] ** 2).sum()
    np.testing.assert_allclose(moves.range_scale[400, 0], expected)
