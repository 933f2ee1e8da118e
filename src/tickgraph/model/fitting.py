"""One symbol from prices to a fitted model: peers, snapshots, training, calibration, measures."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tickgraph.errors import HistoryTooShortError
from tickgraph.graph.config import GraphConfig
from tickgraph.graph.peers import select_all_peers, select_peers
from tickgraph.graph.snapshots import Snapshots, build_snapshots
from tickgraph.market.panel import PricePanel
from tickgraph.model.bounds import SESSIONS, OwnMoves, diverged, outside_itself, unsupported
from tickgraph.model.calibration import ConformalScores, PredictiveDistribution, conformal_scores
from tickgraph.model.config import TrainingConfig
from tickgraph.model.measures import OutOfSampleMeasures, measure
from tickgraph.model.network import forward
from tickgraph.model.training import TrainingProgram, training_example
from tickgraph.model.volatility import fit_volatility, forecast_volatility
from tickgraph.model.weights import Weights, symbol_seed

HORIZON = 1

Wiring = Callable[[PricePanel, Sequence[str], GraphConfig], Snapshots]
"""How the graphs of a target (first) and its peers are built; :func:`build_snapshots` is the product's."""


@dataclass(frozen=True)
class FittingData:
    """What one symbol's model is fitted on, in the order of the sessions.

    Attributes
    ----------
    peers
        The strongest first; from the training part only.
    history
        Sessions of prices the symbol had in the window.
    snapshots
        Every graph of the window, the last one without a target.
    training, calibration
        The labelled ones: what the weights are learned from, and the part held out after it.
    """

    peers: tuple[str, ...]
    history: int
    snapshots: Snapshots
    training: Snapshots
    calibration: Snapshots


@dataclass(frozen=True)
class FittedModel:
    """A symbol's model and everything needed to serve, judge and reproduce it.

    Attributes
    ----------
    symbol, peers
        The target and its peers, the strongest first.
    config, seed
        What it was trained with; ``seed`` is the symbol's own.
    weights
        Arrays by name; the scaling of features and returns is inside.
    losses
        ``[epochs]`` float64, standardised mean squared error.
    correlation
        ``[N, N]`` float64 over the lookback up to ``last_session``.
    volatility
        ``[7]`` float64, coefficients of the volatility forecast, from the training sessions.
    scores
        Conformal scores of the calibration sessions.
    measures
        Out-of-sample figures over the calibration sessions.
    training_sessions, calibration_sessions
        Snapshots in each part.
    first_session, last_session, calibration_first, calibration_last
        Sessions the window and the held-out part span; the last snapshot has no target yet.
    history_sessions
        Sessions of prices the symbol had in the window.
    avg_correlation, num_edges
        Mean absolute correlation of the target with its peers, and edges of the graph (self loops apart),
        at the last session.
    seconds
        Time the training program took for this symbol.
    """

    symbol: str
    peers: tuple[str, ...]
    config: TrainingConfig
    seed: int
    weights: Weights
    losses: NDArray[np.float64]
    correlation: NDArray[np.float64]
    volatility: NDArray[np.float64]
    scores: ConformalScores
    measures: OutOfSampleMeasures
    training_sessions: int
    calibration_sessions: int
    first_session: np.datetime64
    last_session: np.datetime64
    calibration_first: np.datetime64
    calibration_last: np.datetime64
    history_sessions: int
    avg_correlation: float
    num_edges: int
    source: str
    data_version: str
    seconds: float


def training_window(panel: PricePanel, config: TrainingConfig) -> PricePanel:
    """The last sessions of the panel that a full window needs, history and horizon included."""
    return panel.tail(min(len(panel.sessions), config.history + config.sessions))


