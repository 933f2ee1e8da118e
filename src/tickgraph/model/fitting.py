"""One symbol from prices to a fitted model: peers, snapshots, training, calibration, measures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tickgraph.errors import HistoryTooShortError, InputError
from tickgraph.graph.graph_config import GraphConfig
from tickgraph.graph.snapshots import Snapshots, build_snapshots
from tickgraph.market.panel import PricePanel
from tickgraph.model.bounds import SESSIONS, OwnMoves, diverged, outside_itself, unsupported
from tickgraph.model.calibration import ConformalScores, PredictiveDistribution, conformal_scores
from tickgraph.model.choice import HORIZON, Choice, choose, training_window
from tickgraph.model.measures import OutOfSampleMeasures, measure
from tickgraph.model.network import forward
from tickgraph.model.stack import Fitting, alone
from tickgraph.model.still import check_moves
from tickgraph.model.training import TrainingProgram, training_example
from tickgraph.model.training_config import TrainingConfig
from tickgraph.model.universe_fit import UniverseFit
from tickgraph.model.variance_examples import Universe, universe_of
from tickgraph.model.variance_fit import fit_variance, own_volatility
from tickgraph.model.volatility import fit_volatility, forecast_volatility
from tickgraph.model.weights import Weights, symbol_seed
from tickgraph.shapes import Float64

Wiring = Callable[[PricePanel, Sequence[str], GraphConfig], Snapshots]
"""How the graphs of a target (first) and its peers are built; :func:`build_snapshots` is the product's."""


@dataclass(frozen=True)
class FittingData:
    """What one symbol's model is fitted on, in the order of the sessions.

    Attributes
    ----------
    window
        Prices up to the session as of which the model is fitted.
    peers
        The strongest first; from the training part only.
    history
        Sessions of prices the symbol had in the window.
    snapshots
        Every graph of the window, the last one without a target.
    training, calibration
        The graphs with a target: those that the weights are learned from, and those held out after them.
    """

    window: PricePanel
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
    universe
        What its variance network was drawn to; None where it has none.
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
    universe: UniverseFit | None
    seed: int
    weights: Weights
    losses: Float64[np.ndarray, "epochs"]
    correlation: Float64[np.ndarray, "nodes nodes"]
    volatility: Float64[np.ndarray, "coefficients"]
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


def fit(
    panel: PricePanel,
    symbol: str,
    program: TrainingProgram,
    choice: Choice | None = None,
    universe: UniverseFit | None = None,
    prices: Universe | None = None,
) -> FittedModel:
    """Fit one symbol's model on its last sessions in a panel.

    The window ends with the symbol's own last session, or with one shortly before it that most others have
    (:func:`tickgraph.market.ends.shared_sessions`). Later sessions of any symbol are not looked at.

    Peers, scaling and weights come from the training part of the window, calibration and measures from the
    part after it. The weights served are the ones calibrated: refitting on the whole window would void the
    conformal guarantee and double the training time.

    Parameters
    ----------
    panel
        Prices of the symbol and of its peers, or of every candidate peer.
    symbol
        The target.
    program
        Training program; its configuration is the model's.
    choice
        Session and peers of the symbol, as :func:`tickgraph.model.choice.choose` gives them; None chooses now, among
        all symbols of the panel.
    universe
        What the variance network is drawn to. None makes a model of the next session's return alone, whatever horizons
        the configuration has.
    prices
        Features and targets of all symbols of the panel, where they are known already.

    Raises
    ------
    InputError
        The universe is of other horizons or sizes than the configuration.
    HistoryTooShortError
        The symbol has fewer usable sessions than ``min_sessions``.
    PriceDataError
        The panel lacks the symbol, or its price does not move.
    FloatingPointError
        Training diverged, or the model forecasts what the symbol's own moves do not support.
    """
    return alone(fitting(panel, symbol, program, choice, universe, prices))


