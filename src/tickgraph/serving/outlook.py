"""A symbol's outlook: its predictive distribution, computed for many symbols in one network call.

An outlook depends on a model and on prices, and not on the price of a request. So it is computed once and kept for as
long as its model and its prices are the newest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from tickgraph.errors import ArtefactError, PriceDataError, TickgraphError, error_of
from tickgraph.graph.graph_config import GraphConfig
from tickgraph.graph.snapshots import latest_correlation, latest_graphs
from tickgraph.market.dividends import DividendOutlook, expected_dividends
from tickgraph.market.panel import PricePanel
from tickgraph.market.spelling import Symbol
from tickgraph.model.bounds import SESSIONS, OwnMoves, outside_itself, unsupported
from tickgraph.model.calibration import PredictiveDistribution
from tickgraph.model.horizon_distribution import TABLES, HorizonDistribution
from tickgraph.model.measures import LEVELS
from tickgraph.model.network import attention, forward
from tickgraph.model.still import unmoved
from tickgraph.model.universe_state import UniverseState
from tickgraph.model.volatility import STILL, WINDOW, forecast_volatility
from tickgraph.model.weights import stack_weights
from tickgraph.options.touch import TYPICAL_GAP, TouchDistribution, gap_shares
from tickgraph.registry.freshness import is_recent, staleness
from tickgraph.serving.latest_variance import latest_variances
from tickgraph.serving.loaded_model import LoadedModel

if TYPE_CHECKING:
    from tickgraph.serving.answer_json import PricedJson

PerDollarKey = tuple[int, bool, bool, str | None]
"""What an answer depends on besides outlook and price: sessions behind, an old model, one trained now, a refusal."""


T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Outlook:
    """A predictive distribution, and what it was computed from.

    Attributes
    ----------
    model
        None means momentum.
    as_of, last_close
        Last session of the symbol's prices, and its close in dollars.
    source, provider
        Where the prices come from, and who gave the source the symbol's prices.
    recomputed
        Why the model's own correlations were not used; None where they were.
    absent
        Peers without complete prices at the last session: the graph had to do without them.
    lineage
        Lineage of the prices that it is valid for.
    calibration_sessions
        Sessions behind intervals and probabilities.
    horizons
        The distribution over more sessions than one; None where momentum or a model of an earlier release answers.
    dividends
        What is expected to go ex, and is taken off in ``horizons``; None where there are no horizons.
    universe_heard
        Whether the variance network heard the whole universe or the model's nodes alone; None where it was not asked.
    state
        The universe's state that there was, whether it was used or not.
    gap
        Share of the symbol's sessions that never trade above, or never below, the close before.
    intervals
        (level, lower, upper) in log return.
    probability_up
        Probability of a rise.
    any_price
        Fields of forecasts for a price of one dollar, by what else they depend on.
    any_json, json_at_close
        The JSON of these fields with gaps for a request's prices, and that of the answer at the last close.
    """

    symbol: Symbol
    distribution: PredictiveDistribution
    model: LoadedModel | None
    as_of: np.datetime64
    last_close: float
    source: str
    provider: str
    lineage: object
    calibration_sessions: int
    recomputed: Literal["session", "age"] | None = None
    absent: tuple[Symbol, ...] = ()
    horizons: HorizonDistribution | None = None
    dividends: DividendOutlook | None = None
    universe_heard: bool | None = None
    state: UniverseState | None = None
    gap: float = TYPICAL_GAP
    intervals: tuple[tuple[float, float, float], ...] = field(init=False)
    probability_up: float = field(init=False)
    any_price: dict[PerDollarKey, dict[str, Any]] = field(init=False, default_factory=dict, repr=False)
    any_json: dict[PerDollarKey, PricedJson] = field(init=False, default_factory=dict, repr=False)
    json_at_close: dict[PerDollarKey, bytes] = field(init=False, default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        intervals = tuple((level, *self.distribution.interval(level)) for level in LEVELS)
        object.__setattr__(self, "intervals", intervals)
        object.__setattr__(self, "probability_up", self.distribution.probability_above(0.0))

    @property
    def one_session_or_more(self) -> HorizonDistribution:
        """The distribution over as many sessions as there are forecasts for, be it one."""
        return self.horizons or self._one_session

    @cached_property
    def _one_session(self) -> HorizonDistribution:
        return HorizonDistribution.of_one_session(self.distribution)

    @property
    def touch(self) -> TouchDistribution:
        """Probabilities of touching a level, over as many sessions."""
        return _touch(self.one_session_or_more, self.gap)

    def holds(
        self, model: LoadedModel | None, panel: PricePanel, state: UniverseState | None, now: datetime
    ) -> bool:
        """Whether computing again from this model, these prices and this state would give the same."""
        same_state = self.horizons is None or self.state is state
        return self.model is model and self.lineage is panel.lineage and same_state and self.is_fresh(now)

    def is_fresh(self, now: datetime) -> bool:
        """Whether its correlations may still be used."""
        return self.model is None or self.recomputed is not None or is_recent(self.model.correlation_at, now)


@lru_cache(maxsize=TABLES)
def _touch(distribution: HorizonDistribution, gap: float) -> TouchDistribution:
    """Keep what the last chains were made from, and not all that was ever asked for."""
    return TouchDistribution(distribution, gap)


@dataclass
class Outlooks:
    """Outlooks of several symbols, the error of each that has none, and those that were trained for it."""

    found: dict[Symbol, Outlook] = field(default_factory=dict)
    failures: dict[str, TickgraphError] = field(default_factory=dict)
    trained: set[Symbol] = field(default_factory=set)

    def alone(self, symbol: Symbol) -> Alone:
        """An error in here, foreseen or not, fails this symbol and no other."""
        return Alone(self.failures, symbol)

    def each(self, symbols: Iterable[Symbol], answer: Callable[[Outlook], T]) -> dict[str, T]:
        """Answer for each symbol that has an outlook; an answer that fails, fails alone."""
        answers: dict[str, T] = {}
        for symbol in symbols:
            if (outlook := self.found.get(symbol)) is not None:
                with self.alone(symbol):
                    answers[symbol] = answer(outlook)
        return answers


class Alone:
    """A context whose errors become one symbol's failure; as a class it costs less than as a generator."""

    def __init__(self, failures: dict[str, TickgraphError], symbol: Symbol) -> None:
        self._failures, self._symbol = failures, symbol

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, Exception):
            return False
        self._failures[self._symbol] = error_of(self._symbol, error)
        return True


