"""Node features: what a symbol looked like over the sessions up to t."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tickgraph.graph.gaps import centred, usable
from tickgraph.graph.graph_config import Architecture
from tickgraph.shapes import Float64

FEATURE_NAMES: dict[Architecture, tuple[str, ...]] = {
    "baseline": ("volatility", "momentum", "volume"),
    "residual": ("volatility", "momentum", "volume", "shock"),
}
"""Node features by architecture, in the order of their axis."""

VOLATILITY = 0
"""Place of the volatility, in every architecture."""


def num_features(architecture: Architecture) -> int:
    """How many features a node has."""
    return len(FEATURE_NAMES[architecture])


def node_features(
    log_returns: Float64[np.ndarray, "sessions symbols"],
    volume: Float64[np.ndarray, "sessions symbols"],
    window: int,
    architecture: Architecture = "baseline",
) -> Float64[np.ndarray, "sessions symbols features"]:
    """Features of every symbol at every session, in the order of :data:`FEATURE_NAMES`.

    Row t is computed from the ``window`` rows up to t and from nothing else. A row is NaN where its window of returns
    is unusable (:mod:`tickgraph.graph.gaps`).

    - volatility: sample standard deviation of the log returns
    - momentum: their mean
    - volume: z-score of the last volume within the window; 0 where volume is missing or constant
    - shock: last return over the volatility; 0 where nothing moved

    Parameters
    ----------
    log_returns
        Daily log returns; NaN where a symbol did not trade.
    volume
        Shares; NaN where missing.
    window
        Sessions behind each feature.
    architecture
        Which features.
    """
    sessions, symbols = log_returns.shape
    features = np.full((sessions, symbols, num_features(architecture)), np.nan)
    if sessions < window:
        return features
    returns = sliding_window_view(log_returns, window, axis=0)  # [T-w+1, S, w]
    volumes = sliding_window_view(volume, window, axis=0)  # [T-w+1, S, w]
    recent = features[window - 1 :]
    with np.errstate(divide="ignore", invalid="ignore"):
        _, distance, count = centred(volumes)
        z = distance[..., -1] / np.sqrt((distance * distance).sum(axis=-1) / count)
        mean, distance, count = centred(returns)
        deviation = np.sqrt((distance * distance).sum(axis=-1) / (count - 1))
        # Relative to the size of the returns: equal ones leave rounding noise, by which nothing may be divided.
        noise = deviation <= 1e-10 * np.fmax.reduce(np.abs(returns), axis=-1)
        volatility = np.where(noise, 0.0, deviation)
        recent[..., 0], recent[..., 1] = volatility, mean
        recent[..., 2] = np.where(usable(np.isfinite(volumes)) & np.isfinite(z), z, 0.0)
        if architecture == "residual":
            shock = returns[..., -1] / volatility
            recent[..., 3] = np.where(np.isfinite(shock), shock, 0.0)
    recent[~usable(np.isfinite(returns))] = np.nan
    return features
