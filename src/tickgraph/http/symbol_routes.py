"""Routes of symbols: which there are, what is known of each, and the graph behind its forecast."""

from __future__ import annotations

import contextlib
from datetime import date
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from tickgraph.errors import ModelNotFoundError, PriceDataError, reason_of
from tickgraph.http.compressed import compressed
from tickgraph.http.parameters import CurrentService, SymbolInPath
from tickgraph.http.problem import problems
from tickgraph.http.responses import (
    PricesAnswer,
    SymbolAnswer,
    SymbolEntry,
    SymbolsAnswer,
)
from tickgraph.http.service import Service
from tickgraph.market.spelling import Symbol
from tickgraph.market.universe import sector_of
from tickgraph.pipeline.jobs import Job
from tickgraph.registry.metadata import ModelMetadata
from tickgraph.serving.graph_answer import GraphAnswer

PRICE_COLUMNS = ("open", "high", "low", "close", "volume")
MAX_SESSIONS = 2_000

History = Annotated[
    int, Query(ge=1, le=MAX_SESSIONS, description="How many of the last sessions.", examples=[260])
]

router = APIRouter(tags=["symbols"])


@router.get("/symbols", response_model=SymbolsAnswer, responses=problems())
async def symbols(request: Request, service: CurrentService) -> Response:
    """List the symbols that can be forecast: by a model, or by momentum where only prices are stored."""
    return await service.in_thread(lambda: compressed(request, _symbols(service).model_dump_json().encode()))


@router.get("/symbols/{symbol}", responses=problems(404, 422))
async def symbol(service: CurrentService, symbol: SymbolInPath) -> SymbolAnswer:
    """Say what is known of a symbol: its model's metadata, its training, its stored prices."""
    return await service.in_thread(lambda: _describe(service, symbol))


@router.get("/symbols/{symbol}/graph", responses=problems(404, 422))
async def graph(service: CurrentService, symbol: SymbolInPath) -> GraphAnswer:
    """Give the graph behind a symbol's forecast: nodes with features, edges, correlations, attention."""
    return await service.in_thread(lambda: _graph(service, symbol))


@router.get("/symbols/{symbol}/prices", response_model=PricesAnswer, responses=problems(404, 422))
async def prices(
    request: Request, service: CurrentService, symbol: SymbolInPath, sessions: History = 260
) -> Response:
    """Give a symbol's last daily prices, adjusted for splits and not for dividends."""
    return await service.in_thread(
        lambda: compressed(request, _prices(service, symbol, sessions).model_dump_json().encode())
    )


def _symbols(service: Service) -> SymbolsAnswer:
    held = set(service.forecaster.models.symbols())
    entries = [_entry(service, name, held) for name in sorted(service.forecaster.catalogue.known())]
    return SymbolsAnswer(count=len(entries), trained=len(service.forecaster.symbols()), symbols=entries)


def _entry(service: Service, name: Symbol, held: set[Symbol]) -> SymbolEntry:
    try:
        sector = sector_of(name)
    except Exception as error:  # noqa: BLE001  it fails this symbol's sector, and not the list
        reason_of(name, error)  # the log has it
        sector = None
    model = "gnn" if name in service.forecaster.catalogue.trained else "momentum"
    return SymbolEntry(symbol=name, model=model, in_memory=name in held, sector=sector)


def _describe(service: Service, name: Symbol) -> SymbolAnswer:
    service.known_symbols.check(name)
    forecaster = service.forecaster
    try:
        metadata = forecaster.registry.metadata(name)
    except ModelNotFoundError:
        metadata = None
    source = _source(service, metadata)
    try:
        panel = forecaster.panels.whole(source, (name,))
        sessions = panel.sessions[np.isfinite(panel.adj_close[:, panel.column(name)])]
    except PriceDataError:
        sessions = np.array([], "datetime64[D]")
    refusal = forecaster.models.refusal(name)
    _, quality = service.metrics.operations.seen()
    return SymbolAnswer(
        symbol=name,
        model="gnn" if metadata else "momentum",
        in_memory=forecaster.models.peek(name) is not None,
        sector=sector_of(name),
        metadata=metadata.model_dump(mode="json") if metadata else None,
        refused=str(refusal) if refusal else None,
        training=_training(service, name),
        prices_source=source,
        first_session=_day(sessions[0]) if len(sessions) else None,
        last_session=_day(sessions[-1]) if len(sessions) else None,
        sessions=len(sessions) or None,
        live=quality.symbols.get(name) if quality else None,
        out_of_band=quality.flagged.get(name) if quality else None,
    )


def _source(service: Service, metadata: ModelMetadata | None) -> str:
    """Source of the prices that a symbol is forecast from."""
    return metadata.data_stats.source if metadata else service.forecaster.source


def _prices(service: Service, name: Symbol, most: int) -> PricesAnswer:
    service.known_symbols.check(name)
    forecaster = service.forecaster
    outlook, metadata = forecaster.peek(name), None
    if outlook is None:
        with contextlib.suppress(ModelNotFoundError):
            metadata = forecaster.registry.metadata(name)
    source = outlook.source if outlook else _source(service, metadata)
    panel = forecaster.panels.whole(source, (name,)).traded(name).tail(most)
    columns = {column: getattr(panel, column)[:, panel.column(name)] for column in PRICE_COLUMNS}
    return PricesAnswer(
        symbol=name,
        prices_source=source,
        prices_provider=panel.provider(name),
        sessions=[_day(session) for session in panel.sessions],
        **{column: [_number(value) for value in values] for column, values in columns.items()},
    )


def _number(value: float) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None


def _training(service: Service, name: Symbol) -> Job | None:
    running = service.background.running(name)
    if running is None:
        return service.background.recent_failure(name)
    return service.background.board.read(running.id) or running


def _day(session: np.datetime64) -> date:
    day: date = session.astype(date)
    return day


def _graph(service: Service, name: Symbol) -> GraphAnswer:
    service.known_symbols.check(name)
    return service.forecaster.graph(name)
