"""How far each target will move from the newest session: one call of the variance network for many models."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tickgraph.graph.correlation import threshold_adjacency
from tickgraph.graph.variance_features import HISTORY, num_variance_features, variance_features
from tickgraph.market.panel import PricePanel
from tickgraph.model.universe_state import UniverseState
from tickgraph.model.variance_network import log_variances
from tickgraph.model.weights import stack_weights, variance_part
from tickgraph.serving.loaded_model import LoadedModel

SAME_CLOSE = 1e-9  # a close of the state that differs by more, relatively, was corrected since


def latest_variances(
    panel: PricePanel,
    models: Sequence[LoadedModel],
    correlations: Sequence[NDArray[np.float64]],
    state: UniverseState | None,
) -> tuple[NDArray[np.float64], list[bool]]:
    """Variance of every target's log return over each horizon.

    Parameters
    ----------
    panel
        Prices of all nodes, up to the session to forecast from.
    models
        Of the same horizons and sizes.
    correlations
        For each model, ``[N, N]`` at that session.
    state
        What the universe says. Where it is of another session, lacks a node or has another close of it, the model's
        nodes are all that is heard.

    Returns
    -------
    tuple
        ``[S, H]`` variances, NaN where the target's features are not known; and for each model whether the whole
        universe was heard.
    """
    graph, horizons = models[0].graph, models[0].horizons
    features = np.zeros((len(models), graph.num_stocks, num_variance_features(horizons)), np.float32)
    known = np.zeros(features.shape[:2], np.bool_)
    heard = [state is not None and _knows(state, panel, model) for model in models]
    for row, (model, whole) in enumerate(zip(models, heard, strict=True)):
        size = slice(len(model.nodes))
        if state is not None and whole:
            rows = [state.rows[node] for node in model.nodes]
            features[row, size], known[row, size] = state.values[rows], state.known[rows]
        else:
            own = variance_features(panel.tail(HISTORY).select(model.nodes), horizons, last=1)
            features[row, size], known[row, size] = own.values[0], own.known[0]
    adjacency = threshold_adjacency(np.stack(correlations), known, graph.threshold)
    weights = stack_weights([variance_part(model.weights) for model in models])
    with np.errstate(all="ignore"):  # finite weights may still give no number: the caller checks
        variances = np.exp(log_variances(weights, features, adjacency)[:, 0].astype(np.float64))
    variances[~known[:, 0]] = np.nan
    return variances, heard


def _knows(state: UniverseState, panel: PricePanel, model: LoadedModel) -> bool:
    """Whether a state holds for a model's nodes."""
    if state.session != panel.sessions[-1] or state.horizons != model.horizons:
        return False
    if any(node not in state.rows for node in model.nodes):
        return False
    closes = panel.close[-1, [panel.columns[node] for node in model.nodes]]
    stored = state.close[[state.rows[node] for node in model.nodes]]
    return bool(np.isclose(closes, stored, rtol=SAME_CLOSE, atol=0.0, equal_nan=True).all())
