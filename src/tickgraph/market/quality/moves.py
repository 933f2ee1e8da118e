r"""Moves of a close, measured in the symbol's own usual move, less what the others did that day.

.. math:: x_t = \log(p_t / p_{t-1}) - m_t, \qquad z_t = |x_t| / \sigma_t

:math:`m_t` is the median move of all symbols. :math:`\sigma_t` is robust: the median absolute move of the sessions
around t, before and after. Later sessions are no look-ahead here: they only decide which stored bars are believed.
Stored bars never reach beyond the session of a forecast.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tickgraph.market.quality.histories import Flags, Histories, Rows

AROUND = 30  # sessions on each side of a move that say what is usual
FEW_MOVES = 8  # of fewer moves the usual one is a guess
GUESS = 0.03
LEAST = 0.01  # the usual move is at least this, also of a price that hardly ever moves
OFTEN = 0.15  # a restless symbol's larger moves count up to this; above it they may be bad bars themselves
MEDIAN_TO_DEVIATION, UPPER_TO_DEVIATION = 1.4826, 0.7803  # of the normal: median of |x|, its 80th percentile
LARGE = 0.2  # smaller moves are not looked at
MARKET = 5  # symbols of which the median is the market's move
# No market moves by more in a day; if all symbols do, they have another unit, and nothing is taken off.
CRASH = np.log(2)
UNUSUAL = 10.0  # times the usual move
LEVEL = np.log(10) - 0.05  # no listed stock keeps a tenfold move of one session
_BLOCK = 20_000


@dataclass(frozen=True)
class Moves:
    r"""``[m]`` large moves of one column, and how large they are."""

    rows: Rows  # [m] bars with a large move into them
    size: NDArray[np.float64]  # [m] x_t
    usual: NDArray[np.float64]  # [m] sigma_t
    # [n] log price of every bar less the market's moves so far: its differences over several bars are moves apart from
    # the market's.
    level: NDArray[np.float64]

    @property
    def unusual(self) -> Flags:
        """``[m]`` bool: many times the usual move."""
        return np.abs(self.size) >= UNUSUAL * self.usual


def moves_of(bars: Histories, column: str, missing: NDArray[np.int64]) -> Moves:
    """Find the large moves of a column of positive prices; ``missing`` sessions before each bar make a move larger."""
    follows = bars.follows()
    prices = np.log(bars.values[column])
    own = np.full(len(bars), np.nan)
    own[1:] = np.diff(prices)
    own[~follows] = np.nan
    moved = np.abs(np.nan_to_num(own)) > LARGE
    if not moved.any():
        none = np.array([], dtype=np.intp)
        return Moves(none, np.array([]), np.array([]), prices)
    market = _market(bars, own)
    level = prices - _running(market, follows)
    size = own - market
    rows = np.flatnonzero(moved & (np.abs(size) > LARGE))
    return Moves(rows, size[rows], _usual(bars, own, rows) * np.sqrt(1 + missing[rows]), level)


def around(bars: Histories, rows: Rows, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """``[m, 2 * AROUND]`` values of the bars around some, NaN where these are another symbol's."""
    steps = np.concatenate([np.arange(-AROUND, 0), np.arange(1, AROUND + 1)])
    places = rows[:, None] + steps
    inside = (places >= 0) & (places < len(bars))
    places = np.where(inside, places, 0)
    same = inside & (bars.codes[places] == bars.codes[rows][:, None])
    return np.where(same, values[places], np.nan)


def _market(bars: Histories, own: NDArray[np.float64]) -> NDArray[np.float64]:
    """``[n]`` float64: the median move of all symbols on each bar's day; 0 where there are few."""
    known = np.isfinite(own)
    by_day = pd.Series(own[known]).groupby(bars.days[known])
    median, count = by_day.median(), by_day.count()
    moved = median.where((count >= MARKET) & (median.abs() <= CRASH), 0.0)
    return np.nan_to_num(moved.reindex(bars.days).to_numpy())


def _running(market: NDArray[np.float64], follows: Flags) -> NDArray[np.float64]:
    """Sum of the market's moves over each symbol's bars so far."""
    steps = np.where(follows, market, 0.0)
    total = np.cumsum(steps)
    starts = np.flatnonzero(~follows)
    lengths = np.diff(np.append(starts, len(market)))
    return total - np.repeat(total[starts], lengths)


def _usual(bars: Histories, own: NDArray[np.float64], rows: Rows) -> NDArray[np.float64]:
    parts = [np.array([])]
    for start in range(0, len(rows), _BLOCK):
        near = np.sort(np.abs(around(bars, rows[start : start + _BLOCK], own)), axis=1)  # NaN last
        count = np.isfinite(near).sum(axis=1)
        each = np.arange(len(near))
        median = near[each, np.maximum(count - 1, 0) // 2]
        upper = near[each, np.maximum(count - 1, 0) * 4 // 5]
        scale = np.maximum(MEDIAN_TO_DEVIATION * median, np.minimum(UPPER_TO_DEVIATION * upper, OFTEN))
        scale = np.maximum(np.nan_to_num(scale), LEAST)
        parts.append(np.where(count < FEW_MOVES, np.maximum(scale, GUESS), scale))
    return np.concatenate(parts)


def grown(size: float) -> float:
    """Factor of a move; prices may be so far apart that no number holds it."""
    return float(np.exp(min(size, 700.0)))


def times(size: float) -> str:
    """Say how many times as high a price is, or what part."""
    factor = grown(abs(size))
    text = f"{factor:.1f}" if factor < 20 else f"{factor:,.0f}" if factor < 1e9 else f"{factor:.0e}"
    return f"{text} times" if size > 0 else f"1/{text} of"
