"""The Sharpe ratio of a chosen strategy, given how many were tried.

Source: Bailey & López de Prado 2014, "The Deflated Sharpe Ratio: Correcting for Selection Bias, Backtest
Overfitting and Non-Normality", Journal of Portfolio Management 40 (5).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kurtosis, norm, skew


@dataclass(frozen=True)
class Trials:
    """What was tried before one was chosen.

    Attributes
    ----------
    count
        N, variants tried.
    variance
        Variance across them of the Sharpe ratio per session, not per year.
    """

    count: int
    variance: float


def expected_highest(trials: Trials) -> float:
    r"""Sharpe ratio per session that the best of N worthless variants is expected to show.

    Equation 1 of the paper, with a mean of 0: :math:`\sqrt{V} ((1 - \gamma) Z^{-1}(1 - 1/N) + \gamma
    Z^{-1}(1 - 1/(N e)))`, where gamma is the constant of Euler and Mascheroni. 0 for a single trial.
    """
    if trials.count < 2:
        return 0.0
    n, gamma = trials.count, np.euler_gamma
    quantile = (1 - gamma) * norm.ppf(1 - 1 / n) + gamma * norm.ppf(1 - 1 / (n * np.e))
    return float(np.sqrt(trials.variance) * quantile)


def probability_positive(
    sharpe: float, sessions: int, skewness: float, kurtosis: float, trials: Trials | None = None
) -> float:
    r"""Probability that the true Sharpe ratio is positive, given what was tried.

    Equation 2 of the paper: :math:`Z((SR - SR_0) \sqrt{T - 1} / \sqrt{1 - g_3 SR + (g_4 - 1)/4 SR^2})`.

    Parameters
    ----------
    sharpe
        Of the chosen strategy, per session.
    sessions
        T, that it was measured on.
    skewness, kurtosis
        g3 and g4 of its returns; 0 and 3 for a normal distribution.
    trials
        None: one trial, which leaves the probabilistic Sharpe ratio against 0.
    """
    benchmark = expected_highest(trials) if trials is not None else 0.0
    spread = np.sqrt(1 - skewness * sharpe + (kurtosis - 1) / 4 * sharpe**2)
    return float(norm.cdf((sharpe - benchmark) * np.sqrt(sessions - 1) / spread))


def deflated_sharpe(returns: NDArray[np.float64], trials: Trials | None = None) -> float | None:
    """:func:`probability_positive` of a strategy's simple returns per session, ``[T]`` float64.

    None with fewer than 3 returns, or where they do not vary.
    """
    if len(returns) < 3 or np.ptp(returns) <= 1e-12 * np.abs(returns).max():
        return None
    sharpe = float(returns.mean() / returns.std())
    shape = float(skew(returns)), float(kurtosis(returns, fisher=False))
    return probability_positive(sharpe, len(returns), *shape, trials)
