from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from made_universe import CONFIG, short_training
from tickgraph.model import variance_training
from tickgraph.model.functional import normalise_adjacency, propagate_residual, standardise
from tickgraph.model.stack import alone
from tickgraph.model.variance_examples import CorrectionExamples
from tickgraph.model.variance_network import correction_of
from tickgraph.model.variance_training import SYMBOL, correction_program, train_correction, tune_correction
from tickgraph.model.weights import (
    CORRECTION_KERNEL,
    FEATURE_MEAN,
    FEATURE_SCALE,
    VARIANCE_FIXED,
    initial_variance_weights,
    variance_shapes,
)

EFFECT = 0.5


def made(count=800, seed=0):
    """Graphs in which a node with a larger first input than its neighbours moves more than the linear path says.

    The realised variance of all nodes is twice what the linear path says, too: a level, which is not to be learned.
    """
    generator = np.random.default_rng(seed)
    nodes, inputs = CONFIG.num_stocks, variance_shapes(CONFIG)[FEATURE_MEAN][0]
    x = generator.normal(3.0, 2.0, (count, nodes, inputs)).astype(np.float32)
    present = np.ones((count, nodes), bool)
    present[::3, -1] = False
    adjacency = np.full((count, nodes, nodes), 0.5, np.float32)
    adjacency[:, np.arange(nodes), np.arange(nodes)] = 1.0
    adjacency *= present[:, :, None] & present[:, None, :]
    z = (x[..., 0] - 3.0) / 2.0
    mean = np.where(present, z, 0).sum(axis=1, keepdims=True) / present.sum(axis=1, keepdims=True)
    expected = 2 * np.exp(EFFECT * (z - mean))[..., None]
    ratio = expected * generator.gamma(2.0, 0.5, (count, nodes, len(CONFIG.horizons)))
    known = np.repeat(present[..., None], len(CONFIG.horizons), axis=-1)
    return CorrectionExamples(
        x, adjacency, np.where(known, ratio, 0).astype(np.float32), known.astype(np.float32)
    )


def trained(examples, seed=1):
    with short_training():
        return train_correction(examples, CONFIG, seed)


def correction(weights, examples):
    nodes = standardise(examples.inputs, weights[FEATURE_MEAN], weights[FEATURE_SCALE])
    propagation = normalise_adjacency(examples.adjacency)
    return correction_of(weights, propagate_residual(nodes, propagation), propagation, examples.adjacency)


def qlike(weights, examples):
    said = correction(weights, examples)
    losses = examples.known * (said + examples.ratio * np.exp(-said))
    return losses.sum() / examples.known.sum()


@pytest.fixture(scope="module")
def graphs():
    return made()


@pytest.fixture(scope="module")
def weights(graphs):
    return trained(graphs)


def test_it_learns_who_moves_more_than_the_others(weights):
    """On graphs that training did not see."""
    unseen = made(seed=9)
    none = qlike(weights | {CORRECTION_KERNEL: np.zeros_like(weights[CORRECTION_KERNEL])}, unseen)
    assert none - qlike(weights, unseen) > 0.05
    present = unseen.known[..., 0] > 0
    said = correction(weights, unseen)[..., 0]
    assert np.corrcoef(said[present], unseen.inputs[..., 0][present])[0, 1] > 0.6


def test_it_learns_no_common_level(weights, graphs):
    """All move twice as much as expected; the correction of a graph still has the mean 0."""
    said = np.where(graphs.known > 0, correction(weights, graphs), 0.0)
    np.testing.assert_allclose(said.sum(axis=1), 0.0, atol=0.05)  # but for what the bound cuts off


def test_it_starts_from_a_correction_of_zero(graphs):
    first = initial_variance_weights(CONFIG, 1)
    scaling = {FEATURE_MEAN: np.zeros(30, np.float32), FEATURE_SCALE: np.ones(30, np.float32)}
    assert not correction(first | scaling, graphs).any()
    assert all(value.any() for path, value in first.items() if value.ndim > 1 and path != CORRECTION_KERNEL)


