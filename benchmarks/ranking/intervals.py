"""Intervals over days of IC and ICIR, averaged over seeds, from the daily IC of every seed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tickgraph.lab.evaluation.evaluation_result import Estimate
from tickgraph.lab.evaluation.resampling import SessionBootstrap, Statistic, mean_over_deviation, ratio

Series = NDArray[np.float64]


def ic_estimates(daily: Series) -> tuple[Estimate, Estimate]:
    """IC and ICIR, each a mean over seeds, from the daily IC ``[seeds, D]``; NaN on days without one.

    Days are drawn in blocks, for all seeds at once.

    Raises
    ------
    FloatingPointError
        There is no IC on any day, or it has no deviation.
    """
    bootstrap = SessionBootstrap(daily.shape[1])
    terms = _terms(daily)
    return _known(bootstrap.estimate(terms, _mean_ic)), _known(bootstrap.estimate(terms, _mean_icir))


def difference_estimates(ours: Series, theirs: Series) -> tuple[Estimate, Estimate]:
    """IC and ICIR of ``ours`` less those of ``theirs``, ``[seeds, D]`` each, the same days drawn for both.

    Raises
    ------
    FloatingPointError
        As :func:`ic_estimates`.
    """
    bootstrap = SessionBootstrap(ours.shape[1])
    terms = np.concatenate([_terms(ours), _terms(theirs)], axis=1)
    border = 3 * len(ours)

    def less(statistic: Statistic) -> Statistic:
        return lambda sums: np.asarray(statistic(sums[..., :border]) - statistic(sums[..., border:]))

    return (
        _known(bootstrap.estimate(terms, less(_mean_ic))),
        _known(bootstrap.estimate(terms, less(_mean_icir))),
    )


def _terms(daily: Series) -> Series:
    """What each day adds to the sums of x, x squared and 1 of every seed: ``[D, 3 * seeds]``."""
    known = np.isfinite(daily)
    values = np.where(known, daily, 0.0)
    return np.concatenate([values, values**2, known.astype(np.float64)]).T


def _mean_ic(sums: Series) -> Series:
    seeds = sums.shape[-1] // 3
    return np.asarray(np.mean([ratio(sums[..., [s, 2 * seeds + s]]) for s in range(seeds)], axis=0))


def _mean_icir(sums: Series) -> Series:
    seeds = sums.shape[-1] // 3
    each = [mean_over_deviation(sums[..., [s, seeds + s, 2 * seeds + s]]) for s in range(seeds)]
    return np.asarray(np.mean(each, axis=0))


def _known(estimate: Estimate | None) -> Estimate:
    if estimate is None:
        raise FloatingPointError("no IC: the forecasts of every test day are constant, or IC does not vary")
    return estimate
