"""The answer: what a forecast says, and where every part of it came from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

Status = Literal["pre-trained", "trained-on-demand", "momentum"]


@dataclass(frozen=True, slots=True)
class Interval:
    """Central interval for the next session's close, as log returns and as prices."""

    level: float
    lower: float
    upper: float
    lower_return: float
    upper_return: float


class Forecast(BaseModel):
    """Forecast of one symbol's next close.

    Attributes
    ----------
    symbol, status, model
        What answered: a model trained ahead (``pre-trained``), one trained for this request, or the momentum
        fallback.
    as_of, target_session, horizon
        Last session whose prices were used, the session forecast, and how many sessions lie between.
    price, price_source
        Price the forecast starts from: the request's, or the store's last close.
    predicted_return, prediction
        Daily log return, and ``price * exp(predicted_return)``.
    intervals
        Conformal intervals by level.
    probability_up, confidence
        Calibrated probability that the next close is above ``price``'s session, and that the sign of
        ``predicted_return`` is right. Both are measured on sessions that training never saw.
    prices_source, last_close
        Source of the history and its last close.
    stale, sessions_behind
        Whether completed sessions are missing from the history, and how many.
    generation, trained_at, model_stale
        Identity of the model, when it was trained, and whether that is more than seven days ago.
    correlations_as_of, correlations
        Session the graph's correlations were taken at, and whether they are the ``stored`` ones (under 24 hours
        old and of the newest session) or were ``computed`` from stored prices.
    calibration_sessions
        Sessions behind intervals and probabilities.
    notes
        Anything a careful reader should know.
    """

    model_config = ConfigDict(frozen=True)

    symbol: str
    status: Status
    model: str
    as_of: date
    target_session: date
    horizon: int
    price: float
    price_source: Literal["request", "last close"]
    predicted_return: float
    prediction: float
    intervals: tuple[Interval, ...]
    probability_up: float
    confidence: float
    prices_source: str
    last_close: float
    stale: bool
    sessions_behind: int
    generation: str | None
    trained_at: datetime | None
    model_stale: bool
    correlations_as_of: date | None
    correlations: Literal["stored", "computed"] | None
    calibration_sessions: int
    notes: tuple[str, ...] = ()
