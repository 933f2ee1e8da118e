"""Paths of one price or of several together: filtered historical simulation over whole dates.

A date's moves of all symbols, divided by the volatility that was known the evening before, are drawn as they came: the
close to close move, and the day's high and low from the former close. So symbols move together as they did, and days
keep their shape. A path adds up as many drawn dates as it has sessions, each times the volatility of its session::

    C_k = C_{k-1} + sqrt(V_k - V_{k-1}) z_k        z_k: a date's move, drawn with replacement

After each session the paths are mapped, rank by rank, onto the distribution that the model forecasts for that many
sessions (:mod:`tickgraph.model.horizon_distribution`), and the day's highs and lows by the same increasing map. So
every session has exactly the forecast's distribution, and what the paths add is the way there and who moves with whom.

Source: Barone-Adesi, Giannopoulos & Vosper 1999, "VaR without Correlations for Portfolios of Derivative Securities",
Journal of Futures Markets 19(5).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tickgraph.errors import HistoryTooShortError
from tickgraph.market.panel import PricePanel
from tickgraph.market.range_variance import range_variance, usable_range
from tickgraph.model.horizon_distribution import HorizonDistribution
from tickgraph.shapes import Float64, Int

PATHS = 4000
DATES = 1000
"""Dates that are drawn from: the last ones."""
FEWEST_DATES = 250
CENTRES, SHARES = (10, 60), (0.6, 0.4)
"""The volatility that a date's moves are divided by: exponential averages of the range variance, in sessions."""
_WARM = 60
_LEAST_STEP = 0.05  # of the mean variance of a session: a forecast may give one session none


@dataclass(frozen=True, eq=False)
class DatedMoves:
    """Standardised moves of S symbols on D dates; a row is one date of all symbols.

    Attributes
    ----------
    symbols
        S names.
    close, high, low
        ``[D, S]`` log of the close, high and low over the close before, in units of the volatility known then.
    """

    symbols: tuple[str, ...]
    close: Float64[np.ndarray, "dates symbols"]
    high: Float64[np.ndarray, "dates symbols"]
    low: Float64[np.ndarray, "dates symbols"]


@dataclass(frozen=True, eq=False)
class PricePaths:
    """Simulated paths of S symbols over H sessions.

    Attributes
    ----------
    symbols
        S names, in the order that was asked for.
    close, high, low
        ``[N, S, H]`` log of each session's close, high and low over today's price.
    """

    symbols: tuple[str, ...]
    close: Float64[np.ndarray, "paths symbols sessions"]
    high: Float64[np.ndarray, "paths symbols sessions"]
    low: Float64[np.ndarray, "paths symbols sessions"]

    def probability_touched(
        self, log_level: Float64[np.ndarray, "symbols levels"]
    ) -> Float64[np.ndarray, "symbols levels sessions"]:
        """Share of paths that touch a level of their symbol within 1, 2, 3... sessions, by a high or a low."""
        tops = np.sort(np.maximum.accumulate(self.high, axis=2), axis=0)  # [N, S, H]
        falls = np.sort(-np.minimum.accumulate(self.low, axis=2), axis=0)
        count, symbols, sessions = tops.shape
        touched = np.ones((symbols, log_level.shape[1], sessions))
        for symbol, level in enumerate(log_level):
            for session in range(sessions):
                for extremes, side in ((tops, level > 0), (falls, level < 0)):
                    missed = np.searchsorted(extremes[:, symbol, session], np.abs(level[side]))
                    touched[symbol, side, session] = 1 - missed / count
        return touched

    def probability_all_above(
        self, log_level: Float64[np.ndarray, "symbols"]
    ) -> Float64[np.ndarray, "sessions"]:
        """Share of paths on which every symbol closes above its level after 1, 2, 3... sessions."""
        return np.asarray((self.close > log_level[:, None]).all(axis=1).mean(axis=0))


