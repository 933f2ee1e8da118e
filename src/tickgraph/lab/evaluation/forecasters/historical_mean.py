"""Forecast the mean return of the training window."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tickgraph.lab.evaluation.forecasters.method import Check, Kind, Trained
from tickgraph.market.panel import PricePanel


class HistoricalMean:
    """Each symbol's mean daily log return over training, as in Welch & Goyal 2008."""

    name = "historical-mean"
    kind: Kind = "baseline"
    description = "Each symbol's mean daily log return over the training window."

    @property
    def settings(self) -> Mapping[str, object]:
        """None."""
        return {}

    def train(self, past: PricePanel, check: Check) -> Trained:
        """Take the mean of each column."""
        mean = np.nanmean(past.log_returns()[1:], axis=0)  # [S]

        def forecast(panel: PricePanel, count: int) -> NDArray[np.float64]:
            return np.where(np.isfinite(panel.adj_close[-count:]), mean, np.nan)

        return forecast
