"""The distribution of a log return over any number of sessions, from forecasts at a few horizons.

At a horizon h of the grid the quantile of probability p is the forecast standard deviation times the score of p: the
p-th quantile of R_h / sqrt(V_h) on sessions that training never saw. That is normalised split conformal prediction
(Lei et al. 2018, arXiv:1604.04173, section 5.2), with scores of each horizon's own.

Forecasts of different horizons are made one by one, so nothing keeps them consistent. These steps do:

    V_h     = max of V_g over g <= h                              variance never falls
    x_h(p)  = sqrt(V_h) score_h(p)                                sorted in p
    q_h(p)  = max of x_g(p) over g <= h     for p >= 3/4          never falls
            = min of x_g(p) over g <= h     for p <= 1/4          never rises
            = x_h(p)                        between

A maximum of sorted rows is at least each of them, and a minimum at most, so quantiles do not cross. The outer quantiles
never come nearer, so no interval of at least one half becomes narrower. In the middle a drift moves all quantiles one
way: the median of 21 sessions lies 0.1 deviations above zero, and so do some ranks below it. To hold these back would
tear the distribution apart at its median.

Between two horizons of the grid variance is linear in h, and so is sign(q) q^2. Returns that are independent from
session to session grow that way: with equal scores the quantiles follow the square root of h exactly. The transform is
increasing, so all of the above holds between the horizons, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from tickgraph.market.expiry import check_sessions
from tickgraph.model.calibration import PredictiveDistribution, score_quantiles, share_above
from tickgraph.shapes import Bool, Float64, Int

SESSIONS_A_YEAR = 252
TAIL = 3.0
"""Beyond the outermost scores probabilities fall with this power of the distance: the inverse cubic law (Gabaix et al.
2003, "A theory of power-law distributions in financial market fluctuations", Nature 423). Of 479 US stocks from 2018 to
2022 it was 2.7 to 3.6 at one session, mostly above 4 at five, and 2.3 to 3.8 in the lower tail of 21 sessions."""
LEAST = 1e-9
"""Probability that no tail falls below: nothing is certain."""
TABLES = 1_000
"""Distributions, the last ones asked, whose quantiles at the grid are kept: with 400 scores and eight horizons 26 kB
each. A service may hold ten times as many distributions."""
MOST_KEPT = 16 * TABLES
"""Ranks that are kept, each of a distribution at a number of sessions: 3 kB. A chain seldom has more expiries than
16."""


@dataclass(frozen=True, eq=False)
class HorizonDistribution:
    """Distribution of the log return of a price over 1 session to the longest horizon, a quarter of a year.

    Attributes
    ----------
    horizons
        Sessions ahead at which there are forecasts: ascending, from 1.
    variances
        Forecast variance of the log return over each horizon, not negative.
    scores
        Of each horizon, ascending: the value of rank k of P is the quantile k / (P + 1) of standardised returns.
    centre
        Log return that the first session is centred on; later sessions add nothing to it.
    drag
        How far dividends that go ex within 1, 2, 3... sessions lower the price, in log; None is no dividend.
    """

    horizons: Int[np.ndarray, "horizons"]
    variances: Float64[np.ndarray, "horizons"]
    scores: Float64[np.ndarray, "horizons scores"]
    centre: float = 0.0
    drag: Float64[np.ndarray, "sessions"] | None = None
    _rising: Float64[np.ndarray, "horizons"] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Make the horizons consistent; :class:`ValueError` for arrays that are no distribution."""
        if self.horizons[0] != 1 or (np.diff(self.horizons) <= 0).any():
            raise ValueError(f"horizons must ascend from 1, got {self.horizons.tolist()}")
        if not (np.isfinite(self.variances) & (self.variances >= 0)).all():
            raise ValueError(f"variances must not be negative, got {self.variances.tolist()}")
        if not self.scores.size or not np.isfinite(self.scores).all() or (np.diff(self.scores) < 0).any():
            raise ValueError("scores must be numbers that ascend at each horizon")
        if self.drag is not None and len(self.drag) < self.longest:
            raise ValueError(f"drag has {len(self.drag)} sessions, and {self.longest} were expected")
        object.__setattr__(self, "_rising", np.maximum.accumulate(self.variances))  # [H]

    @classmethod
    def of_one_session(cls, distribution: PredictiveDistribution) -> HorizonDistribution:
        """The distribution of the next session's return, and of no longer one."""
        return cls(
            np.array([1]),
            np.array([distribution.volatility**2]),
            distribution.scores[None],
            distribution.trust * distribution.forecast,
        )

    @property
    def longest(self) -> int:
        """The longest horizon, in sessions."""
        return int(self.horizons[-1])

    def variance(self, sessions: Int[np.ndarray, "*cells"] | int) -> Float64[np.ndarray, "*cells"]:
        """Variance of the log return over so many sessions; it never falls as they grow.

        Raises
        ------
        InputError
            Here and below: fewer sessions than 1, or more than the longest horizon.
        """
        return np.asarray(self._between(self._rising[:, None], self._checked(sessions))[..., 0])

    def volatility(
        self, sessions: Int[np.ndarray, "*cells"] | int, sessions_a_year: int = SESSIONS_A_YEAR
    ) -> Float64[np.ndarray, "*cells"]:
        """Annualised volatility over so many sessions: sqrt(V_h / h * 252)."""
        return np.asarray(np.sqrt(self.variance(sessions) / sessions * sessions_a_year))

    def returns(self, sessions: Int[np.ndarray, "*cells"] | int) -> Float64[np.ndarray, "*cells scores"]:
        """Log returns of rank k of P, ascending: the quantiles of probability k / (P + 1)."""
        ahead = self._checked(sessions)
        return np.asarray(self._distances(ahead) + self._shift(ahead)[..., None])

    def quantile(
        self,
        probability: Float64[np.ndarray, "..."] | float,
        sessions: Int[np.ndarray, "..."] | int,
    ) -> Float64[np.ndarray, "..."]:
        """Log return over so many sessions that lies above the next one with each probability.

        Linear between the ranks; beyond the outermost ones as :data:`TAIL` says. For a probability of three quarters or
        more it never falls as sessions grow, but for dividends; for one quarter or less it never rises. Between them it
        may do either.
        """
        ahead = self._checked(sessions)
        return np.asarray(self._of_each(probability, ahead, _quantile) + self._shift(ahead))

    def probability_above(
        self,
        log_return: Float64[np.ndarray, "..."] | float,
        sessions: Int[np.ndarray, "..."] | int,
    ) -> Float64[np.ndarray, "..."]:
        """Probability that the log return over so many sessions exceeds each value: what :meth:`quantile` undoes.

        It never rises with the value, and is never exactly 0 or 1.
        """
        if isinstance(sessions, int):  # many values at one number of sessions
            check_sessions(sessions, self.longest)
            drag = 0.0 if self.drag is None else self.drag[sessions - 1]
            at = np.asarray(log_return - (self.centre - drag), dtype=np.float64)
            return np.asarray(_probability_above(self._ranked(sessions), at.ravel()).reshape(at.shape))
        ahead = self._checked(sessions)
        return self._of_each(log_return - self._shift(ahead), ahead, _probability_above)

    def is_beyond(
        self,
        log_return: Float64[np.ndarray, "..."] | float,
        sessions: Int[np.ndarray, "..."] | int,
    ) -> Bool[np.ndarray, "..."]:
        """Whether each log return lies outside all scores, where the distribution is not known."""
        ahead = self._checked(sessions)
        return self._of_each(
            log_return - self._shift(ahead), ahead, lambda ranked, at: (at < ranked[0]) | (at > ranked[-1])
        ).astype(bool)

    def interval(
        self, level: float, sessions: Int[np.ndarray, "*cells"] | int
    ) -> Float64[np.ndarray, "*cells 2"]:
        """Ends of the central interval of log returns that covers at least ``level`` of new stretches.

        They are order statistics, as in :func:`~tickgraph.model.calibration.score_quantiles`. An interval of one half
        or more never becomes narrower as sessions grow.
        """
        tail, ahead = (1 - level) / 2, self._checked(sessions)
        ends = score_quantiles(
            self._signed_squares, np.array([tail, 1 - tail])
        )  # ranks stay the same between
        return np.asarray(_roots(self._between(ends, ahead)) + self._shift(ahead)[..., None])

    def expected_move(self, sessions: Int[np.ndarray, "*cells"] | int) -> Float64[np.ndarray, "*cells"]:
        """Mean absolute move of the price, as a share of it: E |exp(R_h) - 1|.

        It is what a straddle struck at the price pays on average, as a share of the price.
        """
        return np.asarray(np.abs(np.expm1(self.returns(sessions))).mean(axis=-1))

    def mean(self, sessions: Int[np.ndarray, "*cells"] | int) -> Float64[np.ndarray, "*cells"]:
        """Mean of the price, as a multiple of today's: E exp(R_h)."""
        return np.asarray(np.exp(self.returns(sessions)).mean(axis=-1))

    def _ranked(self, ahead: int) -> Float64[np.ndarray, "scores"]:
        """Distances of all ranks at one number of sessions."""
        return _ranked(self, ahead)

    @property
    def _signed_squares(self) -> Float64[np.ndarray, "horizons scores"]:
        return _signed_squares(self)

    def _distances(self, ahead: Int[np.ndarray, "*cells"]) -> Float64[np.ndarray, "*cells scores"]:
        """Log returns of all ranks around a centre of zero, without dividends."""
        return _roots(self._between(self._signed_squares, ahead))

    def _shift(self, ahead: Int[np.ndarray, "*cells"]) -> Float64[np.ndarray, "*cells"]:
        """How far centre and dividends move all returns."""
        return np.asarray(
            self.centre - (0.0 if self.drag is None else self.drag[ahead - 1]) + np.zeros(ahead.shape)
        )

    def _of_each(
        self,
        values: Float64[np.ndarray, "..."] | float,
        ahead: Int[np.ndarray, "..."],
        answer: Callable[[np.ndarray, np.ndarray], np.ndarray],
    ) -> Float64[np.ndarray, "..."]:
        """Answer each cell from the distances at its sessions, made once for each number of them that occurs."""
        given, sessions = np.broadcast_arrays(values, ahead)
        found = np.empty(given.shape)
        distinct = np.unique(sessions)
        for each, ranked in zip(distinct, self._distances(distinct), strict=True):
            cells = sessions == each
            found[cells] = answer(ranked, given[cells])
        return found

    def _between(
        self, values: Float64[np.ndarray, "horizons columns"], ahead: Int[np.ndarray, "*cells"]
    ) -> Float64[np.ndarray, "*cells columns"]:
        """Values at each number of sessions: linear between the horizons of the grid."""
        after = np.searchsorted(self.horizons, ahead)  # the first horizon that is not shorter
        before = np.maximum(after - 1, 0)
        step = np.maximum(self.horizons[after] - self.horizons[before], 1)
        share = np.where(after > 0, (ahead - self.horizons[before]) / step, 1.0)[..., None]  # in (0, 1]
        start, end = values[before], values[after]
        between = (1 - share) * start + share * end
        return np.asarray(np.clip(between, np.minimum(start, end), np.maximum(start, end)))  # to the last bit

    def _checked(self, sessions: Int[np.ndarray, "*cells"] | int) -> Int[np.ndarray, "*cells"]:
        ahead = np.asarray(sessions)
        if ahead.size:
            check_sessions(int(ahead.min()), self.longest)
            check_sessions(int(ahead.max()), self.longest)
        return ahead


