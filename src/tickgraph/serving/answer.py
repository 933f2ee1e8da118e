"""The answer: what a forecast says at a price, in which words, and where each part of it comes from."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from tickgraph.errors import TickgraphError
from tickgraph.market.calendar import Clock
from tickgraph.market.dividends import Source as DividendSource
from tickgraph.registry.freshness import MODEL_AGE
from tickgraph.serving.notes import notes, remark_on
from tickgraph.serving.outlook import Outlook, PerDollarKey
from tickgraph.serving.price_ranges import HorizonForecast, Interval, horizon_forecasts

HORIZON = 1
UNUSUAL_MOVE = 0.25  # a request's price this far from the last close is pointed out

Status = Literal["pre-trained", "trained-on-demand", "momentum"]


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
    """Conformal intervals of the close of `target_session`, by level."""
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
    horizons: tuple[HorizonForecast, ...] = ()
    """How far the price may move in 1, 2, 3, 5, 10, 21, 42 and 63 sessions; empty where nothing forecasts more than
    one session."""
    dividends: DividendSource | None = None
    """What dividends are taken off in `horizons`: those of past ex-dates, expected to come again; the last year's
    yield, spread evenly; or none. Null where `horizons` is empty."""
    notes: tuple[str, ...] = ()
    """What a careful reader should know."""


@dataclass
class Forecasts:
    """Answers for several symbols: what was forecast, and what failed and why."""

    forecasts: dict[str, Forecast] = field(default_factory=dict)
    failures: dict[str, TickgraphError] = field(default_factory=dict)


_BLANK = Forecast.model_construct()  # type: ignore[call-arg]  # its values come with each answer


def forecast_of(fields: dict[str, Any]) -> Forecast:
    """Forecast of what :func:`answer_fields` gives; validating values that were made here would take longer."""
    return _BLANK.model_copy(update=fields)


def answer_fields(
    outlook: Outlook,
    price: float | None,
    clock: Clock,
    *,
    trained_now: bool = False,
    refused: Exception | None = None,
) -> dict[str, Any]:
    """Fields of a :class:`Forecast` in their order.

    Parameters
    ----------
    outlook
        What the model, or momentum, says.
    price
        Dollars, above 0; None is the last close.
    clock
        Says what is stale.
    trained_now
        Whether the model was trained for this request.
    refused
        Why a newer model is not used.
    """
    fields = dict(per_dollar(outlook, clock, trained_now=trained_now, refused=refused)[1])
    start = outlook.last_close if price is None else price
    fields["price"] = start
    fields["price_source"] = "last close" if price is None else "request"
    fields["prediction"] = start * fields["prediction"]
    fields["intervals"] = tuple(interval.at(start) for interval in fields["intervals"])
    fields["horizons"] = tuple(horizon.at(start) for horizon in fields["horizons"])
    if is_unusual(outlook, start):
        move = start / outlook.last_close - 1
        fields["notes"] = (*fields["notes"], f"price {start:g} is {move:+.0%} from the last close")
    return fields


def forecast_from(
    outlook: Outlook,
    price: float | None,
    clock: Clock,
    *,
    trained_now: bool = False,
    refused: Exception | None = None,
) -> Forecast:
    """Forecast at a price; the parameters are those of :func:`answer_fields`."""
    return forecast_of(answer_fields(outlook, price, clock, trained_now=trained_now, refused=refused))


def is_unusual(outlook: Outlook, price: float) -> bool:
    """Whether a price lies so far from the last close that the answer says so."""
    return abs(price / outlook.last_close - 1) > UNUSUAL_MOVE


def per_dollar(
    outlook: Outlook, clock: Clock, *, trained_now: bool = False, refused: Exception | None = None
) -> tuple[PerDollarKey, dict[str, Any]]:
    """Fields of an answer at a price of one dollar, and what they depend on besides the outlook.

    They are made once and kept. The price's own fields and source are None.
    """
    now = clock.now()
    target, behind = clock.read(outlook.as_of, now)
    is_old = outlook.model is not None and now - outlook.model.trained_at > MODEL_AGE
    key = behind, is_old, trained_now, remark_on(refused) if refused else None
    if (kept := outlook.any_price.get(key)) is None:
        kept = outlook.any_price[key] = _per_dollar(outlook, target, *key)
    return key, kept


def _per_dollar(
    outlook: Outlook, target: date, behind: int, is_old: bool, trained_now: bool, refused: str | None
) -> dict[str, Any]:
    model, rise = outlook.model, outlook.probability_up
    status: Status = "momentum" if model is None else "trained-on-demand" if trained_now else "pre-trained"
    as_of = outlook.as_of.astype(date)
    correlated = model.correlation_as_of.astype(date) if model else None
    return {
        "symbol": outlook.symbol,
        "status": status,
        "model": "gnn" if model else "momentum",
        "as_of": as_of,
        "target_session": target,
        "horizon": HORIZON,
        "price": None,
        "price_source": None,
        "predicted_return": outlook.distribution.forecast,
        "prediction": math.exp(outlook.distribution.forecast),
        "intervals": tuple(Interval.of_returns(*interval) for interval in outlook.intervals),
        "probability_up": rise,
        "confidence": rise if outlook.distribution.forecast >= 0 else 1 - rise,
        "prices_source": outlook.source,
        "prices_provider": outlook.provider,
        "last_close": outlook.last_close,
        "stale": behind > 0,
        "sessions_behind": behind,
        "generation": model.generation if model else None,
        "trained_at": model.trained_at if model else None,
        "model_stale": is_old,
        "correlations_as_of": as_of if outlook.recomputed else correlated,
        "correlations": None if model is None else "computed" if outlook.recomputed else "stored",
        "calibration_sessions": outlook.calibration_sessions,
        "horizons": _every_horizon(outlook),
        "dividends": outlook.dividends.source if outlook.dividends else None,
        "notes": tuple(notes(outlook, behind, refused)),
    }


def _every_horizon(outlook: Outlook) -> tuple[HorizonForecast, ...]:
    found = outlook.horizons
    return () if found is None else horizon_forecasts(found, outlook.as_of, found.horizons)
