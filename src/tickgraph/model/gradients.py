"""Where NumPy and JAX must be told different things for one equation: layouts, gradients, constants.

XLA folds the transposes of a product's gradient into the product itself. On a CPU such a product misses the fast
kernel: the gradient of one ``[352, 64] @ [64, 64]`` took 70 to 96 microseconds where the forward product took 14.
Transposing first, behind a barrier that keeps XLA from folding, costs 6 and brings the fast kernel back. The result
is the same.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from tickgraph.shapes import Array, Float, Float32


def matmul(a: Float[Array, "*a m k"], b: Float[Array, "*b k n"]) -> Float[Array, "... m n"]:
    """``a @ b``. Under JAX the gradient is taken by :func:`_laid_out`; NumPy arrays never import JAX."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a @ b
    if b.ndim == 2 and a.ndim > 2:  # one kernel for every batch row: a single large product
        return _laid_out()(a.reshape(-1, a.shape[-1]), b).reshape(*a.shape[:-1], b.shape[-1])
    if a.shape[:-2] == b.shape[:-2]:
        return _laid_out()(a, b)
    return a @ b  # broadcast batch axes: the plain gradient sums over them


def constant(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """``x``, through which no gradient flows under JAX."""
    if isinstance(x, np.ndarray):
        return x
    from jax import lax

    return lax.stop_gradient(x)


def arrange(x: Float[Array, "..."], axes: tuple[int, ...]) -> Float[Array, "..."]:
    """Permute the axes, and the numbers in memory with them: NumPy alone would only change its strides."""
    if isinstance(x, np.ndarray):
        return np.ascontiguousarray(x.transpose(axes))
    return x.transpose(axes)


def spread(
    x: Float[Array, "*batch nodes width"], parts: Float32[np.ndarray, "parts width"]
) -> Float[Array, "*batch parts*nodes width"]:
    """``x`` times each part, one below the other.

    Under JAX the copies are concatenated. The gradient of a broadcast product would be one large reduction, which XLA
    fuses with the product before it and computes ten times slower than a sum of slices.
    """
    if isinstance(x, np.ndarray):
        return (x[..., None, :, :] * parts[:, None, :]).reshape(*x.shape[:-2], -1, x.shape[-1])
    return x.__array_namespace__().concat([x * part for part in parts], axis=-2)


@cache
def _laid_out() -> Any:
    import jax
    from jax import lax

    @jax.custom_vjp
    def product(a: Array, b: Array) -> Array:
        return a @ b

    def forward(a: Array, b: Array) -> tuple[Array, tuple[Array, Array]]:
        return a @ b, (a, b)

    def backward(operands: tuple[Array, Array], gradient: Array) -> tuple[Array, Array]:
        a, b = operands
        if b.ndim == 2 and b.shape[-1] == 1:  # one column: a sum, for which the product's kernel is slow
            return gradient * b[:, 0], (a * gradient).sum(axis=0)[:, None]
        return (
            gradient @ lax.optimization_barrier(b.swapaxes(-1, -2)),
            lax.optimization_barrier(a.swapaxes(-1, -2)) @ gradient,
        )

    product.defvjp(forward, backward)
    return product
