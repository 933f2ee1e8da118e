from __future__ import annotations

import numpy as np
import pytest

from tickgraph.graph.snapshots import build_snapshots
from tickgraph.model.network import build_network, forward
from tickgraph.model.training_config import TrainingConfig
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
CONFIG = TrainingConfig(architecture="baseline")
RESIDUAL = TrainingConfig(horizons=())


def random_weights(config, seed):
    generator = np.random.default_rng(seed)
    weights = {p: generator.normal(size=s).astype(np.float32) / 4 for p, s in weight_shapes(config).items()}
    weights[FEATURE_SCALE] = np.array([0.01, 0.002, 1.0, 1.0], np.float32)[: len(weights[FEATURE_SCALE])]
    return weights


@pytest.fixture(scope="module")
def graphs(panel):
    """Around ABNB's listing, by architecture: seven places are always empty, one becomes present."""
    window = panel.through(np.datetime64("2021-06-30")).tail(160)
    return {config.architecture: build_snapshots(window, NODES, config) for config in (CONFIG, RESIDUAL)}


@pytest.fixture(scope="module")
def snapshots(graphs):
    return graphs["baseline"]


def assign(model, weights):
    """Give a Keras model weights by our names, in the order of its layers."""
    model.set_weights(list(weights.values()))


@pytest.mark.parametrize(
    "config",
    [
        CONFIG,
        TrainingConfig(architecture="baseline", num_gcn_layers=1, num_gat_heads=1),
        TrainingConfig(architecture="baseline", num_gcn_layers=3, hidden_dim=32),
        RESIDUAL,
        TrainingConfig(num_gcn_layers=1, hidden_dim=32, horizons=()),
    ],
)
def test_keras_and_numpy_are_one_network(config, graphs):
    snapshots = graphs[config.architecture]
    weights = random_weights(config, 0)
    model = build_network(config)
    assign(model, weights)
    keras_says = model.predict([snapshots.features, snapshots.adjacency], verbose=0)
    ours = forward(weights, snapshots.features, snapshots.adjacency)
    np.testing.assert_allclose(ours, keras_says, rtol=1e-4, atol=1e-5)
    assert not ours[:, 4:].any()


@pytest.mark.parametrize("config", [CONFIG, RESIDUAL], ids=lambda config: config.architecture)
def test_one_snapshot_and_many_and_many_models_agree(config, graphs):
    snapshots = graphs[config.architecture]
    models = [random_weights(config, seed) for seed in range(5)]
    features, adjacency = snapshots.features[-5:], snapshots.adjacency[-5:]
    stacked = forward(stack_weights(models), features, adjacency)
    for i, weights in enumerate(models):
        np.testing.assert_allclose(
            stacked[i], forward(weights, features[i], adjacency[i]), rtol=1e-5, atol=1e-6
        )
        np.testing.assert_allclose(stacked[i], forward(weights, features, adjacency)[i], rtol=1e-5, atol=1e-6)


def test_the_baseline_has_the_parameters_of_the_design():
    assert num_params(CONFIG) == 8705
    assert build_network(CONFIG).count_params() == 8705 + 6  # the scaling is not trained


def test_the_residual_network_reads_four_features_twice():
    assert num_params(RESIDUAL) == 8705 + (2 * 4 - 3) * 64
    assert build_network(RESIDUAL).count_params() == num_params(RESIDUAL) + 8


def test_a_residual_forecast_is_in_units_of_each_nodes_volatility(graphs):
    """Twice the volatility with the same standardised features is twice the forecast."""
    snapshots, weights = graphs["residual"], random_weights(RESIDUAL, 0)
    features = snapshots.features.copy()
    features[..., 0] *= 2
    doubled = {
        **weights,
        FEATURE_MEAN: weights[FEATURE_MEAN].copy(),
        FEATURE_SCALE: weights[FEATURE_SCALE].copy(),
    }
    doubled[FEATURE_MEAN][0] *= 2
    doubled[FEATURE_SCALE][0] *= 2
    one = forward(weights, snapshots.features, snapshots.adjacency)
    np.testing.assert_allclose(forward(doubled, features, snapshots.adjacency), 2 * one, rtol=1e-4, atol=1e-7)


def test_a_residual_network_reads_no_feature_beyond_three_deviations(graphs):
    snapshots, weights = graphs["residual"], random_weights(RESIDUAL, 0)
    far, farther = snapshots.features.copy(), snapshots.features.copy()
    far[..., 3], farther[..., 3] = 10.0, 100.0
    np.testing.assert_array_equal(
        forward(weights, far, snapshots.adjacency), forward(weights, farther, snapshots.adjacency)
    )


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