def test_it_gives_the_nonlinear_path_and_its_scaling(weights, graphs):
    shapes = variance_shapes(CONFIG)
    left = {path for path in VARIANCE_FIXED if path not in (FEATURE_MEAN, FEATURE_SCALE)}
    assert {path: value.shape for path, value in weights.items()} == {
        path: shape for path, shape in shapes.items() if path not in left
    }
    seen = graphs.inputs[graphs.known[..., 0] > 0]
    np.testing.assert_allclose(weights[FEATURE_MEAN], seen.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(weights[FEATURE_SCALE], seen.std(axis=0), rtol=1e-4)


def test_same_seed_same_weights_another_seed_others_and_one_compilation(graphs, weights):
    from jax import monitoring

    compiled = []

    def listen(event, *_, **__):
        if event.endswith("backend_compile_duration"):
            compiled.append(event)

    monitoring.register_event_duration_secs_listener(listen)
    again, other = trained(graphs, 1), trained(graphs, 2)
    fewer = trained(made(count=50))
    assert not compiled
    with short_training():
        assert correction_program(CONFIG, variance_training.UNIVERSE).compilations == 1
    for path, value in weights.items():
        np.testing.assert_array_equal(again[path], value)
    assert (other[CORRECTION_KERNEL] != weights[CORRECTION_KERNEL]).any()
    assert np.isfinite(fewer[CORRECTION_KERNEL]).all()


def test_what_is_not_known_teaches_nothing(graphs, weights):
    """Any number may stand where nothing is known, and at an absent node."""
    absent = graphs.known == 0
    poisoned = replace(
        graphs,
        ratio=np.where(absent, np.float32(1e3), graphs.ratio),
        inputs=np.where(absent[..., :1], np.float32(-50.0), graphs.inputs),
    )
    for path, value in trained(poisoned).items():
        np.testing.assert_allclose(value, weights[path], rtol=1e-4, atol=1e-5)


def test_a_horizon_without_any_known_variance_is_no_trouble(graphs):
    unknown = np.ones(3, np.float32)
    unknown[2] = 0.0
    said = trained(replace(graphs, known=graphs.known * unknown))
    assert said[CORRECTION_KERNEL][:, :2].any()
    assert not said[CORRECTION_KERNEL][:, 2].any()


def test_divergence_is_an_error(graphs):
    ratio = graphs.ratio.copy()
    ratio[0, 0, 0] = np.inf
    with pytest.raises(FloatingPointError, match="variance network diverged"):
        trained(replace(graphs, ratio=ratio))


class TestTuneCorrection:
    """A symbol whose effect is another than the universe's."""

    @pytest.fixture(scope="class")
    @staticmethod
    def other_effect(graphs):
        ratio = np.where(graphs.known > 0, 1 / np.sqrt(np.maximum(graphs.ratio, 0.01)), 0.0)
        return replace(graphs, ratio=ratio.astype(np.float32))

    @pytest.fixture(scope="class")
    @staticmethod
    def universe(weights):
        fixed = {path: shape for path, shape in variance_shapes(CONFIG).items() if path not in weights}
        return weights | {path: np.zeros(shape, np.float32) for path, shape in fixed.items()}

    @pytest.fixture(scope="class")
    @staticmethod
    def tuned(universe, other_effect):
        return alone(tune_correction(other_effect, CONFIG, 1, universe))

    def test_it_learns_the_symbols_own(self, universe, tuned, other_effect):
        assert qlike(universe | tuned, other_effect) < qlike(universe, other_effect) - 0.01

    def test_it_changes_the_nonlinear_path_alone(self, tuned):
        assert tuned.keys() == {path for path in variance_shapes(CONFIG) if path not in VARIANCE_FIXED}

    def test_it_is_drawn_to_the_universes(self, universe, tuned, other_effect, monkeypatch):
        """With a strong pull, it stays there."""
        monkeypatch.setattr(variance_training, "WEIGHT_DECAY", 1000.0)
        monkeypatch.setattr(variance_training, "_programs", {})
        held = alone(tune_correction(other_effect, CONFIG, 1, universe))
        away, own = (
            max(np.abs(found[path] - universe[path]).max() for path in found) for found in (held, tuned)
        )
        assert away < own / 5

    def test_one_program_serves_all_symbols(self, universe, tuned, graphs):
        again, fewer = alone(tune_correction(graphs, CONFIG, 2, universe)), made(count=50)
        assert np.isfinite(alone(tune_correction(fewer, CONFIG, 3, universe))[CORRECTION_KERNEL]).all()
        assert (again[CORRECTION_KERNEL] != tuned[CORRECTION_KERNEL]).any()
        assert correction_program(CONFIG, SYMBOL).compilations == 1

    def test_divergence_is_an_error(self, universe, graphs):
        ratio = graphs.ratio.copy()
        ratio[0, 0, 0] = np.inf
        with pytest.raises(FloatingPointError, match="variance network diverged"):
            alone(tune_correction(replace(graphs, ratio=ratio), CONFIG, 1, universe))
