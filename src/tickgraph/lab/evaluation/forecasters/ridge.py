"""Linear forecasts: ridge regression on the graph's node features, or on lagged returns."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tickgraph.lab.evaluation.forecasters.method import Check, Kind, Trained
from tickgraph.lab.evaluation.forecasters.rows import Features, forecast_rows, training_rows
from tickgraph.market.panel import PricePanel
from tickgraph.model.config import TrainingConfig

PENALTIES = tuple(float(10**power) for power in range(1, 8))


class Ridge:
    """One ridge regression (Hoerl & Kennard 1970) for all symbols, features standardised over training.

    The penalty is the one of :data:`PENALTIES` with the least squared error on the held-out fifth when fitted
    on the rest; the model is then fitted on the whole window.

    Parameters
    ----------
    features
        Of a panel.
    made_of
        What changes them, for :attr:`settings`.
    """

    kind: Kind = "baseline"

    def __init__(
        self,
        name: str,
        description: str,
        features: Features,
        config: TrainingConfig,
        made_of: Mapping[str, object],
    ) -> None:
        self.name = name
        self.description = description
        self._made_of = made_of
        self._features = features
        self._config = config

    @property
    def settings(self) -> Mapping[str, object]:
        """Penalties to choose from, and what the features are made of."""
        return {
            **self._made_of,
            "penalties": PENALTIES,
            "history": self._config.history,
            "calibration_fraction": self._config.calibration_fraction,
        }

    def train(self, past: PricePanel, check: Check) -> Trained:
        """Choose the penalty and fit."""
        from sklearn.linear_model import RidgeCV
        from sklearn.model_selection import PredefinedSplit
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        rows = training_rows(past, self._features, self._config)
        fold = PredefinedSplit(np.where(rows.held_out, 0, -1))  # -1: never held out
        model = make_pipeline(
            StandardScaler(), RidgeCV(PENALTIES, cv=fold, scoring="neg_mean_squared_error")
        ).fit(rows.features, rows.targets)

        def forecast(panel: PricePanel, count: int) -> NDArray[np.float64]:
            return forecast_rows(panel, count, self._features, model.predict)

        return forecast