def fit(panel: PricePanel, symbol: str, program: TrainingProgram) -> FittedModel:
    """Fit one symbol's model on the last sessions of a panel.

    Peers, scaling and weights come from the training part of the window, calibration and measures from the
    part after it; nothing comes from sessions beyond the panel. The weights served are the ones calibrated:
    refitting on the whole window would void the conformal guarantee and double the training time.

    Parameters
    ----------
    panel
        Prices of the symbol and of every candidate peer.
    symbol
        The target.
    program
        Training program; its configuration is the model's.

    Raises
    ------
    HistoryTooShortError
        The symbol has fewer usable sessions than ``min_sessions``.
    PriceDataError
        The panel lacks the symbol.
    FloatingPointError
        Training diverged, or the model forecasts what the symbol's own moves do not support.
    """
    config = program.config
    window = training_window(panel, config)
    data = fitting_data(window, symbol, config)
    peers, snapshots, training, calibration = data.peers, data.snapshots, data.training, data.calibration
    held_out = len(calibration)

    seed = symbol_seed(config.seed, symbol)
    example = training_example(training, config)
    program.compile()
    started = time.perf_counter()
    trained = program.train(example, seed)
    seconds = time.perf_counter() - started

    returns = window.select((symbol, *peers)).log_returns()  # [T, n]
    rows = np.searchsorted(window.sessions, calibration.sessions)
    # The first calibration session's own return is the last target of the training part.
    coefficients = fit_volatility(returns[: rows[0] + 1])
    nodes = 1 + len(peers)
    forecast = forward(trained.weights, calibration.features, calibration.adjacency).astype(np.float64)
    forecast = np.where(calibration.present, forecast, np.nan)[:, :nodes]  # [C, n]
    realised = calibration.targets[:, :nodes].astype(np.float64)
    expected = forecast_volatility(returns, coefficients)
    volatility = expected[rows]  # [C, n]
    scores = conformal_scores(forecast, realised, volatility)
    last = forward(trained.weights, snapshots.features[-1], snapshots.adjacency[-1])[0]
    reason = diverged(forecast[:, 0], realised[:, 0], training.targets[:, 0])
    if reason is None and expected[-1, 0] > 0 and len(scores.values) > 1:
        now = PredictiveDistribution(float(last), float(expected[-1, 0]), scores.values, scores.trust)
        moves = OwnMoves.of(returns[-SESSIONS:, 0])
        reason = unsupported(now, moves) or outside_itself(now, moves)
    if reason:
        raise FloatingPointError(f"the model is not published: {reason}.")
    momentum = sliding_window_view(returns[:, 0], config.feature_window)[rows - config.feature_window + 1]
    known = np.isfinite(realised[:, 0])
    correlation = snapshots.correlation[-1]
    edges = np.triu(snapshots.adjacency[-1], k=1) > 0
    return FittedModel(
        symbol=symbol,
        peers=peers,
        config=config,
        seed=seed,
        weights=trained.weights,
        losses=trained.losses,
        correlation=correlation,
        volatility=coefficients,
        scores=scores,
        measures=measure(
            forecast[known],
            realised[known],
            volatility[known],
            momentum[known].mean(axis=-1),
            float(np.nanmean(training.targets[:, 0])),
        ),
        training_sessions=min(len(training), config.training_sessions),
        calibration_sessions=held_out,
        first_session=training.sessions[0],
        last_session=snapshots.sessions[-1],
        calibration_first=calibration.sessions[0],
        calibration_last=calibration.sessions[-1],
        history_sessions=data.history,
        avg_correlation=float(np.abs(correlation[0, 1 : 1 + len(peers)]).mean()) if peers else 0.0,
        num_edges=int(edges.sum()),
        source=panel.source,
        data_version=window.select((symbol, *peers)).data_version,
        seconds=seconds,
    )


