"""Adam on a flat vector of weights, every epoch and batch inside one XLA loop.

Source: Kingma & Ba 2015, "Adam", arXiv:1412.6980, in Keras's form; decoupled weight decay, Loshchilov & Hutter 2019,
arXiv:1711.05101.
"""

from __future__ import annotations

from collections.abc import Callable

from tickgraph.shapes import Float32, Int, JaxArray

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7  # Keras's

Loss = Callable[[JaxArray, tuple[JaxArray, ...]], tuple[JaxArray, JaxArray]]
"""From the vector and one batch of every operand: the loss of the batch, and its sum and count for the epoch's mean."""


def descend(
    loss: Loss,
    start: Float32[JaxArray, "parameters"],
    operands: tuple[JaxArray, ...],
    order: Int[JaxArray, "epochs batches batch_size"],
    learning_rate: float,
    weight_decay: float,
    anchor: Float32[JaxArray, "parameters"] | None = None,
) -> tuple[Float32[JaxArray, "parameters"], Float32[JaxArray, "epochs"]]:
    """Minimise a loss over batches; give the vector and the mean loss of each epoch.

    Parameters
    ----------
    loss
        Of one batch.
    start
        First values.
    operands
        Arrays whose rows are drawn into batches; a row beyond the end is read as zeros.
    order
        Rows of every batch.
    learning_rate, weight_decay
        Every step takes away the share ``learning_rate * weight_decay`` of the vector's distance from the anchor.
    anchor
        Where the vector decays to; None is zero.
    """
    import jax
    from jax import numpy as jnp

    centre = 0.0 if anchor is None else anchor

    def step(
        state: tuple[JaxArray, ...], rows: Int[JaxArray, "batch_size"]
    ) -> tuple[tuple[JaxArray, ...], Float32[JaxArray, "2"]]:
        vector, first, second, time = state
        batch = tuple(operand.at[rows].get(mode="fill", fill_value=0) for operand in operands)
        gradient, error = jax.grad(loss, has_aux=True)(vector, batch)
        time = time + 1
        # Keras's form of Adam: the bias corrections are folded into the step size.
        size = learning_rate * jnp.sqrt(1 - BETA_2**time) / (1 - BETA_1**time)
        first = first + (gradient - first) * (1 - BETA_1)
        second = second + (gradient * gradient - second) * (1 - BETA_2)
        vector = centre + (vector - centre) * (1 - learning_rate * weight_decay)
        return (vector - size * first / (jnp.sqrt(second) + EPSILON), first, second, time), error

    def epoch(
        state: tuple[JaxArray, ...], rows: Int[JaxArray, "batches batch_size"]
    ) -> tuple[tuple[JaxArray, ...], Float32[JaxArray, ""]]:
        state, errors = jax.lax.scan(step, state, rows)  # errors [batches, 2]
        total, count = errors.sum(axis=0)
        return state, total / jnp.maximum(count, 1.0)

    zeros = jnp.zeros_like(start)
    first_state: tuple[JaxArray, ...] = (start, zeros, zeros, jnp.float32(0))
    (vector, *_), losses = jax.lax.scan(epoch, first_state, order)
    return vector, losses
