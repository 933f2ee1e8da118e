"""Forecast that the last sessions go on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tickgraph.graph.features import FEATURE_NAMES
from tickgraph.lab.evaluation.forecasters.method import Check, Kind, Trained
from tickgraph.lab.evaluation.forecasters.rows import graph_features
from tickgraph.market.panel import PricePanel
from tickgraph.model.config import TrainingConfig


class Momentum:
    """Mean of the last sessions' log returns: what the product answers without a model."""

    name = "momentum"
    kind: Kind = "baseline"

    def __init__(self, config: TrainingConfig) -> None:
        self._config = config
        self.description = f"Mean log return of the last {config.feature_window} sessions."

    @property
    def settings(self) -> Mapping[str, object]:
        """Length of the window."""
        return {"feature_window": self._config.feature_window}

    def train(self, past: PricePanel, check: Check) -> Trained:
        """Nothing to learn."""
        features = graph_features(self._config)

        def forecast(panel: PricePanel, count: int) -> NDArray[np.float64]:
            return features(panel)[-count:, :, FEATURE_NAMES["baseline"].index("momentum")]

        return forecast
