"""Forecast that the last move is partly taken back."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tickgraph.graph.features import FEATURE_NAMES
from tickgraph.lab.evaluation.forecasters.method import Check, Kind, Trained
from tickgraph.lab.evaluation.forecasters.rows import following_returns, graph_features
from tickgraph.market.panel import PricePanel
from tickgraph.model.config import TrainingConfig

SMALLEST_SHARE = 1e-3
"""Share taken back where training saw none taken back: the forecast keeps its direction, and near no size."""


class Reversal:
    """Minus a share of the last return (Lehmann 1990, "Fads, martingales, and market efficiency").

    The share is the least-squares slope over the training window, in units of each symbol's volatility so
    that the wildest do not decide it. It is one number for all, so that it leaves the IC as it is.
    """

    name = "reversal"
    kind: Kind = "baseline"
    description = "Minus the last log return, shrunk by one share for all that the training window gives."

    def __init__(self, config: TrainingConfig) -> None:
        self._config = config

    @property
    def settings(self) -> Mapping[str, object]:
        """Length of the window of volatility."""
        return {"feature_window": self._config.feature_window}

    def train(self, past: PricePanel, check: Check) -> Trained:
        """Regress the next return on minus the last, without intercept."""
        volatility = graph_features(self._config)(past)[..., FEATURE_NAMES["baseline"].index("volatility")]
        with np.errstate(divide="ignore", invalid="ignore"):
            turn, following = -past.log_returns() / volatility, following_returns(past) / volatility
        known = np.isfinite(turn) & np.isfinite(following)
        slope = (turn[known] @ following[known]) / (turn[known] @ turn[known] + 1e-12)
        share = float(np.clip(slope, SMALLEST_SHARE, 1.0))

        def forecast(panel: PricePanel, count: int) -> NDArray[np.float64]:
            return -share * panel.log_returns()[-count:]

        return forecast
