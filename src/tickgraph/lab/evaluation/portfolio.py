"""What trading on the forecasts would have earned: top k, and top k less bottom k, rebalanced every session.

The deflated Sharpe ratio says how likely a true ratio above 0 is, given how many variants were tried: Bailey & López de
Prado 2014, "The Deflated Sharpe Ratio: Correcting for Selection Bias, Backtest Overfitting and Non-Normality", Journal
of Portfolio Management 40 (5).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kurtosis, norm, skew

from tickgraph.lab.evaluation.accuracy import moment_sums
from tickgraph.lab.evaluation.cross_section import has_spread, top_shares
from tickgraph.lab.evaluation.evaluation_result import Portfolio
from tickgraph.lab.evaluation.forecast_panel import ForecastPanel
from tickgraph.lab.evaluation.resampling import SessionBootstrap, mean_over_deviation
from tickgraph.market.calendar import sessions_a_year

Array = NDArray[np.float64]


@dataclass(frozen=True)
class DailyReturns:
    """Simple returns of a portfolio session by session; NaN where it was not held.

    Attributes
    ----------
    gross, net
        ``[T]`` float64, before and after costs.
    turnover
        ``[T]`` float64, share of the portfolio's value that was traded to hold it.
    """

    gross: Array
    net: Array
    turnover: Array


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


def daily_returns(panel: ForecastPanel, *, k: int, cost_basis_points: float, short: bool) -> DailyReturns:
    r"""Trade the forecasts at the close of every session and hold to the next.

    The k highest forecasts have a weight of 1 / k each. With ``short`` the k lowest have -1 / k each, on the same
    capital. Ties for the last places share them. The choice sees forecasts only: a chosen symbol whose return is not
    known earns 0. A session with too few forecasts (k, or 2 k with ``short``) holds cash. So does the short portfolio
    where all forecasts are equal. There is no portfolio before the first or after the last session with enough
    forecasts. Cash earns nothing and shorts pay no fee.

    Weights drift with the prices, and only the difference between the drifted and the wanted weights is traded: the
    first session buys the whole portfolio, and the last portfolio is not sold. Costs are paid at the close where the
    portfolio is bought:

    .. math:: 1 + r^{net}_t = (1 - c \sum_i |w_{i,t} - \tilde w_{i,t}|) (1 + \sum_i w_{i,t} R_{i,t}),
        \quad \tilde w_{i,t} = w_{i,t-1} (1 + R_{i,t-1}) / (1 + \sum_j w_{j,t-1} R_{j,t-1})

    Parameters
    ----------
    panel
        Forecasts of T sessions and S symbols; its log returns are made simple ones here.
    k
        Symbols a leg.
    cost_basis_points
        Per dollar traded, at least 0.
    short
        Whether the k lowest forecasts are sold short.

    Returns
    -------
    DailyReturns
        NaN throughout where the forecasts never differ between symbols.
    """
    if not cost_basis_points >= 0:
        raise ValueError(f"Costs must not be negative, not {cost_basis_points} basis points")
    result = DailyReturns(*(np.full(len(panel.sessions), np.nan) for _ in range(3)))
    known = np.isfinite(panel.realised)
    tradeable = np.isfinite(panel.forecast).sum(axis=1) >= (2 * k if short else k)
    held = np.flatnonzero(tradeable & known.any(axis=1))
    if not has_spread(panel.forecast).any() or not len(held):
        return result
    walked = slice(held[0], held[-1] + 1)
    weights = _weights(panel.forecast[walked], k, short=short) * tradeable[walked, None]  # [t, S]
    returns = np.expm1(np.where(known[walked], panel.realised[walked], 0.0))  # [t, S]
    gross = (weights * returns).sum(axis=1)
    turnover = np.abs(weights - _drifted(weights, returns, gross)).sum(axis=1)
    net = gross - 1e-4 * cost_basis_points * turnover * (1 + gross)
    result.gross[walked], result.net[walked], result.turnover[walked] = gross, net, turnover
    return result


def measure_portfolio(
    panel: ForecastPanel,
    *,
    k: int,
    cost_basis_points: float,
    short: bool,
    bootstrap: SessionBootstrap,
    trials: Trials | None = None,
) -> Portfolio:
    """Sharpe ratios, return and turnover of :func:`daily_returns`.

    Sharpe ratios are mean over standard deviation of the daily returns, times the root of the sessions of a year,
    without a riskless rate. The annual return is compound.

    Parameters
    ----------
    panel, k, cost_basis_points, short
        As in :func:`daily_returns`.
    bootstrap
        Of the panel's T sessions.
    trials
        How many variants were tried, from :func:`trials_of`; None: this one alone.
    """
    daily = daily_returns(panel, k=k, cost_basis_points=cost_basis_points, short=short)
    net = daily.net[np.isfinite(daily.net)]
    if not len(net):
        return Portfolio()
    return Portfolio(
        sharpe_gross=bootstrap.estimate(moment_sums(daily.gross), _annual_sharpe),
        sharpe_net=bootstrap.estimate(moment_sums(daily.net), _annual_sharpe),
        annual_return_net=(
            float(np.expm1(np.log1p(net).mean() * sessions_a_year())) if np.all(net > -1) else None
        ),
        turnover=float(np.nanmean(daily.turnover)),
        deflated_sharpe=deflated_sharpe(net, trials),
    )


def trials_of(panels: Iterable[ForecastPanel], *, k: int, cost_basis_points: float, short: bool) -> Trials:
    """How many variants were tried, and the variance of their net Sharpe ratios.

    Parameters
    ----------
    panels
        Every variant that was measured. A variant without a Sharpe ratio does not count.
    k, cost_basis_points, short
        As in :func:`daily_returns`.
    """
    daily = (daily_returns(p, k=k, cost_basis_points=cost_basis_points, short=short).net for p in panels)
    sharpes = [float(mean_over_deviation(moment_sums(net).sum(axis=0))) for net in daily]
    known = [sharpe for sharpe in sharpes if np.isfinite(sharpe)]
    variance = float(np.var(known, ddof=1)) if len(known) > 1 else 0.0
    return Trials(count=max(len(known), 1), variance=variance)


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
        None is one trial: the probabilistic Sharpe ratio against 0.
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


def _annual_sharpe(sums: Array) -> Array:
    return np.asarray(np.sqrt(sessions_a_year()) * mean_over_deviation(sums))


def _weights(forecast: Array, k: int, *, short: bool) -> Array:
    return top_shares(forecast, k) - top_shares(-forecast, k) if short else top_shares(forecast, k)


def _drifted(weights: Array, returns: Array, gross: Array) -> Array:
    """Weights of the session before, after the prices moved, ``[T, S]``; 0 at the first and after a ruin."""
    value = 1 + gross[:-1, None]
    grown = weights[:-1] * (1 + returns[:-1])
    drifted = np.divide(grown, value, out=np.zeros_like(grown), where=value > 0)
    return np.concatenate([np.zeros_like(weights[:1]), drifted])
