"""Forecast no move at all."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tickgraph.lab.evaluation.forecasters.method import Check, Kind, Trained
from tickgraph.market.panel import PricePanel


class Zero:
    """The martingale: tomorrow's price is today's. What every squared error is held against."""

    name = "zero"
    kind: Kind = "baseline"
    description = "No move: the forecast is 0."

    @property
    def settings(self) -> Mapping[str, object]:
        """None."""
        return {}

    def train(self, past: PricePanel, check: Check) -> Trained:
        """Nothing to learn."""

        def forecast(panel: PricePanel, count: int) -> NDArray[np.float64]:
            return np.where(np.isfinite(panel.adj_close[-count:]), 0.0, np.nan)

        return forecast
