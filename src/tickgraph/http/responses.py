"""The JSON that the service answers with.

Its examples are answers of a service that was trained on the bundled sample; long lists are cut short.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from importlib import resources
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict

from tickgraph.operations.records import LiveFigures
from tickgraph.pipeline.jobs import Job
from tickgraph.serving.answer import Forecast
from tickgraph.serving.chain_answer import Chain
from tickgraph.serving.distribution_answer import Distribution
from tickgraph.serving.fan_answer import Curve, Fan
from tickgraph.serving.probability_answer import Probability
from tickgraph.serving.strategy_answer import StrategyOutcome
from tickgraph.serving.template_answer import StruckTemplates

_EXAMPLES: dict[str, Any] = json.loads(
    resources.files("tickgraph.http").joinpath("examples.json").read_text("utf-8")
)


def example(name: str) -> ConfigDict:
    """Configuration of a model whose schema shows an example."""
    return ConfigDict(json_schema_extra={"examples": [_EXAMPLES[name]]})


class Answer(BaseModel):
    """An answer of the service, or a part of one."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


@dataclass(frozen=True, slots=True)
class Timings:
    """Where the time went."""

    __pydantic_config__ = ConfigDict(use_attribute_docstrings=True)

    total_seconds: float
    """From the request's arrival at the forecaster to its answer."""
    queued_seconds: float
    """Seconds of these that the request waited for a thread; 0 for an answer from memory."""


class ForecastAnswer(Forecast):
    """Forecast of one symbol's next close, as the service gives it."""

    model_config = example("forecast")

    cached: bool
    """Whether it was answered from memory, with nothing read or computed."""
    training_job: str | None = None
    """Job that trains a model for this symbol in the background."""
    timings: Timings
    """Where the time went."""


class DistributionAnswer(Distribution):
    """Distribution of one symbol's close after so many sessions."""

    model_config = example("distribution")


class FanAnswer(Fan):
    """Where one symbol's close may be on each session that can be forecast."""

    model_config = example("fan")


class CurveAnswer(Curve):
    """Cumulative distribution of one symbol's close after so many sessions, as a curve."""

    model_config = example("curve")


class ChainAnswer(Chain):
    """A chain of options beside the forecast: columns by expiry."""

    model_config = example("chain")


class StrategyAnswer(StrategyOutcome):
    """What a strategy of options may earn, in dollars for its whole quantity."""

    model_config = example("strategy")


class TemplatesAnswer(StruckTemplates):
    """Every template of a strategy with legs for one symbol and expiry."""

    model_config = example("templates")


class Problem(Answer):
    """An error, as problem details (RFC 9457)."""

    model_config = ConfigDict(extra="allow", **example("problem"))

    type: str
    """What kind it is, to branch on, such as `urn:tickgraph:problem:unknown-symbol`."""
    title: str
    """The kind in words."""
    status: int
    """HTTP status."""
    detail: str
    """What was wrong this time, and what to do."""
    instance: str | None = None
    """Path of the request."""
    request_id: str | None = None
    """Identity of the request, as in the header X-Request-Id and the log."""
    symbol: str | None = None
    """Symbol that it is about."""
    suggestions: list[str] | None = None
    """Known symbols that look like it."""
    errors: list[dict[str, Any]] | None = None
    """Parameters that cannot be used, each with where it is and what is wrong."""


class ForecastsAnswer(Answer):
    """Forecasts of several symbols; what failed is named with its reason."""

    model_config = example("forecasts")

    forecasts: dict[str, Forecast]
    """By symbol."""
    failures: dict[str, Problem]
    """By symbol, the others."""
    timings: Timings
    """Where the time went."""


class ProbabilityAnswer(Probability):
    """Probability that a close lies above a strike, or between two, and that a strike is touched."""

    model_config = example("probability")

    forecast: ForecastAnswer
    """The forecast of the next session's close."""


class SymbolEntry(Answer):
    """A symbol that can be forecast."""

    symbol: str
    """Ticker."""
    model: str
    """`gnn` for a trained model, `momentum` without one."""
    in_memory: bool
    """Whether its model is in the memory of the process that answers."""
    sector: str | None
    """Sector of a TIER_1 symbol."""


class SymbolsAnswer(Answer):
    """Symbols that can be forecast: those with a model, and those with stored prices only."""

    model_config = example("symbols")

    count: int
    """How many."""
    trained: int
    """How many have a model."""
    symbols: list[SymbolEntry]
    """In alphabetical order."""


class SymbolAnswer(SymbolEntry):
    """What is known of one symbol."""

    metadata: dict[str, Any] | None
    """The model's published metadata: how it was trained, on what, and its figures out of sample."""
    refused: str | None
    """Why a newer model is not used."""
    training: Job | None
    """Training that is queued, running or lately failed."""
    prices_source: str
    """Source of its stored prices."""
    first_session: date | None
    """First session with prices."""
    last_session: date | None
    """Last session with prices."""
    sessions: int | None
    """Sessions with prices."""
    live: LiveFigures | None
    """Its live forecasts against what happened; null where none was scored."""
    out_of_band: str | None
    """Why their quality left its band; null where it has not."""


class PricesAnswer(Answer):
    """Daily prices of one symbol, the oldest first; all lists are as long as `sessions`."""

    model_config = example("prices")

    symbol: str
    """Ticker."""
    prices_source: str
    """Source of the price history."""
    prices_provider: str
    """Who gave the source this symbol's prices; the source itself where it has no other."""
    sessions: list[date]
    """Sessions on which the symbol traded."""
    open: list[float | None]
    """Dollars, adjusted for splits; null where the source has none."""
    high: list[float | None]
    """Dollars, adjusted for splits; null where the source has none."""
    low: list[float | None]
    """Dollars, adjusted for splits; null where the source has none."""
    close: list[float | None]
    """Dollars, adjusted for splits."""
    volume: list[float | None]
    """Shares; null where the source has none."""


class JobsAnswer(Answer):
    """Background jobs, the newest first."""

    jobs: list[Job]
    """The newest 200, and all that are not over."""


class ClearedAnswer(Answer):
    """What was forgotten."""

    models: int
    """Models that were in memory."""


class HealthAnswer(Answer):
    """Whether the service is up."""

    model_config = example("health")

    status: str
    """`live` or `ready`."""
    models: int | None = None
    """Models on disk."""
    models_in_memory: int | None = None
    """Of these, in memory."""
    started_at: AwareDatetime | None = None
    """When the process started."""
    storage_away: str | None = None
    """Why copies on this machine stand in for object storage; null while it answers, or for a folder."""
    shared_away: str | None = None
    """Why this host works by itself; null while the Redis server that hosts share answers, or without one."""
