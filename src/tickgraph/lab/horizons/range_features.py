"""What regressions of the range variance look at: own, neighbours' and the market's averages, shocks and downside.

The averages are exponential (HExp of Bollerslev, Hood, Huss & Pedersen 2018, "Risk Everywhere", Review of Financial
Studies 31(7)), with centres of mass of 1, 5, 25 and 125 sessions in place of the day, week and month of Corsi 2009.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from tickgraph.lab.horizons.method import Stretch
from tickgraph.lab.horizons.moves import Moves
from tickgraph.shapes import Float64

CENTRES: tuple[int, ...] = (1, 5, 25, 125)
"""Centres of mass of the averages of the range variance, in sessions."""
SQUARE_CENTRES: tuple[int, ...] = (5, 25)
"""Of the averages of squared returns."""
PEERS = 10
CORRELATION_SESSIONS = 250
SHARPNESS = 3.0
"""A neighbour's weight is exp(3 rho)."""

_FLOOR = 1e-7
_LARGEST_SHOCK = 5.0


@dataclass(frozen=True)
class RangeFeatures:
    """Features of all sessions; row t is computed from rows up to t."""

    moves: Moves

    @cached_property
    def averages(self) -> Float64[np.ndarray, "sessions symbols centres"]:
        """Averages of the range variance."""
        return smoothed(self.moves.variance, CENTRES)

    @cached_property
    def squares(self) -> Float64[np.ndarray, "sessions symbols centres"]:
        """Averages of the squared return."""
        return smoothed(self.moves.returns**2, SQUARE_CENTRES)

    @cached_property
    def own(self) -> Float64[np.ndarray, "sessions symbols features"]:
        """Logs of the own averages of the range variance."""
        return log(self.averages)

    @cached_property
    def own_squares(self) -> Float64[np.ndarray, "sessions symbols features"]:
        """Logs of the own averages of the squared return."""
        return log(self.squares)

    @cached_property
    def relative(self) -> Float64[np.ndarray, "sessions symbols features"]:
        """Logs of the own averages over the longest of them."""
        return self.own - self.own[..., -1:]

    @cached_property
    def market(self) -> Float64[np.ndarray, "sessions symbols features"]:
        """Logs of averages of the mean range variance of all symbols, the same for each."""
        known = np.isfinite(self.moves.variance)
        total = np.where(known, self.moves.variance, 0.0).sum(axis=1)
        mean = np.divide(total, known.sum(axis=1), out=np.full(len(total), np.nan), where=known.any(axis=1))
        return np.broadcast_to(log(smoothed(mean[:, None], CENTRES)), self.own.shape)

    @cached_property
    def downside(self) -> Float64[np.ndarray, "sessions symbols 1"]:
        """Log of the share of the squared return that came from falls."""
        returns = self.moves.returns
        falls = np.where(np.isfinite(returns), np.minimum(returns, 0.0) ** 2, np.nan)
        share = log(smoothed(falls, (5,))) - self.own_squares[..., :1]
        return np.clip(share, -4.0, 1.0)

    @cached_property
    def shocks(self) -> Float64[np.ndarray, "sessions symbols 4"]:
        """The last return in standard deviations, signed and absolute, of the symbol and of the market's mean."""
        deviation = np.sqrt(np.maximum(self.squares[..., 1], _FLOOR))
        own = np.clip(self.moves.returns / deviation, -_LARGEST_SHOCK, _LARGEST_SHOCK)
        known = np.isfinite(own)
        mean = np.where(known, own, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        market = np.broadcast_to(mean[:, None], own.shape)
        return np.stack([own, np.abs(own), market, np.abs(market)], axis=-1)

    def peers(self, stretch: Stretch, rows: slice) -> Float64[np.ndarray, "rows symbols features"]:
        """Logs of the mean averages of each symbol's 10 most correlated peers, as known before the stretch."""
        strength = np.abs(self._correlation(stretch, stretch.fit_sessions))
        np.fill_diagonal(strength, -1.0)
        count = min(PEERS, len(strength) - 1)
        weights = np.zeros_like(strength)
        np.put_along_axis(weights, np.argsort(-strength, axis=1)[:, :count], 1.0, axis=1)
        return log(weighted_mean(weights, self.averages[rows]))

    def listening(self, stretch: Stretch, rows: slice) -> Float64[np.ndarray, "rows symbols features"]:
        """Relative logs of all other symbols' averages, weighted by exp(3 rho) of the 250 sessions before."""
        weights = np.exp(SHARPNESS * self._correlation(stretch, CORRELATION_SESSIONS))
        np.fill_diagonal(weights, 0.0)
        return weighted_mean(weights, self.relative[rows])

    def _correlation(self, stretch: Stretch, window: int) -> Float64[np.ndarray, "symbols symbols"]:
        """Of the returns before a stretch; a missing return counts as 0, and a symbol without returns has none."""
        past = np.nan_to_num(self.moves.returns[max(0, stretch.first - window) : stretch.first])
        centred = past - past.mean(axis=0)
        norm = np.sqrt((centred**2).sum(axis=0))
        unit = np.divide(centred, norm, out=np.zeros_like(centred), where=norm > 0)
        return np.clip(unit.T @ unit, -1.0, 1.0)


def smoothed(
    values: Float64[np.ndarray, "sessions symbols"], centres: Sequence[int]
) -> Float64[np.ndarray, "sessions symbols centres"]:
    """Exponential averages up to each session; NaN where the session's own value is missing."""
    frame = pd.DataFrame(values)
    means = np.stack([frame.ewm(com=centre).mean().to_numpy() for centre in centres], axis=-1)
    means[~np.isfinite(values)] = np.nan
    return means


def weighted_mean(
    weights: Float64[np.ndarray, "symbols symbols"], values: Float64[np.ndarray, "rows symbols features"]
) -> Float64[np.ndarray, "rows symbols features"]:
    """Mean over the other symbols, those without a value left out."""
    known = np.isfinite(values)
    total, weight = (
        np.matmul(weights, each) for each in (np.where(known, values, 0.0), known.astype(np.float64))
    )
    return np.divide(total, weight, out=np.full_like(total, np.nan), where=weight > 1e-12)


def log(values: Float64[np.ndarray, "*shape"]) -> Float64[np.ndarray, "*shape"]:
    """Logarithm, with the floor of a move of a thirtieth of a percent."""
    return np.log(np.maximum(values, _FLOOR))
