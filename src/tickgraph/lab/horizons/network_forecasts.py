"""The product's variance network, walked forward: the universe's fit, then a model per symbol drawn to it.

Each ablation takes one thing away:

- no edges: neither peers nor anything heard of the universe or of the market;
- listening only: no peers, only what the universe says;
- shuffled edges: as many peers and as much heard, of the wrong symbols;
- linear: no nonlinear path;
- alone: the linear path of each symbol fitted on it and its peers, drawn to nothing.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from tickgraph.graph.peers import select_peers
from tickgraph.graph.variance_features import COMMON
from tickgraph.lab.compared import Kind
from tickgraph.lab.horizons.method import PROBABILITIES, Forecast, HorizonForecast, HorizonForecaster, Stretch
from tickgraph.lab.horizons.moves import Moves
from tickgraph.model.horizon_distribution import widening
from tickgraph.model.linear_path import fit_linear_path
from tickgraph.model.realised import known_by
from tickgraph.model.stack import alone
from tickgraph.model.training_config import TrainingConfig
from tickgraph.model.universe_fit import UniverseFit, fit_universe
from tickgraph.model.variance_examples import SESSIONS, Universe, graphs_of, universe_of
from tickgraph.model.variance_fit import fit_variance
from tickgraph.model.variance_network import log_variances
from tickgraph.model.weights import LINEAR_BIAS, LINEAR_KERNEL, SHARE, Weights, variance_part
from tickgraph.shapes import Float64, Int

Edges = Literal["graph", "none", "listening", "shuffled"]

HEARD = [place for place, name in enumerate(COMMON) if name.startswith("heard")]
OF_THE_MARKET = [place for place, name in enumerate(COMMON) if "market" in name]
NO_PEERS = 1.0
"""Threshold of correlation that no peer reaches."""


@dataclass(frozen=True)
class FittedModels:
    """The universe's fit, and the model of each symbol: columns of its nodes, itself first, and its weights."""

    universe: UniverseFit
    symbols: tuple[tuple[list[int], Weights], ...]


@dataclass
class UniverseFits:
    """Fits of the universe at the begin of each stretch, made once for all forecasters that share them.

    Attributes
    ----------
    product
        The product's configuration; its seed also draws the wrong symbols.
    edges
        Who hears whom.
    """

    product: TrainingConfig
    edges: Edges = "graph"
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _universes: dict[str, tuple[TrainingConfig, Universe]] = field(
        default_factory=dict, init=False, repr=False
    )
    _models: dict[tuple[str, int], FittedModels | None] = field(default_factory=dict, init=False, repr=False)

    @property
    def config(self) -> TrainingConfig:
        """The product's configuration, without peers where there are none."""
        isolated = {"threshold": NO_PEERS} if self.edges in ("none", "listening") else {}
        return self.product.model_copy(update=isolated)

    def prepare(self, moves: Moves) -> tuple[TrainingConfig, Universe]:
        """The configuration with all horizons that are asked for, and features and targets of all sessions."""
        key = f"{moves.panel.data_version} {moves.horizons}"
        with self._lock:
            if key not in self._universes:
                grid = tuple(sorted({*self.config.horizons, *moves.horizons}))
                config = self.config.model_copy(update={"horizons": grid})
                universe = universe_of(moves.panel, config, sessions=len(moves.panel.sessions))
                self._universes[key] = config, ablated(universe, self.edges, config.seed)
            return self._universes[key]

    def models(self, moves: Moves, first: int) -> FittedModels | None:
        """Fit on what was known before session ``first``; None where that is too little."""
        config, universe = self.prepare(moves)
        key = f"{moves.panel.data_version} {moves.horizons}", first
        with self._lock:
            if key not in self._models:
                past = known_universe(universe, first, config.horizons)
                fit = fit_universe(moves.panel, config, past)
                self._models[key] = None if fit is None else fitted_models(fit, past, config)
            return self._models[key]


def network(
    name: str, kind: Kind, description: str, fits: UniverseFits, *, nonlinear: bool = True, drawn: bool = True
) -> HorizonForecaster:
    """The variance network as the product fits and serves it, or without one of its parts.

    Parameters
    ----------
    fits
        Of the universe; ablations that share it fit it once.
    nonlinear
        Whether the nonlinear path counts, by the share that its held-out sessions bear out.
    drawn
        Whether each symbol's linear path is drawn to the universe's.
    """

    def prepare(moves: Moves) -> Forecast:
        config, universe = fits.prepare(moves)
        grid = config.horizons
        asked = np.array([grid.index(horizon) for horizon in moves.horizons])

        def forecast(stretch: Stretch) -> HorizonForecast:
            symbols = len(moves.panel.symbols)
            variance = np.full((stretch.stop - stretch.first, symbols, len(grid)), np.nan)
            models = fits.models(moves, stretch.first)
            scores = np.full((len(grid), len(PROBABILITIES)), np.nan)
            if models is not None:
                scores = scores_at_probabilities(models.universe.scores)
                past = known_universe(universe, stretch.first, grid)
                for symbol, (nodes, weights) in enumerate(models.symbols):
                    own = dict(weights)
                    if not nonlinear:
                        own[SHARE] = np.zeros_like(own[SHARE])
                    if not drawn:
                        own |= linear_weights(past, nodes, grid)
                    variance[:, symbol] = symbol_variances(universe, nodes, own, config, stretch.rows)
            return HorizonForecast(
                np.maximum.accumulate(variance, axis=-1)[..., asked],
                network_quantiles(variance[stretch.origins - stretch.first], scores, asked),
            )

        return forecast

    settings = {
        "edges": fits.edges,
        "nonlinear": nonlinear,
        "drawn": drawn,
        "sessions": SESSIONS,
        "quantiles": "the outer quarters widen",
        "training": fits.config.model_dump(mode="json"),
    }
    return HorizonForecaster(
        name, kind, description, settings, prepare, fewest_sessions=63, has_quantiles=True
    )


