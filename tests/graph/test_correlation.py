from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tickgraph.graph.correlation import rolling_correlation, threshold_adjacency


def test_every_session_has_numpys_correlation_of_its_window(panel):
    returns = panel.select(("AAPL", "MSFT", "XOM")).tail(200).log_returns()
    rolling = rolling_correlation(returns, 60)
    assert not rolling[:59].any()
    for t in range(60, 200):
        np.testing.assert_allclose(rolling[t], np.corrcoef(returns[t - 59 : t + 1].T), atol=1e-12)


def test_a_window_with_too_many_missing_returns_has_no_correlation(panel):
    returns = panel.select(("AAPL", "MSFT")).tail(100).log_returns()
    returns[68:71, 1] = np.nan
    rolling = rolling_correlation(returns, 20)
    assert not rolling[70:88, 1].any()
    assert (rolling[70:88, 0, 0] == 1).all()
    assert rolling[88, 0, 1] != 0


def test_a_session_without_a_price_hides_the_correlation_of_two_sessions_only(panel):
    whole = panel.select(("AAPL", "MSFT")).tail(130).log_returns()
    returns = whole.copy()
    returns[70:72, 1] = np.nan  # what a session without a price costs
    rolling, expected = rolling_correlation(returns, 60), rolling_correlation(whole, 60)
    assert not rolling[70:72, 1].any()
    assert (rolling[72:, 1, 1] == 1).all()
    assert np.abs(rolling[72:] - expected[72:]).max() < 0.1
    assert (np.abs(rolling) <= 1).all()


def test_a_price_that_never_moves_correlates_with_nothing():
    returns = np.random.default_rng(0).normal(size=(40, 2))
    returns[:, 1] = 0.01
    last = rolling_correlation(returns, 20)[-1]
    np.testing.assert_array_equal(last, np.eye(2))


def test_the_past_does_not_change_when_the_future_does(panel):
    returns = panel.select(("AAPL", "MSFT", "JPM")).tail(150).log_returns()
    changed = returns.copy()
    changed[100:] = np.random.default_rng(0).normal(size=changed[100:].shape) * 1e6
    before, after = rolling_correlation(returns, 60), rolling_correlation(changed, 60)
    np.testing.assert_allclose(before[:100], after[:100], atol=1e-14)  # BLAS may differ in the last bit
    assert np.abs(before[100:] - after[100:]).max() > 0.1


matrices = st.integers(2, 8).flatmap(
    lambda n: st.tuples(
        st.integers(0, 2**32 - 1), st.lists(st.booleans(), min_size=n, max_size=n), st.floats(0, 1)
    )
)


@settings(deadline=None)
@given(matrices)
def test_adjacency_is_symmetric_thresholded_and_marks_who_is_present(case):
    seed, here, threshold = case
    present = np.array(here)
    correlation = np.corrcoef(np.random.default_rng(seed).normal(size=(len(present), 10)))
    adjacency = threshold_adjacency(correlation, present, threshold)
    np.testing.assert_array_equal(adjacency, adjacency.T)
    np.testing.assert_array_equal(np.diagonal(adjacency) > 0, present)
    assert not adjacency[~present].any()
    off = adjacency[~np.eye(len(present), dtype=bool)]
    assert (off[off > 0] >= np.float32(threshold)).all()
    for i, j in zip(*np.triu_indices(len(present), 1), strict=True):
        if present[i] and present[j] and abs(correlation[i, j]) >= threshold:
            assert adjacency[i, j] == np.float32(abs(correlation[i, j]))


def test_a_strong_negative_correlation_is_an_edge():
    correlation = np.array([[1.0, -0.8], [-0.8, 1.0]])
    assert threshold_adjacency(correlation, np.array([True, True]), 0.3)[0, 1] == np.float32(0.8)
