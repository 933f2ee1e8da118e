"""What a model's metadata says of its training: configuration, prices, calibration, figures out of sample."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from tickgraph.market.universe import canonical
from tickgraph.model.training_config import TrainingConfig
from tickgraph.model.volatility import NUM_COEFFICIENTS
from tickgraph.registry.record import Correlation, Count, Level, NotNegative, Positive, Record, Share, Span

_WEIGHTS_ROUNDING = 1e-6


def with_architecture(given: Any) -> Any:
    """Training settings with what earlier releases did not name: their one architecture, their one horizon."""
    if not isinstance(given, dict):
        return given
    if "architecture" not in given:
        given = {"architecture": "baseline", "weight_decay": 0.0, **given}
    return {"horizons": (), **given}


class RecordedConfig(TrainingConfig):
    """A training configuration as it was recorded, settings of a later release included."""

    model_config = ConfigDict(extra="allow")

    @model_validator(mode="before")
    @classmethod
    def _models_without_a_name_are_baselines(cls, given: Any) -> Any:
        if isinstance(given, TrainingConfig) and not isinstance(given, cls):  # one that is to be recorded
            return given.model_dump()
        return with_architecture(given)


class TrainingRecord(RecordedConfig):
    """The training configuration, and what it came to for this symbol."""

    correlated_symbols: tuple[str, ...] = Field(description="Peers, the strongest first.")
    symbol_seed: Count = Field(description="Seed of this symbol, from `seed` and its name.")

    @model_validator(mode="after")
    def _peers_fit_the_graph(self) -> TrainingRecord:
        peers = self.correlated_symbols
        if len(peers) > self.num_peers or len(set(peers)) != len(peers):
            raise ValueError(
                f"correlated_symbols must be at most {self.num_peers} different symbols: {peers}"
            )
        for peer in peers:
            canonical(peer)  # a SymbolError, which is a ValueError, names it
        return self


class OutOfSample(Span):
    """Figures over sessions held out of training, beside naive baselines. Returns are daily log returns."""

    sessions: Count
    ic: Correlation | None = Field(
        description="Pearson correlation over time of forecast and realised return."
    )
    rank_ic: Correlation | None = Field(description="Spearman correlation over time.")
    hit_rate: Share | None = Field(description="Share of sessions whose sign was right.")
    hit_rate_momentum: Share | None = Field(description="The same for the 20-session mean return.")
    mse: NotNegative
    mse_zero: NotNegative = Field(description="Mean squared error of forecasting no move.")
    mse_mean: NotNegative = Field(description="Mean squared error of the training window's mean return.")
    mse_momentum: NotNegative = Field(description="Mean squared error of the 20-session mean return.")
    r2_vs_zero: float | None = Field(description="1 - mse / mse_zero.")
    coverage: dict[Level, Share] = Field(description="Share inside the interval, by level; second half.")
    width: dict[Level, NotNegative] = Field(description="Mean width of the interval in log return, by level.")
    brier: Share | None = Field(description="Brier score of the probability of a rise; second half.")
    brier_base: Share | None = Field(description="The same for the first half's share of rises.")
    beats_zero: bool = Field(description="Whether mse is below mse_zero.")


class PerformanceMetrics(Record):
    """How training went, and what the model is worth on sessions it never saw."""

    final_loss: NotNegative = Field(description="Last epoch's mean squared error of standardised returns.")
    training_time_seconds: NotNegative
    num_params: Positive
    out_of_sample: OutOfSample


class DataStats(Span):
    """The prices behind the model."""

    historical_days: Positive = Field(description="Sessions of prices in the window.")
    training_sessions: Positive
    calibration_sessions: Positive
    avg_correlation: Correlation = Field(
        description="Mean absolute correlation with the peers, last session."
    )
    num_edges: Count = Field(description="Edges of the last session's graph, self loops apart.")
    source: str
    exchange: str = Field(
        default="XNYS",
        pattern=r"^[A-Za-z0-9_/]{2,20}$",
        description="Exchange of the prices, by its name in exchange_calendars; absent means New York.",
    )
    short_history: bool = Field(description="Whether the window was shorter than `sessions`.")


class Calibration(Span):
    """Residuals of the held-out sessions in units of volatility, ascending; and how that volatility is forecast."""

    method: Literal[
        "split-conformal, volatility-normalised", "split-conformal, forecast-volatility-normalised"
    ] = "split-conformal, forecast-volatility-normalised"
    scores: tuple[float, ...] = Field(min_length=2, description="Of the target and its peers together.")
    trust: float = Field(
        default=1.0, ge=0.0, le=1.0, description="Share of the forecast that the distribution is centred on."
    )
    volatility: tuple[float, ...] | None = Field(
        default=None,
        min_length=NUM_COEFFICIENTS,
        max_length=NUM_COEFFICIENTS,
        description="Level, then the weights of three averages of the own absolute returns and of the peers'. "
        "Null in a model of an earlier release, whose scores are in units of the trailing standard deviation.",
    )

    @model_validator(mode="after")
    def _scores_ascend(self) -> Self:
        for place, (before, score) in enumerate(pairwise(self.scores), start=1):
            if score < before:
                raise ValueError(f"scores must ascend: {score} at place {place} follows {before}")
        return self

    @model_validator(mode="after")
    def _weights_of_the_volatility_sum_to_one(self) -> Self:
        if self.volatility is not None and abs(sum(self.volatility[1:]) - 1) > _WEIGHTS_ROUNDING:
            raise ValueError(f"weights of volatility must sum to 1: {self.volatility[1:]}")
        return self


class HorizonQlike(Record):
    """Held-out QLIKE of the variance over one horizon, of the universe's fit."""

    network: NotNegative
    linear: NotNegative = Field(description="Of the linear path alone.")
    today: NotNegative = Field(description="Of the average of the last 25 sessions.")


@lru_cache(maxsize=8)
def _shared(scores: tuple[tuple[float, ...], ...]) -> tuple[tuple[float, ...], ...]:
    """Give the scores read before that are equal: all models drawn to one fit have the same, 100 kB each."""
    return scores


class VarianceForecast(Span):
    """What says how far the price moves: the universe's fit that the model was drawn to, and its calibration.

    The sessions are those that the universe's fit held out.
    """

    universe: str = Field(pattern=r"^[0-9a-f]{16}$", description="Version of the universe's fit.")
    universe_symbols: Positive = Field(description="Symbols that it was fitted on.")
    universe_source: str = Field(description="Where their prices came from.")
    universe_is_default: bool = Field(
        default=False,
        description="Whether it is the fit that ships in the package, and not one of these prices.",
    )
    scores: Annotated[tuple[tuple[float, ...], ...], AfterValidator(_shared)] = Field(
        description="For each horizon quantiles k / (P + 1) of held-out returns over the forecast standard deviation."
    )
    qlike: dict[str, HorizonQlike] = Field(description="By horizon in sessions.")

    @model_validator(mode="after")
    def _scores_ascend(self) -> Self:
        for row in self.scores:
            if len(row) < 2 or len(row) != len(self.scores[0]) or any(b < a for a, b in pairwise(row)):
                raise ValueError("scores of a horizon must ascend, as many at each horizon, at least 2")
        return self
