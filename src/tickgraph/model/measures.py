"""Measures of a forecast on sessions that its training never saw, beside naive baselines."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tickgraph.model.calibration import conformal_scores, score_quantiles, share_above
from tickgraph.shapes import Float64

LEVELS: tuple[float, ...] = (0.8, 0.95)

"""Levels of the intervals that are served and measured."""


@dataclass(frozen=True)
class OutOfSampleMeasures:
    """Figures over one symbol's held-out sessions; returns are daily log returns.

    Attributes
    ----------
    sessions
        Sessions measured.
    ic, rank_ic
        Information coefficient over time: Pearson and Spearman correlation of forecast and realised return.
        None where either is constant.
    hit_rate, hit_rate_momentum
        Share of sessions whose sign was forecast right; sessions without a move are left out.
    mse, mse_zero, mse_mean, mse_momentum
        Mean squared error of the forecast, of a forecast of 0, of the training window's mean return, and of the mean of
        the last sessions (momentum).
    r2_vs_zero
        1 - mse / mse_zero; negative where a forecast of 0 would have been better.
    coverage, width
        Share of the second half of the sessions inside the interval of each level, and its mean width. The intervals
        are calibrated on the first half.
    brier, brier_base
        Brier score of the probability of a rise over the second half, and of the first half's share of rises.
    """

    sessions: int
    ic: float | None
    rank_ic: float | None
    hit_rate: float | None
    hit_rate_momentum: float | None
    mse: float
    mse_zero: float
    mse_mean: float
    mse_momentum: float
    r2_vs_zero: float | None
    coverage: dict[str, float] = field(default_factory=dict)
    width: dict[str, float] = field(default_factory=dict)
    brier: float | None = None
    brier_base: float | None = None

    @property
    def beats_zero(self) -> bool:
        """Whether the squared error is below that of a forecast of no move."""
        return self.mse < self.mse_zero


def measure(
    forecast: Float64[np.ndarray, "sessions nodes"],
    realised: Float64[np.ndarray, "sessions nodes"],
    volatility: Float64[np.ndarray, "sessions nodes"],
    momentum: Float64[np.ndarray, "sessions"],
    mean_return: float,
) -> OutOfSampleMeasures:
    """Measure a forecast over held-out sessions.

    Parameters
    ----------
    forecast, realised, volatility
        In the order of the sessions. The forecast and the volatility of a row are known before its realised return. The
        target is the first node. Its peers serve to calibrate, as they do in the model.
    momentum
        Of the target.
    mean_return
        Mean daily log return of the training window.
    """
    from scipy.stats import rankdata  # slow to import, and no forecast needs it

    coverage, width, brier, brier_base = _measure_distribution(forecast, realised, volatility)
    forecast, realised = forecast[:, 0], realised[:, 0]
    mse, mse_zero = _mse(forecast, realised), _mse(np.zeros_like(realised), realised)
    return OutOfSampleMeasures(
        sessions=len(realised),
        ic=_correlation(forecast, realised),
        rank_ic=_correlation(rankdata(forecast), rankdata(realised)),
        hit_rate=_hit_rate(forecast, realised),
        hit_rate_momentum=_hit_rate(momentum, realised),
        mse=mse,
        mse_zero=mse_zero,
        mse_mean=_mse(np.full_like(realised, mean_return), realised),
        mse_momentum=_mse(momentum, realised),
        r2_vs_zero=1 - mse / mse_zero if mse_zero > 0 else None,
        coverage=coverage,
        width=width,
        brier=brier,
        brier_base=brier_base,
    )


def _measure_distribution(
    forecast: Float64[np.ndarray, "sessions nodes"],
    realised: Float64[np.ndarray, "sessions nodes"],
    volatility: Float64[np.ndarray, "sessions nodes"],
) -> tuple[dict[str, float], dict[str, float], float | None, float | None]:
    half = len(realised) // 2
    scores = conformal_scores(forecast[:half], realised[:half], volatility[:half])
    if len(scores.values) < 2:
        return {}, {}, None, None
    spread, centre, later = volatility[half:, 0], scores.trust * forecast[half:, 0], realised[half:, 0]
    usable = np.isfinite(later) & (spread > 0)
    if not usable.any():
        return {}, {}, None, None
    spread, centre, later = spread[usable], centre[usable], later[usable]
    coverage, width = {}, {}
    for level in LEVELS:
        tail = (1 - level) / 2
        low, high = score_quantiles(scores.values, np.array([tail, 1 - tail]))
        inside = (centre + spread * low <= later) & (later <= centre + spread * high)
        coverage[str(level)] = float(inside.mean())
        width[str(level)] = float((spread * (high - low)).mean())
    rise, rose = share_above(scores.values, -centre / spread), later > 0
    base = (realised[:half, 0] > 0).mean()
    return coverage, width, float(((rise - rose) ** 2).mean()), float(((base - rose) ** 2).mean())


def _mse(forecast: Float64[np.ndarray, "sessions"], realised: Float64[np.ndarray, "sessions"]) -> float:
    return float(((forecast - realised) ** 2).mean())


def _correlation(x: Float64[np.ndarray, "sessions"], y: Float64[np.ndarray, "sessions"]) -> float | None:
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    return float(np.corrcoef(x, y)[0, 1])


def _hit_rate(
    forecast: Float64[np.ndarray, "sessions"], realised: Float64[np.ndarray, "sessions"]
) -> float | None:
    moved = realised != 0
    return float((np.sign(forecast[moved]) == np.sign(realised[moved])).mean()) if moved.any() else None
