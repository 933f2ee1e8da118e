"""The result of a simulated year."""

from __future__ import annotations

from datetime import date

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tickgraph.operations.records import LiveQuality

SHOWN = 100  # wrong forecasts kept in words


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class Event(_Record):
    """Something to report, and when it happened."""

    at: AwareDatetime
    """Simulated time."""
    what: str
    """In words."""
    times: int = 1
    """How often in a row."""
    until: AwareDatetime | None = None
    """When it last happened, if more than once."""


class Counts(_Record):
    """What happened in a span of time."""

    served: int = 0
    """Forecasts answered."""
    fresh: int = 0
    """Of them from the newest completed session."""
    stale: int = 0
    """Of them from an older session, and marked so."""
    momentum: int = 0
    """Of them without a model, and marked so."""
    refused: int = 0
    """Asked for and answered with an error."""
    wrong: int = 0
    """Marked wrongly, from the future, or unequal to the expected forecast."""
    refreshes: int = 0
    """Runs of refresh that ended."""
    failed: int = 0
    """Of them with an error."""
    trained: int = 0
    """Models published."""
    restated: int = 0
    """Histories fetched whole because a split or dividend had changed old closes."""


class SimulationResult(_Record):
    """A replayed span of sessions."""

    first: date
    """First session."""
    last: date
    """Last session."""
    symbols: tuple[str, ...]
    """Asked for at every serving."""
    total: Counts
    """Of the whole span."""
    months: dict[str, Counts]
    """By month."""
    verified: int = 0
    """Forecasts compared with one trained again as of that day."""
    trained_again: int = 0
    """Models trained for that."""
    largest_difference: float = 0.0
    """Of those compared: in units of volatility, and of probability."""
    wrong: tuple[str, ...] = ()
    """The first of the wrong forecasts, in words."""
    refusals: dict[str, int] = Field(default_factory=dict)
    """Reasons of refused forecasts, and how often."""
    events: tuple[Event, ...] = ()
    """Faults, failed runs, restated histories, retrainings for a reason."""
    quality: LiveQuality | None = None
    """Live quality at the end."""
    seconds: float = 0.0
    """Real time it took."""

    @property
    def passed(self) -> bool:
        """Whether no forecast was wrong, and there were any."""
        return self.total.wrong == 0 and self.total.served > 0
