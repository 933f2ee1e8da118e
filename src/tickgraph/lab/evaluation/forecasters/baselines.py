"""Methods with nothing, or one number, to learn: no move, the mean, momentum, reversal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tickgraph.graph.features import FEATURE_NAMES
from tickgraph.lab.compared import Kind
from tickgraph.lab.evaluation.forecasters.method import Trained
from tickgraph.lab.evaluation.forecasters.pooled_rows import following_returns, graph_features
from tickgraph.lab.side_by_side import Check
from tickgraph.market.panel import PricePanel
from tickgraph.model.training_config import TrainingConfig

Array = NDArray[np.float64]

SMALLEST_SHARE = 1e-3
"""Share taken back where training saw none taken back: the forecast keeps its direction, and nearly no size."""


@dataclass(frozen=True)
class Constant:
    """One return for every session of a symbol: 0 (the martingale), or the mean (Welch & Goyal 2008).

    Attributes
    ----------
    value
        From the log returns of training ``[T, S]`` to one forecast a symbol ``[S]``.
    """

    name: str
    description: str
    value: Callable[[Array], Array]
    kind: ClassVar[Kind] = "baseline"
    settings: ClassVar[Mapping[str, object]] = {}

    def train(self, past: PricePanel, check: Check) -> Trained:
        """Take the value of each symbol."""
        value = self.value(past.log_returns()[1:])

        def forecast(panel: PricePanel, count: int) -> Array:
            return np.where(np.isfinite(panel.adj_close[-count:]), value, np.nan)

        return forecast


@dataclass(frozen=True)
class Momentum:
    """Mean of the last sessions' log returns: what the product answers without a model."""

    config: TrainingConfig
    name: ClassVar[str] = "momentum"
    kind: ClassVar[Kind] = "baseline"

    @property
    def description(self) -> str:
        """With the length of the window."""
        return f"Mean log return of the last {self.config.feature_window} sessions."

    @property
    def settings(self) -> Mapping[str, object]:
        """Length of the window."""
        return {"feature_window": self.config.feature_window}

    def train(self, past: PricePanel, check: Check) -> Trained:
        """Learn nothing."""
        features = graph_features(self.config)

        def forecast(panel: PricePanel, count: int) -> Array:
            return features(panel)[-count:, :, FEATURE_NAMES["baseline"].index("momentum")]

        return forecast


@dataclass(frozen=True)
class Reversal:
    """Minus a share of the last return (Lehmann 1990, "Fads, martingales, and market efficiency").

    The share is the least-squares slope over the training window. Returns enter it in units of each symbol's
    volatility, so that the wildest symbols do not decide it. All symbols share
    it, so it does not change the IC.
    """

    config: TrainingConfig
    name: ClassVar[str] = "reversal"
    kind: ClassVar[Kind] = "baseline"
    description: ClassVar[str] = (
        "Minus the last log return, shrunk by one share for all that the training window gives."
    )

    @property
    def settings(self) -> Mapping[str, object]:
        """Length of the window of volatility."""
        return {"feature_window": self.config.feature_window}

    def train(self, past: PricePanel, check: Check) -> Trained:
        """Regress the next return on minus the last, without intercept."""
        volatility = graph_features(self.config)(past)[..., FEATURE_NAMES["baseline"].index("volatility")]
        with np.errstate(divide="ignore", invalid="ignore"):
            turn, following = -past.log_returns() / volatility, following_returns(past) / volatility
        known = np.isfinite(turn) & np.isfinite(following)
        slope = (turn[known] @ following[known]) / (turn[known] @ turn[known] + 1e-12)
        share = float(np.clip(slope, SMALLEST_SHARE, 1.0))

        def forecast(panel: PricePanel, count: int) -> Array:
            return -share * panel.log_returns()[-count:]

        return forecast
