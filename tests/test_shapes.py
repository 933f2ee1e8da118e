"""The borders of graph and model refuse arrays of another shape or type than they say, in tests."""

from __future__ import annotations

import dataclasses

import jaxtyping
import numpy as np
import pytest

from tickgraph.graph.correlation import threshold_adjacency
from tickgraph.graph.features import node_features
from tickgraph.graph.snapshots import build_snapshots
from tickgraph.model.functional import standardise


def test_a_wrong_shape_or_type_is_refused(panel, config):
    returns = panel.log_returns()
    with pytest.raises(jaxtyping.TypeCheckError, match="volume"):
        node_features(returns, panel.volume[:-1], 20)
    with pytest.raises(jaxtyping.TypeCheckError, match="log_returns"):
        node_features(returns.astype(np.float32), panel.volume, 20)
    with pytest.raises(jaxtyping.TypeCheckError, match="present"):
        threshold_adjacency(np.eye(3), np.ones(2, dtype=bool), 0.3)
    with pytest.raises(jaxtyping.TypeCheckError, match="scale"):
        standardise(np.ones((5, 11, 3)), np.zeros(3), np.ones(4))
    snapshots = build_snapshots(panel, ("JPM", "AAPL"), config)
    with pytest.raises(jaxtyping.TypeCheckError, match="targets"):
        dataclasses.replace(snapshots, targets=snapshots.targets[:, :-1])