def fitting_data(
    panel: PricePanel, symbol: str, config: TrainingConfig, wiring: Wiring = build_snapshots
) -> FittingData:
    """Choose a symbol's peers and split its graphs into a training and a calibration part.

    Parameters and errors as in :func:`fit`; ``wiring`` says how the graphs are built.
    """
    window = training_window(panel, config)
    own = window.adj_close[:, window.column(symbol)]
    history = int(np.isfinite(own).sum())
    if history < config.history + config.min_sessions:
        raise HistoryTooShortError(
            f"History too short for {symbol}: {history} sessions, need "
            f"{config.history + config.min_sessions} ({config.history - HORIZON} lookback + "
            f"{config.min_sessions} to train and calibrate + {HORIZON} horizon). "
            "Lower --min-sessions, give more history, or drop the symbol."
        )
    peers = _peers(window, symbol, history, config)
    snapshots = wiring(window, (symbol, *peers), config)
    labelled = snapshots[: len(snapshots) - HORIZON] if _last_is_open(snapshots) else snapshots
    labelled = labelled[max(0, len(labelled) - config.sessions) :]
    if len(labelled) < config.min_sessions:
        raise HistoryTooShortError(
            f"History too short for {symbol}: {len(labelled)} sessions with a complete "
            f"{config.lookback}-session lookback, need {config.min_sessions}. "
            "Fill the gaps in its prices, lower --min-sessions, or drop the symbol."
        )
    held_out = round(len(labelled) * config.calibration_fraction)
    first_held_out = len(labelled) - held_out
    return FittingData(peers, history, snapshots, labelled[:first_held_out], labelled[first_held_out:])


def peers_as_fitted(
    panel: PricePanel, symbols: Sequence[str], config: TrainingConfig, pool: Collection[str] | None = None
) -> dict[str, tuple[str, ...]]:
    """Peers that :func:`fit` would choose for each symbol, found for all at once.

    Parameters
    ----------
    panel
        Prices of the symbols and of every candidate peer.
    symbols
        Targets; one whose history is too short for ``config`` is left out.
    config
        Sizes and windows.
    pool
        Symbols that peers are chosen from; None is every symbol of the panel.
    """
    window = training_window(panel, config)
    returns, own = window.log_returns(), np.isfinite(window.adj_close)
    allowed = set(window.symbols if pool is None else pool)
    candidates = own[-1] & np.array([name in allowed for name in window.symbols], dtype=np.bool_)
    held: dict[int, list[str]] = {}  # most symbols have the whole window: one group, or a few
    for symbol in symbols:
        history = int(own[:, window.column(symbol)].sum())
        if history >= config.history + config.min_sessions:
            held.setdefault(_training_returns(window, history, config), []).append(symbol)
    found: dict[str, tuple[str, ...]] = {}
    for end, group in held.items():
        # A target that is no candidate stands among those of its own choice, and of no other's.
        chosen = candidates.copy()
        chosen[[window.column(symbol) for symbol in group]] = True
        part, names = returns[:end, chosen], [window.symbols[column] for column in np.flatnonzero(chosen)]
        place = {name: column for column, name in enumerate(names)}
        overlap = [_overlap(part[:, place[symbol]], config) for symbol in group]
        found |= select_all_peers(part, names, group, config.num_peers, overlap, candidates[chosen])
    return found


def _training_returns(window: PricePanel, history: int, config: TrainingConfig) -> int:
    """Rows of the window's returns that belong to the training part."""
    held_out = round((history - config.history) * config.calibration_fraction)
    return len(window.sessions) - held_out - HORIZON


def _overlap(own: NDArray[np.float64], config: TrainingConfig) -> int:
    return max(config.lookback, int(np.isfinite(own).sum()) // 2)


def _peers(window: PricePanel, symbol: str, history: int, config: TrainingConfig) -> tuple[str, ...]:
    """Choose peers on the training part of the window only, among symbols still trading at its end."""
    returns = window.log_returns()[: _training_returns(window, history, config)]
    trading = np.isfinite(window.adj_close[-1])
    trading[window.column(symbol)] = True
    candidates = [name for name, here in zip(window.symbols, trading, strict=True) if here]
    overlap = _overlap(returns[:, window.column(symbol)], config)
    return select_peers(returns[:, trading], candidates, symbol, config.num_peers, overlap)


def _last_is_open(snapshots: Snapshots) -> bool:
    """Whether the last snapshot's target lies in the future."""
    return bool(len(snapshots)) and not np.isfinite(snapshots.targets[-1, 0])
