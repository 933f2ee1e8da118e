"""The network's equations, written once for NumPy and for JAX.

Every function takes arrays of either library and answers in the same one. So training (JAX), the Keras layers (JAX) and
serving (NumPy, which needs no compiler and no second runtime in memory) share one definition. Leading axes are batch
axes: snapshots of one symbol, with weights that lack these axes, or one snapshot each of many symbols, with weights
that have them. In the types ``*batch`` are the axes of the snapshots and ``*models`` those of the weights.

Sources: graph convolution, Kipf & Welling 2017, "Semi-Supervised Classification with Graph Convolutional Networks",
arXiv:1609.02907, eq. 2 and 9. Graph attention, Veličković et al. 2018, "Graph Attention Networks", arXiv:1710.10903,
eq. 1-5.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from tickgraph.model.gradients import arrange, constant, matmul, spread
from tickgraph.shapes import Array, Float, Float32

FEATURE_BOUND = 3.0
LEAKY_SLOPE = 0.2  # Veličković et al. 2018, section 2.1


def normalise_adjacency(adjacency: Float[Array, "*batch nodes nodes"]) -> Float[Array, "*batch nodes nodes"]:
    r"""Symmetric normalisation :math:`\hat A = D^{-1/2} A D^{-1/2}` (Kipf & Welling 2017, eq. 2).

    The adjacency has its self loops. A node without any edge, its self loop included, has degree 0 and a row and column
    of zeros.
    """
    xp = adjacency.__array_namespace__()
    degree = adjacency.sum(axis=-1)  # [..., N]
    root = 1 / xp.sqrt(xp.where(degree > 0, degree, xp.inf))  # 0 for a node without edges
    return adjacency * root[..., :, None] * root[..., None, :]


def relu(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """Rectified linear unit."""
    return x.__array_namespace__().maximum(x, 0.0)


def elu(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """Exponential linear unit, alpha 1."""
    xp = x.__array_namespace__()
    return xp.maximum(x, xp.exp(xp.minimum(x, 0.0)) - 1)  # exp(x) - 1 >= x, with equality at 0


def standardise(
    features: Float[Array, "*batch nodes features"],
    mean: Float[Array, "*models features"],
    scale: Float[Array, "*models features"],
) -> Float[Array, "*batch nodes features"]:
    """Centre and scale node features."""
    return (features - mean[..., None, :]) / scale[..., None, :]


def propagate(
    nodes: Float[Array, "*batch nodes features"], propagation: Float[Array, "*batch nodes nodes"]
) -> Float[Array, "*batch nodes features"]:
    r"""Average over the neighbourhood: :math:`\hat A X`."""
    return matmul(propagation, nodes)


def propagate_residual(
    nodes: Float[Array, "*batch nodes features"], propagation: Float[Array, "*batch nodes nodes"]
) -> Float[Array, "*batch nodes 2*features"]:
    r"""The neighbourhood's average and what sets a node apart from it, side by side.

    .. math:: [\hat A X \;\Vert\; X - \hat A X]

    A low-pass and a high-pass filter of the graph (Bo et al. 2021, "Beyond Low-frequency Information in Graph
    Convolutional Networks", arXiv:2101.00797, eq. 2-3): convolution alone leaves only the first. Features are bounded
    to :data:`FEATURE_BOUND` standard deviations, so that a crash is read as no more than the worst that training knew
    well.
    """
    xp = nodes.__array_namespace__()
    nodes = xp.clip(nodes, -FEATURE_BOUND, FEATURE_BOUND)
    common = matmul(propagation, nodes)
    return xp.concat([common, nodes - common], axis=-1)


def dense(
    nodes: Float[Array, "*batch nodes width"],
    kernel: Float[Array, "*models width units"],
    bias: Float[Array, "*models units"],
) -> Float[Array, "*batch nodes units"]:
    """Every node by itself."""
    return matmul(nodes, kernel) + bias[..., None, :]


def graph_convolution(
    nodes: Float[Array, "*batch nodes width"],
    propagation: Float[Array, "*batch nodes nodes"],
    kernel: Float[Array, "*models width units"],
    bias: Float[Array, "*models units"],
) -> Float[Array, "*batch nodes units"]:
    r"""One graph convolution: :math:`H' = \mathrm{relu}(\hat A H W + b)`."""
    if kernel.shape[-2] < kernel.shape[-1]:  # the cheaper order of the same product
        return relu(dense(matmul(propagation, nodes), kernel, bias))
    return relu(matmul(propagation, matmul(nodes, kernel)) + bias[..., None, :])


def attention_coefficients(
    projected: Float[Array, "*batch nodes width"],
    adjacency: Float[Array, "*batch nodes nodes"],
    source_kernel: Float[Array, "*models heads channels"],
    target_kernel: Float[Array, "*models heads channels"],
) -> Float[Array, "*batch heads nodes nodes"]:
    r"""Attention of every node over its neighbours (Veličković et al. 2018, eq. 1-3).

    .. math:: \alpha_{ij} = \mathrm{softmax}_{j \in N(i)}
              \mathrm{LeakyReLU}(a_t^\top W h_i + a_s^\top W h_j)

    Parameters
    ----------
    projected
        :math:`W h`: K heads of C channels, side by side.
    adjacency
        j is a neighbour of i where the entry is positive.
    source_kernel, target_kernel
        :math:`a_s` and :math:`a_t`.

    Returns
    -------
    array
        Row i sums to 1 over its neighbours, or is 0 for a node that has none.
    """
    xp = projected.__array_namespace__()
    heads = source_kernel.shape[-2]
    kernels = xp.concat([_columns(source_kernel), _columns(target_kernel)], axis=-1)  # [..., K * C, 2 K]
    # Snapshots go last: rows of 11 neighbours are too short for a processor's vectors, 32 snapshots are not.
    batch: tuple[int, ...] = tuple(range(projected.ndim - 2))
    last, before_last = projected.ndim - 1, projected.ndim - 2
    halves = arrange(matmul(projected, kernels), (last, before_last, *batch))  # [2 K, N, ...]
    source, target = halves[:heads], halves[heads:]
    logits = _leaky_relu(target[:, :, None] + source[:, None, :])  # [K, N, N, ...]
    neighbours = arrange(adjacency, (before_last, last, *batch))[None] > 0  # [1, N, N, ...]
    # The shift cancels, so it needs no gradient. It must be the neighbours' own maximum: one taken over all
    # nodes is cheaper, but a loud stranger would push every neighbour's weight to 0.
    top = constant(xp.where(neighbours, logits, -xp.inf).max(axis=2, keepdims=True))
    weights = xp.exp(xp.where(neighbours, logits - top, -xp.inf))
    total = weights.sum(axis=2, keepdims=True)
    alpha = weights / xp.where(total > 0, total, 1.0)  # [K, N, N, ...]
    return arrange(alpha, (*(axis + 3 for axis in batch), 0, 1, 2))


def _columns(kernel: Float[Array, "*models heads channels"]) -> Float[Array, "*models heads*channels heads"]:
    """Column k holds head k's kernel against its own channels."""
    *batch, heads, channels = kernel.shape
    return kernel.reshape(*batch, heads * channels, 1) * _own_channels(heads, channels).T


@cache
def _own_channels(heads: int, channels: int) -> Float32[np.ndarray, "{heads} {heads*channels}"]:
    """1 where a channel belongs to a head."""
    return np.repeat(np.eye(heads, dtype=np.float32), channels, axis=1)


def _leaky_relu(x: Float[Array, "..."]) -> Float[Array, "..."]:
    return x.__array_namespace__().maximum(x, LEAKY_SLOPE * x)


def graph_attention(
    nodes: Float[Array, "*batch nodes width"],
    adjacency: Float[Array, "*batch nodes nodes"],
    kernel: Float[Array, "*models width units"],
    source_kernel: Float[Array, "*models heads channels"],
    target_kernel: Float[Array, "*models heads channels"],
) -> Float[Array, "*batch nodes units"]:
    r"""One attention layer, its heads side by side (Veličković et al. 2018, eq. 4-5).

    .. math:: h'_i = \Vert_k\, \mathrm{elu}\Big(\sum_j \alpha^k_{ij} W^k h_j\Big)

    ``kernel`` holds the heads' :math:`W^k` side by side.
    """
    projected = matmul(nodes, kernel)  # [..., N, K * C]
    alpha = attention_coefficients(projected, adjacency, source_kernel, target_kernel)  # [..., K, N, N]
    return elu(aggregate_heads(alpha, projected))


def aggregate_heads(
    alpha: Float[Array, "*batch heads nodes nodes"], projected: Float[Array, "*batch nodes width"]
) -> Float[Array, "*batch nodes width"]:
    r"""Sum each node's neighbours with each head's attention: :math:`\sum_j \alpha^k_{ij} W^k h_j`.

    The heads are laid along the contraction: ``[N, K * N] @ [K * N, K * C]``, where block k of the right side holds
    head k's channels and zeros. One product per graph in place of K small ones: more multiplications, less time.
    """
    xp = projected.__array_namespace__()
    *batch, heads, n, _ = alpha.shape
    beside = xp.swapaxes(alpha, -3, -2).reshape(*batch, n, heads * n)
    own = _own_channels(heads, projected.shape[-1] // heads)  # [K, K * C]
    return matmul(beside, spread(projected, own))
