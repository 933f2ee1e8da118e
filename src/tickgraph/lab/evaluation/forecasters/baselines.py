"""Methods with nothing, or one number, to learn: no move, the mean, momentum, reversal."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tickgraph.graph.features import FEATURE_NAMES
from tickgraph.lab.evaluation.forecasters.method import ForecastMethod, Trained
from tickgraph.lab.evaluation.forecasters.pooled_rows import following_returns, graph_features
from tickgraph.lab.side_by_side import Check
from tickgraph.market.panel import PricePanel
from tickgraph.model.training_config import TrainingConfig

Array = NDArray[np.float64]

SMALLEST_SHARE = 1e-3
"""Share taken back where training saw none taken back: the forecast keeps its direction, and nearly no size."""


def constant(name: str, description: str, value: Callable[[Array], Array]) -> ForecastMethod:
    """One return for every session of a symbol: 0 (the martingale), or the mean (Welch & Goyal 2008).

    ``value`` makes of the log returns of training ``[T, S]`` one forecast a symbol ``[S]``.
    """

    def train(past: PricePanel, check: Check) -> Trained:
        own = value(past.log_returns()[1:])
        return lambda panel, count: np.where(np.isfinite(panel.adj_close[-count:]), own, np.nan)

    return ForecastMethod(name, "baseline", description, {}, train)


def momentum(config: TrainingConfig) -> ForecastMethod:
    """Mean of the last sessions' log returns: what the product answers without a model."""
    features, place = graph_features(config), FEATURE_NAMES["baseline"].index("momentum")

    def train(past: PricePanel, check: Check) -> Trained:
        return lambda panel, count: features(panel)[-count:, :, place]

    return ForecastMethod(
        "momentum",
        "baseline",
        f"Mean log return of the last {config.feature_window} sessions.",
        {"feature_window": config.feature_window},
        train,
    )


def reversal(config: TrainingConfig) -> ForecastMethod:
    """Minus a share of the last return (Lehmann 1990, "Fads, martingales, and market efficiency").

    The share is the least-squares slope over the training window, without intercept. Returns enter it in units of each
    symbol's volatility, so that the wildest symbols do not decide it. All symbols share it, so it does not change the
    IC.
    """
    features, place = graph_features(config), FEATURE_NAMES["baseline"].index("volatility")

    def train(past: PricePanel, check: Check) -> Trained:
        volatility = features(past)[..., place]
        with np.errstate(divide="ignore", invalid="ignore"):
            turn, following = -past.log_returns() / volatility, following_returns(past) / volatility
        known = np.isfinite(turn) & np.isfinite(following)
        slope = (turn[known] @ following[known]) / (turn[known] @ turn[known] + 1e-12)
        share = float(np.clip(slope, SMALLEST_SHARE, 1.0))
        return lambda panel, count: -share * panel.log_returns()[-count:]

    return ForecastMethod(
        "reversal",
        "baseline",
        "Minus the last log return, shrunk by one share for all that the training window gives.",
        {"feature_window": config.feature_window},
        train,
    )
