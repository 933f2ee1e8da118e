"""Outlooks by the network: those of many symbols in one call, each checked before it counts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from tickgraph.errors import PriceDataError, TickgraphError
from tickgraph.graph.graph_config import GraphConfig
from tickgraph.graph.snapshots import latest_correlation, latest_graphs
from tickgraph.market.dividends import expected_dividends
from tickgraph.market.panel import PricePanel
from tickgraph.market.spelling import Symbol
from tickgraph.model.bounds import OwnMoves, outside_itself, unsupported
from tickgraph.model.calibration import PredictiveDistribution
from tickgraph.model.horizon_distribution import HorizonDistribution
from tickgraph.model.network import forward
from tickgraph.model.still import unmoved
from tickgraph.model.universe_state import UniverseState
from tickgraph.model.volatility import STILL, WINDOW, forecast_volatility
from tickgraph.model.weights import stack_weights
from tickgraph.options.touch import gap_shares
from tickgraph.registry.freshness import staleness
from tickgraph.serving.last_prices import last_price, own_returns
from tickgraph.serving.latest_variance import latest_variances
from tickgraph.serving.loaded_model import LoadedModel
from tickgraph.serving.outlook import Outlook


def network_outlooks(
    whole: PricePanel,
    session: np.datetime64,
    models: Sequence[LoadedModel],
    now: datetime,
    state: UniverseState | None,
) -> list[Outlook | TickgraphError]:
    """Forecast with models of one graph configuration and one architecture: a single network call.

    Parameters
    ----------
    whole
        Prices of all their nodes; nothing after ``session`` is used.
    session
        Last session of every model's target.
    models
        At least one.
    now
        Decides whether the models' correlations are still fresh.
    state
        What the universe says of that session; None where that is not known.

    Returns
    -------
    list
        For each model its outlook, or an error in three cases: the target's own prices have too large a gap in the
        sessions that its features need, its price does not move there, or the model says what the target's own moves
        do not support.
    """
    panel, graph = whole.through(session), models[0].graph
    reasons = [staleness(model.correlation_as_of, model.correlation_at, session, now) for model in models]
    correlations = [
        latest_correlation(panel, model.nodes, graph) if reason else model.correlation
        for model, reason in zip(models, reasons, strict=True)
    ]
    graphs = latest_graphs(panel, [model.nodes for model in models], correlations, graph)
    weights = stack_weights([model.weights for model in models])
    # Finite weights may still give no number: what comes out is checked below.
    with np.errstate(all="ignore"):
        returns = forward(weights, graphs.features, graphs.adjacency)[:, 0]  # [S]
        if models[0].horizons:
            variances, heard = latest_variances(panel, models, correlations, state)
            volatility = np.sqrt(variances[:, 0]).tolist()
        else:
            variances, heard = None, [False] * len(models)
            volatility = [_latest_volatility(panel, model.nodes, model.volatility, graph) for model in models]
    gaps = gap_shares(panel, [model.symbol for model in models]).tolist()
    outlooks: list[Outlook | TickgraphError] = []
    for row, (model, reason) in enumerate(zip(models, reasons, strict=True)):
        present = graphs.present[row]
        distribution = _one_session(
            panel,
            model,
            float(returns[row]),
            volatility[row],
            bool(present[0]),
            needs_moves=variances is not None,
        )
        if isinstance(distribution, TickgraphError):
            outlooks.append(distribution)
            continue
        horizons, dividends = None, None
        if variances is not None:
            centre = distribution.trust * distribution.forecast
            ahead = np.array(model.horizons)
            dividends = expected_dividends(panel, model.symbol, session, model.horizons[-1])
            horizons = HorizonDistribution(
                ahead, variances[row], model.horizon_scores, centre, dividends.drag
            )
        last = last_price(panel, model.symbol)
        outlooks.append(
            Outlook(
                symbol=model.symbol,
                distribution=distribution,
                model=model,
                as_of=last.session,
                last_close=last.close,
                source=last.source,
                provider=last.provider,
                lineage=whole.lineage,
                calibration_sessions=model.calibration_sessions,
                recomputed=reason,
                absent=tuple(name for name, there in zip(model.nodes, present, strict=False) if not there),
                horizons=horizons,
                dividends=dividends,
                universe_heard=heard[row] if horizons else None,
                state=state,
                gap=gaps[row],
            )
        )
    return outlooks


def _one_session(
    panel: PricePanel,
    model: LoadedModel,
    forecast: float,
    volatility: float,
    is_present: bool,
    *,
    needs_moves: bool,
) -> PredictiveDistribution | TickgraphError:
    """Distribution of a target's next log return; the error of a target that has none which counts.

    Parameters
    ----------
    panel
        Prices up to the session to forecast from.
    model
        Of the target.
    forecast, volatility
        What the networks say of the next log return. A volatility is 0 where the price has not moved, and NaN where
        too few returns are known.
    is_present
        Whether the target's features are known.
    needs_moves
        Whether a price that stood still lately is an error even where the volatility is not 0.
    """
    session, own = panel.sessions[-1], own_returns(panel, model.symbol)
    if (volatility == 0 or needs_moves) and not own[-STILL:].any():
        return unmoved(model.symbol, session)
    if not is_present or np.isnan(volatility):
        return PriceDataError(
            f"Prices of {model.symbol} have too large a gap in the {model.graph.feature_window + 1} sessions up to "
            f"{session}, or lack the session before it, so there is no forecast. "
            f"Run: tickgraph prices update --symbols {model.symbol} --source {model.source}"
        )
    distribution = PredictiveDistribution(forecast, volatility, model.scores, model.trust)
    moves = OwnMoves.of(own)
    with np.errstate(all="ignore"):
        fault = unsupported(distribution, moves) or outside_itself(distribution, moves)
    return model.refused(fault) if fault else distribution


def _latest_volatility(
    panel: PricePanel, nodes: Sequence[Symbol], coefficients: NDArray[np.float64] | None, config: GraphConfig
) -> float:
    """Volatility forecast for a target, the first of the nodes, at the panel's last session.

    0 where its price has not moved, NaN where too few of its returns are known. Without coefficients it is the
    standard deviation of as many of its last log returns as the features are of.
    """
    recent = panel.tail(max(WINDOW, config.feature_window) + 1)
    columns = [panel.columns[symbol] for symbol in nodes]
    returns = np.diff(np.log(recent.adj_close[:, columns]), axis=0)  # [W, N]
    if coefficients is None:
        return float(returns[-config.feature_window :, 0].std(ddof=1))
    forecast = forecast_volatility(returns, coefficients)
    return float(forecast[-1, 0]) if len(forecast) else float("nan")
