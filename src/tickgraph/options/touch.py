"""How likely a price touches a level: that a day's high, or low, gets there at a session up to the expiry.

A price that moves up and down alike from the moment it touches a level ends beyond the level in half of these cases. So
a touch is twice as likely as an end beyond: the reflection principle. It needs no normal distribution, and here it
is taken of the calibrated distribution of the close. Two things are put right. With the chance p of an end beyond
today's price on the level's side::

    e = P(R_h > x) / p
    u = P(R_h > x) / (1/2 + (p - 1/2) e)        a rise and a fall are not exactly as likely
    g = a / sqrt(h)
    T = u (1 - g exp(-0.58 (1 - u) / g))        a price is not traded at night

From a level beside the price, where e is 1, the price ends beyond with chance p. A far level is touched late. Then
little time is left, and the chance is one half.

``a`` is the share of sessions that never trade above the close before: the price opened lower and did not come back.
Over h sessions that share falls with the square root of h, as the chance does that a random walk never rises above its
start (Sparre Andersen 1954, "On the fluctuations of sums of random variables II", Mathematica Scandinavica 2). It
counts for levels near the price, and not for far ones. The lower side is the mirror image.

The inverse of u, the level of each u, is computed at the forecast horizons, without dividends. At a longer horizon it
is no nearer, and between two of them its square is linear, as in :mod:`tickgraph.model.horizon_distribution`.

Sources: reflection, Karatzas & Shreve 1991, "Brownian Motion and Stochastic Calculus", section 2.6; levels that are
watched from time to time, Broadie, Glasserman & Kou 1997, "A Continuity Correction for Discrete Barrier Options",
Mathematical Finance 7(4). Their correction moves the level, and is too strong for far levels, where big days decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tickgraph.market.expiry import check_sessions
from tickgraph.market.panel import PricePanel
from tickgraph.market.range_variance import usable_range
from tickgraph.model.horizon_distribution import LEAST, TAIL, HorizonDistribution
from tickgraph.shapes import Bool, Float64, Int

TYPICAL_GAP = 0.145
"""Share of sessions that never trade above, or never below, the close before: 479 US stocks, 2014 to 2022."""
LARGEST_GAP = 0.4
"""With a larger share a nearer level could be touched less often than a farther one."""
NEARNESS = 0.58
"""How fast the share fades with the distance of the level: 479 US stocks, 2014 to 2017, 1 to 63 sessions ahead."""
GAP_SESSIONS = 250
"""Sessions that a symbol's share is measured on: the last year adds to what the last four say of the next month."""
FEWEST_GAP_SESSIONS = 200
LEAST_CHANCE = 0.25
"""A rise, or a fall, is taken to be at least this likely where it is the divisor."""


