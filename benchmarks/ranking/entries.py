"""The rows of the ranking benchmark: what each reads, how it is built, how it is trained."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.ranking.inputs import LAGS, GraphInputs, features, graph_inputs
from benchmarks.ranking.market import CLOSE, RankingMarket, Scaling
from benchmarks.ranking.training import DayData, Objective, Recipe

Kind = Literal["probe", "baseline", "published", "factor-neutral"]


@dataclass(frozen=True)
class MarketInputs:
    """A market on one scaling; what the entries read of it is computed once, when it is first needed.

    Attributes
    ----------
    market, scaling
        The market and the scaling of its inputs.
    graph_of
        Builds the graph, which is the same on both scalings.
    """

    market: RankingMarket
    scaling: Scaling
    graph_of: Callable[[RankingMarket], GraphInputs] = graph_inputs
    _computing: Any = field(default_factory=threading.Lock, repr=False, compare=False)

    @cached_property
    def graph(self) -> GraphInputs:
        """Peers, edges and factors of every day."""
        return self.graph_of(self.market)

    @cached_property
    def sequence(self) -> NDArray[np.float32]:
        """``[T, S, 16, 5]``."""
        return self.market.sequences(self.scaling)

    @cached_property
    def features(self) -> NDArray[np.float32]:
        """``[T, S, F]``."""
        return features(self.market, self.graph, self.scaling)

    @cached_property
    def target(self) -> NDArray[np.float32]:
        """``[T, S]`` float32, the return that followed; 0 where not scored."""
        return np.where(self.market.scored, self.market.following, 0.0).T.astype(np.float32)

    @cached_property
    def scored(self) -> NDArray[np.float32]:
        """``[T, S]`` float32, 1 where the stock-day counts."""
        return self.market.scored.T.astype(np.float32)

    def day_data(self, names: tuple[str, ...]) -> DayData:
        """Arrays that a network of these inputs is trained on."""
        with self._computing:  # runs side by side would each compute them
            arrays = {
                name: getattr(self.graph if name in ("peers", "edges", "factors") else self, name)
                for name in names
            }
            return DayData(arrays, self.target, self.scored)


@dataclass(frozen=True)
class NetworkEntry:
    """A network that is trained, by seeds."""

    name: str
    kind: Kind
    description: str
    inputs: tuple[str, ...]
    build: Callable[[MarketInputs], Any]
    recipe: Recipe


@dataclass(frozen=True)
class FormulaEntry:
    """A forecast that needs no seed: ``[T, S]`` from a market's inputs."""

    name: str
    kind: Kind
    description: str
    forecast: Callable[[MarketInputs], NDArray[np.floating[Any]]]
    inputs: tuple[str, ...] = ()


Entry = NetworkEntry | FormulaEntry


def _published(name: str) -> Callable[[MarketInputs], Any]:
    def build(inputs: MarketInputs) -> Any:
        from benchmarks.ranking import published_networks

        return getattr(published_networks, f"build_{name}")(len(inputs.market.tickers))

    return build


def _factor_neutral(inputs: MarketInputs) -> Any:
    from benchmarks.ranking import factor_neutral

    train = inputs.market.days["train"]
    seen = inputs.features[train][inputs.scored[train] > 0]  # scaling from training days only
    return factor_neutral.build(len(inputs.market.tickers), factor_neutral.quantile_edges(seen))


def _reversal(inputs: MarketInputs) -> NDArray[np.float64]:
    return -np.nan_to_num(inputs.market.returns).T


def _level(inputs: MarketInputs) -> NDArray[np.float64]:
    return -np.nan_to_num(inputs.market.close).T


def _ridge(inputs: MarketInputs) -> NDArray[np.float64]:
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    columns = inputs.features[..., : LAGS + CLOSE]  # lagged returns and gaps to the averages
    train = inputs.market.days["train"]
    counted = inputs.scored[train] > 0
    returns = np.where(counted, inputs.target[train], np.nan)
    # Of each day, so that no wild day and no wild stock decides: 0.025 in place of 0.020 on validation days.
    score = (returns - np.nanmean(returns, axis=1, keepdims=True)) / np.nanstd(returns, axis=1, keepdims=True)
    model = make_pipeline(StandardScaler(), Ridge(1000.0))
    model.fit(columns[train][counted], np.clip(score, -3, 3)[counted])
    flat = model.predict(columns.reshape(-1, columns.shape[-1]))
    return flat.reshape(columns.shape[:2])


def entries(epochs: int, objective: Objective = "correlation") -> dict[str, Entry]:
    """All rows by name.

    ``epochs`` bounds the training of every network. All learn by the same loss, so that architectures are
    compared and not losses; with the objective ``"return"`` the published networks learn by their own.
    """
    theirs = Recipe(objective, epochs=epochs)
    ours = Recipe("correlation", epochs=min(epochs, 4), learning_rate=5e-4, weight_decay=0.3, days_per_step=2)
    every: list[Entry] = [
        FormulaEntry(
            "level",
            "probe",
            "Minus the close on the file's own scale: a single number, and no model. It has an IC only because "
            "the scale holds each stock's maximum of all days.",
            _level,
        ),
        FormulaEntry("reversal", "baseline", "Minus the day's return.", _reversal),
        FormulaEntry(
            "ridge",
            "baseline",
            "Ridge on 16 lagged returns and 4 gaps to moving averages.",
            _ridge,
            ("features",),
        ),
        NetworkEntry(
            "LSTM",
            "published",
            "LSTM on 16 days of 5 channels.",
            ("sequence",),
            _published("lstm"),
            theirs,
        ),
        NetworkEntry(
            "GAT",
            "published",
            "The LSTM's states, and graph attention over the 10 most correlated stocks.",
            ("sequence", "peers", "edges"),
            _published("gat"),
            theirs,
        ),
        NetworkEntry(
            "StockMixer",
            "published",
            "Mixing over channels, days at two scales, and stocks; reimplemented from the paper.",
            ("sequence",),
            _published("stockmixer"),
            replace(theirs, learning_rate=3e-4),
        ),
        NetworkEntry(
            "factor-neutral",
            "factor-neutral",
            "Piecewise encoded features, graph attention over peers, forecast cleared of common factors.",
            ("features", "peers", "edges", "factors"),
            _factor_neutral,
            ours,
        ),
        NetworkEntry(
            "factor-neutral-refit",
            "factor-neutral",
            "The same, trained again on training and validation days together for as many epochs as validation "
            "chose: what a desk would do before the test days begin.",
            ("features", "peers", "edges", "factors"),
            _factor_neutral,
            replace(ours, refit=True),
        ),
    ]
    return {entry.name: entry for entry in every}
