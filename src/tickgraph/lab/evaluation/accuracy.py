"""How good the point forecasts are, over all sessions and symbols of a panel.

IC and its ratio follow Grinold & Kahn 2000, "Active Portfolio Management", chapter 6; the out-of-sample R2
against zero is that of Gu, Kelly & Xiu 2020, "Empirical Asset Pricing via Machine Learning", equation 19.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tickgraph.lab.evaluation.cross_section import (
    daily_correlation,
    daily_rank_correlation,
    has_spread,
    jointly_known,
    top_shares,
)
from tickgraph.lab.evaluation.evaluation_result import Accuracy, DailyIC
from tickgraph.lab.evaluation.forecast_panel import ForecastPanel
from tickgraph.lab.evaluation.resampling import SessionBootstrap, mean_over_deviation, ratio

Array = NDArray[np.float64]


def measure_accuracy(panel: ForecastPanel, *, k: int, bootstrap: SessionBootstrap) -> Accuracy:
    """Measure the point forecasts.

    A symbol counts on the sessions where its forecast and its return are known. A session has no IC if all its
    forecasts or all its returns are equal. It has no precision if all its forecasts are equal, or if it has fewer than
    k symbols.

    Parameters
    ----------
    panel
        Forecasts of T sessions and S symbols.
    k
        How many of the highest forecasts the precision looks at.
    bootstrap
        Of the panel's T sessions.
    """
    forecast, realised = jointly_known(panel.forecast, panel.realised)
    ic = daily_correlation(forecast, realised)
    rank_ic = daily_rank_correlation(forecast, realised)
    errors = squared_errors(forecast, realised)
    known = np.isfinite(forecast)
    return Accuracy(
        sessions=int((known.sum(axis=1) >= 2).sum()),
        forecasts=int(known.sum()),
        ic=bootstrap.estimate(mean_sums(ic), ratio),
        rank_ic=bootstrap.estimate(mean_sums(rank_ic), ratio),
        icir=bootstrap.estimate(moment_sums(ic), mean_over_deviation),
        hit_rate=bootstrap.estimate(hits(forecast, realised).sum(axis=1), ratio),
        mse=bootstrap.estimate(np.stack([errors[..., 0].sum(axis=1), known.sum(axis=1)], axis=1), ratio),
        r2_vs_zero=bootstrap.estimate(errors.sum(axis=1), r2),
        precision_at_k=bootstrap.estimate(_precision_sums(forecast, realised, k), ratio),
        k=k,
    )


def daily_ic(panel: ForecastPanel) -> DailyIC:
    """Pearson correlation of forecast and realised return of each session, None without a spread."""
    ic = daily_correlation(panel.forecast, panel.realised)
    return DailyIC(
        sessions=panel.sessions.astype("datetime64[D]").tolist(),
        ic=[float(value) if np.isfinite(value) else None for value in ic],
    )


def hits(forecast: Array, realised: Array) -> Array:
    """Whether the sign was right, and whether the cell counts, ``[T, S, 2]``.

    A cell does not count where the return or the forecast is 0: 0 has no sign.
    """
    counts = np.abs(np.sign(forecast) * np.sign(realised)) == 1
    return np.stack([counts & (np.sign(forecast) == np.sign(realised)), counts], axis=-1).astype(np.float64)


def squared_errors(forecast: Array, realised: Array) -> Array:
    """Squared error of the forecast and of forecasting zero, 0 where either is unknown, ``[T, S, 2]``."""
    forecast, realised = jointly_known(forecast, realised)
    return np.nan_to_num(np.stack([(forecast - realised) ** 2, realised**2], axis=-1), nan=0.0)


def r2(sums: Array) -> Array:
    """1 - MSE / MSE of forecasting zero, from the two sums of squares ``[..., 2]``."""
    return 1 - ratio(sums)


def mean_sums(daily: Array) -> Array:
    """Sums from which :func:`~tickgraph.lab.evaluation.resampling.ratio` makes a mean, ``[T, 2]``; NaN is left out."""
    return np.stack([np.nan_to_num(daily, nan=0.0), np.isfinite(daily)], axis=-1).astype(np.float64)


def moment_sums(daily: Array) -> Array:
    """Sums that ``mean_over_deviation`` takes, ``[T, 3]``; NaN is left out."""
    value = np.nan_to_num(daily, nan=0.0)
    return np.stack([value, value**2, np.isfinite(daily)], axis=-1).astype(np.float64)


def _precision_sums(forecast: Array, realised: Array, k: int) -> Array:
    shares = top_shares(forecast, k) * has_spread(forecast)[:, None]
    return np.stack([(shares * (realised >= 0)).sum(axis=1), shares.sum(axis=1)], axis=1)
