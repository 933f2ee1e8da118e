"""What does not depend on a request's price, computed for many symbols in one network call."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from tickgraph.errors import ArtefactError, PriceDataError, TickgraphError
from tickgraph.graph.config import GraphConfig
from tickgraph.market.panel import PricePanel
from tickgraph.model.bounds import SESSIONS, OwnMoves, outside_itself, unsupported
from tickgraph.model.calibration import PredictiveDistribution
from tickgraph.model.network import attention, forward
from tickgraph.model.still import unmoved
from tickgraph.model.volatility import STILL
from tickgraph.model.weights import Weights, stack_weights
from tickgraph.serving.momentum import momentum_forecast
from tickgraph.serving.prepared import Prepared, PriceContext, staleness
from tickgraph.serving.served import ServedModel
from tickgraph.serving.snapshot import TargetGraph, latest_correlation, latest_graphs, latest_volatility


def prepare_models(
    whole: PricePanel, session: np.datetime64, models: Sequence[ServedModel], now: datetime
) -> list[Prepared | TickgraphError]:
    """Forecast models of one graph configuration from the prices up to a session: a single network call.

    Parameters
    ----------
    whole
        Prices of all their nodes; nothing after ``session`` is used.
    session
        Last session of every model's target.
    models
        At least one.
    now
        Decides whether stored correlations are still fresh.

    Returns
    -------
    list
        For each model, its forecast or an error. It is an error if the target's own prices have too large a gap in
        the sessions that its features need. It is one if they do not move there, since nothing is known of the
        target's volatility then. And it is one if the model says what the target's own moves do not support.
    """
    panel, graph = whole.through(session), models[0].graph
    reasons = [staleness(model, session, now) for model in models]
    correlations = [
        latest_correlation(panel, model.nodes, graph) if reason else model.correlation
        for model, reason in zip(models, reasons, strict=True)
    ]
    graphs = latest_graphs(panel, [model.nodes for model in models], correlations, graph)
    # Weights may be finite and give no number: what comes out is checked below.
    with np.errstate(all="ignore"):
        returns = forward(_stacked(models), graphs.features, graphs.adjacency)[:, 0]  # [S]
        volatility = [latest_volatility(panel, model.nodes, model.volatility, graph) for model in models]
    found: list[Prepared | TickgraphError] = []
    for row, (model, reason) in enumerate(zip(models, reasons, strict=True)):
        spread = volatility[row]
        if not graphs.present[row, 0] or np.isnan(spread) or (spread == 0 and _is_still(panel, model.symbol)):
            found.append(_unusable(model, session, graph, moved=spread != 0))
            continue
        distribution = PredictiveDistribution(float(returns[row]), spread, model.scores, model.trust)
        moves = OwnMoves.of(_own_returns(panel, model.symbol, SESSIONS))
        with np.errstate(all="ignore"):
            fault = unsupported(distribution, moves) or outside_itself(distribution, moves)
        if fault:
            found.append(_refused(model, fault))
            continue
        found.append(
            Prepared(
                model.symbol,
                distribution,
                PriceContext.of(panel, model.symbol),
                model,
                reason,
                tuple(
                    name for name, there in zip(model.nodes, graphs.present[row], strict=False) if not there
                ),
                whole.lineage,
                model.calibration_sessions,
            )
        )
    return found


def _own_returns(panel: PricePanel, symbol: str, sessions: int) -> NDArray[np.float64]:
    closes = panel.adj_close[-sessions - 1 :, panel.column(symbol)]
    return np.asarray(np.diff(np.log(closes)))


def _is_still(panel: PricePanel, symbol: str) -> bool:
    return not _own_returns(panel, symbol, STILL).any()


def _refused(model: ServedModel, fault: str) -> ArtefactError:
    return ArtefactError(
        f"The model of {model.symbol} is refused: {fault}. Run: tickgraph train --symbols {model.symbol}"
    )


def _unusable(
    model: ServedModel, session: np.datetime64, graph: GraphConfig, *, moved: bool
) -> PriceDataError:
    if not moved:
        return unmoved(model.symbol, session)
    return PriceDataError(
        f"Prices of {model.symbol} have too large a gap in the {graph.feature_window + 1} sessions up to {session}, or "
        "lack the session before it, so there is no forecast. "
        f"Run: tickgraph prices update --symbols {model.symbol} --source {model.source}"
    )


def prepare_momentum(symbol: str, whole: PricePanel, as_of: date | None, graph: GraphConfig) -> Prepared:
    """Forecast a symbol without a model from its own returns up to a day; None is all that are there."""
    panel = until(whole, as_of)
    panel = panel.through(last_session(panel, symbol))
    distribution, sessions = momentum_forecast(panel, symbol, graph.feature_window)
    context = PriceContext.of(panel, symbol)
    if fault := unsupported(distribution, OwnMoves.of(_own_returns(panel, symbol, SESSIONS))):
        raise PriceDataError(
            f"The prices of {symbol} give no forecast by momentum: {fault}. "
            f"Check them with: tickgraph prices check --symbols {symbol}"
        )
    return Prepared(symbol, distribution, context, None, None, (), whole.lineage, sessions)


def target_graph(model: ServedModel, panel: PricePanel, now: datetime) -> TargetGraph:
    """Graph that a model's forecast comes from now, with its attention."""
    panel = panel.through(last_session(panel, model.symbol))
    session = panel.sessions[-1]
    reason = staleness(model, session, now)
    correlation = latest_correlation(panel, model.nodes, model.graph) if reason else model.correlation
    graphs = latest_graphs(panel, [model.nodes], [correlation], model.graph)
    features, adjacency = graphs.features[0], graphs.adjacency[0]
    with np.errstate(all="ignore"):
        alpha = attention(model.weights, features, adjacency)  # [K, N, N]
    if not np.isfinite(alpha).all():
        raise _refused(model, "its attention is no number")
    return TargetGraph(model.nodes, session, features, graphs.present[0], correlation, adjacency, alpha)


def until(panel: PricePanel, as_of: date | None) -> PricePanel:
    """Prices up to a day; None is all of them."""
    return panel if as_of is None else panel.through(np.datetime64(as_of, "D"))


def last_session(panel: PricePanel, symbol: str) -> np.datetime64:
    """Last session at which the symbol has prices; :class:`PriceDataError` if there is none."""
    closes = panel.adj_close[:, panel.column(symbol)]
    if len(closes) and np.isfinite(closes[-1]):
        return panel.sessions[-1]
    traded = np.flatnonzero(np.isfinite(closes))
    if not len(traded):
        raise PriceDataError(
            f"No prices for {symbol} in the store ({panel.source}). Run: tickgraph prices update --symbols {symbol}"
        )
    return panel.sessions[traded[-1]]


def _stacked(models: Sequence[ServedModel]) -> Weights:
    if len(models) == 1:
        return {path: value[None] for path, value in models[0].weights.items()}
    return stack_weights([model.weights for model in models])
