from __future__ import annotations

import numpy as np
import pytest

from tickgraph.graph.snapshots import build_snapshots
from tickgraph.model.config import TrainingConfig
from tickgraph.model.network import build_network, forward
from tickgraph.model.weights import (
    FEATURE_MEAN,
    FEATURE_SCALE,
    initial_weights,
    num_params,
    stack_weights,
    symbol_seed,
    weight_shapes,
)

NODES = ("AAPL", "MSFT", "JPM", "ABNB")
CONFIG = TrainingConfig()


def random_weights(config, seed):
    generator = np.random.default_rng(seed)
    weights = {p: generator.normal(size=s).astype(np.float32) / 4 for p, s in weight_shapes(config).items()}
    weights[FEATURE_SCALE] = np.array([0.01, 0.002, 1.0], np.float32)
    return weights


@pytest.fixture(scope="module")
def snapshots(panel):
    """Around ABNB's listing: seven places are always empty, one becomes present."""
    return build_snapshots(panel.through(np.datetime64("2021-06-30")).tail(160), NODES, CONFIG)


def assign(model, weights):
    """Give a Keras model weights by our names, in the order of its layers."""
    model.set_weights(list(weights.values()))


@pytest.mark.parametrize(
    "config",
    [
        CONFIG,
        TrainingConfig(num_gcn_layers=1, num_gat_heads=1),
        TrainingConfig(num_gcn_layers=3, hidden_dim=32),
    ],
)
def test_keras_and_numpy_are_one_network(config, snapshots):
    weights = random_weights(config, 0)
    model = build_network(config)
    assign(model, weights)
    keras_says = model.predict([snapshots.features, snapshots.adjacency], verbose=0)
    ours = forward(weights, snapshots.features, snapshots.adjacency)
    np.testing.assert_allclose(ours, keras_says, rtol=1e-4, atol=1e-5)
    assert not ours[:, 4:].any()


def test_one_snapshot_and_many_and_many_models_agree(snapshots):
    models = [random_weights(CONFIG, seed) for seed in range(5)]
    features, adjacency = snapshots.features[-5:], snapshots.adjacency[-5:]
    stacked = forward(stack_weights(models), features, adjacency)
    for i, weights in enumerate(models):
        np.testing.assert_allclose(
            stacked[i], forward(weights, features[i], adjacency[i]), rtol=1e-5, atol=1e-6
        )
        np.testing.assert_allclose(stacked[i], forward(weights, features, adjacency)[i], rtol=1e-5, atol=1e-6)


def test_the_default_has_the_parameters_of_the_design():
    assert num_params(CONFIG) == 8705
    assert build_network(CONFIG).count_params() == 8705 + 6  # the scaling is not trained


def test_first_weights_depend_on_seed_and_symbol_only():
    one, same, other = (initial_weights(CONFIG, symbol_seed(0, s)) for s in ("AAPL", "AAPL", "MSFT"))
    path = "layers/graph_attention/vars/0"
    np.testing.assert_array_equal(one[path], same[path])
    assert (one[path] != other[path]).any()
    assert symbol_seed(0, "AAPL") != symbol_seed(1, "AAPL")
    limit = np.sqrt(6 / 128)
    assert 0.9 * limit < np.abs(one[path]).max() <= limit
    assert FEATURE_MEAN not in one


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden_dim": 10, "num_gat_heads": 4}, "multiple of num_gat_heads"),
        ({"sessions": 100, "min_sessions": 200}, "exceeds sessions"),
        ({"threshold": 1.5}, "less than or equal to 1"),
        ({"epoch": 5}, "Extra inputs"),
    ],
)
def test_impossible_configurations_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        TrainingConfig(**settings)