@lru_cache(maxsize=TABLES)
def _signed_squares(distribution: HorizonDistribution) -> Float64[np.ndarray, "horizons scores"]:
    """Squares of the quantiles of all ranks at the grid, with their signs."""
    quantiles = widening(np.sqrt(distribution._rising)[:, None] * distribution.scores)
    return np.asarray(np.sign(quantiles) * quantiles**2)


@lru_cache(maxsize=MOST_KEPT)
def _ranked(distribution: HorizonDistribution, ahead: int) -> Float64[np.ndarray, "scores"]:
    """Distances of all ranks at a number of sessions."""
    return distribution._distances(np.array(ahead))


def widening(
    quantiles: Float64[np.ndarray, "*cells horizons scores"],
) -> Float64[np.ndarray, "*cells horizons scores"]:
    """Let no quantile of the outer quarters lie nearer than at a shorter horizon.

    Parameters
    ----------
    quantiles
        Of each horizon, ascending: rank k of P is of probability k / (P + 1).
    """
    count = quantiles.shape[-1]
    outer = min(max(-(-(count + 1) // 4), 1), count // 2)  # ranks on each side, that of a quarter included
    wide = quantiles.copy()
    wide[..., :outer] = np.minimum.accumulate(quantiles[..., :outer], axis=-2)
    wide[..., count - outer :] = np.maximum.accumulate(quantiles[..., count - outer :], axis=-2)
    return wide


def _roots(squares: Float64[np.ndarray, "*cells columns"]) -> Float64[np.ndarray, "*cells columns"]:
    """Undo the square that keeps the sign."""
    return np.asarray(np.sign(squares) * np.sqrt(np.abs(squares)))


def _quantile(
    ranked: Float64[np.ndarray, "scores"], probability: Float64[np.ndarray, "cells"]
) -> Float64[np.ndarray, "cells"]:
    """Distance of each probability."""
    count = len(ranked)
    inside = np.interp(probability, np.arange(1, count + 1) / (count + 1), ranked)
    outermost = 1 / (count + 1)
    low = ranked[0] * _reach(outermost, probability) if ranked[0] < 0 else ranked[0]
    high = ranked[-1] * _reach(outermost, 1 - probability) if ranked[-1] > 0 else ranked[-1]
    return np.where(probability < outermost, low, np.where(probability > 1 - outermost, high, inside))


def _reach(outermost: float, tail: Float64[np.ndarray, "cells"]) -> Float64[np.ndarray, "cells"]:
    """How many times the outermost distance lies at a probability of the tail."""
    return np.maximum((outermost / np.maximum(tail, LEAST)) ** (1 / TAIL), 1.0)


def _probability_above(
    ranked: Float64[np.ndarray, "scores"], at: Float64[np.ndarray, "cells"]
) -> Float64[np.ndarray, "cells"]:
    """Probability of a distance above each value."""
    found = share_above(ranked, at)
    low, high = at < ranked[0], at > ranked[-1]
    if low.any():
        found[low] = 1 - _tail(ranked, -ranked[0], -at[low])
    if high.any():
        found[high] = _tail(ranked, ranked[-1], at[high])
    return found


def _tail(
    ranked: Float64[np.ndarray, "scores"], outermost: float, at: Float64[np.ndarray, "cells"]
) -> Float64[np.ndarray, "cells"]:
    """Probability of a tail beyond each value; ``outermost`` is where it begins."""
    share = np.divide(max(outermost, 0.0), at, out=np.zeros(len(at)), where=at > 0)
    return np.maximum(np.minimum(share, 1.0) ** TAIL / (len(ranked) + 1), LEAST)
