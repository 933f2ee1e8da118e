"""What the service says: the JSON of its answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tickgraph.http import examples
from tickgraph.pipeline.jobs import Job
from tickgraph.serving.forecast import Forecast


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


@dataclass(frozen=True, slots=True)
class Timings:
    """Where the time went, in seconds.

    Attributes
    ----------
    total_seconds
        From the request's arrival at the forecaster to its answer.
    queued_seconds
        Waiting for a thread; 0 for an answer from memory.
    """

    total_seconds: float
    queued_seconds: float


class ForecastAnswer(Forecast):
    """Forecast of one symbol's next close, as the service gives it."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [examples.FORECAST]})

    cached: bool = Field(description="Whether it was answered from memory, with nothing read or computed.")
    training_job: str | None = Field(
        default=None, description="Job that trains a model for this symbol in the background."
    )
    timings: Timings


class Problem(_Answer):
    """An error, as problem details (RFC 9457)."""

    model_config = ConfigDict(frozen=True, extra="allow", json_schema_extra={"examples": [examples.PROBLEM]})

    type: str = Field(examples=["urn:tickgraph:problem:unknown-symbol"])
    title: str
    status: int
    detail: str
    instance: str | None = None
    request_id: str | None = None
    symbol: str | None = None
    suggestions: list[str] | None = None
    errors: list[dict[str, Any]] | None = None


class ForecastsAnswer(_Answer):
    """Forecasts of several symbols; what failed is named with its reason."""

    forecasts: dict[str, Forecast]
    failures: dict[str, Problem]
    timings: Timings


class Quantile(_Answer):
    """A quantile of the next close."""

    probability: float
    close: float = Field(description="Dollars; the next close lies below with the given probability.")
    log_return: float


class ProbabilityAnswer(_Answer):
    """Probability that the next close lies above a strike."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [examples.PROBABILITY]})

    symbol: str
    strike: float
    price: float
    price_source: str
    probability_above: float
    probability_below: float
    quantiles: list[Quantile] = Field(description="Of the same predictive distribution.")
    method: str = Field(description="What the distribution is.")
    calibration_sessions: int
    forecast: ForecastAnswer


class SymbolEntry(_Answer):
    """A symbol that can be forecast."""

    symbol: str
    model: str = Field(description="`gnn` for a trained model, `momentum` without one.")
    in_memory: bool
    sector: str | None


class SymbolsAnswer(_Answer):
    """Symbols that can be forecast: those with a model, and those with stored prices only."""

    count: int
    trained: int
    symbols: list[SymbolEntry]


class SymbolAnswer(_Answer):
    """What is known of one symbol."""

    symbol: str
    model: str
    in_memory: bool
    sector: str | None
    metadata: dict[str, Any] | None = Field(description="The model's published metadata.")
    refused: str | None = Field(description="Why a newer model is not used.")
    training: Job | None = Field(description="Training that is queued, running or lately failed.")
    prices_source: str
    first_session: date | None
    last_session: date | None
    sessions: int | None


class Node(_Answer):
    """A node of the graph: the target first, then its peers."""

    symbol: str
    present: bool = Field(description="Whether its features are complete at the last session.")
    volatility: float
    momentum: float
    volume: float = Field(description="20-session z-score.")


class Edge(_Answer):
    """An undirected edge: an absolute correlation that reaches the threshold."""

    source: str
    target: str
    correlation: float
    weight: float


class GraphAnswer(_Answer):
    """The graph behind a forecast."""

    symbol: str
    as_of: date
    threshold: float
    nodes: list[Node]
    edges: list[Edge]
    correlations: list[list[float]] = Field(description="[N, N] in the order of the nodes.")
    attention: list[list[list[float]]] = Field(
        description="[heads, N, N]: row i is how node i divides its attention over its neighbours; sums to 1."
    )
    attention_of_target: dict[str, float] = Field(description="The target's row, averaged over the heads.")


class JobsAnswer(_Answer):
    """Background jobs, the newest first."""

    jobs: list[Job]


class ClearedAnswer(_Answer):
    """What was forgotten."""

    models: int


class HealthAnswer(_Answer):
    """Whether the service is up."""

    status: str
    models: int | None = None
    models_in_memory: int | None = None
    started_at: AwareDatetime | None = None
