"""All forecast methods by name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from tickgraph.lab.compared import in_order
from tickgraph.lab.evaluation.forecasters.baselines import constant, momentum, reversal
from tickgraph.lab.evaluation.forecasters.method import ForecastMethod
from tickgraph.lab.evaluation.forecasters.pooled_network import PooledTraining, fine_tuned, pooled
from tickgraph.lab.evaluation.forecasters.pooled_rows import graph_features, lagged_returns
from tickgraph.lab.evaluation.forecasters.recurrent import recurrent
from tickgraph.lab.evaluation.forecasters.regressions import boosted_trees, ridge
from tickgraph.lab.evaluation.forecasters.symbol_networks import ShuffledEdges, symbol_networks, unconnected
from tickgraph.model.training_config import TrainingConfig

LAGS = 15


class ForecasterSettings(BaseModel):
    """How the forecast methods are trained.

    Attributes
    ----------
    training
        The product's training. The walk sets ``sessions``, whatever stands here.
    pool_epochs
        Passes of the one network over the graphs of all symbols.
    tuning_epochs, tuning_learning_rate
        Training of each symbol that starts from it.
    recurrent_epochs
        Passes of the GRU.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    training: TrainingConfig = TrainingConfig()
    pool_epochs: int = Field(default=4, ge=1)
    tuning_epochs: int = Field(default=3, ge=1)
    tuning_learning_rate: float = Field(default=3e-4, gt=0, le=1)
    recurrent_epochs: int = Field(default=6, ge=1)


def _catalogue(settings: ForecasterSettings) -> tuple[ForecastMethod, ...]:
    config = settings.training
    pool = PooledTraining(config, settings.pool_epochs)
    return (
        constant("zero", "No move: the forecast is 0.", lambda returns: np.zeros(returns.shape[1])),
        constant(
            "historical-mean",
            "Each symbol's mean daily log return over the training window.",
            lambda returns: np.nanmean(returns, axis=0),
        ),
        momentum(config),
        reversal(config),
        ridge(
            "ridge",
            "Ridge regression on the graph's node features, one model for all symbols.",
            graph_features(config),
            config,
            {"feature_window": config.feature_window, "architecture": config.architecture},
        ),
        ridge(
            "ridge-lags",
            f"Ridge regression on the last {LAGS} log returns, one model for all symbols.",
            lagged_returns(LAGS),
            config,
            {"lags": LAGS},
        ),
        boosted_trees(config),
        recurrent(config, settings.recurrent_epochs),
        symbol_networks(
            "gnn-no-edges",
            "The model per symbol without edges, in its target too: every node sees itself only.",
            "ablation",
            config,
            lambda _: unconnected,
        ),
        symbol_networks(
            "gnn-shuffled-edges",
            "The model per symbol with edges, in its target too, that lead to the wrong symbols.",
            "ablation",
            config,
            lambda symbols: ShuffledEdges(config.seed, symbols),
        ),
        symbol_networks(
            "gnn-baseline",
            "The handed-down architecture, one network per symbol, on its own graph.",
            "model",
            _handed_down(config),
        ),
        symbol_networks(
            "gnn-per-symbol",
            "The product's model: one graph network per symbol, on its own graph.",
            "model",
            config,
        ),
        pooled(pool),
        fine_tuned(pool, settings.tuning_epochs, settings.tuning_learning_rate),
    )


def _handed_down(config: TrainingConfig) -> TrainingConfig:
    """The same training of the baseline architecture, without the weight decay of another."""
    if config.architecture == "baseline":
        return config
    return TrainingConfig.model_validate(
        {**config.model_dump(exclude={"weight_decay"}), "architecture": "baseline"}
    )


FORECASTERS: tuple[str, ...] = tuple(each.name for each in _catalogue(ForecasterSettings()))
"""Names, in the order of reports."""


def make_forecasters(names: Sequence[str], settings: ForecasterSettings) -> tuple[ForecastMethod, ...]:
    """Make forecast methods by name. Methods that train the same network train it once.

    Raises
    ------
    InputError
        A name is unknown.
    """
    chosen = in_order(names, FORECASTERS)
    return tuple(each for each in _catalogue(settings) if each.name in chosen)
