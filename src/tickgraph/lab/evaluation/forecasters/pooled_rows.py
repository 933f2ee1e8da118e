"""Features and next returns of all symbols as one table of rows, for models that know no graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tickgraph.graph.features import node_features
from tickgraph.market.panel import PricePanel
from tickgraph.model.training_config import TrainingConfig

Features = Callable[[PricePanel], NDArray[np.float64]]
"""Features of a panel, ``[T, S, ...]`` float64: row t from rows up to t, NaN where they cannot be known."""


@dataclass(frozen=True)
class Rows:
    """Training rows of all symbols of a window, the earliest session first.

    Attributes
    ----------
    features
        ``[n, ...]`` float64, all finite.
    targets
        ``[n]`` float64, the next session's log return.
    held_out
        ``[n]`` bool: rows of the sessions that :func:`tickgraph.model.fitting.fit` holds out. Here they choose
        how strongly a model is shrunk, or when its training stops.
    """

    features: NDArray[np.float64]
    targets: NDArray[np.float64]
    held_out: NDArray[np.bool_]


def graph_features(config: TrainingConfig) -> Features:
    """The features that the graph's nodes have: volatility, momentum, volume."""

    def features(panel: PricePanel) -> NDArray[np.float64]:
        return node_features(panel.log_returns(), panel.volume, config.feature_window, config.architecture)

    return features


def feature_settings(config: TrainingConfig) -> dict[str, object]:
    """All of a configuration that changes :func:`graph_features` and the rows made of them."""
    return {
        "history": config.history,
        "feature_window": config.feature_window,
        "architecture": config.architecture,
        "calibration_fraction": config.calibration_fraction,
    }


def lagged_returns(lags: int) -> Features:
    """The last ``lags`` daily log returns, today's last."""

    def features(panel: PricePanel) -> NDArray[np.float64]:
        returns = panel.log_returns()
        lagged = np.full((*returns.shape, lags), np.nan)
        lagged[lags - 1 :] = sliding_window_view(returns, lags, axis=0)
        return lagged

    return features


def sequences(features: Features, length: int) -> Features:
    """Sequences of ``length`` sessions of other features: ``[T, S, length, F]``."""

    def of_panel(panel: PricePanel) -> NDArray[np.float64]:
        single = features(panel)  # [T, S, F]
        sequence = np.full((*single.shape[:2], length, single.shape[2]), np.nan)
        sequence[length - 1 :] = np.moveaxis(sliding_window_view(single, length, axis=0), -1, 2)
        return sequence

    return of_panel


def following_returns(panel: PricePanel) -> NDArray[np.float64]:
    """``[T, S]`` log return of the session after each; NaN in the last row."""
    following = np.full_like(panel.adj_close, np.nan)
    following[:-1] = panel.log_returns()[1:]
    return following


def training_rows(past: PricePanel, features: Features, config: TrainingConfig) -> Rows:
    """Rows of a training window whose features and next return are known.

    A graph model of the same window has the same rows: none from the first ``config.history - 1`` sessions, which
    only give the features their history.
    """
    values, targets = features(past), following_returns(past)
    labelled = np.isfinite(values.reshape(*targets.shape, -1)).all(axis=-1) & np.isfinite(targets)
    labelled[: config.history - 1] = False
    sessions = len(past.sessions) - config.history
    first_held_out = len(past.sessions) - 1 - round(sessions * config.calibration_fraction)
    session, symbol = np.nonzero(labelled)
    return Rows(values[session, symbol], targets[session, symbol], session >= first_held_out)


def forecast_rows(
    panel: PricePanel,
    count: int,
    features: Features,
    predict: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Forecast the last ``count`` sessions; ``predict`` gets ``[n, ...]`` features and gives ``[n]`` returns."""
    values = features(panel)[len(panel.sessions) - count :]
    forecast = np.full(values.shape[:2], np.nan)
    known = np.isfinite(values.reshape(*forecast.shape, -1)).all(axis=-1)
    if known.any():
        forecast[known] = predict(values[known])
    return forecast
