r"""A network without a graph that knows each symbol by name: what a graph must be worth more than.

    log V_h = l_h(x) + s_h (g_h(x, e_symbol) - mean of g_h over the day's symbols)

The linear path l sees a symbol's own features and nothing that it would hear of others. The nonlinear path g is a
network of two layers on the same features and a learned vector of the symbol, trained on all symbols together by
QLIKE, within the same bounds as the product's. The share s is the one that held-out sessions bear out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tickgraph.lab.horizons.losses import qlike
from tickgraph.lab.horizons.method import PROBABILITIES, Forecast, HorizonForecast, HorizonForecaster, Stretch
from tickgraph.lab.horizons.moves import Moves
from tickgraph.lab.horizons.network_forecasts import UniverseFits, known_universe, network_quantiles
from tickgraph.lab.horizons.pooled_scores import score_quantiles
from tickgraph.model.descent import descend
from tickgraph.model.functional import relu
from tickgraph.model.linear_path import Kernel, fit_linear_path
from tickgraph.model.program import prepare_jax
from tickgraph.model.realised import known_by
from tickgraph.model.universe_fit import HELD_OUT
from tickgraph.model.variance_examples import SESSIONS, Universe
from tickgraph.model.variance_network import CORRECTION_BOUND, nonlinear_inputs
from tickgraph.model.variance_training import LEARNING_RATE, UNIVERSE, WEIGHT_DECAY
from tickgraph.shapes import Array, Bool, Float, Float32, Float64, JaxArray

EMBEDDING, HIDDEN = 8, 32
BATCH = 16
"""Sessions of a batch, all symbols of each."""
_SHARES = np.linspace(0.0, 1.0, 11)

Weights = dict[str, np.ndarray]


@dataclass(frozen=True)
class EmbeddedFit:
    """Both paths, fitted on what was known at some session."""

    kernel: Kernel
    weights: Weights
    mean: Float32[np.ndarray, "inputs"]
    scale: Float32[np.ndarray, "inputs"]

    def paths(
        self, features: Float32[np.ndarray, "t symbols features"], known: Bool[np.ndarray, "t symbols"]
    ) -> tuple[Float64[np.ndarray, "t symbols horizons"], Float32[np.ndarray, "t symbols horizons"]]:
        """Log variances of the linear path, and the whole of the other's correction."""
        linear = features @ self.kernel.coefficients + self.kernel.bias
        inputs = (nonlinear_inputs(features, linear.astype(np.float32)) - self.mean) / self.scale
        present = known.astype(np.float32)
        return linear, correction(self.weights, inputs * present[..., None], present)


