"""Turn a predictive distribution into an answer: prices, intervals, confidence, provenance."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from tickgraph.market import calendar
from tickgraph.serving.forecast import Forecast, Interval, Status
from tickgraph.serving.prepared import Prepared, PriceContext
from tickgraph.serving.served import ServedModel

HORIZON = 1
UNUSUAL_MOVE = 0.25  # a request's price this far from the last close is pointed out
_BLANK = Forecast.model_construct()  # type: ignore[call-arg]  # its values come with each answer
REMEMBERED = timedelta(minutes=5)
MODEL_AGE = timedelta(days=7)  # an older model is due for retraining


class Clock:
    """What time it is, what session is next and how stale a history is, remembered for five minutes."""

    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        self._now = now
        self._remembered: dict[np.datetime64, tuple[datetime, datetime, date, int]] = {}

    def now(self) -> datetime:
        """Aware time."""
        return self._now() if self._now else datetime.now(UTC)

    def read(self, as_of: np.datetime64, now: datetime) -> tuple[date, int]:
        """Session after ``as_of``, and completed sessions that the history lacks."""
        found = self._remembered.get(as_of)
        if found is None or not found[0] <= now < found[1]:
            if len(self._remembered) > 1000:
                self._remembered.clear()
            since = now.replace(minute=now.minute // 5 * 5, second=0, microsecond=0)
            target = _day(calendar.next_session(as_of))
            found = since, since + REMEMBERED, target, calendar.sessions_behind(as_of, now)
            self._remembered[as_of] = found
        return found[2], found[3]


def answer(
    prepared: Prepared,
    price: float | None,
    clock: Clock,
    *,
    trained_now: bool = False,
    refused: Exception | None = None,
) -> Forecast:
    """Assemble the answer for one symbol at a price; ``refused`` is why a newer model is not used."""
    # Its values were made here and are of their types: validating them again would take longer than the rest.
    return _BLANK.model_copy(
        update=answer_values(prepared, price, clock, trained_now=trained_now, refused=refused)
    )


def answer_values(
    prepared: Prepared,
    price: float | None,
    clock: Clock,
    *,
    trained_now: bool = False,
    refused: Exception | None = None,
) -> dict[str, Any]:
    """Fields of the answer in their order, for who needs no more than JSON."""
    start = prepared.prices.last_close if price is None else price
    values = dict(_values_at_any_price(prepared, clock, trained_now, refused))
    values["price"] = start
    values["price_source"] = "last close" if price is None else "request"
    values["prediction"] = start * math.exp(prepared.distribution.forecast)
    values["intervals"] = tuple(
        Interval(level, start * math.exp(low), start * math.exp(high), low, high)
        for level, low, high in prepared.intervals
    )
    move = start / prepared.prices.last_close - 1
    if abs(move) > UNUSUAL_MOVE:
        values["notes"] = (*values["notes"], f"price {start:g} is {move:+.0%} from the last close")
    return values


def _values_at_any_price(
    prepared: Prepared, clock: Clock, trained_now: bool, refused: Exception | None
) -> dict[str, Any]:
    """Fields in their order; those that a price decides are None. Kept with what was prepared, while they hold."""
    now = clock.now()
    target, behind = clock.read(prepared.prices.as_of, now)
    model_stale = prepared.model is not None and now - prepared.model.trained_at > MODEL_AGE
    if trained_now or refused:
        return _made(prepared, target, behind, model_stale, trained_now, refused)
    kept = prepared.said.get((behind, model_stale))
    if kept is None:
        kept = _made(prepared, target, behind, model_stale, trained_now, refused)
        prepared.said[behind, model_stale] = kept
    return kept


def _made(
    prepared: Prepared,
    target: date,
    behind: int,
    model_stale: bool,
    trained_now: bool,
    refused: Exception | None,
) -> dict[str, Any]:
    model, prices, distribution = prepared.model, prepared.prices, prepared.distribution
    rise = prepared.probability_up
    status: Status = "momentum" if model is None else "trained-on-demand" if trained_now else "pre-trained"
    return {
        "symbol": prepared.symbol,
        "status": status,
        "model": "momentum" if model is None else "gnn",
        "as_of": _day(prices.as_of),
        "target_session": target,
        "horizon": HORIZON,
        "price": None,
        "price_source": None,
        "predicted_return": distribution.forecast,
        "prediction": None,
        "intervals": None,
        "probability_up": rise,
        "confidence": rise if distribution.forecast >= 0 else 1 - rise,
        "prices_source": prices.source,
        "prices_provider": prices.provider,
        "last_close": prices.last_close,
        "stale": behind > 0,
        "sessions_behind": behind,
        "generation": model.generation if model else None,
        "trained_at": model.trained_at if model else None,
        "model_stale": model_stale,
        "correlations_as_of": _correlated(prepared, model),
        "correlations": None if model is None else "computed" if prepared.recomputed else "stored",
        "calibration_sessions": prepared.calibration_sessions,
        "notes": tuple(_notes(prepared, behind, refused)),
    }


def _correlated(prepared: Prepared, model: ServedModel | None) -> date | None:
    if model is None:
        return None
    return _day(prepared.prices.as_of if prepared.recomputed else model.correlation_as_of)


def _day(session: np.datetime64) -> date:
    day: date = session.astype(date)
    return day


def _notes(prepared: Prepared, behind: int, refused: Exception | None) -> list[str]:
    notes, prices = [], prepared.prices
    if behind:
        notes.append(f"prices end on {prices.as_of}: {behind} completed sessions are missing")
    if prepared.model is None:
        notes.append(
            f"no model for {prepared.symbol}: momentum of its own returns answers; "
            f"train one with: tickgraph train --symbols {prepared.symbol}"
        )
    else:
        notes += _model_notes(prepared, prepared.model, prices)
    if refused:
        notes.append(f"a newer model is not used, since it could not be verified: {refused}")
    return notes


def _model_notes(prepared: Prepared, model: ServedModel, prices: PriceContext) -> list[str]:
    notes = []
    if model.trained_through > prices.as_of:
        notes.append(
            f"the model was trained and calibrated on prices up to {model.trained_through}, later than the "
            f"forecast's own: this is no test of it. Train one with: tickgraph train --as-of {prices.as_of}"
        )
    if not model.beats_zero:
        notes.append(
            "out of sample this model did not beat forecasting no move: trust the interval, not the sign"
        )
    if model.volatility is None:
        notes.append(
            "the model is of an earlier release: its intervals follow the last 20 sessions alone, and its confidence "
            f"is less reliable. Train it again: tickgraph train --symbols {prepared.symbol}"
        )
    if model.short_history:
        notes.append("trained on a short history")
    peers, wanted = len(model.nodes) - 1, model.graph.num_stocks - 1
    if peers < wanted:
        notes.append(
            f"trained with {peers} of {wanted} peers: of the other symbols, no more had a price of "
            f"{model.trained_through} and enough sessions in common. tickgraph prices check names those that end "
            f"apart; bring them up to date or add prices of more symbols, then train {prepared.symbol} again"
        )
    if prepared.recomputed == "session":
        notes.append(
            f"correlations were published for {model.correlation_as_of}, so they were computed for "
            f"{prices.as_of} from stored prices"
        )
    elif prepared.recomputed == "age":
        notes.append("stored correlations are over 24 hours old, so they were computed from stored prices")
    if prepared.absent:
        notes.append(f"peers without complete prices at {prices.as_of}: {', '.join(prepared.absent)}")
    return notes
