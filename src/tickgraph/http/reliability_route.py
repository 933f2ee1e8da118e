"""The route of a symbol's past forecasts against what happened: its own live ones, and those of an evaluation."""

from __future__ import annotations

from fastapi import APIRouter

from tickgraph.errors import ArtefactError
from tickgraph.http.page_answers import EvaluatedReliability, ReliabilityAnswer
from tickgraph.http.parameters import CurrentService, SymbolInPath
from tickgraph.http.problem import problems
from tickgraph.http.service import Service
from tickgraph.market.spelling import Symbol
from tickgraph.operations.reliability import (
    WINDOW,
    live_reliability,
)

router = APIRouter(tags=["symbols"])


@router.get("/symbols/{symbol}/reliability", responses=problems(404, 422))
async def reliability(service: CurrentService, symbol: SymbolInPath) -> ReliabilityAnswer:
    """Set a symbol's past forecasts beside what happened: how often the close was where it was said to be, by horizon.

    Every forecast that is computed is logged. It counts here once its session is over and stored prices reach it.
    """
    return await service.in_thread(lambda: _reliability(service, symbol))


def _reliability(service: Service, name: Symbol) -> ReliabilityAnswer:
    service.known_symbols.check(name)
    forecaster = service.forecaster
    try:
        record = forecaster.registry.metadata(name).evaluation_by_horizon
    except ArtefactError:  # no model, or none that can be read: what was forecast counts all the same
        record = None
    live = live_reliability(
        service.settings.operations_dir,
        name,
        lambda source, symbols, _: forecaster.panels.whole(source, (name,)).select(symbols),
        service.now(),
    )
    return ReliabilityAnswer(
        symbol=name,
        window=WINDOW,
        live=live,
        evaluated=EvaluatedReliability.of(record) if record else None,
    )
