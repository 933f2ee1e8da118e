"""The route of all symbols at a glance: last close, expected moves, how fresh each is, and its last closes."""

from __future__ import annotations

import numpy as np
from fastapi import APIRouter, Request
from fastapi.responses import Response
from numpy.typing import NDArray
from pydantic import TypeAdapter

from tickgraph.errors import PriceDataError
from tickgraph.http.compressed import compressed
from tickgraph.http.page_answers import Move, OverviewAnswer, OverviewEntry
from tickgraph.http.parameters import CurrentService
from tickgraph.http.problem import problem_of, problems
from tickgraph.http.service import Service
from tickgraph.market.spelling import Symbol
from tickgraph.market.universe import SECTORS, canonical
from tickgraph.serving.outlook import Outlook
from tickgraph.serving.price_ranges import HorizonForecast

WEEK, MONTH = 5, 21
"""Sessions."""
CLOSES = 63
"""Last closes of each symbol: a quarter of a year."""
LEVEL = 0.8

router = APIRouter(tags=["symbols"])


_ANSWER = TypeAdapter(OverviewAnswer)


@router.get("/overview", response_model=OverviewAnswer, responses=problems())
async def overview(request: Request, service: CurrentService) -> Response:
    """Give every symbol at a glance in one call, with its last closes; no symbol is trained for it.

    A symbol without a model is answered by momentum, which forecasts the next session only.
    """
    return await service.in_thread(lambda: compressed(request, _ANSWER.dump_json(_overview(service))))


def _overview(service: Service) -> OverviewAnswer:
    names = sorted(service.forecaster.catalogue.known())
    outlooks = service.outlooks(names)
    sectors = {canonical(name): sector for sector, members in SECTORS.items() for name in members}
    history = _History(service)
    entries = outlooks.each(names, lambda outlook: _entry(service, outlook, sectors, history))
    return OverviewAnswer.model_construct(
        symbols=list(entries.values()),
        failures={symbol: problem_of(error) for symbol, error in outlooks.failures.items()},
    )


def _entry(
    service: Service, outlook: Outlook, sectors: dict[Symbol, str], history: _History
) -> OverviewEntry:
    fields = service.forecaster.answer_fields(outlook, None)
    closes = history.closes(outlook)
    before, last = closes[-2:] if len(closes) > 1 else (np.nan, np.nan)
    moves = {horizon.sessions: horizon for horizon in fields["horizons"]}
    return OverviewEntry.model_construct(
        symbol=outlook.symbol,
        sector=sectors.get(outlook.symbol),
        **{name: fields[name] for name in _SHARED},
        change=_number(last / before - 1),
        week=_move(moves.get(WEEK)),
        month=_move(moves.get(MONTH)),
        closes=[_number(close) for close in closes],
    )


_SHARED = tuple(
    name
    for name in OverviewEntry.model_fields
    if name not in ("symbol", "sector", "change", "week", "month", "closes")
)


def _move(horizon: HorizonForecast | None) -> Move | None:
    if horizon is None:
        return None
    interval = next(one for one in horizon.intervals if one.level == LEVEL)
    return Move(
        sessions=horizon.sessions,
        expiry=horizon.expiry,
        expected_move=horizon.expected_move,
        lower=interval.lower,
        upper=interval.upper,
    )


def _number(value: float) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None


class _History:
    """Closes of symbols, from the prices in memory."""

    def __init__(self, service: Service) -> None:
        self._panels = service.forecaster.panels

    def closes(self, outlook: Outlook) -> NDArray[np.float64]:
        """The last closes up to the session of an outlook."""
        try:
            panel = self._panels.covering(outlook.source, (outlook.symbol,))
        except PriceDataError:
            return np.array([])
        end = int(np.searchsorted(panel.sessions, outlook.as_of, side="right"))
        return panel.close[max(0, end - CLOSES) : end, panel.column(outlook.symbol)]
