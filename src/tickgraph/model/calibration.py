"""From a point forecast to a predictive distribution, by split conformal prediction.

The residuals of sessions that training never saw, divided by the volatility known at the time, are the
scores. A new forecast's distribution is the forecast plus those scores times today's volatility: intervals
are its quantiles, and the probability of a rise is the share of it above zero. Under exchangeable scores an
interval of level 1 - a covers at least 1 - a of new sessions.

Sources: split conformal and normalised scores, Lei et al. 2018, "Distribution-Free Predictive Inference for
Regression", arXiv:1604.04173, section 2.2 and 5.2; conformal predictive distributions, Vovk et al. 2017,
"Nonparametric predictive distributions based on conformal prediction", PMLR 60.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


def conformal_scores(
    forecast: NDArray[np.float64], realised: NDArray[np.float64], volatility: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Sorted residuals in units of the volatility known when each forecast was made.

    Parameters
    ----------
    forecast, realised, volatility
        ``[T]`` float64, daily log returns and their trailing standard deviation. Sessions in which any is
        not finite, or volatility is 0, are left out.

    Returns
    -------
    ndarray
        ``[n]`` float64, ascending, n <= T.
    """
    usable = np.isfinite(forecast) & np.isfinite(realised) & (volatility > 0)
    return np.sort((realised[usable] - forecast[usable]) / volatility[usable])


@dataclass(frozen=True)
class PredictiveDistribution:
    """Distribution of the next session's log return.

    Attributes
    ----------
    forecast
        The point forecast, a daily log return.
    volatility
        Trailing standard deviation of daily log returns, known when forecasting.
    scores
        ``[n]`` float64, ascending, from :func:`conformal_scores`.
    """

    forecast: float
    volatility: float
    scores: NDArray[np.float64]

    def interval(self, level: float) -> tuple[float, float]:
        """Central interval of log returns that covers at least ``level`` of new sessions.

        The order statistics carry the finite-sample correction: ranks floor(a/2 (n + 1)) and
        ceil((1 - a/2) (n + 1)) of n scores. With too few scores for the level, the ranks are the extremes.
        """
        n, tail = len(self.scores), (1 - level) / 2
        # Rounded against the last bit: 0.1 * 30 is 3.0000000000000004 in floating point.
        low = max(int(np.floor(round(tail * (n + 1), 9))), 1)
        high = min(int(np.ceil(round((1 - tail) * (n + 1), 9))), n)
        return self._at(self.scores[low - 1]), self._at(self.scores[high - 1])

    def quantile(self, probability: float | NDArray[np.float64]) -> NDArray[np.float64]:
        """Log return that falls below with the given probability, for each of ``[q]`` probabilities."""
        n = len(self.scores)
        ranks = (np.arange(n) + 1) / (n + 1)
        return np.asarray(self.forecast + self.volatility * np.interp(probability, ranks, self.scores))

    def probability_above(self, log_return: float) -> float:
        """Probability that the next session's log return exceeds the given one.

        Between the scores the distribution is linear. Beyond the outermost one half of the remaining
        1 / (n + 1) is given to each side, so that the answer is never exactly 0 or 1.
        """
        n = len(self.scores)
        distance = log_return - self.forecast
        # Without volatility all of it lies at the forecast, and none above.
        at_a_point = np.inf if distance >= 0 else -np.inf
        score = distance / self.volatility if self.volatility > 0 else at_a_point
        below = np.interp(
            score, self.scores, (np.arange(n) + 1) / (n + 1), 0.5 / (n + 1), (n + 0.5) / (n + 1)
        )
        return float(1 - below)

    def is_beyond(self, log_return: float) -> bool:
        """Whether a log return lies outside all scores, where the distribution is not known."""
        return not self._at(self.scores[0]) <= log_return <= self._at(self.scores[-1])

    def _at(self, score: float) -> float:
        return float(self.forecast + self.volatility * score)
