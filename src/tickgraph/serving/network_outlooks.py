"""Outlooks by the network: those of many symbols in one call, each checked before it counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tickgraph.errors import PriceDataError, TickgraphError
from tickgraph.graph.graph_config import GraphConfig
from tickgraph.graph.snapshots import latest_correlation, latest_graphs
from tickgraph.market.dividends import DividendOutlook, expected_dividends
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
    panel = whole.through(session)
    said = _ask_networks(panel, session, models, now, state)
    gaps = gap_shares(panel, [model.symbol for model in models]).tolist()
    outlooks: list[Outlook | TickgraphError] = []
    for row, model in enumerate(models):
        distribution = _one_session(panel, model, said, row)
        if isinstance(distribution, TickgraphError):
            outlooks.append(distribution)
            continue
        horizons, dividends = _horizons(panel, model, said, row, distribution)
        last = last_price(panel, model.symbol)
        present = said.present[row]
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
                recomputed=said.recomputed[row],
                absent=tuple(name for name, there in zip(model.nodes, present, strict=False) if not there),
                horizons=horizons,
                dividends=dividends,
                universe_heard=said.heard[row] if horizons else None,
                state=state,
                gap=gaps[row],
            )
        )
    return outlooks


@dataclass(frozen=True)
class _Said:
    """What the networks say of each of S targets at one session.

    Attributes
    ----------
    session
        Which.
    returns, volatility
        Of the next log return. A volatility is 0 where the price has not moved, and NaN where too few returns are
        known.
    variances
        ``[S, H]`` of the log return over each horizon; None where the models forecast one session.
    heard
        Whether the whole universe was heard.
    present
        ``[S, N]`` whether a node's features are known; the target is the first.
    recomputed
        Why the model's own correlations were not used; None where they were.
    """

    session: np.datetime64
    returns: NDArray[np.float32]
    volatility: list[float]
    variances: NDArray[np.float64] | None
    heard: list[bool]
    present: NDArray[np.bool_]
    recomputed: list[Literal["session", "age"] | None]


def _ask_networks(
    panel: PricePanel,
    session: np.datetime64,
    models: Sequence[LoadedModel],
    now: datetime,
    state: UniverseState | None,
) -> _Said:
    """Run the networks of all models at a session, the panel's last one, each network once."""
    graph = models[0].graph
    recomputed = [staleness(model.correlation_as_of, model.correlation_at, session, now) for model in models]
    correlations = [
        latest_correlation(panel, model.nodes, graph) if reason else model.correlation
        for model, reason in zip(models, recomputed, strict=True)
    ]
    graphs = latest_graphs(panel, [model.nodes for model in models], correlations, graph)
    weights = stack_weights([model.weights for model in models])
    # Finite weights may still give no number: what comes out is checked afterwards.
    with np.errstate(all="ignore"):
        returns = forward(weights, graphs.features, graphs.adjacency)[:, 0]  # [S]
        if models[0].horizons:
            variances, heard = latest_variances(panel, models, correlations, state)
            volatility = np.sqrt(variances[:, 0]).tolist()
        else:
            variances, heard = None, [False] * len(models)
            volatility = [_latest_volatility(panel, model.nodes, model.volatility, graph) for model in models]
    return _Said(session, returns, volatility, variances, heard, graphs.present, recomputed)


def _one_session(
    panel: PricePanel, model: LoadedModel, said: _Said, row: int
) -> PredictiveDistribution | TickgraphError:
    """Distribution of a target's next log return; the error of a target that has none which counts."""
    own, volatility = own_returns(panel, model.symbol), said.volatility[row]
    # The variance network gives a volatility to a price that stands still, too.
    if (volatility == 0 or said.variances is not None) and not own[-STILL:].any():
        return unmoved(model.symbol, said.session)
    if not said.present[row, 0] or np.isnan(volatility):
        return PriceDataError(
            f"Prices of {model.symbol} have too large a gap in the {model.graph.feature_window + 1} sessions up to "
            f"{said.session}, or lack the session before it, so there is no forecast. "
            f"Run: tickgraph prices update --symbols {model.symbol} --source {model.source}"
        )
    distribution = PredictiveDistribution(float(said.returns[row]), volatility, model.scores, model.trust)
    moves = OwnMoves.of(own)
    with np.errstate(all="ignore"):
        fault = unsupported(distribution, moves) or outside_itself(distribution, moves)
    return model.refused(fault) if fault else distribution


def _horizons(
    panel: PricePanel, model: LoadedModel, said: _Said, row: int, distribution: PredictiveDistribution
) -> tuple[HorizonDistribution | None, DividendOutlook | None]:
    """Distribution over each horizon, and the dividends taken off it; None where the model forecasts one session."""
    if said.variances is None:
        return None, None
    dividends = expected_dividends(panel, model.symbol, said.session, model.horizons[-1])
    centre = distribution.trust * distribution.forecast
    ahead = np.array(model.horizons)
    horizons = HorizonDistribution(ahead, said.variances[row], model.horizon_scores, centre, dividends.drag)
    return horizons, dividends


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