def embedded_network(fits: UniverseFits) -> HorizonForecaster:
    """The network without edges and with an embedding of the symbol; ``fits`` are of symbols that hear nothing."""

    def prepare(moves: Moves) -> Forecast:
        config, universe = fits.prepare(moves)
        grid, seed = config.horizons, config.seed
        asked = np.array([grid.index(horizon) for horizon in moves.horizons])

        def forecast(stretch: Stretch) -> HorizonForecast:
            past = known_universe(universe, stretch.first, grid)
            count = len(past.features.sessions)
            held_out = slice(count - min(HELD_OUT, count // 3), count)
            before, whole = (fit_embedded(past, end, grid, seed) for end in (held_out.start, count))
            variance = np.full((stretch.stop - stretch.first, len(moves.panel.symbols), len(grid)), np.nan)
            scores = np.full((len(grid), len(PROBABILITIES)), np.nan)
            if before is not None and whole is not None:
                share, scores = _borne_out(before, past, held_out, grid)
                features, known = (
                    part[stretch.rows] for part in (universe.features.values, universe.features.known)
                )
                linear, more = whole.paths(features, known)
                variance = np.where(known[..., None], np.exp(linear + share * more), np.nan)
            return HorizonForecast(
                np.maximum.accumulate(variance, axis=-1)[..., asked],
                network_quantiles(variance[stretch.origins - stretch.first], scores, asked),
            )

        return forecast

    return HorizonForecaster(
        "network-embedding",
        "ablation",
        "A network without edges that knows each symbol by a learned vector; one for all symbols.",
        {
            "sessions": SESSIONS,
            "held_out": HELD_OUT,
            "sizes": (EMBEDDING, HIDDEN, BATCH, UNIVERSE.epochs),
            "quantiles": "the outer quarters widen",
            "training": (LEARNING_RATE, WEIGHT_DECAY),
            "seed": fits.config.seed,
            "horizons": fits.config.horizons,
        },
        prepare,
        fewest_sessions=63,
        has_quantiles=True,
    )


def _borne_out(
    fit: EmbeddedFit, past: Universe, held_out: slice, grid: tuple[int, ...]
) -> tuple[Float64[np.ndarray, "horizons"], Float64[np.ndarray, "horizons quantiles"]]:
    """The share of the correction with the least held-out QLIKE, and quantiles of held-out scores."""
    linear, more = fit.paths(past.features.values[held_out], past.features.known[held_out])
    linear[~past.features.known[held_out]] = np.nan
    losses = np.stack(
        [
            np.nan_to_num(qlike(past.variance[held_out], np.exp(linear + share * more))).sum(axis=(0, 1))
            for share in _SHARES
        ]
    )
    share = _SHARES[losses.argmin(axis=0)]  # [H]
    scores = past.returns[held_out] / np.exp((linear + share * more) / 2)
    # As of the last session plus the horizon, so that no held-out score is left out for not being known.
    known = [score_quantiles(scores[..., place], len(scores) - 1 + h, h) for place, h in enumerate(grid)]
    return share, np.stack(known)


def fit_embedded(past: Universe, end: int, grid: tuple[int, ...], seed: int) -> EmbeddedFit | None:
    """Fit both paths on what is known before session ``end``; None where that is too little."""
    known = past.features.known.copy()
    known[end:] = False
    variance = np.full(past.variance.shape, np.nan)
    variance[:end] = known_by(past.variance, end, grid)
    kernel = fit_linear_path(past.features.values, known, variance, grid)
    if kernel is None:
        return None
    linear = past.features.values @ kernel.coefficients + kernel.bias
    inputs = nonlinear_inputs(past.features.values, linear.astype(np.float32))
    mean = inputs[known].mean(axis=0, dtype=np.float64).astype(np.float32)
    deviation = inputs[known].std(axis=0, dtype=np.float64).astype(np.float32)
    scale = np.where(deviation > 0, deviation, np.float32(1.0))
    counts = known[..., None] & (variance > 0)
    ratio = np.where(counts, variance / np.exp(linear), 0.0)
    present = known.astype(np.float32)
    operands = ((inputs - mean) / scale * present[..., None], present, ratio, counts)
    generator = np.random.default_rng([seed, 6])
    order = np.stack([generator.permutation(SESSIONS) for _ in range(UNIVERSE.epochs)])
    order = order[:, : SESSIONS // BATCH * BATCH].reshape(UNIVERSE.epochs, -1, BATCH).astype(np.int32)
    weights = _first_weights(generator, inputs.shape[1:], len(grid))
    prepare_jax()
    trained = _program(weights, tuple(_padded(each) for each in operands), order)
    return EmbeddedFit(kernel, {name: np.asarray(value) for name, value in trained.items()}, mean, scale)


def correction(
    weights: Mapping[str, Float[Array, "..."]],
    inputs: Float[Array, "*batch symbols inputs"],
    present: Float[Array, "*batch symbols"],
) -> Float[Array, "*batch symbols horizons"]:
    """The nonlinear path, less its mean over the symbols that are present."""
    xp = inputs.__array_namespace__()
    own = xp.broadcast_to(weights["embedding"], (*inputs.shape[:-1], EMBEDDING))
    nodes = relu(xp.concat([inputs, own], axis=-1) @ weights["first"] + weights["first_bias"])
    nodes = relu(nodes @ weights["second"] + weights["second_bias"]) @ weights["last"]  # [..., S, H]
    here = present[..., None]
    mean = (nodes * here).sum(axis=-2, keepdims=True) / xp.maximum(here.sum(axis=-2, keepdims=True), 1.0)
    return xp.clip(nodes - mean, -CORRECTION_BOUND, CORRECTION_BOUND)


def _first_weights(generator: np.random.Generator, shape: tuple[int, ...], horizons: int) -> Weights:
    symbols, inputs = shape
    sizes = {"first": (inputs + EMBEDDING, HIDDEN), "second": (HIDDEN, HIDDEN)}
    weights: Weights = {
        name: (generator.standard_normal(size) / np.sqrt(size[0])).astype(np.float32)
        for name, size in sizes.items()
    }
    weights |= {f"{name}_bias": np.zeros(HIDDEN, np.float32) for name in sizes}
    weights["embedding"] = (0.1 * generator.standard_normal((symbols, EMBEDDING))).astype(np.float32)
    weights["last"] = np.zeros((HIDDEN, horizons), np.float32)
    return weights


def _padded(values: np.ndarray) -> Float32[np.ndarray, "sessions *rest"]:
    """With empty sessions behind, so that one compiled program takes every length."""
    missing = [(0, SESSIONS - len(values))] + [(0, 0)] * (values.ndim - 1)
    return np.pad(values.astype(np.float32), missing)


def _program(weights: Weights, operands: tuple[np.ndarray, ...], order: np.ndarray) -> dict[str, JaxArray]:
    import jax

    trained: dict[str, JaxArray] = jax.jit(_train)(weights, operands, order)
    return trained


def _train(
    weights: dict[str, JaxArray], operands: tuple[JaxArray, ...], order: JaxArray
) -> dict[str, JaxArray]:
    from jax import numpy as jnp
    from jax.flatten_util import ravel_pytree

    start, unflatten = ravel_pytree(weights)

    def loss(vector: JaxArray, batch: tuple[JaxArray, ...]) -> tuple[JaxArray, JaxArray]:
        inputs, present, ratio, counts = batch
        more = correction(unflatten(vector), inputs, present)  # [B, S, H]
        each = counts * (more + ratio * jnp.exp(-more))
        mean = each.sum(axis=(0, 1)) / jnp.maximum(counts.sum(axis=(0, 1)), 1.0)  # [H]
        return mean.mean(), jnp.stack([each.sum(), counts.sum()])

    vector, _ = descend(loss, start, operands, order, LEARNING_RATE, WEIGHT_DECAY)
    trained: dict[str, JaxArray] = unflatten(vector)
    return trained
