from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzzing import examples
from made_universe import CONFIG
from tickgraph.graph.variance_features import LEVELS, num_variance_features
from tickgraph.model.training_config import TrainingConfig
from tickgraph.model.variance_network import (
    CORRECTION_BOUND,
    MIDDLE,
    build_variance_network,
    log_variances,
    nonlinear_inputs,
    off_the_mean,
)
from tickgraph.model.weights import (
    FEATURE_SCALE,
    LINEAR_BIAS,
    LINEAR_KERNEL,
    SHARE,
    stack_weights,
    variance_shapes,
)

THREE_LAYERS = TrainingConfig(
    variance_dim=16, num_gcn_layers=3, num_gat_heads=2, num_stocks=3, horizons=(1, 2)
)


def random_weights(config, seed, share=None):
    generator = np.random.default_rng(seed)
    shapes = variance_shapes(config)
    weights = {path: generator.normal(size=shape).astype(np.float32) / 4 for path, shape in shapes.items()}
    weights[FEATURE_SCALE] = np.exp(weights[FEATURE_SCALE])
    given = generator.uniform(0.2, 1.0, len(config.horizons)) if share is None else share
    weights[SHARE] = np.broadcast_to(np.float32(given), shapes[SHARE]).astype(np.float32)
    return weights


def random_graphs(config, count=6, seed=0):
    """Features and adjacency; the last node is absent from all graphs, and one more from some."""
    generator = np.random.default_rng(seed)
    nodes = config.num_stocks
    present = np.ones((count, nodes), bool)
    present[:, -1] = False
    present[::2, 1] = False
    features = generator.normal(size=(count, nodes, num_variance_features(config.horizons)))
    features[~present] = 0.0
    strength = generator.uniform(0, 1, (count, nodes, nodes))
    strength = np.where(strength > 0.4, strength, 0.0)
    adjacency = np.maximum(strength, strength.swapaxes(-1, -2))
    adjacency[:, np.arange(nodes), np.arange(nodes)] = 1.0
    adjacency *= present[:, :, None] & present[:, None, :]
    return features.astype(np.float32), adjacency.astype(np.float32), present


@pytest.mark.parametrize("config", [CONFIG, THREE_LAYERS], ids=lambda config: f"{config.num_stocks} nodes")
def test_keras_jax_and_numpy_are_one_network(config):
    import jax

    weights, (features, adjacency, _) = random_weights(config, 0), random_graphs(config)
    ours = log_variances(weights, features, adjacency)
    assert ours.shape == (6, config.num_stocks, len(config.horizons))
    assert ours.dtype == np.float32
    network = build_variance_network(config)
    network.set_weights(list(weights.values()))
    np.testing.assert_allclose(ours, network.predict([features, adjacency], verbose=0), rtol=1e-4, atol=1e-5)
    on_jax = jax.jit(log_variances)(weights, features, adjacency)
    np.testing.assert_allclose(ours, on_jax, rtol=1e-4, atol=1e-5)


def test_one_graph_and_many_and_many_models_agree():
    features, adjacency, _ = random_graphs(CONFIG)
    models = [random_weights(CONFIG, seed) for seed in range(len(features))]
    stacked = log_variances(stack_weights(models), features, adjacency)
    for row, weights in enumerate(models):
        one = log_variances(weights, features[row], adjacency[row])
        np.testing.assert_allclose(stacked[row], one, rtol=1e-5, atol=1e-5)
        batch = log_variances(weights, features, adjacency)
        np.testing.assert_allclose(batch[row], one, rtol=1e-5, atol=1e-5)


