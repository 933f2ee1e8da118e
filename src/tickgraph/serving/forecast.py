"""The answer: what a forecast says, and where every part of it came from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

Status = Literal["pre-trained", "trained-on-demand", "momentum"]


@dataclass(frozen=True, slots=True)
class Interval:
    """Central interval for the next session's close, as prices and as log returns."""

    __pydantic_config__ = ConfigDict(use_attribute_docstrings=True)

    level: float
    """Share of new sessions that it covers, such as 0.8."""
    lower: float
    """Dollars."""
    upper: float
    """Dollars."""
    lower_return: float
    """Daily log return."""
    upper_return: float
    """Daily log return."""


class Forecast(BaseModel):
    """Forecast of one symbol's next close."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    symbol: str
    """Ticker; a former name is answered under today's."""
    status: Status
    """What answered: a model trained ahead (`pre-trained`), one trained for this request (`trained-on-demand`),
    or, for a symbol without a model, the mean of its own last returns (`momentum`)."""
    model: str
    """`gnn` or `momentum`."""
    as_of: date
    """Last session whose prices were used."""
    target_session: date
    """Session whose close is forecast."""
    horizon: int
    """Sessions from `as_of` to `target_session`."""
    price: float
    """Dollars; the price that the forecast starts from."""
    price_source: Literal["request", "last close"]
    """Where `price` comes from."""
    predicted_return: float
    """Daily log return."""
    prediction: float
    """Dollars; price * exp(predicted_return)."""
    intervals: tuple[Interval, ...]
    """Conformal intervals, by level."""
    probability_up: float
    """Calibrated probability that the next session's return is positive."""
    confidence: float
    """Calibrated probability that the sign of `predicted_return` is right. Like `probability_up`, it is measured
    on sessions that training never saw, and is no constant."""
    prices_source: str
    """Source of the price history: `sample`, `files`, `yahoo` or another."""
    prices_provider: str
    """Who gave the source this symbol's prices, such as `tiingo` behind `live`; the source itself where it has no
    other."""
    last_close: float
    """Dollars; close of `as_of` in the history."""
    stale: bool
    """Whether completed sessions are missing from the history."""
    sessions_behind: int
    """How many."""
    generation: str | None
    """Identity of the published model; null without one."""
    trained_at: datetime | None
    """When the model was trained."""
    model_stale: bool
    """Whether that is more than seven days ago."""
    correlations_as_of: date | None
    """Session at which the graph's correlations were taken."""
    correlations: Literal["stored", "computed"] | None
    """Whether they are the published ones, under 24 hours old and of the newest session, or were computed from
    stored prices for this answer."""
    calibration_sessions: int
    """Sessions behind intervals and probabilities."""
    notes: tuple[str, ...] = ()
    """What a careful reader should know."""
