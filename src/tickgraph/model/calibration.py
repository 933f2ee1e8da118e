"""From a point forecast to a predictive distribution, by split conformal prediction.

A score is the residual of a session that training never saw, divided by the volatility that was forecast for it. The
distribution of a new forecast is its centre plus those scores times today's volatility. Intervals are its quantiles,
and the probability of a rise is the share of it above zero. If the scores are exchangeable, an interval of level 1 - a
covers at least 1 - a of new sessions.

The scores of a symbol and of its peers are pooled. Divided by their volatility they have one shape, and ten times as
many of them say more about its tails.

Some hundred sessions hardly tell how far a forecast may be trusted, and what the drift is. Both are drawn towards zero,
as a normal prior draws a mean (Efron & Morris 1973, "Stein's Estimation Rule and Its Competitors", JASA 68). Otherwise
noise would pass for confidence.

Sources: split conformal and normalised scores, Lei et al. 2018, "Distribution-Free Predictive Inference for
Regression", arXiv:1604.04173, section 2.2 and 5.2; conformal predictive distributions, Vovk et al. 2017,
"Nonparametric predictive distributions based on conformal prediction", PMLR 60.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tickgraph.shapes import Float64

DRIFT_PRIOR = 500
"""Sessions that a drift of zero counts for. Daily drifts of shares are some 0.03 standard deviations, and the mean
score of a group has a deviation near 0.65 a session: (0.65 / 0.03)^2."""
TRUST_PRIOR = 50.0
"""Sum of squared forecasts, in units of volatility, that a worthless forecast counts for."""


@dataclass(frozen=True)
class ConformalScores:
    """What held-out sessions say of a forecaster.

    Attributes
    ----------
    values
        Ascending: residuals in units of volatility.
    trust
        Share of a forecast that the centre of its distribution takes over, 0 to 1.
    sessions
        Held-out sessions behind them.
    """

    values: Float64[np.ndarray, "scores"]
    trust: float
    sessions: int


def conformal_scores(
    forecast: Float64[np.ndarray, "sessions nodes"],
    realised: Float64[np.ndarray, "sessions nodes"],
    volatility: Float64[np.ndarray, "sessions nodes"],
) -> ConformalScores:
    """Score the held-out sessions of a symbol, or of a symbol and its peers together.

    With f and r the forecast and the realised return in units of volatility, sums over the known values of T sessions
    and N symbols, and n known values a session:

        trust  = sum(f r) / (sum(f f) + TRUST_PRIOR n)            within 0 and 1
        scores = r - trust f - (1 - T / (T + DRIFT_PRIOR)) mean(r - trust f)

    Values that are not finite, or have no volatility, are left out.
    """
    usable = np.isfinite(forecast) & np.isfinite(realised) & (volatility > 0)
    sessions = int(usable.any(axis=1).sum())
    if not sessions:
        return ConformalScores(np.array([]), 0.0, 0)
    expected, came = forecast[usable] / volatility[usable], realised[usable] / volatility[usable]
    side_by_side = len(came) / sessions
    trust = float(expected @ came / (expected @ expected + TRUST_PRIOR * side_by_side))
    trust = min(max(trust, 0.0), 1.0)
    residuals = came - trust * expected
    unknown = DRIFT_PRIOR / (sessions + DRIFT_PRIOR)
    return ConformalScores(np.sort(residuals - unknown * residuals.mean()), trust, sessions)


def score_quantiles(
    scores: Float64[np.ndarray, "*rows scores"], probabilities: Float64[np.ndarray, "quantiles"]
) -> Float64[np.ndarray, "*rows quantiles"]:
    """Scores that bound the given tails, of ascending scores or of rows of them.

    Below one half it is the order statistic of rank floor(p (n + 1)), above it that of ceil(p (n + 1)), within the n
    that there are. Two of them make an interval with the finite-sample correction. The median lies between its
    neighbours.
    """
    n = scores.shape[-1]
    # Rounded against the last bit: 0.1 * 30 is 3.0000000000000004 in floating point.
    ranks = np.round(np.asarray(probabilities, dtype=np.float64) * (n + 1), 9)
    low, high = np.clip(np.floor(ranks), 1, n), np.clip(np.ceil(ranks), 1, n)
    below, above = scores[..., low.astype(np.intp) - 1], scores[..., high.astype(np.intp) - 1]
    half = np.asarray(probabilities) == 0.5
    return np.asarray(np.where(half, (below + above) / 2, np.where(ranks < (n + 1) / 2, below, above)))


def share_above(
    scores: Float64[np.ndarray, "scores"], at: Float64[np.ndarray, "*values"] | float
) -> Float64[np.ndarray, "*values"]:
    """Probability that a new score exceeds each value, ``[]`` for a single one.

    The distribution is linear between the scores. Half of the remaining 1 / (n + 1) lies beyond each outermost score,
    so the answer is never exactly 0 or 1.
    """
    n = len(scores)
    below = np.interp(at, scores, _ranks(n), 0.5 / (n + 1), (n + 0.5) / (n + 1))
    return np.asarray(1 - below)


@lru_cache(maxsize=64)
def _ranks(count: int) -> Float64[np.ndarray, "count"]:
    """Probabilities of the ranks 1, 2, 3... of so many scores."""
    ranks = (np.arange(count) + 1) / (count + 1)
    ranks.flags.writeable = False
    return ranks


@dataclass(frozen=True)
class PredictiveDistribution:
    """Distribution of the next session's log return.

    Attributes
    ----------
    forecast
        The point forecast, a daily log return.
    volatility
        Standard deviation forecast of daily log returns.
    scores
        Ascending, from :func:`conformal_scores`.
    trust
        Share of the forecast that the distribution is centred on.
    """

    forecast: float
    volatility: float
    scores: Float64[np.ndarray, "scores"]
    trust: float = 1.0

    def interval(self, level: float) -> tuple[float, float]:
        """Central interval of log returns that covers at least ``level`` of new sessions.

        The order statistics carry the finite-sample correction: ranks floor(a/2 (n + 1)) and
        ceil((1 - a/2) (n + 1)) of n scores. With too few scores for the level, the ranks are the extremes.
        """
        tail = (1 - level) / 2
        low, high = score_quantiles(self.scores, np.array([tail, 1 - tail]))
        return self._at(low), self._at(high)

    def quantile(self, probability: Float64[np.ndarray, "quantiles"]) -> Float64[np.ndarray, "quantiles"]:
        """Log return that the next one falls below with each probability."""
        n = len(self.scores)
        ranks = (np.arange(n) + 1) / (n + 1)
        return np.asarray(self._at(0.0) + self.volatility * np.interp(probability, ranks, self.scores))

    def probability_above(self, log_return: float) -> float:
        """Probability that the next session's log return exceeds the given one, as :func:`share_above`."""
        distance = log_return - self._at(0.0)
        # Without volatility all probability lies at the centre.
        at_a_point = np.inf if distance >= 0 else -np.inf
        score = distance / self.volatility if self.volatility > 0 else at_a_point
        return float(share_above(self.scores, score))

    def is_beyond(self, log_return: float) -> bool:
        """Whether a log return lies outside all scores, where the distribution is not known."""
        return not self._at(self.scores[0]) <= log_return <= self._at(self.scores[-1])

    def _at(self, score: float) -> float:
        return float(self.trust * self.forecast + self.volatility * score)
