"""The universe's fit: the variance network of all symbols together, which each symbol's model is drawn to.

The last part of the window is walked through: a fit on the sessions before each stretch forecasts that stretch.
These forecasts say by which share the nonlinear path counts, how standardised returns are distributed at each horizon,
and how good the forecasts are. Then everything is fitted once more, on the whole window.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from tickgraph.graph.peers import select_peers
from tickgraph.graph.variance_features import LEVELS
from tickgraph.market.panel import PricePanel
from tickgraph.model.calibration import DRIFT_PRIOR
from tickgraph.model.linear_path import Kernel, fit_linear_path
from tickgraph.model.realised import known_by
from tickgraph.model.training_config import TrainingConfig
from tickgraph.model.variance_examples import (
    Universe,
    correction_examples,
    graphs_of,
    node_features,
    universe_of,
)
from tickgraph.model.variance_network import log_variances
from tickgraph.model.variance_training import UNIVERSE, train_correction
from tickgraph.model.weights import LINEAR_BIAS, LINEAR_KERNEL, SHARE, Weights, symbol_seed, variance_shapes
from tickgraph.shapes import Float32, Float64, Int

HELD_OUT = 500
STRETCHES = 2
"""Parts of the held-out sessions, each forecast from a fit of its own."""
EGOS = 100
"""Symbols whose graphs the nonlinear path learns from, at most; the linear path learns from all."""
MIN_SESSIONS, MIN_SYMBOLS = 750, 5
SCORES = 399
_SHARES = np.linspace(0.0, 1.0, 11)


@dataclass(frozen=True)
class UniverseFit:
    """What all symbols together say of how far prices move.

    Attributes
    ----------
    horizons
        Sessions ahead.
    weights
        Variance network, by the names of :func:`tickgraph.model.weights.variance_shapes`.
    scores
        Quantiles k / (P + 1) of held-out standardised returns R_h / sqrt(V_h), by horizon.
    qlike
        Held-out QLIKE by horizon: of the network, of its linear path alone, and of today's 25-session level. The
        network's share of the nonlinear path was chosen on the same sessions, which flatters it a little.
    symbols
        Whom it was fitted on.
    first_session, held_out_first, last_session
        datetime64[D]; the window, and where its held-out part begins.
    source, data_version
        Of the prices.
    """

    horizons: tuple[int, ...]
    weights: Weights
    scores: Float64[np.ndarray, "horizons scores"]
    qlike: Float64[np.ndarray, "3 horizons"]
    symbols: tuple[str, ...]
    first_session: np.datetime64
    held_out_first: np.datetime64
    last_session: np.datetime64
    source: str
    data_version: str

    @cached_property
    def version(self) -> str:
        """Identity of the fit: 16 hex digits of a sha256 over its arrays, symbols and sessions."""
        digest = hashlib.sha256(f"{self.source}:{self.horizons}:{','.join(self.symbols)}".encode())
        digest.update(f"{self.first_session}:{self.held_out_first}:{self.last_session}".encode())
        for path in sorted(self.weights):
            digest.update(path.encode() + np.ascontiguousarray(self.weights[path]).tobytes())
        digest.update(np.ascontiguousarray(self.scores).tobytes())
        return digest.hexdigest()[:16]

    @property
    def kernel(self) -> Kernel:
        """The linear path, in float64."""
        kernel, bias = self.weights[LINEAR_KERNEL], self.weights[LINEAR_BIAS]
        return Kernel(kernel.astype(np.float64), bias.astype(np.float64))

    def suits(self, config: TrainingConfig) -> bool:
        """Whether models of a configuration can be drawn to it: it has their horizons and shapes."""
        shapes = {path: value.shape for path, value in self.weights.items()}
        return self.horizons == config.horizons and shapes == variance_shapes(config)


@dataclass(frozen=True)
class Egos:
    """Graphs of some targets, one per session; node 0 is the target.

    Attributes
    ----------
    nodes
        Columns of each graph's nodes in the universe; -1 for an absent node.
    adjacency
        Of each target at each session.
    """

    nodes: Int[np.ndarray, "targets nodes"]
    adjacency: Float32[np.ndarray, "targets sessions nodes nodes"]


def fit_universe(
    panel: PricePanel, config: TrainingConfig, universe: Universe | None = None
) -> UniverseFit | None:
    """Fit the variance network on all symbols of a panel.

    Parameters
    ----------
    panel
        Prices; nothing after its last session is known.
    config
        Horizons, sizes and base seed.
    universe
        As :func:`universe_of` gives it, where it is known already.

    Returns
    -------
    UniverseFit
        None where the panel has fewer than 5 symbols or 750 sessions: too few to say how far prices move.

    Raises
    ------
    FloatingPointError
        Training diverged.
    """
    universe = universe or universe_of(panel, config)
    sessions, symbols, _ = universe.features.values.shape
    if sessions < MIN_SESSIONS or symbols < MIN_SYMBOLS:
        return None
    held_out = min(HELD_OUT, sessions // 3)
    first = sessions - held_out
    egos = _egos(universe, config, first)
    targets = egos.nodes[:, 0]
    linear = np.full((len(targets), sessions, len(config.horizons)), np.nan)
    correction = np.full_like(linear, np.nan)
    cuts = np.linspace(first, sessions, STRETCHES + 1).astype(int)
    for start, stop in pairwise(cuts):
        weights = _fit(universe, egos, config, int(start))
        if weights is None:
            return None
        rows = slice(start, stop)
        whole = weights | {SHARE: np.ones_like(weights[SHARE])}
        for ego in range(len(targets)):
            features = node_features(universe.features.values[rows], egos.nodes[ego])
            both = log_variances(whole, features, egos.adjacency[ego, rows])[:, 0]
            linear[ego, rows] = features[:, 0] @ weights[LINEAR_KERNEL] + weights[LINEAR_BIAS]
            correction[ego, rows] = both - linear[ego, rows]
    linear[~universe.features.known[:, targets].T] = np.nan
    realised = np.moveaxis(universe.variance[:, targets], 1, 0)  # [E, T, H]
    share = _share(realised, linear, correction)
    served = linear + share * correction
    level = universe.features.values[:, targets, LEVELS.index(("range", 25))].T[..., None]  # [E, T, 1]
    today = np.where(np.isfinite(served), level + np.log(config.horizons), np.nan)
    weights = _fit(universe, egos, config, sessions)
    if weights is None:
        return None
    returns = np.moveaxis(universe.returns[:, targets], 1, 0)
    return UniverseFit(
        horizons=config.horizons,
        weights=weights | {SHARE: share.astype(np.float32)},
        scores=_scores(returns / np.exp(served / 2), config.horizons),
        qlike=np.stack([_qlike(realised, each) for each in (served, linear, today)]),
        symbols=universe.features.symbols,
        first_session=universe.features.sessions[0],
        held_out_first=universe.features.sessions[first],
        last_session=universe.features.sessions[-1],
        source=panel.source,
        data_version=panel.data_version,
    )


def _fit(universe: Universe, egos: Egos, config: TrainingConfig, end: int) -> Weights | None:
    """Both paths from what is known before session ``end``; the share is zero."""
    known = known_by(universe.variance, end, config.horizons)
    features = universe.features.values[:end]
    kernel = fit_linear_path(features, universe.features.known[:end], known, config.horizons)
    if kernel is None:
        return None
    weights: Weights = {
        LINEAR_KERNEL: kernel[0].astype(np.float32),
        LINEAR_BIAS: kernel[1].astype(np.float32),
        SHARE: np.zeros(len(config.horizons), np.float32),
    }
    seed = symbol_seed(config.seed, "")
    generator = np.random.default_rng([seed, 4])
    wanted = UNIVERSE.graphs
    drawn = generator.permutation(len(egos.nodes) * end)[: wanted + wanted // 4]
    ego, session = np.divmod(drawn, end)
    there = universe.features.known[session, egos.nodes[ego, 0]]
    ego, session = ego[there][:wanted], session[there][:wanted]
    nodes = egos.nodes[ego]  # [G, N]
    graphs = np.where((nodes >= 0)[..., None], features[session[:, None], nodes], np.float32(0.0))
    linear = graphs @ weights[LINEAR_KERNEL] + weights[LINEAR_BIAS]
    examples = correction_examples(
        graphs, linear, egos.adjacency[ego, session], known[session[:, None], nodes]
    )
    return weights | train_correction(examples, config, seed)


def _egos(universe: Universe, config: TrainingConfig, end: int) -> Egos:
    """Graphs of up to :data:`EGOS` targets, with peers chosen before session ``end``."""
    names, known = universe.features.symbols, universe.features.known
    usable = np.flatnonzero(known[:end].sum(axis=0) >= min(250, end // 2))
    chosen = usable[np.unique(np.linspace(0, len(usable) - 1, min(EGOS, len(usable))).round().astype(int))]
    targets = [names[column] for column in chosen]
    overlap = [max(config.lookback, end // 4)] * len(targets)
    peers = select_peers(universe.daily[:end], names, targets, config.num_peers, overlap)
    place = {name: column for column, name in enumerate(names)}
    nodes = np.full((len(targets), config.num_stocks), -1)
    adjacency = np.zeros((len(targets), len(known), config.num_stocks, config.num_stocks), np.float32)
    for row, target in enumerate(targets):
        own = [place[target], *(place[peer] for peer in peers[target])]
        nodes[row, : len(own)] = own
        adjacency[row] = graphs_of(universe.daily[:, own], known[:, own], config)
    return Egos(nodes, adjacency)


def _losses(
    realised: Float64[np.ndarray, "targets sessions horizons"],
    expected: Float64[np.ndarray, "targets sessions horizons"],
) -> Float64[np.ndarray, "targets sessions horizons"]:
    """QLIKE of log variances; NaN where one of the two is not known or nothing moved."""
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.log(realised) - expected
    error[~np.isfinite(error)] = np.nan
    return np.asarray(np.exp(error) - error - 1)


def _qlike(
    realised: Float64[np.ndarray, "targets sessions horizons"],
    expected: Float64[np.ndarray, "targets sessions horizons"],
) -> Float64[np.ndarray, "horizons"]:
    losses = _losses(realised, expected)
    known = np.isfinite(losses)
    return np.asarray(np.where(known, losses, 0.0).sum(axis=(0, 1)) / np.maximum(known.sum(axis=(0, 1)), 1))


def _share(
    realised: Float64[np.ndarray, "targets sessions horizons"],
    linear: Float64[np.ndarray, "targets sessions horizons"],
    correction: Float64[np.ndarray, "targets sessions horizons"],
) -> Float64[np.ndarray, "horizons"]:
    """Share of the correction with the lowest held-out QLIKE, by horizon."""
    losses = np.stack([_qlike(realised, linear + share * correction) for share in _SHARES])  # [shares, H]
    return np.asarray(_SHARES[losses.argmin(axis=0)])


def _scores(
    standardised: Float64[np.ndarray, "targets sessions horizons"], horizons: Sequence[int]
) -> Float64[np.ndarray, "horizons scores"]:
    """Quantiles of standardised returns, with the finite-sample correction of so many independent ones as there are.

    Symbols move together: N of them are worth (sum of eigenvalues)^2 / (sum of their squares), of the correlation of
    the scores. Stretches of h sessions overlap: those of T sessions are worth T / h times 3 h^2 / (2 h^2 + 1), as far
    as a variance goes (Lo & MacKinlay 1988, "Stock Market Prices Do Not Follow Random Walks", Review of Financial
    Studies 1(1), section 1.2).
    """
    ranks = np.arange(1, SCORES + 1) / (SCORES + 1)
    daily = np.nan_to_num(standardised[..., 0])
    correlation = np.nan_to_num(np.corrcoef(daily)) if len(daily) > 1 else np.ones((1, 1))
    symbols = np.trace(correlation) ** 2 / max((correlation**2).sum(), 1e-12)
    quantiles = np.empty((len(horizons), SCORES))
    for place, horizon in enumerate(horizons):
        values = standardised[..., place]
        values = values[np.isfinite(values)]
        sessions = np.isfinite(standardised[..., place]).any(axis=0).sum() / horizon
        # Some sessions hardly tell what the drift is: it is drawn towards zero (calibration.py).
        values = values - DRIFT_PRIOR / (sessions + DRIFT_PRIOR) * values.mean()
        independent = max(sessions * symbols * 3 * horizon**2 / (2 * horizon**2 + 1), 1.0)
        tails = np.minimum(np.minimum(ranks, 1 - ranks), 0.5)
        tails = np.maximum(1 - (1 - tails) * (independent + 1) / independent, 0.5 / len(values))
        wider = np.where(ranks < 0.5, tails, 1 - tails)
        quantiles[place] = np.quantile(values, np.where(ranks == 0.5, 0.5, wider))
    return quantiles