def dated_moves(panel: PricePanel, symbols: Sequence[str]) -> DatedMoves:
    """Standardise the moves of a panel's last dates on which all symbols have one.

    Raises
    ------
    HistoryTooShortError
        They have fewer than 250 such dates.
    """
    own = panel.tail(DATES + _WARM + 1).select(symbols)
    variance = pd.DataFrame(range_variance(own))
    averages = [variance.ewm(com=centre, min_periods=_WARM).mean().to_numpy() for centre in CENTRES]
    deviation = np.sqrt(np.tensordot(SHARES, averages, axes=1))[:-1]  # [T, S], known before the date
    factor = own.adj_close / own.close
    adjusted = np.log(own.adj_close)
    before, move = adjusted[:-1], np.diff(adjusted, axis=0)
    usable = usable_range(own)[1:]
    high, low = (np.log(each * factor)[1:] - before for each in (own.high, own.low))
    high = np.where(usable, np.maximum(high, move), np.maximum(move, 0.0))
    low = np.where(usable, np.minimum(low, move), np.minimum(move, 0.0))
    known = (np.isfinite(move) & (deviation > 0)).all(axis=1)
    if known.sum() < FEWEST_DATES:
        raise HistoryTooShortError(
            f"History too short to simulate {', '.join(symbols)}: {known.sum()} dates with a price of each, need "
            f"{FEWEST_DATES}. Import more history, or leave out the youngest."
        )
    close, high, low = ((each[known] / deviation[known]) for each in (move, high, low))
    return DatedMoves(tuple(symbols), close, high, low)


def seed_of(symbols: Sequence[str], session: np.datetime64) -> int:
    """Seed of the paths of symbols, in any order, from a session on: the same question gets the same answer."""
    text = " ".join([str(session), *sorted(symbols)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def price_paths(
    distributions: Sequence[HorizonDistribution],
    moves: DatedMoves,
    sessions: int,
    seed: int,
    paths: int = PATHS,
) -> PricePaths:
    """Simulate paths of symbols together.

    Parameters
    ----------
    distributions
        Of each symbol of ``moves``; they reach as far as the paths.
    moves
        Dates to draw from.
    sessions
        H, at least 1.
    seed
        The same seed gives the same paths.
    paths
        N.

    Raises
    ------
    InputError
        More sessions than a distribution has.
    """
    drawn = np.random.default_rng(seed).integers(0, len(moves.close), (paths, sessions)).T  # [H, N]
    found = np.empty((3, len(moves.symbols), sessions, paths))  # what is written at once lies together
    for place, each in enumerate(distributions):
        _simulate(
            each,
            [column[:, place] for column in (moves.close, moves.high, moves.low)],
            drawn,
            found[:, place],
        )
    close, high, low = (each.transpose(2, 0, 1) for each in found)  # [N, S, H]
    return PricePaths(moves.symbols, close, high, low)


def _simulate(
    distribution: HorizonDistribution,
    moves: Sequence[Float64[np.ndarray, "dates"]],
    drawn: Int[np.ndarray, "sessions paths"],
    found: Float64[np.ndarray, "three sessions paths"],
) -> None:
    """Write the paths of one symbol: closes, highs and lows. One session at a time is all that is in memory besides."""
    ahead = np.arange(1, len(drawn) + 1)
    variance = distribution.variance(ahead)
    steps = np.sqrt(np.maximum(np.diff(variance, prepend=0.0), _LEAST_STEP * variance / ahead))  # [H]
    ranks = np.arange(1, drawn.shape[1] + 1) / (drawn.shape[1] + 1)
    starts = np.zeros(drawn.shape[1])
    for place, (session, step, dates) in enumerate(zip(ahead.tolist(), steps, drawn, strict=True)):
        close, high, low = (starts + step * column[dates] for column in moves)  # [N]
        order, target = np.argsort(close, kind="stable"), distribution.quantile(ranks, session)
        ranked = close[order]
        closes, highs, lows = found[:, place]
        closes[order] = target  # paths of one date at first have a rank each
        np.maximum(_mapped(high, ranked, target), closes, out=highs)
        np.minimum(_mapped(low, ranked, target), closes, out=lows)
        starts = close


def _mapped(
    values: Float64[np.ndarray, "paths"],
    ranked: Float64[np.ndarray, "paths"],
    target: Float64[np.ndarray, "paths"],
) -> Float64[np.ndarray, "paths"]:
    """Map values as ``ranked`` goes to ``target``; beyond the outermost by as far as they lie beyond."""
    beyond = np.maximum(values - ranked[-1], 0.0) + np.minimum(values - ranked[0], 0.0)
    return np.interp(values, ranked, target) + beyond
