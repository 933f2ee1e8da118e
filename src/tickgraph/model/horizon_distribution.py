"""The distribution of a log return over any number of sessions, from forecasts at a few horizons.

At a horizon h of the grid the quantile of probability p is the forecast standard deviation times the score of p: the
p-th quantile of R_h / sqrt(V_h) on sessions that training never saw. That is normalised split conformal prediction
(Lei et al. 2018, arXiv:1604.04173, section 5.2), with scores of each horizon's own.

Forecasts of different horizons are made one by one, so nothing keeps them consistent. These steps do:

    V_h     = max of V_g over g <= h                              variance never falls
    x_h(p)  = sqrt(V_h) score_h(p)                                sorted in p
    q_h(p)  = max of x_g(p) over g <= h     for p > 1/2           never falls
            = min of x_g(p) over g <= h     for p < 1/2           never rises

A maximum, or a minimum, of sorted rows is sorted, so quantiles do not cross. Upper quantiles never fall and lower ones
never rise, so no interval becomes narrower.

Between two horizons of the grid variance is linear in h, and so is sign(q) q^2. Returns that are independent from
session to session grow that way: with equal scores the quantiles follow the square root of h exactly. The transform is
increasing, so all of the above holds between the horizons, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from tickgraph.market.expiry import check_sessions
from tickgraph.model.calibration import PredictiveDistribution, score_quantiles, share_above
from tickgraph.shapes import Bool, Float64, Int

SESSIONS_A_YEAR = 252


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
    _signed_squares: Float64[np.ndarray, "horizons scores"] = field(init=False, repr=False)

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
        rising = np.maximum.accumulate(self.variances)  # [H]
        quantiles = np.sqrt(rising)[:, None] * self.scores  # [H, P]
        lower = (count := self.scores.shape[1]) // 2  # the median's own column, if there is one, is free
        upper = count - lower
        quantiles[:, :lower] = np.minimum.accumulate(quantiles[:, :lower])
        quantiles[:, upper:] = np.maximum.accumulate(quantiles[:, upper:])
        object.__setattr__(self, "_rising", rising)
        object.__setattr__(self, "_signed_squares", np.sign(quantiles) * quantiles**2)

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
        squares = self._between(self._signed_squares, ahead)  # [..., P]
        shift = np.full(ahead.shape, self.centre)
        if self.drag is not None:
            shift -= self.drag[ahead - 1]
        return np.asarray(np.sign(squares) * np.sqrt(np.abs(squares)) + shift[..., None])

    def quantile(
        self,
        probability: Float64[np.ndarray, "..."] | float,
        sessions: Int[np.ndarray, "..."] | int,
    ) -> Float64[np.ndarray, "..."]:
        """Log return over so many sessions that lies above the next one with each probability.

        Linear between the ranks, and beyond the outermost ones the outermost. For a probability above one half it
        never falls as sessions grow, but for dividends; below one half it never rises. Between the two ranks beside
        one half it may do either.
        """
        ranks = self._ranks()
        return self._of_each(probability, sessions, lambda returns, wanted: np.interp(wanted, ranks, returns))

    def probability_above(
        self,
        log_return: Float64[np.ndarray, "..."] | float,
        sessions: Int[np.ndarray, "..."] | int,
    ) -> Float64[np.ndarray, "..."]:
        """Probability that the log return over so many sessions exceeds each value.

        As :func:`~tickgraph.model.calibration.share_above`: never exactly 0 or 1. It never rises with the value.
        """
        return self._of_each(log_return, sessions, share_above)

    def is_beyond(
        self,
        log_return: Float64[np.ndarray, "..."] | float,
        sessions: Int[np.ndarray, "..."] | int,
    ) -> Bool[np.ndarray, "..."]:
        """Whether each log return lies outside all scores, where the distribution is not known."""
        return self._of_each(
            log_return, sessions, lambda returns, wanted: (wanted < returns[0]) | (wanted > returns[-1])
        ).astype(bool)

    def interval(
        self, level: float, sessions: Int[np.ndarray, "*cells"] | int
    ) -> Float64[np.ndarray, "*cells 2"]:
        """Ends of the central interval of log returns that covers at least ``level`` of new stretches.

        They are order statistics, as in :func:`~tickgraph.model.calibration.score_quantiles`. The interval never
        becomes narrower as sessions grow.
        """
        tail = (1 - level) / 2
        return score_quantiles(self.returns(sessions), np.array([tail, 1 - tail]))

    def expected_move(self, sessions: Int[np.ndarray, "*cells"] | int) -> Float64[np.ndarray, "*cells"]:
        """Mean absolute move of the price, as a share of it: E |exp(R_h) - 1|.

        It is what a straddle struck at the price pays on average, as a share of the price.
        """
        return np.asarray(np.abs(np.expm1(self.returns(sessions))).mean(axis=-1))

    def mean(self, sessions: Int[np.ndarray, "*cells"] | int) -> Float64[np.ndarray, "*cells"]:
        """Mean of the price, as a multiple of today's: E exp(R_h)."""
        return np.asarray(np.exp(self.returns(sessions)).mean(axis=-1))

    def _ranks(self) -> Float64[np.ndarray, "scores"]:
        """Probabilities k / (P + 1)."""
        count = self.scores.shape[1]
        return np.arange(1, count + 1) / (count + 1)

    def _of_each(
        self,
        values: Float64[np.ndarray, "..."] | float,
        sessions: Int[np.ndarray, "..."] | int,
        answer: Callable[[np.ndarray, np.ndarray], np.ndarray],
    ) -> Float64[np.ndarray, "..."]:
        """Answer each cell from the returns at its sessions; they are made once for each number that occurs."""
        given, ahead = np.broadcast_arrays(values, self._checked(sessions))
        found = np.empty(given.shape)
        distinct = np.unique(ahead)
        for each, returns in zip(distinct, self.returns(distinct), strict=True):
            cells = ahead == each
            found[cells] = answer(returns, given[cells])
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
