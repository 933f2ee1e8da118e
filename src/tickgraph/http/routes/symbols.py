"""Symbols: which there are, what is known of each, and the graph behind its forecast."""

from __future__ import annotations

from datetime import date
from typing import Literal

import numpy as np
from fastapi import APIRouter, Request

from tickgraph.errors import ModelNotFoundError, PriceDataError, reason_of
from tickgraph.http.routes.documented import Symbol, problems, service_of
from tickgraph.http.schema import Edge, GraphAnswer, Node, SymbolAnswer, SymbolEntry, SymbolsAnswer
from tickgraph.http.service import Service
from tickgraph.market import spelling
from tickgraph.market.universe import canonical, sector_of
from tickgraph.pipeline.jobs import Job
from tickgraph.serving.outlook import TargetGraph

router = APIRouter(tags=["symbols"])


@router.get("/symbols", responses=problems())
async def symbols(request: Request) -> SymbolsAnswer:
    """List the symbols that can be forecast: by a model, or by momentum where only prices are stored."""
    return _list(service_of(request))


@router.get("/symbols/{symbol}", responses=problems(404, 422))
async def symbol(request: Request, symbol: Symbol) -> SymbolAnswer:
    """Say what is known of a symbol: its model's metadata, its training, its stored prices."""
    service = service_of(request)
    answer, _ = await service.in_thread(lambda: _describe(service, canonical(symbol)))
    return answer


@router.get("/symbols/{symbol}/graph", responses=problems(404, 422))
async def graph(request: Request, symbol: Symbol) -> GraphAnswer:
    """Give the graph behind a symbol's forecast: nodes with features, edges, correlations, attention."""
    service = service_of(request)
    answer, _ = await service.in_thread(lambda: _graph(service, canonical(symbol)))
    return answer


def _list(service: Service) -> SymbolsAnswer:
    held = set(service.forecaster.models.symbols())
    entries = [_entry(service, name, held) for name in sorted(service.known())]
    return SymbolsAnswer(count=len(entries), trained=len(service.forecaster.symbols()), symbols=entries)


def _entry(service: Service, name: spelling.Symbol, held: set[spelling.Symbol]) -> SymbolEntry:
    try:
        sector = sector_of(name)
    except Exception as error:  # noqa: BLE001  it fails this symbol's sector, and not the list
        reason_of(name, error)  # the log has it
        sector = None
    model: Literal["gnn", "momentum"] = "gnn" if name in service.forecaster.catalogue.trained else "momentum"
    return SymbolEntry(symbol=name, model=model, in_memory=name in held, sector=sector)


def _describe(service: Service, name: spelling.Symbol) -> SymbolAnswer:
    service.must_be_known(name)
    forecaster = service.forecaster
    try:
        metadata = forecaster.registry.metadata(name)
    except ModelNotFoundError:
        metadata = None
    source = metadata.data_stats.source if metadata else forecaster.source
    try:
        panel = forecaster.panels.covering(source, (name,))
        closes = panel.adj_close[:, panel.column(name)]
        sessions = panel.sessions[np.isfinite(closes)]
    except PriceDataError:
        sessions = np.array([], "datetime64[D]")
    refusal = forecaster.models.refusal(name)
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
    )


def _training(service: Service, name: spelling.Symbol) -> Job | None:
    running = service.background.running(name)
    if running is None:
        return service.background.recent_failure(name)
    return service.background.board.read(running.id) or running


def _day(session: np.datetime64) -> date:
    day: date = session.astype(date)
    return day


def _graph(service: Service, name: spelling.Symbol) -> GraphAnswer:
    service.must_be_known(name)
    found = service.forecaster.graph(name)
    size = len(found.nodes)
    alpha = found.attention[:, :size, :size]
    return GraphAnswer(
        symbol=name,
        as_of=_day(found.session),
        threshold=found.threshold,
        nodes=[
            Node(
                symbol=node,
                present=bool(found.present[index]),
                volatility=float(found.features[index, 0]),
                momentum=float(found.features[index, 1]),
                volume=float(found.features[index, 2]),
                shock=float(found.features[index, 3]) if found.features.shape[1] > 3 else None,
            )
            for index, node in enumerate(found.nodes)
        ],
        edges=_edges(found),
        correlations=found.correlation[:size, :size].tolist(),
        attention=alpha.tolist(),
        attention_of_target={
            node: float(alpha[:, 0, index].mean()) for index, node in enumerate(found.nodes)
        },
    )


def _edges(found: TargetGraph) -> list[Edge]:
    size = len(found.nodes)
    return [
        Edge(
            source=found.nodes[first],
            target=found.nodes[second],
            correlation=float(found.correlation[first, second]),
            weight=float(found.adjacency[first, second]),
        )
        for first in range(size)
        for second in range(first + 1, size)
        if found.adjacency[first, second] > 0
    ]
