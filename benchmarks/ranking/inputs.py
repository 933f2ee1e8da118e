"""What the ranking networks read of each day, computed from the days up to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.ranking.market import CHANNELS, CLOSE, RankingMarket, Scaling

PEERS = 10
LOOKBACK_GRAPH = 60
THRESHOLD = 0.3
REFRESH = 5
"""Days between two choices of peers."""

FACTORS = 10
LOOKBACK_FACTORS = 250

LAGS = 16
RETURN_BOUND = 0.15
"""Larger daily moves are cut to it: one merger should not decide a correlation."""


@dataclass(frozen=True)
class GraphInputs:
    """The graph of every day.

    Attributes
    ----------
    peers, edges
        ``[T, S, 10]`` int32 and float32: each stock's most correlated stocks over 60 returns, and the
        correlation, 0 below 0.3.
    factors
        ``[T, S, 1 + 10]`` float32, orthonormal columns: the constant, and the leading eigenvectors of the
        correlation graph's covariance over up to 250 returns.
    """

    peers: NDArray[np.int32]
    edges: NDArray[np.float32]
    factors: NDArray[np.float32]


def bounded_returns(market: RankingMarket) -> NDArray[np.float64]:
    """``[S, T]`` log returns within :data:`RETURN_BOUND`; 0 where missing."""
    return np.clip(np.nan_to_num(np.log1p(market.returns)), -RETURN_BOUND, RETURN_BOUND)


def graph_inputs(market: RankingMarket) -> GraphInputs:
    """Build the graph of every day from the returns up to it."""
    returns = bounded_returns(market)
    stocks, days = returns.shape
    count = min(PEERS, stocks - 1)
    peers = np.zeros((days, stocks, PEERS), np.int32)
    edges = np.zeros((days, stocks, PEERS), np.float32)
    factors = np.zeros((days, stocks, 1 + FACTORS), np.float32)
    for day in range(LOOKBACK_GRAPH, days):
        if (day - LOOKBACK_GRAPH) % REFRESH:
            peers[day], edges[day] = peers[day - 1], edges[day - 1]
        else:
            window = returns[:, day - LOOKBACK_GRAPH + 1 : day + 1]
            centred = window - window.mean(axis=1, keepdims=True)
            norm = np.sqrt((centred**2).sum(axis=1, keepdims=True))
            unit = np.divide(centred, norm, out=np.zeros_like(centred), where=norm > 0)
            correlation = unit @ unit.T
            np.fill_diagonal(correlation, -np.inf)
            nearest = np.argpartition(-correlation, count - 1, axis=1)[:, :count]
            strength = np.take_along_axis(correlation, nearest, axis=1)
            peers[day, :, :count] = nearest
            edges[day, :, :count] = np.where(strength >= THRESHOLD, strength, 0.0)
        factors[day] = leading_factors(returns[:, max(1, day - LOOKBACK_FACTORS + 1) : day + 1])
    return GraphInputs(peers, edges, factors)


def leading_factors(returns: NDArray[np.float64]) -> NDArray[np.float32]:
    """Orthonormal basis ``[S, 1 + 10]`` of the constant and the strongest common movements of ``[S, L]``.

    The eigenvectors of the ``[S, S]`` covariance follow from those of the smaller ``[L, L]`` Gram matrix. A column that
    the others span is 0.
    """
    centred = returns - returns.mean(axis=1, keepdims=True)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    moves = centred @ vectors[:, -FACTORS:]
    basis = np.concatenate([np.ones((len(returns), 1)), moves[:, ::-1]], axis=1)
    q, r = np.linalg.qr(basis)
    q[:, np.abs(np.diag(r)) < 1e-9] = 0.0
    columns = np.zeros((len(returns), 1 + FACTORS), np.float32)
    columns[:, : q.shape[1]] = q
    return columns


def remove_factors(values: Any, factors: Any) -> Any:
    """Values ``[..., S]`` without the part that ``factors`` ``[..., S, Q]`` explain; NumPy or JAX arrays."""
    loading = (factors * values[..., None]).sum(axis=-2, keepdims=True)  # [..., 1, Q]
    return values - (factors * loading).sum(axis=-1)


def features(market: RankingMarket, graph: GraphInputs, scaling: Scaling) -> NDArray[np.float32]:
    """Features of every stock and day, ``[T, S, F]`` float32, from 16 days of the stock and of its peers.

    They are: log returns of 16 days; the close against its four averages; volatility over the 16 days; the last return
    against it; the part of the last five returns that the factors do not explain, of the stock and as the mean of its
    peers. With ``"published"`` scaling there are also the five channels of the day on the file's scale, and the
    distance of the close from the scale's top, in units of volatility among others. The top is the stock's maximum of
    all days, so these columns look ahead, as the inputs of the published table do.
    """
    returns = bounded_returns(market)
    lags = [_lagged(returns, lag) for lag in range(LAGS)]
    volatility = np.sqrt(np.mean([lag**2 for lag in lags], axis=0))
    with np.errstate(divide="ignore", invalid="ignore"):
        gaps = np.nan_to_num(
            np.log(market.close[..., None] / market.inputs[..., :CLOSE]), posinf=0.0, neginf=0.0
        )
    own = remove_factors(returns.T, graph.factors).T  # [S, T]
    weight = graph.edges / np.maximum(graph.edges.sum(axis=-1, keepdims=True), 1e-9)
    theirs = np.stack(
        [(weight[day] * own[:, day][graph.peers[day]]).sum(axis=-1) for day in range(own.shape[1])], axis=1
    )
    columns = [
        *lags,
        *(gaps[..., i] for i in range(CLOSE)),
        np.log(volatility + 2e-3),
        returns / (volatility + 5e-3),
        *(_lagged(own, lag) for lag in range(5)),
        *(_lagged(theirs, lag) for lag in range(5)),
    ]
    if scaling == "published":
        scale = np.log(np.clip(np.nan_to_num(market.inputs), 1e-3, None))
        columns += [scale[..., i] for i in range(len(CHANNELS))]
        distance = -scale[..., CLOSE] / (volatility + 2e-3)
        columns += [
            np.log(np.maximum(1 - np.exp(scale[..., CLOSE]), 0.0) + 2e-3),
            np.minimum(distance, 20.0),
            np.minimum(distance, 3.0),
        ]
    return np.stack(columns, axis=-1).astype(np.float32).swapaxes(0, 1)


def _lagged(values: NDArray[np.float64], lag: int) -> NDArray[np.float64]:
    """``[S, T]`` moved ``lag`` days later, 0 before the first."""
    moved = np.zeros_like(values)
    moved[:, lag:] = values[:, : values.shape[1] - lag]
    return moved
