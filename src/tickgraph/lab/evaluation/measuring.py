"""All figures of one forecast method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tickgraph.lab.compared import Compared
from tickgraph.lab.evaluation.accuracy import daily_ic, measure_accuracy
from tickgraph.lab.evaluation.distributions import lognormal_above, measure_distribution, score_strikes
from tickgraph.lab.evaluation.evaluation_result import ForecasterResult
from tickgraph.lab.evaluation.forecast_panel import DistributionPanel, ForecastPanel
from tickgraph.lab.evaluation.portfolio import Trials, measure_portfolio
from tickgraph.lab.evaluation.resampling import SessionBootstrap
from tickgraph.lab.evaluation.slices import measure_slices


@dataclass(frozen=True)
class Measurement:
    """What the methods of an evaluation are measured with, the same for all of them.

    Attributes
    ----------
    bootstrap
        Of the T sessions.
    k
        Symbols of a portfolio's leg, and of the precision.
    cost_basis_points
        Per dollar traded.
    sectors
        Sector by symbol.
    regimes
        ``[T]`` names from :func:`tickgraph.lab.evaluation.slices.regimes`.
    trailing_volatility
        ``[T, S]`` float64, standard deviation of the last daily log returns known at t, for the log-normal.
    trials_long, trials_long_short
        What was tried, for the deflated Sharpe ratio of each portfolio, from
        :func:`tickgraph.lab.evaluation.portfolio.trials_of`.
    """

    bootstrap: SessionBootstrap
    k: int
    cost_basis_points: float
    sectors: Mapping[str, str]
    regimes: NDArray[np.str_]
    trailing_volatility: NDArray[np.float64]
    trials_long: Trials | None = None
    trials_long_short: Trials | None = None

    def measure(
        self, method: Compared, panel: ForecastPanel, distribution: DistributionPanel, seconds: float
    ) -> ForecasterResult:
        """Measure the forecasts of one method, ``[T, S]``, and the distributions made of them."""
        long, long_short = (
            measure_portfolio(
                panel,
                k=self.k,
                cost_basis_points=self.cost_basis_points,
                short=short,
                bootstrap=self.bootstrap,
                trials=trials,
            )
            for short, trials in ((False, self.trials_long), (True, self.trials_long_short))
        )
        lognormal = lognormal_above(self.trailing_volatility)
        return ForecasterResult(
            name=method.name,
            kind=method.kind,
            description=method.description,
            accuracy=measure_accuracy(panel, k=self.k, bootstrap=self.bootstrap),
            long=long,
            long_short=long_short,
            distribution=measure_distribution(panel, distribution, bootstrap=self.bootstrap),
            strikes=score_strikes(panel, distribution, lognormal, bootstrap=self.bootstrap),
            slices=measure_slices(
                panel,
                distribution,
                sectors=self.sectors,
                regimes=self.regimes,
                bootstrap=self.bootstrap,
            ),
            daily=daily_ic(panel),
            seconds=seconds,
        )
