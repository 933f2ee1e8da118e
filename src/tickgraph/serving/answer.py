"""Turn a predictive distribution into an answer: prices, intervals, confidence, provenance."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from tickgraph.errors import InputError
from tickgraph.market import calendar
from tickgraph.market.panel import PricePanel
from tickgraph.model.calibration import PredictiveDistribution
from tickgraph.model.measures import LEVELS
from tickgraph.serving.forecast import Forecast, Interval, Status
from tickgraph.serving.served import ServedModel

HORIZON = 1
UNUSUAL_MOVE = 0.25  # a request's price this far from the last close is pointed out


def checked_price(symbol: str, price: float) -> float:
    """Return the price if it is a positive number; :class:`InputError` otherwise."""
    if not (isinstance(price, int | float | np.number) and math.isfinite(price) and price > 0):
        raise InputError(f"Price of {symbol} must be a positive number of dollars, got {price!r}.")
    return float(price)


class Clock:
    """What session is next and how stale a history is, remembered per session and hour."""

    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        self._now = now
        self._remembered: dict[tuple[np.datetime64, datetime], tuple[np.datetime64, int]] = {}

    def read(self, as_of: np.datetime64) -> tuple[np.datetime64, int]:
        """Session after ``as_of``, and completed sessions that the history lacks."""
        now = self._now() if self._now else datetime.now().astimezone()
        key = (as_of, now.replace(minute=now.minute // 5 * 5, second=0, microsecond=0))
        if key not in self._remembered:
            self._remembered.clear()
            self._remembered[key] = (calendar.next_session(as_of), calendar.sessions_behind(as_of, now))
        return self._remembered[key]


@dataclass(frozen=True)
class PriceContext:
    """Where an answer's prices end and come from."""

    as_of: np.datetime64
    last_close: float
    source: str

    @classmethod
    def of(cls, panel: PricePanel, symbol: str) -> PriceContext:
        """Read the last row of a panel that ends at the symbol's last session."""
        return cls(panel.sessions[-1], float(panel.close[-1, panel.column(symbol)]), panel.source)


def answer(
    symbol: str,
    distribution: PredictiveDistribution,
    prices: PriceContext,
    price: float | None,
    clock: Clock,
    *,
    model: ServedModel | None = None,
    trained_now: bool = False,
) -> Forecast:
    """Assemble the answer for one symbol; ``model`` None means the momentum fallback."""
    start = prices.last_close if price is None else price
    target, behind = clock.read(prices.as_of)
    rise = distribution.probability_above(0.0)
    status: Status = "momentum" if model is None else "trained-on-demand" if trained_now else "pre-trained"
    intervals = []
    for level in LEVELS:
        low, high = distribution.interval(level)
        intervals.append(
            Interval(
                level=level,
                lower=start * math.exp(low),
                upper=start * math.exp(high),
                lower_return=low,
                upper_return=high,
            )
        )
    return Forecast(
        symbol=symbol,
        status=status,
        model="momentum" if model is None else "gnn",
        as_of=prices.as_of.item(),
        target_session=target.item(),
        horizon=HORIZON,
        price=start,
        price_source="last close" if price is None else "request",
        predicted_return=distribution.forecast,
        prediction=start * math.exp(distribution.forecast),
        intervals=tuple(intervals),
        probability_up=rise,
        confidence=rise if distribution.forecast >= 0 else 1 - rise,
        prices_source=prices.source,
        last_close=prices.last_close,
        stale=behind > 0,
        sessions_behind=behind,
        generation=model.generation if model else None,
        trained_at=model.trained_at if model else None,
        correlations_as_of=model.correlation_as_of.item() if model else None,
        calibration_sessions=len(distribution.scores),
        notes=tuple(_notes(symbol, prices, start, behind, model)),
    )


def _notes(
    symbol: str, prices: PriceContext, start: float, behind: int, model: ServedModel | None
) -> list[str]:
    notes = []
    if behind:
        notes.append(f"prices end on {prices.as_of}: {behind} completed sessions are missing")
    if model is None:
        notes.append(f"no model for {symbol}: momentum of its own returns; train one with: tickgraph train")
    else:
        notes += _model_notes(model, prices)
    if abs(start / prices.last_close - 1) > UNUSUAL_MOVE:
        notes.append(f"price {start:g} is {start / prices.last_close - 1:+.0%} from the last close")
    return notes


def _model_notes(model: ServedModel, prices: PriceContext) -> list[str]:
    notes = []
    if not model.beats_zero:
        notes.append(
            "out of sample this model did not beat forecasting no move: trust the interval, not the sign"
        )
    if model.short_history:
        notes.append("trained on a short history")
    if model.correlation_as_of != prices.as_of:
        notes.append(
            f"correlations were published for {model.correlation_as_of}, so they were computed for "
            f"{prices.as_of} from stored prices"
        )
    return notes
