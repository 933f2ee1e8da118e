from __future__ import annotations

import numpy as np
import pandas as pd

from tickgraph.graph.features import node_features


def test_features_are_those_of_pandas(panel):
    returns = panel.log_returns()
    features = node_features(returns, panel.volume, 20)
    frame, volume = pd.DataFrame(returns), pd.DataFrame(panel.volume)
    enough = frame.rolling(20, min_periods=18)  # of returns that are known, the last among them
    np.testing.assert_allclose(features[19:, :, 0], enough.std().where(frame.notna())[19:], rtol=1e-9)
    np.testing.assert_allclose(
        features[19:, :, 1], enough.mean().where(frame.notna())[19:], rtol=1e-9, atol=1e-15
    )
    z = (volume - volume.rolling(20).mean()) / volume.rolling(20).std(ddof=0)
    complete = np.isfinite(features[..., 0]) & np.isfinite(z.to_numpy())
    np.testing.assert_allclose(features[..., 2][complete], z.to_numpy()[complete], rtol=1e-6, atol=1e-9)


def test_a_row_needs_every_return_of_its_window():
    returns = np.zeros((30, 1))
    returns[10] = np.nan
    features = node_features(returns, np.ones((30, 1)), 5)
    assert np.flatnonzero(np.isnan(features[:, 0, 0])).tolist() == [0, 1, 2, 3, 10, 11, 12, 13, 14]


def test_a_session_without_a_price_costs_the_sessions_of_its_two_returns_and_no_more():
    rng = np.random.default_rng(0)
    close = 100 * np.exp(0.01 * rng.normal(size=(60, 1)).cumsum(axis=0))
    close[30] = np.nan
    features = node_features(np.diff(np.log(close), axis=0), rng.uniform(1, 2, (59, 1)), 20, "residual")
    assert np.flatnonzero(np.isnan(features[19:, 0, 0])).tolist() == [29 - 19, 30 - 19]
    known = np.delete(np.diff(np.log(close[:, 0])), [29, 30])[15:33]  # what the window of the 35th return has
    np.testing.assert_allclose(features[34, 0, :2], [known.std(ddof=1), known.mean()], rtol=1e-9)
    assert features[34, 0, 2] != 0


def test_constant_or_missing_volume_scores_zero():
    volume = np.full((10, 2), 7.0)
    volume[3, 1] = np.nan
    features = node_features(np.random.default_rng(0).normal(size=(10, 2)), volume, 5)
    assert (features[4:, :, 2] == 0).all()


def test_too_short_a_history_has_no_features():
    assert np.isnan(node_features(np.zeros((3, 1)), np.ones((3, 1)), 5)).all()


def test_the_shock_is_the_last_return_in_units_of_volatility(panel):
    returns = panel.log_returns()
    features = node_features(returns, panel.volume, 20, "residual")
    np.testing.assert_array_equal(features[..., :3], node_features(returns, panel.volume, 20, "baseline"))
    frame = pd.DataFrame(returns)
    complete = np.isfinite(features[..., 0])
    expected = (frame / frame.rolling(20, min_periods=18).std()).to_numpy()
    np.testing.assert_allclose(features[..., 3][complete], expected[complete], rtol=1e-9)


def test_a_price_that_stands_still_has_no_shock():
    features = node_features(np.zeros((8, 1)), np.ones((8, 1)), 5, "residual")
    assert (features[4:, 0, 3] == 0).all()


def test_returns_that_are_all_the_same_have_neither_volatility_nor_shock():
    features = node_features(np.full((25, 1), 0.001), np.ones((25, 1)), 20, "residual")
    assert (features[19:, 0, [0, 3]] == 0).all()
    np.testing.assert_allclose(features[19:, 0, 1], 0.001)
