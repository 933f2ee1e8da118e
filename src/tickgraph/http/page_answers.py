"""The JSON of the routes that whole pages of the dashboard are drawn from; no server is needed to read it."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import AwareDatetime

from tickgraph.http.responses import Answer, Problem, example
from tickgraph.operations.records import Kind, LiveQuality, RunState
from tickgraph.operations.reliability import HorizonReliability, evaluated_reliability
from tickgraph.operations.watch import RunSummary
from tickgraph.registry.evaluation_record import HorizonWalkForward
from tickgraph.serving.answer import Status


class Move(Answer):
    """How far a price may move over so many sessions."""

    sessions: int
    """Sessions of the exchange after `as_of`."""
    expiry: date
    """The last of them."""
    expected_move: float
    """Dollars; the mean of the absolute move."""
    lower: float
    """Dollars; lower end of the 80 % interval of the close."""
    upper: float
    """Dollars; its upper end."""


class OverviewEntry(Answer):
    """One symbol at a glance."""

    symbol: str
    """Ticker."""
    sector: str | None
    """Sector of a symbol of the bundled list; null for any other."""
    status: Status
    """What answers: a model trained ahead (`pre-trained`), or the symbol's own last returns (`momentum`)."""
    as_of: date
    """Last session whose prices were used."""
    last_close: float
    """Dollars; close of `as_of`."""
    change: float | None
    """Simple return of the last session; null where the close before it is missing."""
    prediction: float
    """Dollars; forecast of the next close."""
    probability_up: float
    """That the next close lies above the last one, dividends apart."""
    week: Move | None
    """Over five sessions; null where nothing forecasts so many."""
    month: Move | None
    """Over 21 sessions."""
    stale: bool
    """Whether completed sessions are missing from the history."""
    sessions_behind: int
    """How many."""
    model_stale: bool
    """Whether the model was trained more than seven days ago."""
    trained_at: datetime | None
    """When the model was trained; null without one."""
    prices_source: str
    """Source of the price history."""
    closes: list[float | None]
    """Dollars; the last 63 closes, the newest last, null where the symbol did not trade."""


class OverviewAnswer(Answer):
    """All symbols at a glance."""

    model_config = example("overview")

    symbols: list[OverviewEntry]
    """Those that can be forecast, by name."""
    failures: dict[str, Problem]
    """By symbol, the others."""


class MarketSymbol(Answer):
    """A symbol of the network."""

    symbol: str
    """Ticker."""
    sector: str | None
    """Sector of a symbol of the bundled list; null for any other."""
    cluster: int
    """Which cluster it is in; the largest is 0."""
    mean_correlation: float
    """Mean of its correlations with all others."""
    mean_change: float
    """Mean absolute change of these correlations in a week."""


class MarketEdge(Answer):
    """A strong correlation."""

    source: int
    """Place in `symbols`."""
    target: int
    """Place in `symbols`."""
    correlation: float
    """Of daily log returns over 60 sessions."""


class ChangedPair(Answer):
    """A pair of symbols whose correlation changed."""

    source: str
    """Ticker."""
    target: str
    """Ticker."""
    before: float
    """Correlation five sessions earlier."""
    now: float
    """Correlation."""


class MarketAnswer(Answer):
    """How all symbols move together."""

    model_config = example("market")

    as_of: date
    """Last session of the correlations."""
    before: date
    """Session that `changes` compares with."""
    threshold: float
    """Smallest absolute correlation of an edge."""
    symbols: list[MarketSymbol]
    """By name."""
    edges: list[MarketEdge]
    """The four strongest correlations of each symbol that reach the threshold, each pair once."""
    changes: list[ChangedPair]
    """The pairs whose correlation changed most, the largest change first."""
    mean_correlation: float
    """Mean correlation of all pairs."""
    mean_correlation_before: float
    """The same five sessions earlier."""
    left_out: list[str]
    """Symbols with gaps in these sessions, prices that do not move, or prices of another source."""


class Latency(Answer):
    """How long forecasts took inside the service; quantiles are linear inside the buckets of the histogram."""

    cached: bool
    """Whether they came from memory, or something was read or computed."""
    count: int
    """Forecasts."""
    median: float | None
    """Seconds; null without forecasts."""
    p95: float | None
    """Seconds that 95 % took at most."""
    p99: float | None
    """Seconds that 99 % took at most."""


