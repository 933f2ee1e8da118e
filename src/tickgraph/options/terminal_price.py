"""Expected prices and payoffs at one horizon, in closed form on a distribution's ranks.

Let S be the close h sessions ahead for a price of one dollar today, and c = 1 / (P + 1) with P ranks. What an option
pays on average needs two things of every level k: how likely S > k is, and the mean of S where it is so.

Between two ranks the log return is linear in the probability, so with probability p of the lower and q of the upper::

    E[S; between] = (q - p) (S_q - S_p) / log(S_q / S_p)

Below the lowest rank, of distance d from the centre, the log return has the power tail of
:mod:`~tickgraph.model.horizon_distribution`: a distance z is exceeded with probability c (d / z)^3. So::

    E[S; z exceeded] = 3 c (d / z)^3 E_4(z)        E_4(z) = integral of exp(-z t) / t^4 over t from 1

Above the highest rank a power tail of the log return has no mean: exp(z) grows faster than any power falls. Here the
price itself has the power tail, as the cubic law of simple returns says. A rise y is exceeded with probability
c (y_P / y)^3, where y_P is the rise at the highest rank::

    E[S; y exceeded] = c (y_P / y)^3 (1 + 3/2 y)

The same law may be written in simple or in log returns where both are small. They differ beyond the highest rank only.

An option of strike k pays E[S; S > k] - k P(S > k) as a call; a put pays E[S] - k less, by parity.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from scipy.special import expn, exprel

from tickgraph.model.horizon_distribution import TAIL, HorizonDistribution
from tickgraph.shapes import Float64

LEAST = 1e-300
"""A distance below which there is none."""
_TAIL_EDGES = np.append(
    2.0 ** (-np.arange(0, 48) / 2), 0.0
)  # of u, the share of a tail that lies further out
TAIL_CELLS = -np.diff(_TAIL_EDGES)
"""Shares of a tail's probability, from the outermost rank outwards; each is 0.7 of the one before."""
TAIL_REACHES = -np.diff(_TAIL_EDGES ** (1 - 1 / TAIL)) / (1 - 1 / TAIL) / TAIL_CELLS
"""How many times the outermost rank's distance lies in each of them, on average: the mean of u^(-1 / TAIL)."""


@dataclass(frozen=True, eq=False)
class TerminalPrice:
    """The price at one horizon, as a multiple of today's.

    Attributes
    ----------
    returns
        Log returns of rank k of P, ascending: the quantiles of probability k / (P + 1).
    centre
        Log return that distances in the tails are measured from.
    mean
        Mean of the price.
    """

    returns: Float64[np.ndarray, "ranks"]
    centre: float
    mean: float = field(init=False)
    _above: Float64[np.ndarray, "ranks"] = field(init=False, repr=False)
    """Mean of the price where it lies above each rank, times the probability of that."""

    def __post_init__(self) -> None:
        """Sum the means up from the highest rank."""
        prices = np.exp(self.returns)  # [P]
        between = self.share * prices[:-1] * exprel(np.diff(self.returns))
        highest = self.share * (prices[-1] + self._scale * self._rise / (TAIL - 1))
        above = np.cumsum(np.concatenate([[highest], between[::-1]]))[::-1]  # [P]
        fall = self._fall
        below = self._scale * TAIL * expn(int(TAIL) + 1, fall) if fall > 0 else prices[0]
        object.__setattr__(self, "_above", above)
        object.__setattr__(self, "mean", float(above[0] + self.share * below))

    @classmethod
    def of(cls, distribution: HorizonDistribution, sessions: int) -> TerminalPrice:
        """The price so many sessions ahead; :class:`InputError` for more than the distribution reaches."""
        returns = distribution.returns(sessions)
        drag = 0.0 if distribution.drag is None else float(distribution.drag[sessions - 1])
        return cls(returns, distribution.centre - drag)

    @property
    def share(self) -> float:
        """Probability between two ranks, and beyond each outermost one."""
        return 1 / (len(self.returns) + 1)

    def call_and_put(
        self, levels: Float64[np.ndarray, "*levels"]
    ) -> tuple[Float64[np.ndarray, "*levels"], Float64[np.ndarray, "*levels"]]:
        """What a call and a put pay on average at each level, a multiple of today's price above 0."""
        at = np.log(levels)
        place = np.searchsorted(self.returns, at, side="right")  # ranks that are not above
        upper = np.clip(place, 1, len(self.returns) - 1)
        lower = upper - 1
        step = np.maximum(self.returns[upper] - self.returns[lower], LEAST)
        rest = self.share * (
            1 - (at - self.returns[lower]) / step
        )  # probability from the level to the next rank
        likely = rest + self.share * (len(self.returns) - upper)
        mean_above = self._above[upper] + rest * levels * exprel(self.returns[upper] - at)
        call = mean_above - levels * likely
        put = call - (self.mean - levels)
        high, low = place == len(self.returns), place == 0
        if high.any():
            call[high] = self._call_beyond(levels[high])
            put[high] = call[high] - (self.mean - levels[high])
        if low.any():
            put[low] = self._put_beyond(at[low])
            call[low] = put[low] + (self.mean - levels[low])
        return np.maximum(call, 0.0), np.maximum(put, 0.0)

    def points(self) -> tuple[Float64[np.ndarray, "points"], Float64[np.ndarray, "points"]]:
        """Prices, ascending, and the probability of each: the distribution for payoffs of any shape.

        They are the ranks, and in each tail a point for each of :data:`TAIL_CELLS`, where its mean is. The probability
        between two ranks is halved between them.
        """
        low = np.exp(self.returns[0] - self._fall * (TAIL_REACHES - 1))
        high = np.exp(self.returns[-1]) + self._scale * self._rise * (TAIL_REACHES - 1)
        ranks = np.full(len(self.returns), self.share)
        ranks[0] -= self.share / 2
        ranks[-1] -= self.share / 2
        prices = np.concatenate([low[::-1], np.exp(self.returns), high])
        tail = self.share * TAIL_CELLS
        return prices, np.concatenate([tail[::-1], ranks, tail])

    @property
    def _scale(self) -> float:
        return math.exp(self.centre)

    @property
    def _rise(self) -> float:
        """The rise at the highest rank, not negative."""
        return max(math.expm1(self.returns[-1] - self.centre), 0.0)

    @property
    def _fall(self) -> float:
        """The distance of the lowest rank, not negative."""
        return max(self.centre - float(self.returns[0]), 0.0)

    def _call_beyond(self, levels: Float64[np.ndarray, "levels"]) -> Float64[np.ndarray, "levels"]:
        """Above the highest rank: E[S; S > k] - k P(S > k)."""
        rise = levels / self._scale - 1
        exceeded = self.share * np.minimum(self._rise / np.maximum(rise, LEAST), 1.0) ** TAIL
        return np.asarray(self._scale * rise * exceeded / (TAIL - 1))

    def _put_beyond(self, at: Float64[np.ndarray, "levels"]) -> Float64[np.ndarray, "levels"]:
        """Below the lowest rank: k P(S < k) - E[S; S < k]."""
        fall = np.maximum(self.centre - at, 0.0)
        exceeded = self.share * np.minimum(self._fall / np.maximum(fall, LEAST), 1.0) ** TAIL
        return np.asarray(exceeded * (np.exp(at) - self._scale * TAIL * expn(int(TAIL) + 1, fall)))