class TestNonlinearPath:
    @given(seed=st.integers(0, 2**32 - 1))
    @settings(max_examples=examples(20), deadline=None)
    def test_its_mean_over_the_nodes_present_is_zero_and_it_is_bounded(self, seed):
        generator = np.random.default_rng(seed)
        _, adjacency, present = random_graphs(CONFIG, seed=seed)
        raw = generator.normal(0, 0.2, (*present.shape, 3)).astype(np.float32)
        left = off_the_mean(raw, adjacency)
        np.testing.assert_allclose(np.where(present[..., None], left, 0).sum(axis=1), 0.0, atol=1e-5)
        spread = left[:, :1] - left
        np.testing.assert_allclose(spread, raw[:, :1] - raw, atol=1e-5)  # who moves more than whom is kept
        assert np.abs(off_the_mean(100 * raw, adjacency)).max() <= CORRECTION_BOUND

    def test_a_common_level_is_taken_off(self):
        features, adjacency, _ = random_graphs(CONFIG)
        raw = features[..., :3]
        np.testing.assert_allclose(off_the_mean(raw + 7, adjacency), off_the_mean(raw, adjacency), atol=1e-5)

    def test_it_is_taken_by_its_share(self):
        """A share of zero is the linear path exactly; a horizon has a share of its own."""
        graphs = random_graphs(CONFIG)[:2]
        none, whole, some = (
            log_variances(random_weights(CONFIG, 0, share), *graphs) for share in (0.0, 1.0, [0.0, 0.5, 1.0])
        )
        weights = random_weights(CONFIG, 0)
        linear = graphs[0] @ weights[LINEAR_KERNEL] + weights[LINEAR_BIAS]
        np.testing.assert_allclose(none, linear, rtol=1e-5, atol=1e-5)
        assert (np.abs(whole - linear)[:, 0] > 1e-3).any(axis=0).all()
        np.testing.assert_allclose(some[..., 0], none[..., 0], atol=1e-6)
        np.testing.assert_allclose(some[..., 1], (none + whole)[..., 1] / 2, atol=1e-5)
        np.testing.assert_allclose(some[..., 2], whole[..., 2], atol=1e-6)

    def test_a_graph_of_one_node_has_none(self):
        """Nobody moves more than the others where there are none."""
        features, adjacency, _ = random_graphs(CONFIG)
        alone = np.zeros_like(adjacency)
        alone[:, 0, 0] = 1.0
        weights = random_weights(CONFIG, 0, share=1.0)
        linear = features @ weights[LINEAR_KERNEL] + weights[LINEAR_BIAS]
        np.testing.assert_allclose(log_variances(weights, features, alone)[:, 0], linear[:, 0], atol=1e-5)

    @given(order=st.permutations(range(1, CONFIG.num_stocks)))
    @settings(max_examples=examples(8), deadline=None)
    def test_the_order_of_the_peers_changes_nothing_for_the_target(self, order):
        features, adjacency, _ = random_graphs(CONFIG)
        nodes = np.array([0, *order])
        weights = random_weights(CONFIG, 0, share=1.0)
        one = log_variances(weights, features, adjacency)
        other = log_variances(weights, features[:, nodes], adjacency[:, nodes][:, :, nodes])
        np.testing.assert_allclose(other, one[:, nodes], rtol=1e-4, atol=1e-5)

    def test_an_absent_node_says_nothing(self):
        features, adjacency, present = random_graphs(CONFIG)
        loud = np.where(present[..., None], features, np.float32(3.0))
        weights = random_weights(CONFIG, 0, share=1.0)
        one, other = (log_variances(weights, given, adjacency) for given in (features, loud))
        np.testing.assert_allclose(other[present], one[present], rtol=1e-5, atol=1e-5)

    def test_a_peer_is_listened_to(self):
        features, adjacency, present = random_graphs(CONFIG)
        louder = features.copy()
        louder[:, 2] += 1.0
        weights = random_weights(CONFIG, 0, share=1.0)
        one, other = (log_variances(weights, given, adjacency)[:, 0] for given in (features, louder))
        assert present[:, 2].all()
        assert np.abs(other - one).max() > 1e-3

    def test_its_inputs_do_not_say_how_much_everything_moves(self):
        """All levels and what the linear path expects, moved by the same, are the same inputs."""
        generator = np.random.default_rng(0)
        features = generator.normal(size=(2, 5, num_variance_features(CONFIG.horizons)))
        linear = features[..., [MIDDLE]] + generator.normal(size=(2, 5, 3))
        louder = features.copy()
        louder[..., : len(LEVELS)] += 2.0
        inputs = nonlinear_inputs(features, linear)
        assert inputs.shape[-1:] == variance_shapes(CONFIG)[FEATURE_SCALE]
        np.testing.assert_allclose(nonlinear_inputs(louder, linear + 2.0), inputs)
