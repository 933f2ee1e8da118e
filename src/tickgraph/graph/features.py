"""Node features: what a symbol looked like over the sessions up to t."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tickgraph.graph.config import Architecture
from tickgraph.graph.gaps import centred, usable

FEATURE_NAMES: dict[Architecture, tuple[str, ...]] = {
    "baseline": ("volatility", "momentum", "volume"),
    "residual": ("volatility", "momentum", "volume", "shock"),
}
"""Node features by architecture, in the order of their axis."""

VOLATILITY = 0
"""Where the volatility stands, in every architecture."""


def num_features(architecture: Architecture) -> int:
    """How many features a node has."""
    return len(FEATURE_NAMES[architecture])


def node_features(
    log_returns: NDArray[np.float64],
    volume: NDArray[np.float64],
    window: int,
    architecture: Architecture = "baseline",
) -> NDArray[np.float64]:
    """Volatility, momentum and volume of every symbol at every session.

    Row t is computed from the ``window`` rows up to and including t and from nothing else.

    Parameters
    ----------
    log_returns
        ``[T, S]`` float64, daily log returns; NaN where a symbol did not trade.
    volume
        ``[T, S]`` float64, shares; NaN where missing.
    window
        Sessions behind each feature.
    architecture
        Which features: :data:`FEATURE_NAMES`.

    Returns
    -------
    ndarray
        ``[T, S, F]`` float64: the sample standard deviation of the log returns, their mean, and the z-score of the last
        volume within the window (0 where volume is missing or constant). For ``"residual"`` there is also the last
        return over that deviation (0 where nothing moved). A row is NaN where its window is unusable: the last return
        is missing, or more than a few are (:mod:`tickgraph.graph.gaps`).
    """
    sessions, symbols = log_returns.shape
    features = np.full((sessions, symbols, num_features(architecture)), np.nan)
    if sessions < window:
        return features
    returns = sliding_window_view(log_returns, window, axis=0)  # [T-w+1, S, w]
    volumes = sliding_window_view(volume, window, axis=0)  # [T-w+1, S, w]
    _, distance, count = centred(volumes)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = distance[..., -1] / np.sqrt((distance * distance).sum(axis=-1) / count)
    z = np.where(usable(np.isfinite(volumes)) & np.isfinite(z), z, 0.0)
    recent = features[window - 1 :]
    mean, distance, count = centred(returns)
    with np.errstate(divide="ignore", invalid="ignore"):
        deviation = np.sqrt((distance * distance).sum(axis=-1) / (count - 1))
    # Relative to the size of the returns: equal ones leave rounding noise, by which nothing may be divided.
    noise = deviation <= 1e-10 * np.fmax.reduce(np.abs(returns), axis=-1)
    recent[..., 0] = np.where(noise, 0.0, deviation)
    recent[..., 1] = mean
    recent[..., 2] = z
    if architecture == "residual":
        with np.errstate(divide="ignore", invalid="ignore"):
            shock = returns[..., -1] / recent[..., 0]
        recent[..., 3] = np.where(np.isfinite(shock), shock, 0.0)
    recent[~usable(np.isfinite(returns))] = np.nan
    return features
