"""All forecasters by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pydantic import BaseModel, ConfigDict, Field

from tickgraph.errors import InputError
from tickgraph.lab.evaluation.forecasters.boosted_trees import BoostedTrees
from tickgraph.lab.evaluation.forecasters.graph_network import PerSymbol, Rewired
from tickgraph.lab.evaluation.forecasters.historical_mean import HistoricalMean
from tickgraph.lab.evaluation.forecasters.method import Forecaster
from tickgraph.lab.evaluation.forecasters.momentum import Momentum
from tickgraph.lab.evaluation.forecasters.pooled_network import FineTuned, Pooled, PooledTraining
from tickgraph.lab.evaluation.forecasters.programs import Programs
from tickgraph.lab.evaluation.forecasters.recurrent import Recurrent
from tickgraph.lab.evaluation.forecasters.reversal import Reversal
from tickgraph.lab.evaluation.forecasters.ridge import Ridge
from tickgraph.lab.evaluation.forecasters.rows import graph_features, lagged_returns
from tickgraph.lab.evaluation.forecasters.wiring import ShuffledEdges, unconnected
from tickgraph.lab.evaluation.forecasters.zero import Zero
from tickgraph.model.config import TrainingConfig

LAGS = 15


class ForecasterSettings(BaseModel):
    """How the forecasters are trained.

    Attributes
    ----------
    training
        The product's training; ``sessions`` is the walk's, whatever stands here.
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


def _catalogue(settings: ForecasterSettings) -> dict[str, Callable[[], Forecaster]]:
    config = settings.training
    programs = Programs()
    pooled = PooledTraining(config, settings.pool_epochs, programs)
    return {
        "zero": Zero,
        "historical-mean": HistoricalMean,
        "momentum": lambda: Momentum(config),
        "reversal": lambda: Reversal(config),
        "ridge": lambda: Ridge(
            "ridge",
            "Ridge regression on the graph's node features, one model for all symbols.",
            graph_features(config),
            config,
            {"feature_window": config.feature_window, "architecture": config.architecture},
        ),
        "ridge-lags": lambda: Ridge(
            "ridge-lags",
            f"Ridge regression on the last {LAGS} log returns, one model for all symbols.",
            lagged_returns(LAGS),
            config,
            {"lags": LAGS},
        ),
        "lightgbm": lambda: BoostedTrees(config),
        "gru": lambda: Recurrent(config, settings.recurrent_epochs),
        "gnn-no-edges": lambda: Rewired(
            "gnn-no-edges",
            "The model per symbol without edges, in its target too: every node sees itself only.",
            lambda _: unconnected,
            config,
            programs,
        ),
        "gnn-shuffled-edges": lambda: Rewired(
            "gnn-shuffled-edges",
            "The model per symbol with edges, in its target too, that lead to the wrong symbols.",
            lambda symbols: ShuffledEdges(config.seed, symbols),
            config,
            programs,
        ),
        "gnn-baseline": lambda: PerSymbol(
            "gnn-baseline",
            "The handed-down architecture, one network per symbol, on its own graph.",
            _handed_down(config),
            programs,
        ),
        "gnn-per-symbol": lambda: PerSymbol(
            "gnn-per-symbol",
            "The product's model: one graph network per symbol, on its own graph.",
            config,
            programs,
        ),
        "gnn-global": lambda: Pooled(pooled),
        "gnn-fine-tuned": lambda: FineTuned(pooled, settings.tuning_epochs, settings.tuning_learning_rate),
    }


def _handed_down(config: TrainingConfig) -> TrainingConfig:
    """The same training of the baseline architecture, without the weight decay of another."""
    if config.architecture == "baseline":
        return config
    return TrainingConfig.model_validate(
        {**config.model_dump(exclude={"weight_decay"}), "architecture": "baseline"}
    )


FORECASTERS: tuple[str, ...] = tuple(_catalogue(ForecasterSettings()))
"""Names, in the order of reports."""


def make_forecasters(names: Sequence[str], settings: ForecasterSettings) -> tuple[Forecaster, ...]:
    """Make forecasters by name; those that train the same thing share it.

    Raises
    ------
    InputError
        A name is unknown.
    """
    unknown = [name for name in names if name not in FORECASTERS]
    if unknown:
        raise InputError(f"Unknown forecaster {', '.join(unknown)}. Choose among: {', '.join(FORECASTERS)}.")
    catalogue = _catalogue(settings)
    return tuple(catalogue[name]() for name in FORECASTERS if name in names)
