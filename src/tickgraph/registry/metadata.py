"""Metadata of a trained model: what it is, what made it, how good it was, and the checksums of its files.

``python -m tickgraph.registry.metadata`` prints the JSON Schema that ``docs/metadata.schema.json`` publishes.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from tickgraph.market.spelling import Symbol
from tickgraph.market.universe import canonical
from tickgraph.model.training_config import TrainingConfig
from tickgraph.model.volatility import NUM_COEFFICIENTS

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


UtcDatetime = Annotated[AwareDatetime, AfterValidator(_in_utc)]


_WEIGHTS_ROUNDING = 1e-6
_ROUNDING = 1e-9  # by how much a correlation in floating point may leave [-1, 1]

Level = Annotated[str, Field(pattern=r"^0\.[0-9]+$")]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Correlation = Annotated[float, Field(ge=-1.0 - _ROUNDING, le=1.0 + _ROUNDING)]
NotNegative = Annotated[float, Field(ge=0.0)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class _Span(_Record):
    first_session: date
    last_session: date

    @model_validator(mode="after")
    def _sessions_are_in_order(self) -> Self:
        if self.first_session > self.last_session:
            raise ValueError(f"first_session {self.first_session} must not be after {self.last_session}")
        return self


def _with_architecture(given: Any) -> Any:
    """Training settings with what earlier releases did not name: their one architecture, their one horizon."""
    if not isinstance(given, dict):
        return given
    if "architecture" not in given:
        given = {"architecture": "baseline", "weight_decay": 0.0, **given}
    return {"horizons": (), **given}


class TrainingRecord(TrainingConfig):
    """The training configuration, and what it came to for this symbol."""

    correlated_symbols: tuple[str, ...] = Field(description="Peers, the strongest first.")
    symbol_seed: Count = Field(description="Seed of this symbol, from `seed` and its name.")

    @model_validator(mode="before")
    @classmethod
    def _models_without_a_name_are_baselines(cls, given: Any) -> Any:
        return _with_architecture(given)

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


class OutOfSample(_Span):
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


class PerformanceMetrics(_Record):
    """How training went, and what the model is worth on sessions it never saw."""

    final_loss: NotNegative = Field(description="Last epoch's mean squared error of standardised returns.")
    training_time_seconds: NotNegative
    num_params: Positive
    out_of_sample: OutOfSample


class DataStats(_Span):
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


class Calibration(_Span):
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


class HorizonQlike(_Record):
    """Held-out QLIKE of the variance over one horizon, of the universe's fit."""

    network: NotNegative
    linear: NotNegative = Field(description="Of the linear path alone.")
    today: NotNegative = Field(description="Of the average of the last 25 sessions.")


class VarianceForecast(_Span):
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
    scores: tuple[tuple[float, ...], ...] = Field(
        description="For each horizon quantiles k / (P + 1) of held-out returns over the forecast standard deviation."
    )
    qlike: dict[str, HorizonQlike] = Field(description="By horizon in sessions.")

    @model_validator(mode="after")
    def _scores_ascend(self) -> Self:
        for row in self.scores:
            if len(row) < 2 or len(row) != len(self.scores[0]) or any(b < a for a, b in pairwise(row)):
                raise ValueError("scores of a horizon must ascend, as many at each horizon, at least 2")
        return self


class Correlations(_Record):
    """The stored correlation matrix."""

    as_of: date = Field(description="Last session of its lookback.")
    computed_at: UtcDatetime | None = Field(
        default=None, description="UTC; absent where it is the training date."
    )


class Checksums(_Record):
    """sha256 of the files that belong to this generation, and of what this one says."""

    weights: Sha256
    correlations: Sha256
    metadata: Sha256 | None = Field(
        default=None,
        description="Of this document: as JSON with sorted keys, without spaces, in ASCII, this field left out. "
        "Absent in a model of an earlier release.",
    )


class Figure(_Record):
    """A figure with its 95 % block-bootstrap interval; null ends where it was not resampled."""

    value: float
    low: float | None = None
    high: float | None = None


class SymbolFigures(_Record):
    """Walk-forward figures of one symbol; null where a forecast or a return did not vary."""

    forecasts: int = Field(ge=1, description="Sessions forecast.")
    ic: Figure | None = Field(description="Pearson correlation over time of forecast and realised return.")
    rank_ic: Figure | None = Field(description="Spearman correlation over time.")
    hit_rate: Figure | None = Field(description="Share of moves whose sign was right.")
    r2_vs_zero: Figure | None = Field(description="1 - MSE / MSE of forecasting no move.")
    coverage: dict[Level, Figure] = Field(
        description="Share of returns inside the interval, by level; calibrated on all evaluated symbols together."
    )


