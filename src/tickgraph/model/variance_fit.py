"""A symbol's variance network: both paths fitted anew on the symbol and its peers, and drawn to the universe's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tickgraph.model.linear_path import fit_linear_path
from tickgraph.model.realised import known_by
from tickgraph.model.stack import Fitting
from tickgraph.model.training_config import TrainingConfig
from tickgraph.model.universe_fit import UniverseFit
from tickgraph.model.variance_examples import SESSIONS, Universe, correction_examples, graphs_of
from tickgraph.model.variance_training import SYMBOL, tune_correction
from tickgraph.model.weights import LINEAR_BIAS, LINEAR_KERNEL, VARIANCE, Weights, symbol_seed
from tickgraph.shapes import Float64

MIN_GRAPHS = 250
"""Sessions of a symbol's graphs that its nonlinear path needs; with fewer it stays the universe's."""


def fit_variance(
    universe: UniverseFit,
    prices: Universe,
    nodes: Sequence[str],
    session: np.datetime64,
    config: TrainingConfig,
) -> Fitting[Weights]:
    """Fit the linear path on a symbol and its peers, then the nonlinear path on their graphs.

    Parameters
    ----------
    universe
        Of the same horizons.
    prices
        Features and targets that include the nodes.
    nodes
        The target, then its peers.
    session
        The last one whose prices are known.
    config
        Of the universe's horizons and sizes.

    Returns
    -------
    dict
        Arrays of a model's weights file, behind the prefix of the variance network. With little history they are the
        universe's.

    Raises
    ------
    FloatingPointError
        Training diverged.
    """
    end = int(np.searchsorted(prices.features.sessions, session, side="right"))
    columns = [prices.features.columns[node] for node in nodes]
    rows = slice(max(0, end - SESSIONS), end)
    features, known = prices.features.values[rows][:, columns], prices.features.known[rows][:, columns]
    variance = known_by(prices.variance[:, columns], end, universe.horizons)[rows]
    kernel = fit_linear_path(features, known, variance, universe.horizons, universe.kernel)
    assert kernel is not None  # noqa: S101  the universe's at worst
    own = universe.weights | {
        LINEAR_KERNEL: kernel.coefficients.astype(np.float32),
        LINEAR_BIAS: kernel.bias.astype(np.float32),
    }
    # Of the latest sessions only: the nonlinear path needs fewer, and a graph looks back beyond the first of them.
    adjacency = graphs_of(prices.daily[rows][:, columns], known, config)
    graphs = np.flatnonzero(known[:, 0] & np.isfinite(variance[:, 0]).any(axis=-1))[-SYMBOL.graphs :]
    if len(graphs) >= MIN_GRAPHS:
        absent = [(0, 0), (0, config.num_stocks - len(nodes)), (0, 0)]
        padded = np.pad(features[graphs], absent)
        linear = padded @ own[LINEAR_KERNEL] + own[LINEAR_BIAS]
        realised = np.pad(variance[graphs], absent)
        examples = correction_examples(padded, linear, adjacency[graphs], realised)
        seed = symbol_seed(config.seed, nodes[0])
        own |= yield from tune_correction(examples, config, seed, universe.weights)
    return {VARIANCE + path: value for path, value in own.items()}


def own_volatility(
    prices: Universe, nodes: Sequence[str], first_held_out: np.datetime64, session: np.datetime64
) -> Float64[np.ndarray, "sessions nodes"] | None:
    """One-session volatility by a linear path that saw nothing after ``first_held_out``, and no fit of the universe.

    Row t is of session t of ``prices``, up to ``session``; NaN where not known. None where too little is known.
    """
    held_out = int(np.searchsorted(prices.features.sessions, first_held_out))
    end = int(np.searchsorted(prices.features.sessions, session, side="right"))
    columns = [prices.features.columns[node] for node in nodes]
    features, known = prices.features.values[:end][:, columns], prices.features.known[:end][:, columns]
    # The first held-out session is the last whose own variance is known when it is forecast from.
    variance = known_by(prices.variance[:, columns, :1], held_out + 1, (1,))
    kernel = fit_linear_path(features[: held_out + 1], known[: held_out + 1], variance, (1,))
    if kernel is None:
        return None
    expected = np.exp((features @ kernel.coefficients + kernel.bias)[..., 0] / 2)
    return np.where(known, expected, np.nan)
