"""A symbol's variance network: the universe's, its linear path fitted anew on the symbol and its peers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tickgraph.model.linear_path import fit_linear_path
from tickgraph.model.realised import known_by
from tickgraph.model.universe_fit import Universe, UniverseFit
from tickgraph.model.weights import LINEAR_BIAS, LINEAR_KERNEL, VARIANCE, Weights
from tickgraph.shapes import Float64

SESSIONS = 1500
"""On 1,000 the error at a month is 6 % higher, as it is for the universe's fit."""


def fit_variance(
    universe: UniverseFit, prices: Universe, nodes: Sequence[str], session: np.datetime64
) -> Weights:
    """Fit the linear path on a symbol and its peers, drawn to the universe's; take the rest from the universe.

    The nonlinear path stays the universe's own; docs/distribution.md says what a symbol's own would be worth.

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

    Returns
    -------
    dict
        Arrays of a model's weights file, behind the prefix of the variance network.
    """
    end = int(np.searchsorted(prices.features.sessions, session, side="right"))
    columns = [prices.features.columns[node] for node in nodes]
    rows = slice(max(0, end - SESSIONS), end)
    kernel = fit_linear_path(
        prices.features.values[rows][:, columns],
        prices.features.known[rows][:, columns],
        known_by(prices.variance[:, columns], end, universe.horizons)[rows],
        universe.horizons,
        universe.kernel,
    )
    assert kernel is not None  # noqa: S101  the universe's at worst
    own = universe.weights | {
        LINEAR_KERNEL: kernel.coefficients.astype(np.float32),
        LINEAR_BIAS: kernel.bias.astype(np.float32),
    }
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