class SourceFreshness(Answer):
    """Prices of one source that are in memory."""

    source: str
    """Name of the source."""
    symbols: int
    """Symbols in memory."""
    last_session: date | None
    """Newest session of any of them."""
    sessions_behind: int
    """Completed sessions that they lack."""


class Run(Answer):
    """A run of refresh."""

    kind: Kind
    """`daily` and `weekly` stand for a due moment; `manual` was asked for by hand."""
    state: RunState
    """How it ended, or that it still runs."""
    started_at: AwareDatetime
    """When it began."""
    seconds: float | None
    """How long it took; null if it did not come to an end."""
    symbols: dict[str, int]
    """Symbols by what was done with them."""

    @classmethod
    def of(cls, run: RunSummary) -> Run:
        """A run as the answer has it."""
        return cls(
            kind=run.kind,
            state=run.state,
            started_at=run.started_at,
            seconds=run.seconds,
            symbols=run.symbols,
        )


class OperationsAnswer(Answer):
    """How the service stands; counts are of all its processes together, since they started."""

    model_config = example("operations")

    at: AwareDatetime
    """When this was gathered."""
    started_at: AwareDatetime
    """When the process that answers started."""
    version: str
    """Release of tickgraph."""
    problems: tuple[str, ...]
    """What is wrong, in words; empty if nothing is."""
    models: int
    """Models on disk."""
    models_in_memory: int
    """Of these, in memory, over all processes."""
    model_bytes: int
    """What the models in memory take."""
    cache_hits: int
    """Models that were found in memory."""
    cache_misses: int
    """Models that had to be loaded."""
    old_models: int
    """Models in memory of the process that answers that were trained more than seven days ago."""
    memory_bytes: int
    """Resident memory of all processes."""
    latency: tuple[Latency, ...]
    """From memory, and not."""
    requests: dict[str, int]
    """Requests by the first digit of their status, such as `2xx`."""
    refused: dict[str, int]
    """Requests that were refused with 503, by reason."""
    in_flight: int
    """Requests in work."""
    waiting: int
    """Of these, waiting for a thread."""
    streams: int
    """Streams of events that are open at the process that answers."""
    jobs_waiting: int
    """Background jobs that are queued or run."""
    jobs: dict[str, int]
    """Background jobs that ended, by state."""
    sources: tuple[SourceFreshness, ...]
    """Prices in memory of the process that answers."""
    refreshing: str | None
    """Process and machine that refresh now, and until when their lease holds; null if none does."""
    runs: tuple[Run, ...]
    """The newest runs of refresh, the newest first."""
    quality: LiveQuality | None
    """Live forecasts against what happened; null where none was scored."""


class EvaluatedReliability(Answer):
    """Forecasts of an evaluation: the models were trained again as time went on, and judged on what came after."""

    first_session: date
    """First session that was forecast from."""
    last_session: date
    """Last session that was forecast from."""
    forecaster: str
    """Which of the evaluated forecasters it was."""
    symbols: int
    """Symbols that were evaluated together."""
    survivorship: str
    """What the choice of symbols does to the figures."""
    measured_at: AwareDatetime
    """UTC."""
    horizons: tuple[HorizonReliability, ...]
    """By sessions ahead, ascending."""

    @classmethod
    def of(cls, record: HorizonWalkForward) -> EvaluatedReliability:
        """The same as an answer has it."""
        return cls(
            first_session=record.first_session,
            last_session=record.last_session,
            forecaster=record.forecaster,
            symbols=len(record.symbols),
            survivorship=record.survivorship,
            measured_at=record.measured_at,
            horizons=evaluated_reliability(record),
        )


class ReliabilityAnswer(Answer):
    """One symbol's past forecasts against what happened."""

    model_config = example("reliability")

    symbol: str
    """Ticker."""
    window: int
    """Sessions that `live` looks back on."""
    live: tuple[HorizonReliability, ...]
    """Forecasts that were logged before their first session closed, by sessions ahead, ascending; empty where none was
    logged, or none is over."""
    evaluated: EvaluatedReliability | None
    """Walk-forward forecasts of the procedure that made the model; null where no evaluation is recorded."""
