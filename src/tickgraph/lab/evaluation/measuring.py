"""All figures of one forecaster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tickgraph.lab.evaluation.accuracy import daily_ic, measure_accuracy
from tickgraph.lab.evaluation.deflated import Trials
from tickgraph.lab.evaluation.distributions import lognormal_above, measure_distribution, score_strikes
from tickgraph.lab.evaluation.evaluation_result import ForecasterResult
from tickgraph.lab.evaluation.forecast_panel import (
    PROBABILITIES,
    STRIKE_DISTANCES,
    DistributionPanel,
    ForecastPanel,
)
from tickgraph.lab.evaluation.portfolio import measure_portfolio
from tickgraph.lab.evaluation.resampling import RESAMPLES, SessionBootstrap
from tickgraph.lab.evaluation.slices import measure_slices


def measure_forecaster(
    name: str,
    kind: Literal["baseline", "ablation", "model"],
    description: str,
    panel: ForecastPanel,
    distribution: DistributionPanel | None = None,
    *,
    lognormal_volatility: NDArray[np.float64] | None = None,
    sectors: Mapping[str, str] | None = None,
    regimes: NDArray[np.str_] | None = None,
    k: int,
    cost_basis_points: float,
    trials_long: Trials | None = None,
    trials_long_short: Trials | None = None,
    seconds: float,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> ForecasterResult:
    """Measure one forecaster.

    Parameters
    ----------
    name, kind, description, seconds
        As they stand in the result.
    panel
        Forecasts of T sessions and S symbols.
    distribution
        Predictive distributions beside them.
    lognormal_volatility
        ``[T, S]`` float64, trailing standard deviation of daily log returns known at t, for the desk's
        log-normal; without it strikes are not scored.
    sectors
        Sector by symbol.
    regimes
        ``[T]`` names from :func:`tickgraph.lab.evaluation.regimes.regimes`.
    k
        Symbols of a portfolio's leg, and of the precision.
    cost_basis_points
        Per dollar traded.
    trials_long, trials_long_short
        What was tried, for the deflated Sharpe ratio of each portfolio, from
        :func:`tickgraph.lab.evaluation.portfolio.trials_of`.
    seed, resamples
        Of the bootstrap over the panel's sessions.

    Raises
    ------
    ValueError
        If an array does not fit the panel.
    """
    _check_shapes(panel, distribution, lognormal_volatility, regimes)
    bootstrap = SessionBootstrap(len(panel.sessions), seed=seed, resamples=resamples)
    long, long_short = (
        measure_portfolio(
            panel,
            k=k,
            cost_basis_points=cost_basis_points,
            short=short,
            bootstrap=bootstrap,
            trials=trials,
        )
        for short, trials in ((False, trials_long), (True, trials_long_short))
    )
    return ForecasterResult(
        name=name,
        kind=kind,
        description=description,
        accuracy=measure_accuracy(panel, k=k, bootstrap=bootstrap),
        long=long,
        long_short=long_short,
        distribution=(
            measure_distribution(panel, distribution, bootstrap=bootstrap)
            if distribution is not None
            else None
        ),
        strikes=(
            score_strikes(panel, distribution, lognormal_above(lognormal_volatility), bootstrap=bootstrap)
            if distribution is not None and lognormal_volatility is not None
            else []
        ),
        slices=measure_slices(panel, distribution, sectors=sectors, regimes=regimes, bootstrap=bootstrap),
        daily=daily_ic(panel),
        seconds=seconds,
    )


def _check_shapes(
    panel: ForecastPanel,
    distribution: DistributionPanel | None,
    volatility: NDArray[np.float64] | None,
    regimes: NDArray[np.str_] | None,
) -> None:
    shape = (len(panel.sessions), len(panel.symbols))
    expected: dict[str, tuple[NDArray[Any] | None, tuple[int, ...]]] = {
        "forecast": (panel.forecast, shape),
        "realised": (panel.realised, shape),
        "lognormal_volatility": (volatility, shape),
        "regimes": (regimes, shape[:1]),
    }
    if distribution is not None:
        expected |= {
            "quantiles": (distribution.quantiles, (*shape, len(PROBABILITIES))),
            "probability_up": (distribution.probability_up, shape),
            "above_strike": (distribution.above_strike, (*shape, len(STRIKE_DISTANCES))),
        }
    for name, (array, wanted) in expected.items():
        if array is not None and array.shape != wanted:
            raise ValueError(f"{name}: expected shape {wanted}, got {array.shape}")