def network_outlooks(
    whole: PricePanel,
    session: np.datetime64,
    models: Sequence[LoadedModel],
    now: datetime,
    state: UniverseState | None = None,
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
        What the universe says of that session, if that is known.

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
        own = own_returns(panel, model.symbol)
        spread, present = volatility[row], graphs.present[row]
        if (spread == 0 or variances is not None) and not own[-STILL:].any():
            outlooks.append(unmoved(model.symbol, session))
            continue
        if not present[0] or np.isnan(spread):
            outlooks.append(_gap(model, session))
            continue
        distribution = PredictiveDistribution(float(returns[row]), spread, model.scores, model.trust)
        moves = OwnMoves.of(own)
        with np.errstate(all="ignore"):
            fault = unsupported(distribution, moves) or outside_itself(distribution, moves)
        if fault:
            outlooks.append(_refused(model, fault))
            continue
        horizons, dividends = None, None
        if variances is not None:
            centre = distribution.trust * distribution.forecast
            ahead = np.array(model.horizons)
            dividends = expected_dividends(panel, model.symbol, session, model.horizons[-1])
            horizons = HorizonDistribution(
                ahead, variances[row], model.horizon_scores, centre, dividends.drag
            )
        absent = tuple(name for name, there in zip(model.nodes, present, strict=False) if not there)
        outlooks.append(
            Outlook(
                model.symbol,
                distribution,
                model,
                *ends(panel, model.symbol),
                whole.lineage,
                model.calibration_sessions,
                reason,
                absent,
                horizons,
                dividends,
                heard[row] if horizons else None,
                state,
                gaps[row],
            )
        )
    return outlooks


def ends(panel: PricePanel, symbol: Symbol) -> tuple[np.datetime64, float, str, str]:
    """Last session of a panel, a symbol's close then, the source of its prices, and their provider."""
    close = float(panel.close[-1, panel.column(symbol)])
    return panel.sessions[-1], close, panel.source, panel.provider(symbol)


def own_returns(panel: PricePanel, symbol: Symbol) -> NDArray[np.float64]:
    """``[T]`` float64 last log returns of a symbol, of as many sessions as a forecast is held against."""
    closes = panel.adj_close[-SESSIONS - 1 :, panel.column(symbol)]
    return np.asarray(np.diff(np.log(closes)))


def until(panel: PricePanel, as_of: date | None) -> PricePanel:
    """Prices up to a day; None is all of them."""
    return panel if as_of is None else panel.through(np.datetime64(as_of, "D"))


def last_session(panel: PricePanel, symbol: Symbol) -> np.datetime64:
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


@dataclass(frozen=True, eq=False)
class TargetGraph:
    """The graph behind one forecast at a session; N is its size, and its first nodes, the target first, have names.

    ``attention[k, i]`` is how head k of node i divides its attention over its neighbours. ``threshold`` is the smallest
    absolute correlation of an edge, and ``lookback`` how many sessions of returns correlations are over.
    """

    nodes: tuple[Symbol, ...]
    session: np.datetime64
    features: NDArray[np.float32]  # [N, F], 0 for an absent node
    present: NDArray[np.bool_]  # [N]
    correlation: NDArray[np.float64]  # [N, N]
    adjacency: NDArray[np.float32]  # [N, N]
    attention: NDArray[np.float32]  # [K, N, N]
    threshold: float
    lookback: int


def target_graph(model: LoadedModel, panel: PricePanel, now: datetime) -> TargetGraph:
    """Graph that a model's forecast comes from now, with its attention."""
    panel = panel.through(last_session(panel, model.symbol))
    session = panel.sessions[-1]
    is_stale = staleness(model.correlation_as_of, model.correlation_at, session, now)
    correlation = latest_correlation(panel, model.nodes, model.graph) if is_stale else model.correlation
    graphs = latest_graphs(panel, [model.nodes], [correlation], model.graph)
    features, adjacency = graphs.features[0], graphs.adjacency[0]
    with np.errstate(all="ignore"):
        alpha = attention(model.weights, features, adjacency)  # [K, N, N]
    if not np.isfinite(alpha).all():
        raise _refused(model, "its attention is no number")
    return TargetGraph(
        model.nodes,
        session,
        features,
        graphs.present[0],
        correlation,
        adjacency,
        alpha,
        model.graph.threshold,
        model.graph.lookback,
    )


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


def _refused(model: LoadedModel, fault: str) -> ArtefactError:
    return ArtefactError(
        f"The model of {model.symbol} is refused: {fault}. Run: tickgraph train --symbols {model.symbol}"
    )


def _gap(model: LoadedModel, session: np.datetime64) -> PriceDataError:
    return PriceDataError(
        f"Prices of {model.symbol} have too large a gap in the {model.graph.feature_window + 1} sessions up to "
        f"{session}, or lack the session before it, so there is no forecast. "
        f"Run: tickgraph prices update --symbols {model.symbol} --source {model.source}"
    )
