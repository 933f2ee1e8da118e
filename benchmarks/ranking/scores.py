"""Scores of a ranking, by the definitions of the published table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TOP_PRECISION = 10
TOP_PORTFOLIO = 5
DAYS_TO_YEAR = 15.87  # the root of 252, as the table's authors rounded it


@dataclass(frozen=True)
class RankingScores:
    """The four columns of the table, and the IC of each day.

    Attributes
    ----------
    ic
        Mean over days of the cross-sectional Pearson correlation of forecast and return.
    icir
        Mean of the daily IC over its standard deviation (their column "RIC").
    precision
        Share of the 10 highest forecasts of each day whose return is not negative. Of equal forecasts the stock that
        comes first in the file is taken.
    sharpe
        Mean over standard deviation of the daily mean return of the 5 highest forecasts, times 15.87.
    daily_ic
        ``[D]`` float64. NaN on a day whose forecast is constant: it ranks nothing.

    Days without a figure are in no mean: all figures on a day whose forecast is constant, precision and Sharpe also on
    a day with fewer than 10 stocks. A figure is NaN where no day has it, or where a deviation is 0.
    """

    ic: float
    icir: float
    precision: float
    sharpe: float
    daily_ic: NDArray[np.float64]


def score(
    forecast: NDArray[np.floating], returns: NDArray[np.float64], scored: NDArray[np.bool_]
) -> RankingScores:
    """Score forecasts of several days.

    Parameters
    ----------
    forecast, returns
        ``[D, S]``: what was forecast and what came.
    scored
        ``[D, S]`` bool: stock-days that count.

    Raises
    ------
    FloatingPointError
        A forecast that counts is not finite.
    """
    if not np.isfinite(forecast[scored]).all():
        raise FloatingPointError("a forecast is not finite")
    values = np.where(scored, forecast, 0.0).astype(np.float64)
    daily_ic = _correlation(values, np.where(scored, returns, 0.0), scored)
    enough = (scored.sum(axis=1) >= TOP_PRECISION) & _varies(values, scored)
    order = np.argsort(np.where(scored, -values, np.inf), axis=1, kind="stable")[:, :TOP_PRECISION]
    highest = np.take_along_axis(np.where(scored, returns, np.nan), order, axis=1)[enough]  # [<= D, 10]
    ic, ic_deviation = _mean_and_deviation(daily_ic)
    gain, gain_deviation = _mean_and_deviation(highest[:, :TOP_PORTFOLIO].mean(axis=1))
    return RankingScores(
        ic=ic,
        icir=ic / ic_deviation,
        precision=_mean_and_deviation((highest >= 0).astype(np.float64))[0],
        sharpe=gain / gain_deviation * DAYS_TO_YEAR,
        daily_ic=daily_ic,
    )


def random_scores(
    returns: NDArray[np.float64], scored: NDArray[np.bool_], count: int = 1000, seed: int = 0
) -> dict[str, NDArray[np.float64]]:
    """Score forecasts that know nothing: ``[count]`` values of each column, from normal noise."""
    generator = np.random.default_rng(seed)
    drawn = [score(generator.standard_normal(returns.shape), returns, scored) for _ in range(count)]
    return {
        column: np.array([getattr(one, column) for one in drawn])
        for column in ("ic", "icir", "precision", "sharpe")
    }


def _mean_and_deviation(values: NDArray[np.float64]) -> tuple[float, float]:
    """Of what is not NaN; NaN where nothing is, and for a deviation of 0."""
    known = values[np.isfinite(values)]
    if not known.size:
        return np.nan, np.nan
    return float(known.mean()), float(known.std()) or np.nan


def _varies(values: NDArray[np.float64], counted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Days ``[D]`` on which not all counted values are the same."""
    highest = np.where(counted, values, -np.inf).max(axis=1)
    return np.asarray(highest > np.where(counted, values, np.inf).min(axis=1))


def _correlation(
    x: NDArray[np.float64], y: NDArray[np.float64], counted: NDArray[np.bool_]
) -> NDArray[np.float64]:
    known = _varies(x, counted) & _varies(y, counted)  # rounding leaves a constant a deviation, so ask first
    count = counted.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        x = np.where(counted, x - (x * counted).sum(axis=1, keepdims=True) / count, 0.0)
        y = np.where(counted, y - (y * counted).sum(axis=1, keepdims=True) / count, 0.0)
        spread = np.sqrt((x * x).sum(axis=1) * (y * y).sum(axis=1))
        return np.where(known, (x * y).sum(axis=1) / spread, np.nan)
