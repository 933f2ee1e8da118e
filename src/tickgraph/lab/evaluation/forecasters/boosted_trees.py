"""Gradient-boosted trees on the graph's node features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickgraph.lab.evaluation.forecasters.method import Check, Kind, Trained
from tickgraph.lab.evaluation.forecasters.rows import forecast_rows, graph_features, training_rows
from tickgraph.market.panel import PricePanel
from tickgraph.model.config import TrainingConfig

# Small trees and large leaves: daily returns are nearly all noise.
PARAMETERS: dict[str, Any] = {
    "objective": "regression",
    "learning_rate": 0.03,
    "num_leaves": 15,
    "min_data_in_leaf": 200,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,  # windows run side by side, a thread each
    "verbosity": -1,
}
MOST_TREES, PATIENCE = 300, 30


class BoostedTrees:
    """LightGBM (Ke et al. 2017) for all symbols; the held-out fifth says when to stop adding trees."""

    name = "lightgbm"
    kind: Kind = "baseline"
    description = (
        "LightGBM on the graph's node features, one model for all symbols, stopped by the held-out fifth."
    )

    def __init__(self, config: TrainingConfig) -> None:
        self._config = config
        self._features = graph_features(config)

    @property
    def settings(self) -> Mapping[str, object]:
        """Parameters, the seed, and what the features are made of."""
        return {
            **PARAMETERS,
            "trees": MOST_TREES,
            "patience": PATIENCE,
            "seed": self._config.seed,
            "history": self._config.history,
            "feature_window": self._config.feature_window,
            "architecture": self._config.architecture,
            "calibration_fraction": self._config.calibration_fraction,
        }

    def train(self, past: PricePanel, check: Check) -> Trained:
        """Add trees until the held-out fifth is no longer forecast better."""
        import lightgbm

        rows = training_rows(past, self._features, self._config)
        # In percent, where LightGBM's thresholds of gain are not larger than the gains.
        own, later = (
            lightgbm.Dataset(rows.features[part], 100 * rows.targets[part])
            for part in (~rows.held_out, rows.held_out)
        )
        model = lightgbm.train(
            {**PARAMETERS, "seed": self._config.seed % 2**31},
            own,
            MOST_TREES,
            valid_sets=[later],
            callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
        )

        def predict(features: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.asarray(model.predict(features, num_threads=1), np.float64) / 100

        def forecast(panel: PricePanel, count: int) -> NDArray[np.float64]:
            return forecast_rows(panel, count, self._features, predict)

        return forecast