def linear_weights(past: Universe, nodes: list[int], grid: tuple[int, ...]) -> Weights:
    """Weights of a linear path that is fitted on a symbol and its peers alone; empty where they are too few."""
    rows = slice(-SESSIONS, None)
    kernel = fit_linear_path(
        past.features.values[rows][:, nodes],
        past.features.known[rows][:, nodes],
        past.variance[rows][:, nodes],
        grid,
    )
    if kernel is None:
        return {}
    return {
        LINEAR_KERNEL: kernel.coefficients.astype(np.float32),
        LINEAR_BIAS: kernel.bias.astype(np.float32),
    }


def fitted_models(fit: UniverseFit, past: Universe, config: TrainingConfig) -> FittedModels:
    """Choose the peers of each symbol and fit its model, drawn to the universe's."""
    names, place = past.features.symbols, past.features.columns
    daily = past.daily[-SESSIONS:]
    overlap = [max(config.lookback, len(daily) // 4)] * len(names)
    peers = select_peers(daily, names, names, config.num_peers, overlap)
    models = []
    for name in names:
        nodes = name, *peers[name]
        fitted = alone(fit_variance(fit, past, nodes, past.features.sessions[-1], config))
        weights = variance_part(fitted)
        models.append(([place[node] for node in nodes], weights))
    return FittedModels(fit, tuple(models))


def ablated(universe: Universe, edges: Edges, seed: int) -> Universe:
    """Take away what is heard, or give it of the wrong symbols."""
    if edges in ("graph", "listening"):
        return universe
    values, daily = universe.features.values.copy(), universe.daily
    if edges == "none":
        values[..., HEARD + OF_THE_MARKET] = 0.0
    if edges == "shuffled":
        wrong = wrong_symbols(values.shape[1], seed)
        values[..., HEARD] = values[:, wrong][..., HEARD]
        # Peers and edges are found in returns: with another symbol's, they are that symbol's.
        daily = daily[:, wrong]
    return replace(universe, features=replace(universe.features, values=values), daily=daily)


def known_universe(universe: Universe, first: int, grid: tuple[int, ...]) -> Universe:
    """The sessions that a fit before session ``first`` may see, targets only where they are known."""
    rows = slice(max(0, first - SESSIONS), first)
    features = universe.features
    return Universe(
        replace(
            features,
            sessions=features.sessions[rows],
            values=features.values[rows],
            known=features.known[rows],
        ),
        known_by(universe.variance, first, grid)[rows],
        known_by(universe.returns, first, grid)[rows],
        universe.daily[rows],
    )


def symbol_variances(
    universe: Universe, nodes: list[int], weights: Weights, config: TrainingConfig, rows: slice
) -> Float64[np.ndarray, "stretch horizons"]:
    """Variances of one target over each horizon, of the sessions of a stretch; NaN where its features are missing."""
    count = config.num_stocks
    begin = max(0, rows.start - config.lookback + 1)
    own = slice(rows.start - begin, None)
    daily, seen = (part[begin : rows.stop, nodes] for part in (universe.daily, universe.features.known))
    known, size = seen[own], slice(len(nodes))  # [t, n]
    adjacency = graphs_of(daily, seen, config)[own]
    features = np.zeros((len(known), count, universe.features.values.shape[-1]), np.float32)
    features[:, size] = universe.features.values[rows][:, nodes]
    variances = np.exp(log_variances(weights, features, adjacency)[:, 0].astype(np.float64))
    variances[~known[:, 0]] = np.nan
    return variances


def network_quantiles(
    variances: Float64[np.ndarray, "origins symbols grid"],
    scores: Float64[np.ndarray, "grid quantiles"],
    asked: Int[np.ndarray, "horizons"],
) -> Float64[np.ndarray, "origins symbols horizons quantiles"]:
    """Quantiles of the product's distribution (:mod:`tickgraph.model.horizon_distribution`), of many at once.

    Parameters
    ----------
    variances
        Over each horizon of the grid; NaN where there is no forecast.
    scores
        Quantiles of standardised returns at :data:`~tickgraph.lab.horizons.method.PROBABILITIES`.
    asked
        Places in the grid of the horizons that are wanted.
    """
    quantiles = np.sqrt(np.maximum.accumulate(variances, axis=-1))[..., None] * scores  # [O, S, G, Q]
    return widening(quantiles)[..., asked, :]


def scores_at_probabilities(
    scores: Float64[np.ndarray, "grid scores"],
) -> Float64[np.ndarray, "grid quantiles"]:
    """Take scores of rank k of P at ``PROBABILITIES``; each of these must be a rank, k / (P + 1)."""
    ranks = PROBABILITIES * (scores.shape[1] + 1)
    if not np.allclose(ranks, np.round(ranks)):
        raise ValueError(f"{scores.shape[1]} scores have no ranks at {len(PROBABILITIES)} probabilities")
    return scores[:, np.round(ranks).astype(np.intp) - 1]


def wrong_symbols(count: int, seed: int) -> Int[np.ndarray, "symbols"]:
    """For each symbol another one, and never itself: a cycle through all in a drawn order."""
    order = np.random.default_rng([seed, 5]).permutation(count)
    wrong = np.empty(count, np.intp)
    wrong[order] = np.roll(order, 1)
    return wrong
