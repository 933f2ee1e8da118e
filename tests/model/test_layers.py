"""The Keras layers against the papers' equations, and against the properties any graph layer must have."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import jax
import keras
import numpy as np
import pytest
from jax import numpy as jnp

from tickgraph.model import functional
from tickgraph.model.layers import GraphAttention, GraphConvolution, MaskAbsent, Standardisation

_spec = importlib.util.spec_from_file_location("reference", Path(__file__).with_name("reference.py"))
reference = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(reference)

N, F, UNITS, HEADS = 6, 3, 8, 2


def graphs(seed, batch=3):
    """Random graphs; node 4 has no neighbour but itself, node 5 is absent."""
    generator = np.random.default_rng(seed)
    strength = generator.uniform(0.3, 1, (batch, N, N)) * (generator.uniform(size=(batch, N, N)) < 0.5)
    adjacency = np.maximum(strength, strength.swapaxes(1, 2))
    adjacency[:, 4], adjacency[:, :, 4] = 0, 0
    adjacency[:, range(N), range(N)] = 1
    adjacency[:, 5], adjacency[:, :, 5] = 0, 0
    return generator.normal(size=(batch, N, F)).astype(np.float32), adjacency.astype(np.float32)


def built(layer, seed=0):
    nodes, adjacency = graphs(seed)
    layer(nodes, adjacency)
    generator = np.random.default_rng(seed + 100)
    layer.set_weights([generator.normal(size=w.shape).astype(np.float32) for w in layer.get_weights()])
    return layer, nodes, adjacency


CASES = [
    (GraphConvolution, (UNITS,), reference.graph_convolution),
    (GraphConvolution, (2,), reference.graph_convolution),  # narrowing: the other order of products
    (GraphAttention, (UNITS, HEADS), reference.graph_attention),
    (GraphAttention, (UNITS, 1), reference.graph_attention),
]


@pytest.mark.parametrize(("kind", "arguments", "paper"), CASES)
@pytest.mark.parametrize("seed", range(3))
def test_a_layer_computes_the_papers_equation(kind, arguments, paper, seed):
    layer, nodes, adjacency = built(kind(*arguments), seed)
    got = np.asarray(layer(nodes, adjacency))
    want = [
        paper(h.astype(float), a, *map(np.float64, layer.get_weights()))
        for h, a in zip(nodes, adjacency, strict=True)
    ]
    np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize(("kind", "arguments", "paper"), CASES)
def test_numpy_and_jax_compute_the_same(kind, arguments, paper):
    layer, nodes, adjacency = built(kind(*arguments))
    weights = layer.get_weights()
    if kind is GraphConvolution:
        plain = functional.graph_convolution(nodes, functional.normalise_adjacency(adjacency), *weights)
    else:
        plain = functional.graph_attention(nodes, adjacency, *weights)
    assert isinstance(plain, np.ndarray)
    np.testing.assert_allclose(plain, np.asarray(layer(nodes, adjacency)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("kind", "arguments", "paper"), CASES)
def test_renumbering_the_nodes_renumbers_the_output(kind, arguments, paper):
    layer, nodes, adjacency = built(kind(*arguments))
    order = np.random.default_rng(1).permutation(N)
    out = np.asarray(layer(nodes, adjacency))
    moved = np.asarray(layer(nodes[:, order], adjacency[:, order][:, :, order]))
    np.testing.assert_allclose(moved, out[:, order], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("kind", "arguments", "paper"), CASES)
def test_nothing_passes_where_there_is_no_edge(kind, arguments, paper):
    layer, nodes, adjacency = built(kind(*arguments))
    loud = nodes.copy()
    loud[:, 4:] = 1e3  # the isolated node and the absent one
    out, shouted = np.asarray(layer(nodes, adjacency)), np.asarray(layer(loud, adjacency))
    np.testing.assert_array_equal(out[:, :4], shouted[:, :4])
    assert (out[:, 4] != shouted[:, 4]).any()
    np.testing.assert_array_equal(out[:, 5], shouted[:, 5])


@pytest.mark.parametrize(("kind", "arguments", "paper"), CASES)
def test_gradients_are_those_of_small_steps(kind, arguments, paper):
    layer, nodes, adjacency = built(kind(*arguments))
    weights = [jnp.asarray(w) for w in layer.get_weights()]
    probe = np.random.default_rng(3).normal(size=np.asarray(layer(nodes, adjacency)).shape)

    def total(weights, nodes):
        if kind is GraphConvolution:
            out = functional.graph_convolution(nodes, functional.normalise_adjacency(adjacency), *weights)
        else:
            out = functional.graph_attention(nodes, adjacency, *weights)
        return (out * probe).sum()

    def paper_total(weights, nodes):
        outs = [paper(h, a, *weights) for h, a in zip(nodes, adjacency, strict=True)]
        return float((np.array(outs) * probe).sum())

    by_weights, by_nodes = jax.grad(total, argnums=(0, 1))(weights, jnp.asarray(nodes))
    doubles = [np.asarray(w, np.float64) for w in weights]
    generator, step = np.random.default_rng(4), 1e-6
    for place, gradient in [*enumerate(by_weights), (None, by_nodes)]:
        base = nodes.astype(float) if place is None else doubles[place]
        direction = generator.normal(size=base.shape)
        sides = []
        for sign in (1, -1):
            moved = base + sign * step * direction
            changed = [moved if i == place else w for i, w in enumerate(doubles)]
            sides.append(paper_total(changed, moved if place is None else nodes.astype(float)))
        numeric = (sides[0] - sides[1]) / (2 * step)
        np.testing.assert_allclose(
            float((np.asarray(gradient) * direction).sum()), numeric, rtol=2e-3, atol=2e-3
        )


def test_attention_of_a_node_sums_to_one_and_of_none_is_zero():
    nodes, adjacency = graphs(0)
    layer, _, _ = built(GraphAttention(UNITS, HEADS))
    kernel, source, target = layer.get_weights()
    alpha = functional.attention_coefficients(nodes @ kernel, adjacency, source, target)
    np.testing.assert_allclose(alpha[:, :, :5].sum(axis=-1), 1, rtol=1e-6)
    assert not alpha[:, :, 5].any()
    np.testing.assert_allclose(alpha[:, :, 4, 4], 1)


def test_large_logits_do_not_overflow():
    nodes, adjacency = graphs(0)
    layer, _, _ = built(GraphAttention(UNITS, HEADS))
    kernel, source, target = layer.get_weights()
    alpha = functional.attention_coefficients(nodes @ kernel * 1e4, adjacency, source, target)
    assert np.isfinite(alpha).all()
    np.testing.assert_allclose(alpha[:, :, :5].sum(axis=-1), 1, rtol=1e-5)


def test_layers_come_back_from_their_configuration():
    for layer in (
        GraphConvolution(5, name="a"),
        GraphAttention(8, 2, name="b"),
        MaskAbsent(),
        Standardisation(),
    ):
        again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
        assert again.get_config() == layer.get_config()


def test_impossible_sizes_are_refused():
    with pytest.raises(ValueError, match="heads must divide units"):
        GraphAttention(8, 3)
    with pytest.raises(ValueError, match="units must be at least 1"):
        GraphConvolution(0)
