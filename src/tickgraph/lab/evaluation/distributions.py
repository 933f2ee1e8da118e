"""How good the predictive distributions are: intervals, quantiles and probabilities.

Sources: pinball loss, Koenker & Bassett 1978, "Regression Quantiles"; Brier score, Brier 1950, "Verification
of Forecasts Expressed in Terms of Probability"; calibration error, Naeini et al. 2015, "Obtaining Well
Calibrated Probabilities Using Bayesian Binning".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scoringrules import quantile_score

from tickgraph.lab.evaluation.evaluation_result import Distribution, Estimate, ReliabilityBin, StrikeScore
from tickgraph.lab.evaluation.forecast_panel import (
    PROBABILITIES,
    STRIKE_DISTANCES,
    DistributionPanel,
    ForecastPanel,
)
from tickgraph.lab.evaluation.resampling import SessionBootstrap, ratio
from tickgraph.model.measures import LEVELS

Array = NDArray[np.float64]

BINS = 10


def measure_distribution(
    panel: ForecastPanel, distribution: DistributionPanel, *, bootstrap: SessionBootstrap
) -> Distribution | None:
    """Measure intervals, quantiles and probabilities; None where no distribution has a known return.

    Parameters
    ----------
    panel
        T sessions and S symbols, for the realised returns.
    distribution
        Of the same sessions and symbols. A symbol-session counts in a figure where all that the figure needs is finite.
    bootstrap
        Of the panel's T sessions.
    """
    known = np.isfinite(panel.realised)
    rose = panel.realised > 0
    coverage = _estimates(
        {level: sums.sum(axis=1) for level, sums in covered(panel, distribution).items()}, bootstrap
    )
    brier = bootstrap.estimate(_brier_sums(distribution.probability_up, rose, known), ratio)
    half = np.where(np.isfinite(distribution.probability_up), 0.5, np.nan)
    base = bootstrap.estimate(_brier_sums(half, rose, known), ratio)
    pinball = bootstrap.estimate(_pinball_sums(distribution.quantiles, panel.realised), ratio)
    if coverage is None or brier is None or base is None or pinball is None:
        return None
    rises = reliability(distribution.probability_up[known], rose[known])
    above = panel.realised[..., None] > np.array(STRIKE_DISTANCES)  # [T, S, K]
    strikes = reliability(distribution.above_strike[known].ravel(), above[known].ravel())
    return Distribution(
        coverage=coverage,
        width=_widths(panel, distribution),
        pinball=pinball,
        brier=brier,
        brier_base=base,
        reliability=rises,
        calibration_error=calibration_error(rises),
        strike_reliability=strikes,
        strike_calibration_error=calibration_error(strikes),
    )


def covered(panel: ForecastPanel, distribution: DistributionPanel) -> dict[str, Array]:
    """Whether the return lay in the central interval, ends included, and whether it is known.

    Returns
    -------
    dict
        ``[T, S, 2]`` float64 by level.
    """
    inside = {}
    for level in LEVELS:
        low, high = _ends(distribution, level)
        known = np.isfinite(low) & np.isfinite(high) & np.isfinite(panel.realised)
        within = known & (low <= panel.realised) & (panel.realised <= high)
        inside[str(level)] = np.stack([within, known], axis=-1).astype(np.float64)
    return inside


def reliability(predicted: Array, came: NDArray[np.bool_]) -> list[ReliabilityBin]:
    """Mean forecast and frequency of the event in each tenth of probability that holds forecasts.

    Parameters
    ----------
    predicted
        ``[n]`` float64 in [0, 1]; NaN is left out. A tenth includes its lower end, the last tenth both ends.
    came
        ``[n]`` bool, whether the event came.
    """
    known = np.isfinite(predicted)
    predicted, came = predicted[known], came[known]
    # Rounded against the last bit: 1 - 0.9 is 0.09999999999999998 in floating point.
    tenth = np.clip(np.floor(np.round(predicted * BINS, 9)), 0, BINS - 1).astype(np.intp)
    count, total, events = (
        np.bincount(tenth, weights=weights, minlength=BINS) for weights in (None, predicted, came)
    )
    return [
        ReliabilityBin(predicted=total[i] / count[i], observed=events[i] / count[i], count=int(count[i]))
        for i in np.flatnonzero(count)
    ]


def calibration_error(bins: list[ReliabilityBin]) -> float:
    """Mean absolute difference of forecast and frequency, weighted by count; 0 without forecasts."""
    count = sum(each.count for each in bins)
    return sum(abs(each.predicted - each.observed) * each.count for each in bins) / max(count, 1)


def lognormal_above(volatility: Array, distances: tuple[float, ...] = STRIKE_DISTANCES) -> Array:
    r"""P(close > strike) as an options desk has it: a log-normal price without drift.

    The price is a martingale, so its log return is normal with mean :math:`-\sigma^2 / 2`, and
    :math:`P = \Phi(-(d + \sigma^2 / 2) / \sigma)`: N(d2) of Black & Scholes 1973 without a rate.

    Parameters
    ----------
    volatility
        ``[T, S]`` float64, standard deviation of daily log returns known at t, not annualised.
    distances
        K values of log(strike / close).

    Returns
    -------
    ndarray
        ``[T, S, K]`` float64; NaN where volatility is unknown or not above 0.
    """
    from scipy.special import ndtr

    sigma = np.where(volatility > 0, volatility, np.nan)[..., None]
    return np.asarray(ndtr(-(np.array(distances) + sigma**2 / 2) / sigma))


def score_strikes(
    panel: ForecastPanel,
    distribution: DistributionPanel,
    lognormal: Array,
    *,
    bootstrap: SessionBootstrap,
) -> list[StrikeScore]:
    """Brier score of P(close > strike) by distance, beside the log-normal's on the same symbol-sessions.

    Parameters
    ----------
    panel, distribution
        T sessions and S symbols.
    lognormal
        ``[T, S, K]`` float64, from :func:`lognormal_above` at :data:`STRIKE_DISTANCES`.
    bootstrap
        Of the panel's T sessions.

    Returns
    -------
    list
        One score for each distance at which some symbol-sessions have both probabilities.
    """
    scores = []
    for i, distance in enumerate(STRIKE_DISTANCES):
        ours, desk = distribution.above_strike[..., i], lognormal[..., i]
        known = np.isfinite(ours) & np.isfinite(desk) & np.isfinite(panel.realised)
        above = panel.realised > distance
        first, second = _brier_sums(ours, above, known), _brier_sums(desk, above, known)
        paired = np.stack([first[:, 0] - second[:, 0], first[:, 1]], axis=1)
        figures = [bootstrap.estimate(sums, ratio) for sums in (first, second, paired)]
        brier, brier_lognormal, difference = figures
        if brier is not None and brier_lognormal is not None and difference is not None:
            scores.append(
                StrikeScore(
                    distance=distance, brier=brier, brier_lognormal=brier_lognormal, difference=difference
                )
            )
    return scores


def _ends(distribution: DistributionPanel, level: float) -> tuple[Array, Array]:
    tail = (1 - level) / 2
    low, high = (int(np.argmin(np.abs(np.array(PROBABILITIES) - p))) for p in (tail, 1 - tail))
    return distribution.quantiles[..., low], distribution.quantiles[..., high]


def _widths(panel: ForecastPanel, distribution: DistributionPanel) -> dict[str, float]:
    known = np.isfinite(panel.realised)
    ends = {str(level): _ends(distribution, level) for level in LEVELS}
    return {level: float(np.nanmean((high - low)[known])) for level, (low, high) in ends.items()}


def _pinball_sums(quantiles: Array, realised: Array) -> Array:
    """Loss summed over symbols and quantiles, and how many, ``[T, 2]``."""
    loss = quantile_score(
        realised[..., None], quantiles, np.array(PROBABILITIES), backend="numpy"
    )  # [T, S, Q]
    return np.stack([np.nansum(loss, axis=(1, 2)), np.isfinite(loss).sum(axis=(1, 2))], axis=1)


def _brier_sums(probability: Array, came: NDArray[np.bool_], known: NDArray[np.bool_]) -> Array:
    """Squared error of the probability summed over symbols, and how many, ``[T, 2]``."""
    error = np.where(known, (probability - came) ** 2, np.nan)
    return np.stack([np.nansum(error, axis=1), np.isfinite(error).sum(axis=1)], axis=1)


def _estimates(sums: dict[str, Array], bootstrap: SessionBootstrap) -> dict[str, Estimate] | None:
    figures = {name: bootstrap.estimate(each, ratio) for name, each in sums.items()}
    known = {name: figure for name, figure in figures.items() if figure is not None}
    return known if len(known) == len(figures) else None
