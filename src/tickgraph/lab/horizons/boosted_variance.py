"""LightGBM (Ke et al. 2017) on the inputs of the graph HAR, by the gamma quasi-likelihood, which is QLIKE.

A model a horizon, and quantiles from pooled scores. Quantile regression would need a model for each horizon and
level, some fifty for six horizons and eight levels at every fit, and their quantiles could cross.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tickgraph.lab.horizons.method import Forecast, HorizonForecast, HorizonForecaster, Stretch
from tickgraph.lab.horizons.moves import Moves
from tickgraph.lab.horizons.range_features import RangeFeatures
from tickgraph.lab.horizons.range_regressions import learned_cells
from tickgraph.shapes import Float64

PARAMETERS: dict[str, Any] = {
    "objective": "gamma",
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 200,
    "feature_fraction": 0.7,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,  # forecasters run side by side, a thread each
    "verbosity": -1,
}
TREES = 100
MOST_CELLS = 50_000
"""Of a large universe every second, third ... session is learned from: targets of neighbouring sessions overlap."""


def boosted_variance(trees: int = TREES, seed: int = 0) -> HorizonForecaster:
    """Trees on averages, neighbours and shocks; what they forecast is relative to the own average of a week."""

    def prepare(moves: Moves) -> Forecast:
        features = RangeFeatures(moves)

        def forecast(stretch: Stretch) -> HorizonForecast:
            import lightgbm

            begin = stretch.fit_rows(1).start
            base, inputs = _inputs(features, stretch, slice(begin, stretch.stop))
            own = slice(stretch.first - begin, None)
            usable = np.isfinite(inputs[own]).all(axis=-1)
            variance = np.full((*usable.shape, len(moves.horizons)), np.nan)
            for place, horizon in enumerate(moves.horizons):
                learned = learned_cells(moves, stretch, place, base, inputs, MOST_CELLS)
                if learned is None:
                    continue
                data = lightgbm.Dataset(*learned)
                model = lightgbm.train({**PARAMETERS, "seed": seed % 2**31}, data, trees)
                relative = np.asarray(model.predict(inputs[own][usable], num_threads=1), np.float64)
                variance[usable, place] = horizon * np.exp(base[own][usable]) * relative
            return HorizonForecast(variance)

        return forecast

    return HorizonForecaster(
        "lightgbm-variance",
        "baseline",
        "LightGBM on the inputs of the graph HAR, by QLIKE, a model for each horizon; quantiles from pooled scores.",
        {**PARAMETERS, "trees": trees, "seed": seed, "most_cells": MOST_CELLS},
        prepare,
        fewest_sessions=63,
    )


def _inputs(
    features: RangeFeatures, stretch: Stretch, rows: slice
) -> tuple[Float64[np.ndarray, "rows symbols"], Float64[np.ndarray, "rows symbols features"]]:
    """The own average of a week, and the inputs: all that the graph HARs look at, relative to it, and it itself."""
    base = features.own[rows, :, 1]
    levels = (
        features.own[rows],
        features.own_squares[rows],
        features.peers(stretch, rows),
        features.market[rows],
    )
    rest = features.listening(stretch, rows), features.downside[rows], features.shocks[rows], base[..., None]
    return base, np.concatenate([*(each - base[..., None] for each in levels), *rest], axis=-1)