@dataclass(frozen=True, eq=False)
class TouchDistribution:
    """Probabilities of touching a level within 1 session to the longest horizon.

    A probability is never below the probability to end beyond the level. It never falls with sessions, and never rises
    with the level's distance.

    Attributes
    ----------
    distribution
        Of the close.
    gap
        Share of sessions that never trade above, or never below, the close before.
    """

    distribution: HorizonDistribution
    gap: float = TYPICAL_GAP

    def probability_touched(
        self,
        log_level: Float64[np.ndarray, "..."] | float,
        sessions: Int[np.ndarray, "..."] | int,
    ) -> Float64[np.ndarray, "..."]:
        """Probability that a level is touched at one of so many sessions.

        Parameters
        ----------
        log_level
            Log of the level over today's price. A level above 0 is touched by a day's high, one below 0 by a day's
            low. One at 0 is touched already.
        sessions
            1 to the longest horizon; broadcast against the levels.

        Raises
        ------
        InputError
            Fewer sessions than 1, or more than the longest horizon.
        """
        levels, ahead = np.broadcast_arrays(np.asarray(log_level, dtype=np.float64), sessions)
        if not levels.size:
            return np.ones(levels.shape)
        for end in (int(ahead.min()), int(ahead.max())):
            check_sessions(end, self.distribution.longest)
        asked = np.zeros(self.distribution.longest + 1, dtype=bool)
        asked[ahead] = True
        distinct = np.flatnonzero(asked)
        rows = (np.cumsum(asked) - 1)[ahead.ravel()]
        distance, below = np.abs(levels).ravel(), (levels < 0).ravel()
        rows, side, place = rows + len(distinct) * below, below.astype(np.intp), ahead.ravel() - 1
        cells = [np.flatnonzero(rows == row) for row in range(2 * len(distinct))]
        paid, drag = self._shift(self._paid), self._shift(self._drag)
        u = _share_beyond(self._near(distinct), self._shares, cells, distance, paid[side, place])
        gap = np.clip(self.gap, LEAST, LARGEST_GAP) / np.sqrt(ahead.ravel())
        touched = u * (1 - gap * np.exp(-NEARNESS * (1 - u) / gap))
        # A dividend takes a price beyond a level that it never touched on its way.
        chances = 1 - np.arange(1, self._count + 1) / (self._count + 1)
        ends = _share_beyond(self._ends(distinct), chances, cells, distance, drag[side, place])
        touched = np.maximum(touched, ends).reshape(levels.shape)
        return np.where(levels == 0, 1.0, touched)

    def _near(self, ahead: Int[np.ndarray, "sessions"]) -> Float64[np.ndarray, "rows shares"]:
        """How far the level of each u lies, above and then below, up to each number of sessions."""
        every = np.arange(1, ahead[-1] + 1) if self._paid.any() else ahead
        grid = self.distribution.horizons
        after = np.searchsorted(grid, every)
        before = np.maximum(after - 1, 0)
        share = ((every - grid[before]) / np.maximum(grid[after] - grid[before], 1))[:, None]
        squares = (1 - share) * self._squares[:, before] + share * self._squares[:, after]
        near = np.sqrt(squares) - [[[1.0]], [[-1.0]]] * self._paid[:, every - 1, None]
        up_to = np.maximum.accumulate(near, axis=1)[:, np.searchsorted(every, ahead)]
        return up_to.reshape(2 * len(ahead), -1)

    def _ends(self, ahead: Int[np.ndarray, "sessions"]) -> Float64[np.ndarray, "rows scores"]:
        """How far each rank of the close lies at most, above and then below, up to each number of sessions."""
        turns = np.flatnonzero(self._turns)
        every = np.union1d(turns[turns < ahead[-1]], ahead)
        returns, up_to = self.distribution.returns(every), np.searchsorted(every, ahead)
        above = np.maximum.accumulate(returns)[up_to]
        return np.concatenate([above, -np.minimum.accumulate(returns)[up_to, ::-1]])

    def _shift(self, paid: Float64[np.ndarray, "2 sessions"]) -> Float64[np.ndarray, "2 sessions"]:
        """How far the centre and dividends move returns towards a level above, or below, at least up to then."""
        return np.asarray(np.minimum.accumulate([[1.0], [-1.0]] * (self.distribution.centre - paid), axis=1))

    @property
    def _count(self) -> int:
        return self.distribution.scores.shape[1]

    @cached_property
    def _shares(self) -> Float64[np.ndarray, "shares"]:
        """The values of u whose levels are computed, from 1 down: twice the probability beyond a rank."""
        return np.minimum(2 * np.arange(self._count // 2 + 1, 0, -1) / (self._count + 1), 1.0)

    @cached_property
    def _squares(self) -> Float64[np.ndarray, "2 horizons shares"]:
        """Square of the distance of the level of each u, above and below, at each forecast horizon; no dividends."""
        drag, horizons = self._drag[0], self.distribution.horizons
        returns = self.distribution.returns(horizons) + drag[horizons - 1, None]
        rise = _rises(returns)
        chance = np.maximum([rise, 1 - rise], LEAST_CHANCE)[..., None]  # p: [2, H, 1]
        beyond = chance * self._shares / (2 * chance - (2 * chance - 1) * self._shares)
        rank = np.clip((1 - beyond) * (self._count + 1) - 1, 0, self._count - 1)
        nearer = np.floor(rank).astype(np.intp)
        ranked = np.stack([returns, -returns[:, ::-1]])
        start = np.take_along_axis(ranked, nearer, axis=2)
        end = np.take_along_axis(ranked, np.ceil(rank).astype(np.intp), axis=2)
        levels = start + (rank - nearer) * (end - start)
        return np.maximum.accumulate(np.maximum(levels, 0.0), axis=1) ** 2

    @cached_property
    def _drag(self) -> Float64[np.ndarray, "2 sessions"]:
        """How far dividends lower the close, for both sides alike."""
        drag = self.distribution.drag
        longest = self.distribution.longest
        return np.tile(np.zeros(longest) if drag is None else drag[:longest], (2, 1))

    @cached_property
    def _paid(self) -> Float64[np.ndarray, "2 sessions"]:
        """How far dividends move the levels of a touch, above and below.

        The later one goes ex, the less: what was touched before stays touched. Of one at the very end none counts
        above, and half of it below, where twice the probability is taken.
        """
        drag = self._drag
        if not drag.any():
            return drag
        variance = self.distribution.variance(np.arange(1, self.distribution.longest + 1))
        before = np.append(0.0, variance[:-1])
        steps = np.cumsum(np.diff(drag[0], prepend=0.0) * before)
        late = np.divide(steps, variance, out=np.zeros(len(variance)), where=variance > 0)
        return np.asarray(drag - np.array([[1.0], [0.5]]) * late)

    @cached_property
    def _turns(self) -> Bool[np.ndarray, "sessions"]:
        """Whether quantiles may turn after 0, 1, 2... sessions; between turns they rise or fall throughout."""
        turns = np.zeros(self.distribution.longest + 1, dtype=bool)
        turns[self.distribution.horizons] = True
        falls = np.flatnonzero(np.diff(self._drag[0], prepend=0.0))
        turns[falls] = turns[falls + 1] = True  # before a dividend goes ex, and then
        turns[0] = False
        return turns


def _rises(returns: Float64[np.ndarray, "sessions scores"]) -> Float64[np.ndarray, "sessions"]:
    """Probability of a close above today's price: linear between the ranks, and all or nothing outside."""
    sessions, count = returns.shape
    below = (returns <= 0).sum(axis=1)
    rows, after = np.arange(sessions), np.clip(below, 1, max(count - 1, 1))
    near, far = returns[rows, after - 1], returns[rows, np.minimum(after, count - 1)]
    share = np.divide(-near, far - near, out=np.zeros(sessions), where=(below > 0) & (below < count))
    inside = 1 - (after + share) / (count + 1)
    return np.where(below == 0, 1 - LEAST, np.where(below == count, LEAST, inside))


def _share_beyond(
    distances: Float64[np.ndarray, "rows shares"],
    shares: Float64[np.ndarray, "shares"],
    cells: Sequence[Int[np.ndarray, "_"]],
    distance: Float64[np.ndarray, "cells"],
    shift: Float64[np.ndarray, "cells"],
) -> Float64[np.ndarray, "cells"]:
    """Share beyond each distance of a row's cells: linear between the row's, and then with the distribution's tail."""
    beyond, outermost = np.empty((2, len(distance)))
    for row, own in zip(distances, cells, strict=True):
        if own.size:
            beyond[own] = np.interp(distance[own], row, shares, left=1.0)
            outermost[own] = row[-1]
    far = np.flatnonzero(distance > outermost)
    reach, start = distance[far] - shift[far], np.maximum(outermost[far] - shift[far], 0.0)
    part = np.divide(start, reach, out=np.zeros(len(far)), where=reach > 0)
    beyond[far] = np.maximum(part**TAIL * shares[-1], 2 * LEAST)
    return beyond


def gap_shares(panel: PricePanel, symbols: Sequence[str]) -> Float64[np.ndarray, "symbols"]:
    """Share of each symbol's sessions that never trade above, or never below, the close before: the mean of the two.

    It is of the panel's last 250 sessions, and :data:`TYPICAL_GAP` where fewer than 200 of them have a high and a low.
    """
    recent = panel.tail(GAP_SESSIONS + 1).select(symbols)
    usable = usable_range(recent)[1:]
    before = recent.close[:-1]
    never_above, never_below = (
        recent.high[1:] <= before,
        recent.low[1:] >= before,
    )  # a missing price is neither
    missed = np.where(usable, 0.5 * never_above + 0.5 * never_below, 0.0).sum(axis=0)
    count = usable.sum(axis=0)
    return np.where(count >= FEWEST_GAP_SESSIONS, missed / np.maximum(count, 1), TYPICAL_GAP)
