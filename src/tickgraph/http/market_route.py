"""The route of the whole market: how all symbols move together, in which clusters, and what changed in a week."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import date

import numpy as np
from fastapi import APIRouter, Request
from fastapi.responses import Response
from numpy.typing import NDArray

from tickgraph.errors import PriceDataError
from tickgraph.graph.market_network import MarketNetwork, market_network
from tickgraph.http.compressed import compressed
from tickgraph.http.page_answers import ChangedPair, MarketAnswer, MarketEdge, MarketSymbol
from tickgraph.http.parameters import CurrentService
from tickgraph.http.problem import problems
from tickgraph.http.service import Service
from tickgraph.market.panel import PricePanel
from tickgraph.market.spelling import Symbol
from tickgraph.market.universe import SECTORS, canonical

SESSIONS = 60
WEEK = 5
STRONGEST = 4
THRESHOLD = 0.3
PAIRS = 20
LEAST = 3
"""Symbols of which there is a network."""
MOST = 2000
"""Symbols of a network; of N symbols N^2 correlations are in memory."""
MOST_OF_THEM = 0.5
"""Share of the symbols that have prices at the session a network is of."""

router = APIRouter(tags=["symbols"])


@router.get("/market", response_model=MarketAnswer, responses=problems())
async def market(request: Request, service: CurrentService) -> Response:
    """Give the network of all symbols: strong correlations, clusters, and what changed in a week.

    Correlations are of daily log returns over the last 60 sessions. Clusters are those of Ward's method on the distance
    sqrt(2 (1 - correlation)).
    """
    return await service.in_thread(lambda: compressed(request, _body(service)))


def _body(service: Service) -> bytes:
    """Answer from memory, or make the answer where other symbols or prices are known by now."""
    known = tuple(sorted(service.forecaster.catalogue.known()))
    own, panel = _priced(service, known)
    return service.market.of(
        (panel.lineage, known, own), lambda: _market(known, own, panel).model_dump_json().encode()
    )


def _market(known: Sequence[Symbol], own: Sequence[Symbol], panel: PricePanel) -> MarketAnswer:
    names, returns, sessions = _returns(own, panel)
    clusters = max(2, round(math.sqrt(len(names)) / 1.8))
    now, before = (
        market_network(window, strongest=STRONGEST, threshold=THRESHOLD, clusters=clusters)
        for window in (returns[-SESSIONS:], returns[-SESSIONS - WEEK : -WEEK])
    )
    change = now.correlation - before.correlation
    sectors = {canonical(name): sector for sector, members in SECTORS.items() for name in members}
    others = len(names) - 1
    return MarketAnswer(
        as_of=sessions[-1].astype(date),
        before=sessions[-1 - WEEK].astype(date),
        threshold=THRESHOLD,
        symbols=[
            MarketSymbol(
                symbol=name,
                sector=sectors.get(name),
                cluster=int(now.clusters[place]),
                mean_correlation=float((now.correlation[place].sum() - 1) / others),
                mean_change=float(np.abs(change[place]).sum() / others),
            )
            for place, name in enumerate(names)
        ],
        edges=[
            MarketEdge(source=first, target=second, correlation=float(now.correlation[first, second]))
            for first, second in now.edges.tolist()
        ],
        changes=_changes(names, now, before),
        mean_correlation=_mean(now),
        mean_correlation_before=_mean(before),
        left_out=sorted(set(known) - set(names)),
    )


def _changes(names: list[Symbol], now: MarketNetwork, before: MarketNetwork) -> list[ChangedPair]:
    rows, columns = np.triu_indices(len(names), 1)
    sizes = np.abs(now.correlation - before.correlation)[rows, columns]
    most = np.argsort(-sizes, kind="stable")[:PAIRS]
    return [
        ChangedPair(
            source=names[first],
            target=names[second],
            before=float(before.correlation[first, second]),
            now=float(now.correlation[first, second]),
        )
        for first, second in zip(rows[most], columns[most], strict=True)
    ]


def _mean(network: MarketNetwork) -> float:
    return float(network.correlation[np.triu_indices(len(network.correlation), 1)].mean())


def _priced(service: Service, known: Sequence[Symbol]) -> tuple[tuple[Symbol, ...], PricePanel]:
    """Symbols with prices of the source that most have, and its prices.

    Raises
    ------
    PriceDataError
        There are none.
    """
    known = known[:MOST]
    outlooks = {
        symbol: outlook for symbol in known if (outlook := service.forecaster.peek(symbol)) is not None
    }
    outlooks |= service.outlooks([symbol for symbol in known if symbol not in outlooks]).found
    sources = Counter(outlook.source for outlook in outlooks.values())
    if not sources:
        raise PriceDataError(
            "No symbol has prices that it can be forecast from. Run: tickgraph train --symbols TIER_1"
        )
    source = sources.most_common(1)[0][0]
    own = tuple(name for name in known if name in outlooks and outlooks[name].source == source)
    return own, service.forecaster.panels.covering(source, own)


def _returns(
    own: Sequence[Symbol], panel: PricePanel
) -> tuple[list[Symbol], NDArray[np.float64], NDArray[np.datetime64]]:
    """Symbols with prices on all of the last sessions, their returns ``[T, N]``, and the sessions.

    Raises
    ------
    PriceDataError
        There are too few.
    """
    panel = panel.select(own)
    held = np.isfinite(panel.adj_close).mean(axis=1) >= MOST_OF_THEM
    if held.any():  # one that is ahead of the others must not leave them out
        panel = panel.through(panel.sessions[held][-1])
    panel = panel.tail(SESSIONS + WEEK + 1)
    returns = panel.log_returns()[1:]  # [T, S]
    with np.errstate(invalid="ignore"):
        moves = returns[-SESSIONS:].std(axis=0) > 0
        moved = moves & (returns[: len(returns) - WEEK].std(axis=0) > 0)
    whole = np.isfinite(returns).all(axis=0) & moved
    names = [name for name, kept in zip(own, whole, strict=True) if kept]
    if len(names) < LEAST or len(returns) < SESSIONS + WEEK:
        raise PriceDataError(
            f"{len(names)} symbols have prices on each of the last {SESSIONS + WEEK + 1} sessions; a network needs "
            f"{LEAST}. Bring prices up to date: tickgraph prices update"
        )
    return names, returns[:, whole], panel.sessions