class PanelFigures(_Record):
    """Figures of one forecaster over all evaluated symbols."""

    forecaster: str
    ic: Figure | None = Field(description="Mean over sessions of the correlation across symbols.")
    r2_vs_zero: Figure | None = Field(description="1 - MSE / MSE of forecasting no move.")


class WalkForward(_Span):
    """How good the procedure that trains a model was: retrained as time went on, judged on what came after.

    The figures are of the procedure on this symbol and not of the stored weights: each window has its own weights.
    """

    figures: SymbolFigures
    panel: PanelFigures = Field(description="The same forecaster over all symbols.")
    best_baseline: PanelFigures | None = Field(
        description="The baseline with the highest IC, chosen by these very figures."
    )
    training_config: Annotated[TrainingConfig, BeforeValidator(_with_architecture)] = Field(
        description="How each window's model was trained."
    )
    scheme: Literal["rolling", "expanding"] = Field(description="Training windows of one length, or growing.")
    windows: int = Field(ge=1, description="Trainings.")
    retrain_every: Positive = Field(description="Sessions between trainings.")
    embargo: Count = Field(description="Sessions between the last close of training and the first forecast.")
    first_session: date = Field(description="First session forecast from.")
    last_session: date = Field(description="Last session forecast from.")
    source: str = Field(description="Where the prices came from.")
    data_version: str = Field(description="sha256 prefix of the prices.")
    symbols: tuple[str, ...] = Field(description="Evaluated together; peers are chosen among them.")
    survivorship: str = Field(description="What the choice of symbols does to the figures.")
    measured_at: UtcDatetime = Field(description="UTC.")
    version: str = Field(description="Of tickgraph.")

    def mismatch(self, trained: TrainingRecord) -> str | None:
        """Say why these figures are not of a model that was trained so; None where they are.

        Seeds may differ: they draw another model by the same procedure. So may ``min_sessions``, which refuses symbols
        and changes no model, and what the variance network is made of: the figures are of the next session's return.
        """
        if self.scheme == "expanding":
            return "evaluated on expanding windows, where a model is trained on one of fixed length"
        free = ("seed", "min_sessions", "horizons", "variance_dim")
        names = [name for name in TrainingConfig.model_fields if name not in free]
        pairs = {name: (getattr(trained, name), getattr(self.training_config, name)) for name in names}
        differ = [f"{name} {own}, evaluated {other}" for name, (own, other) in pairs.items() if own != other]
        if differ:
            return f"trained with other settings ({'; '.join(differ)})"
        if strangers := set(trained.correlated_symbols) - set(self.symbols):
            return f"has peers that were not evaluated ({', '.join(sorted(strangers))})"
        return None


class ModelMetadata(_Record):
    """One generation of one symbol's model; this file is its commit point."""

    schema_version: Literal[1] = 1
    symbol: Symbol
    training_date: UtcDatetime = Field(description="UTC.")
    data_version: str = Field(description="sha256 prefix of the prices it was trained on.")
    training_config: TrainingRecord
    performance_metrics: PerformanceMetrics
    data_stats: DataStats
    calibration: Calibration
    variance: VarianceForecast | None = Field(
        default=None, description="Absent in a model of the next session's return alone."
    )
    correlations: Correlations
    checksums: Checksums
    versions: dict[str, str] = Field(description="Libraries it was trained with.")
    evaluation: WalkForward | None = Field(
        default=None, description="Walk-forward figures; null where `tickgraph evaluate` has recorded none."
    )

    @property
    def nodes(self) -> tuple[Symbol, ...]:
        """The target, then its peers, under today's names: a peer may have been renamed since the training."""
        return Symbol(self.symbol), *map(canonical, self.training_config.correlated_symbols)

    @property
    def correlations_at(self) -> datetime:
        """When the stored correlations were computed; UTC."""
        return self.correlations.computed_at or self.training_date

    @model_validator(mode="after")
    def _scores_of_every_horizon(self) -> ModelMetadata:
        scored, wanted = len(self.variance.scores) if self.variance else 0, len(self.training_config.horizons)
        if scored != wanted:
            raise ValueError(f"variance has scores of {scored} horizons, and training_config has {wanted}")
        return self

    @model_validator(mode="after")
    def _target_is_no_peer_of_its_own(self) -> ModelMetadata:
        if self.symbol in self.training_config.correlated_symbols:
            raise ValueError(f"correlated_symbols must not hold the target {self.symbol}")
        return self


def metadata_json_schema() -> dict[str, Any]:
    """JSON Schema of a metadata file."""
    schema = ModelMetadata.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


if __name__ == "__main__":
    print(json.dumps(metadata_json_schema(), indent=2))  # noqa: T201