def fitting(
    panel: PricePanel,
    symbol: str,
    program: TrainingProgram,
    choice: Choice | None = None,
    universe: UniverseFit | None = None,
    prices: Universe | None = None,
) -> Fitting[FittedModel]:
    """Fit as :func:`fit` does, and leave the runs of compiled programs to the caller."""
    if universe and not universe.suits(program.config):
        raise InputError(
            f"universe: the fit is of horizons {universe.horizons} and its own sizes, and {symbol} is to be trained "
            f"with horizons {program.config.horizons}, variance_dim {program.config.variance_dim}, num_gcn_layers "
            f"{program.config.num_gcn_layers} and num_gat_heads {program.config.num_gat_heads}. Give the fit that "
            "fit_universe makes with the same configuration, or None for a model of the next session's return alone."
        )
    config = program.config if universe else program.config.model_copy(update={"horizons": ()})
    data = fitting_data(panel, symbol, config, choice=choice)
    window, peers, snapshots = data.window, data.peers, data.snapshots
    training, calibration = data.training, data.calibration
    held_out = len(calibration)

    seed = symbol_seed(config.seed, symbol)
    example = training_example(training, config)
    trained = yield from program.training(example, seed)

    returns = window.select((symbol, *peers)).log_returns()  # [T, n]
    rows = np.searchsorted(window.sessions, calibration.sessions)
    weights, nodes = trained.weights, 1 + len(peers)
    # The first calibration session's own return is the last target of the training part.
    coefficients = fit_volatility(returns[: rows[0] + 1])
    expected = forecast_volatility(returns, coefficients)
    if universe:
        own = (symbol, *peers)
        prices = prices or universe_of(panel.through(window.sessions[-1]), config, own)
        weights = weights | (yield from fit_variance(universe, prices, own, window.sessions[-1], config))
        expected = _with_ranges(expected, window, prices, own, calibration.sessions[0])
    forecast = forward(trained.weights, calibration.features, calibration.adjacency).astype(np.float64)
    forecast = np.where(calibration.present, forecast, np.nan)[:, :nodes]  # [C, n]
    realised = calibration.targets[:, :nodes].astype(np.float64)
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
        universe=universe,
        seed=seed,
        weights=weights,
        losses=trained.losses,
        correlation=correlation,
        volatility=coefficients,
        scores=scores,
        measures=measure(
            forecast[known],
            realised[known],
            volatility[known],
            np.nanmean(momentum[known], axis=-1),  # a few may be missing
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
        seconds=trained.seconds,
    )


def _with_ranges(
    expected: Float64[np.ndarray, "sessions nodes"],
    window: PricePanel,
    prices: Universe,
    nodes: Sequence[str],
    first_held_out: np.datetime64,
) -> Float64[np.ndarray, "sessions nodes"]:
    """Volatility from ranges in place of the one from returns, where it is known and the price moves."""
    better = own_volatility(prices, nodes, first_held_out, window.sessions[-1])
    if better is None:
        return expected
    count = min(len(better), len(expected))
    mended = expected.copy()
    recent = mended[len(mended) - count :]
    np.copyto(
        recent, better[len(better) - count :], where=np.isfinite(better[len(better) - count :]) & (recent > 0)
    )
    return mended


def fitting_data(
    panel: PricePanel,
    symbol: str,
    config: TrainingConfig,
    wiring: Wiring = build_snapshots,
    choice: Choice | None = None,
) -> FittingData:
    """Split the graphs of a symbol and its peers into a training and a calibration part.

    Parameters and errors as in :func:`fit`; ``wiring`` says how the graphs are built.
    """
    chosen = choice or choose(panel, (symbol,), config).get(symbol)
    history = chosen.history if chosen else 0
    if chosen is None or chosen.peers is None:
        raise HistoryTooShortError(
            f"History too short for {symbol}: {history} sessions, need "
            f"{config.history + config.min_sessions} ({config.history - HORIZON} lookback + "
            f"{config.min_sessions} to train and calibrate + {HORIZON} horizon). "
            "Lower --min-sessions, give more history, or drop the symbol."
        )
    window = training_window(panel.through(chosen.session), config)
    snapshots = wiring(window, (symbol, *chosen.peers), config)
    labelled = snapshots[: len(snapshots) - HORIZON] if _last_is_open(snapshots) else snapshots
    labelled = labelled[max(0, len(labelled) - config.sessions) :]
    if len(labelled) < config.min_sessions:
        raise HistoryTooShortError(
            f"History too short for {symbol}: {len(labelled)} sessions with a complete "
            f"{config.lookback}-session lookback, need {config.min_sessions}. "
            "Fill the gaps in its prices, lower --min-sessions, or drop the symbol."
        )
    first_held_out = len(labelled) - round(len(labelled) * config.calibration_fraction)
    training, calibration = labelled[:first_held_out], labelled[first_held_out:]
    check_moves(symbol, window.traded(symbol), training)
    return FittingData(window, chosen.peers, history, snapshots, training, calibration)


def _last_is_open(snapshots: Snapshots) -> bool:
    """Whether the last snapshot's target lies in the future."""
    return bool(len(snapshots)) and not np.isfinite(snapshots.targets[-1, 0])
