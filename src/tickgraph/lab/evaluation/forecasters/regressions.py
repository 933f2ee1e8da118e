"""Regressions of the next return, one model for all symbols: ridge, and gradient-boosted trees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickgraph.lab.evaluation.forecasters.method import ForecastMethod, Trained
from tickgraph.lab.evaluation.forecasters.pooled_rows import (
    Features,
    feature_settings,
    forecast_rows,
    graph_features,
    training_rows,
)
from tickgraph.lab.side_by_side import Check
from tickgraph.market.panel import PricePanel
from tickgraph.model.training_config import TrainingConfig

PENALTIES = tuple(float(10**power) for power in range(1, 8))

# Small trees and large leaves: daily returns are nearly all noise.
TREE_PARAMETERS: dict[str, Any] = {
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


def ridge(
    name: str,
    description: str,
    features: Features,
    config: TrainingConfig,
    made_of: Mapping[str, object],
) -> ForecastMethod:
    """Ridge regression (Hoerl & Kennard 1970) on features standardised over training.

    The penalty is the one of :data:`PENALTIES` with the least squared error on the held-out fifth when fitted
    on the rest. The model is then fitted on the whole window.

    Parameters
    ----------
    features
        Of a panel.
    made_of
        What changes them, for the method's settings.
    """

    def train(past: PricePanel, check: Check) -> Trained:
        from sklearn.linear_model import RidgeCV
        from sklearn.model_selection import PredefinedSplit
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        rows = training_rows(past, features, config)
        fold = PredefinedSplit(np.where(rows.held_out, 0, -1))  # -1: never held out
        model = make_pipeline(
            StandardScaler(), RidgeCV(PENALTIES, cv=fold, scoring="neg_mean_squared_error")
        ).fit(rows.features, rows.targets)
        return lambda panel, count: forecast_rows(panel, count, features, model.predict)

    settings = {
        **made_of,
        "penalties": PENALTIES,
        "history": config.history,
        "calibration_fraction": config.calibration_fraction,
    }
    return ForecastMethod(name, "baseline", description, settings, train)


def boosted_trees(config: TrainingConfig) -> ForecastMethod:
    """LightGBM (Ke et al. 2017) on the graph's node features; the held-out fifth says when to stop adding trees."""
    features = graph_features(config)

    def train(past: PricePanel, check: Check) -> Trained:
        import lightgbm

        rows = training_rows(past, features, config)
        # In percent, where LightGBM's thresholds of gain are not larger than the gains.
        training, later = (
            lightgbm.Dataset(rows.features[part], 100 * rows.targets[part])
            for part in (~rows.held_out, rows.held_out)
        )
        model = lightgbm.train(
            {**TREE_PARAMETERS, "seed": config.seed % 2**31},
            training,
            MOST_TREES,
            valid_sets=[later],
            callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
        )

        def predict(values: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.asarray(model.predict(values, num_threads=1), np.float64) / 100

        return lambda panel, count: forecast_rows(panel, count, features, predict)

    return ForecastMethod(
        "lightgbm",
        "baseline",
        "LightGBM on the graph's node features, one model for all symbols, stopped by the held-out fifth.",
        {
            **TREE_PARAMETERS,
            "trees": MOST_TREES,
            "patience": PATIENCE,
            "seed": config.seed,
            **feature_settings(config),
        },
        train,
    )
