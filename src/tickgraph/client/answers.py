"""What the client gives: the service's own schemas, and its problems as one exception."""

from __future__ import annotations

from tickgraph.errors import (
    ArtefactError,
    InputError,
    ModelNotFoundError,
    PriceDataError,
    SourceUnavailableError,
    StorageError,
    TickgraphError,
)
from tickgraph.http.schema import (
    ClearedAnswer as Cleared,
)
from tickgraph.http.schema import (
    ForecastAnswer as Forecast,
)
from tickgraph.http.schema import (
    ForecastsAnswer as Forecasts,
)
from tickgraph.http.schema import (
    GraphAnswer as Graph,
)
from tickgraph.http.schema import (
    HealthAnswer as Health,
)
from tickgraph.http.schema import (
    JobsAnswer as Jobs,
)
from tickgraph.http.schema import (
    ProbabilityAnswer as Probability,
)
from tickgraph.http.schema import Problem
from tickgraph.http.schema import (
    SymbolAnswer as SymbolInfo,
)
from tickgraph.http.schema import (
    SymbolsAnswer as SymbolList,
)
from tickgraph.pipeline.jobs import Job

__all__ = [
    "Cleared",
    "Forecast",
    "Forecasts",
    "Graph",
    "Health",
    "Job",
    "Jobs",
    "Probability",
    "Problem",
    "ServiceError",
    "SymbolInfo",
    "SymbolList",
]

# What the command line exits with, so that a script need not care whether a forecast was local or remote.
_EXIT_CODES = {
    "bad-input": InputError.exit_code,
    "unauthorised": InputError.exit_code,
    "unknown-symbol": InputError.exit_code,
    "no-model": ModelNotFoundError.exit_code,
    "model-refused": ArtefactError.exit_code,
    "history-too-short": PriceDataError.exit_code,
    "prices-unusable": PriceDataError.exit_code,
    "storage-failed": StorageError.exit_code,
}


class ServiceError(TickgraphError):
    """The service answered with a problem, or could not be reached.

    Attributes
    ----------
    problem
        What it answered; None if it could not be reached or the answer was not its own.
    """

    def __init__(self, message: str, problem: Problem | None = None) -> None:
        super().__init__(message)
        self.problem = problem
        kind = problem.type.rsplit(":", 1)[-1] if problem else ""
        self.exit_code = _EXIT_CODES.get(kind, SourceUnavailableError.exit_code)  # type: ignore[misc]

    @property
    def status(self) -> int | None:
        """HTTP status."""
        return self.problem.status if self.problem else None

    @property
    def suggestions(self) -> tuple[str, ...]:
        """Symbols that look like the one that was unknown."""
        return tuple(self.problem.suggestions or ()) if self.problem else ()
