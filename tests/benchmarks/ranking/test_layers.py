import keras
import numpy as np
import pytest

from benchmarks.ranking.layers import CausalTimeMixing, PeerAttention
from tickgraph.model.functional import graph_attention


def test_time_mixing_hears_nothing_of_later_days():
    keras.utils.set_random_seed(0)
    layer = CausalTimeMixing()
    x = np.random.default_rng(0).standard_normal((2, 3, 8, 5)).astype(np.float32)
    before = np.asarray(layer(x))
    for day in range(8):
        later = x.copy()
        later[:, :, day + 1 :] += 1
        after = np.asarray(layer(later))
        np.testing.assert_array_equal(after[:, :, : day + 1], before[:, :, : day + 1])
        if day < 7:
            assert (after[:, :, day + 1 :] != before[:, :, day + 1 :]).all()


def test_time_mixing_is_a_weight_for_every_pair_of_days():
    keras.utils.set_random_seed(0)
    layer = CausalTimeMixing()
    x = np.random.default_rng(1).standard_normal((1, 4, 2)).astype(np.float32)
    mixed = np.asarray(layer(x))
    kernel, bias = np.asarray(layer.kernel), np.arange(4.0)
    layer.bias.assign(bias)
    for day in range(4):
        expected = sum(kernel[s, day] * x[0, s] for s in range(day + 1))
        np.testing.assert_allclose(mixed[0, day], expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(np.asarray(layer(x))[0, day], expected + day, rtol=1e-5, atol=1e-6)


def test_peer_attention_is_graph_attention_on_the_same_edges():
    """A list of peers and an adjacency matrix that say the same give the same."""
    keras.utils.set_random_seed(0)
    generator = np.random.default_rng(0)
    nodes = generator.standard_normal((2, 9, 6)).astype(np.float32)
    peers = np.stack(
        [[generator.permutation(np.delete(np.arange(9), i))[:4] for i in range(9)] for _ in "ab"]
    )
    edges = np.where(generator.uniform(size=peers.shape) < 0.6, 0.5, 0.0).astype(np.float32)
    adjacency = np.tile(np.eye(9, dtype=np.float32), (2, 1, 1))
    for b, i, p in np.argwhere(edges > 0):
        adjacency[b, i, peers[b, i, p]] = 1
    layer = PeerAttention(8, 2)
    got = np.asarray(layer(nodes, peers.astype(np.int32), edges))
    kernel, source, target = (np.asarray(own) for own in (layer.kernel, layer.source, layer.target))
    expected = graph_attention(nodes, adjacency, kernel, source, target)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
    assert not np.allclose(expected, graph_attention(nodes, np.ones_like(adjacency), kernel, source, target))


def test_heads_divide_the_units():
    with pytest.raises(ValueError, match="multiple of heads"):
        PeerAttention(30, 4)


def test_layers_are_made_again_from_their_configuration():
    layer = PeerAttention(8, 2)
    again = PeerAttention.from_config(layer.get_config())
    assert (again.units, again.heads) == (8, 2)
