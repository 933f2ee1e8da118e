"""How likely a price touches a level: that a day's high, or low, gets there at a session up to the expiry.

A price that moves up and down alike from the moment it touches a level ends beyond the level in half of these cases. So
a touch is twice as likely as an end beyond: the reflection principle. It needs no normal distribution, and here it
is taken of the calibrated distribution of the close. Two things are put right::

    u = P(R_h > x) / P(R_h > 0)             a rise and a fall are not exactly as likely
    g = a / sqrt(h)
    T = u (1 - g exp(-0.58 (1 - u) / g))    a price is not traded at night

``a`` is the share of sessions that never trade above the close before: the price opened lower and did not come back.
Over h sessions that share falls with the square root of h, as the chance does that a random walk never rises above its
start (Sparre Andersen 1954, "On the fluctuations of sums of random variables II", Mathematica Scandinavica 2). It
counts for levels near the price, and not for far ones. P(R_h > 0) is that without dividends. The lower side is the
mirror image.

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
GAP_SESSIONS = 1000
"""Sessions that a symbol's share is measured on."""
FEWEST_GAP_SESSIONS = 250
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
        sides = self._sides
        cells = below.astype(np.intp), ahead.ravel() - 1
        beyond, gap, shift = (each[cells] for each in (sides.beyond, sides.gap, sides.shift))
        wanted = np.flatnonzero(asked | (self._turns & (np.arange(len(asked)) < distinct[-1])))
        plain, up_to = self._without_dividends(wanted), np.searchsorted(wanted, distinct)
        above_paid, below_paid = plain - sides.paid[:, wanted - 1, None]  # [W, P] each
        # The farthest quantile of each rank up to each session, above and then below: [2 D, P]
        farthest = np.concatenate(
            [np.maximum.accumulate(above_paid)[up_to], -np.minimum.accumulate(below_paid)[up_to, ::-1]]
        )
        u = np.minimum(_ends_beyond(farthest, rows + len(distinct) * below, distance, shift) / beyond, 1.0)
        touched = u * (1 - gap * np.exp(-NEARNESS * (1 - u) / gap))
        drag = self.distribution.drag
        if drag is not None and drag.any():
            # A dividend takes a price below a level that it never touched on its way.
            lowest = -np.minimum.accumulate(plain - drag[wanted - 1, None])[up_to, ::-1]
            shifts = np.full(int(below.sum()), drag.min() - self.distribution.centre)
            ends = _ends_beyond(lowest, rows[below], distance[below], shifts)
            touched[below] = np.maximum(touched[below], ends)
        return np.where(levels == 0, 1.0, touched.reshape(levels.shape))

    def _without_dividends(
        self, ahead: Int[np.ndarray, "sessions"]
    ) -> Float64[np.ndarray, "sessions scores"]:
        """Log returns of all ranks, as if nothing went ex."""
        drag = self.distribution.drag
        returns = self.distribution.returns(ahead)
        return returns if drag is None else np.asarray(returns + drag[ahead - 1, None])

    @cached_property
    def _turns(self) -> Bool[np.ndarray, "sessions"]:
        """Whether quantiles may turn after 0, 1, 2... sessions; between turns they rise or fall throughout."""
        turns, drag = np.zeros(self.distribution.longest + 1, dtype=bool), self.distribution.drag
        turns[self.distribution.horizons] = True
        if drag is not None:
            falls = np.flatnonzero(np.diff(drag[: self.distribution.longest], prepend=0.0))
            turns[falls] = turns[falls + 1] = True  # before a dividend goes ex, and then
        turns[0] = False
        return turns

    @cached_property
    def _sides(self) -> _Sides:
        ahead, drag = np.arange(1, self.distribution.longest + 1), self.distribution.drag
        rise = _rises(self._without_dividends(ahead))
        beyond, gap = np.stack([rise, 1 - rise]), np.clip(self.gap, 0.0, LARGEST_GAP) / np.sqrt(ahead)
        paid = np.zeros((2, len(ahead)))
        if drag is not None and drag.any():
            variance = self.distribution.variance(ahead)
            before = np.append(0.0, variance[:-1])
            steps = np.cumsum(np.diff(drag[: len(ahead)], prepend=0.0) * before)
            late = np.divide(steps, variance, out=np.zeros(len(ahead)), where=variance > 0)
            paid = drag[: len(ahead)] - np.array([[1.0], [0.5]]) * late
        return _Sides(
            np.maximum(np.minimum.accumulate(beyond, axis=1), LEAST_CHANCE),
            # The nearest level is touched at least as often as the price ends beyond it.
            np.maximum(np.minimum(gap, 1 - np.maximum.accumulate(beyond, axis=1)), LEAST),
            np.minimum.accumulate([[1.0], [-1.0]] * (self.distribution.centre - paid), axis=1),
            paid,
        )


@dataclass(frozen=True, eq=False)
class _Sides:
    """What is the same for all levels above, and for all below, of 1, 2, 3... sessions."""

    beyond: Float64[np.ndarray, "2 sessions"]
    """Least probability of a close beyond today's price up to then, but for dividends."""
    gap: Float64[np.ndarray, "2 sessions"]
    """Probability that no level beyond today's price is touched."""
    shift: Float64[np.ndarray, "2 sessions"]
    """Least shift of the returns up to then, towards the level."""
    paid: Float64[np.ndarray, "2 sessions"]
    """How far dividends move the levels of a touch. The later one goes ex, the less: what was touched before stays
    touched. Of one at the very end none counts above, and half of it below, where twice the probability is taken."""


def _rises(returns: Float64[np.ndarray, "sessions scores"]) -> Float64[np.ndarray, "sessions"]:
    """Probability of a close above today's price: linear between the ranks, and all or nothing outside."""
    sessions, count = returns.shape
    below = (returns <= 0).sum(axis=1)
    rows, after = np.arange(sessions), np.clip(below, 1, max(count - 1, 1))
    near, far = returns[rows, after - 1], returns[rows, np.minimum(after, count - 1)]
    share = np.divide(-near, far - near, out=np.zeros(sessions), where=(below > 0) & (below < count))
    inside = 1 - (after + share) / (count + 1)
    return np.where(below == 0, 1 - LEAST, np.where(below == count, LEAST, inside))


def _ends_beyond(
    farthest: Float64[np.ndarray, "rows scores"],
    rows: Int[np.ndarray, "cells"],
    distance: Float64[np.ndarray, "cells"],
    shift: Float64[np.ndarray, "cells"],
) -> Float64[np.ndarray, "cells"]:
    """Probability beyond each distance of its row: linear between the ranks, then the distribution's tail."""
    count = farthest.shape[1]
    ranks = np.arange(1, count + 1) / (count + 1)
    beyond = np.empty(len(distance))
    for row in range(len(farthest)):
        cells = np.flatnonzero(rows == row)
        beyond[cells] = 1 - np.interp(distance[cells], farthest[row], ranks, left=0.0)
    outermost = farthest[rows, -1]
    far = np.flatnonzero(distance > outermost)
    reach, start = distance[far] - shift[far], np.maximum(outermost - shift, 0.0)[far]
    share = np.divide(start, reach, out=np.zeros(len(far)), where=reach > 0)
    beyond[far] = np.maximum(share**TAIL / (count + 1), LEAST)
    return beyond


def gap_shares(panel: PricePanel, symbols: Sequence[str]) -> Float64[np.ndarray, "symbols"]:
    """Share of each symbol's sessions that never trade above, or never below, the close before: the mean of the two.

    It is of the panel's last 1000 sessions, and :data:`TYPICAL_GAP` where fewer than 250 of them have a high and a low.
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
