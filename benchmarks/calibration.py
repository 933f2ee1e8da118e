"""Intervals and probabilities out of sample, beside the log-normal with trailing volatility.

``python benchmarks/calibration.py [--quick] [prices.parquet]``: without a file, the bundled sample. The point
forecast is momentum, the worst that is served. Everything is walked forward; a minute for the sample, ten for 479
symbols.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from scipy.stats import norm

import options
import prepare
from tickgraph.lab.evaluation.calibrating import calibrate, walk_volatility
from tickgraph.lab.evaluation.forecast_panel import STRIKE_DISTANCES
from tickgraph.market.panel import PricePanel

FIRST, BLOCK, RESAMPLES = 2018, 20, 1000
QUICK_SYMBOLS = 6


def trailing(returns, window):
    """``[T, S]`` sample standard deviation of the last returns."""
    deviation = np.full_like(returns, np.nan)
    deviation[window - 1 :] = sliding_window_view(returns, window, axis=0).std(axis=-1, ddof=1)
    return deviation


def weighted(returns, decay=0.94):
    """``[T, S]`` exponentially weighted root mean square (RiskMetrics)."""
    variance, current = np.full_like(returns, np.nan), np.full(returns.shape[1], np.nan)
    for row, square in enumerate(returns**2):
        started = np.where(np.isfinite(current), decay * current + (1 - decay) * square, square)
        current = np.where(np.isfinite(square), started, current)
        variance[row] = current
    return np.sqrt(variance)


def block_interval(daily):
    """95 % interval of the mean of ``[T]`` sessions, by the circular block bootstrap."""
    generator = np.random.default_rng(0)
    starts = generator.integers(0, len(daily), (RESAMPLES, -(-len(daily) // BLOCK)))
    rows = (starts[..., None] + np.arange(BLOCK)).reshape(RESAMPLES, -1)[:, : len(daily)] % len(daily)
    return np.percentile(daily[rows].mean(axis=1), [2.5, 97.5])


def reliability(said, came, name):
    """Print said and observed of every twentieth with 1,000 forecasts."""
    for low, high in pairwise(np.linspace(0, 1, 21)):
        here = (said >= low) & (said < high)
        if here.sum() >= 1000:
            print(f"  {name:10} {said[here].mean():6.3f} {came[here].mean():6.3f} {here.sum():9,}")


def main() -> None:
    """Print coverage, reliability and Brier scores."""
    asked = options.with_prices(__doc__).parse_args()
    panel = prepare.sample_panel()
    if asked.prices:
        panel = PricePanel.from_bars(pd.read_parquet(asked.prices), "files")
    if asked.quick:
        panel = panel.select(panel.symbols[:QUICK_SYMBOLS])
    returns = panel.log_returns()
    year = panel.sessions.astype("datetime64[Y]").astype(int) + 1970
    start = int(np.searchsorted(year, FIRST)) - 250  # scores to begin with
    momentum = np.full_like(returns, np.nan)
    momentum[19:] = sliding_window_view(returns, 20, axis=0).mean(axis=-1)
    realised = np.vstack([returns[1:], np.full(returns.shape[1], np.nan)])[start:]
    volatility = walk_volatility(returns)
    momentum, year = momentum[start:], year[start:]
    made = calibrate(momentum, realised, volatility[start:])
    others = {
        "20 sessions": trailing(returns, 20)[start:],
        "60 sessions": trailing(returns, 60)[start:],
        "EWMA 0.94": weighted(returns)[start:],
    }
    known = np.isfinite(realised + made.probability_up + sum(others.values()))
    known &= (year >= FIRST)[:, None] & (np.min(list(others.values()), axis=0) > 0)

    print("coverage of 80 % and 95 %, by year")
    for rows in (year >= FIRST, *(year == one for one in range(FIRST, year.max() + 1))):
        here = known & rows[:, None]
        inside = [
            (made.quantiles[..., low] <= realised) & (realised <= made.quantiles[..., high])
            for low, high in ((1, 5), (0, 6))
        ]
        label = "all" if rows.sum() == (year >= FIRST).sum() else str(year[rows][0])
        print(f"  {label:6} {100 * inside[0][here].mean():5.1f} {100 * inside[1][here].mean():5.1f}")

    print("said and observed")
    rise, rose, up = made.probability_up[known], realised[known] > 0, momentum[known] >= 0
    reliability(rise, rose, "rise")
    reliability(np.where(up, rise, 1 - rise), rose == up, "confidence")
    strikes = realised[..., None] > np.array(STRIKE_DISTANCES)
    reliability(made.above_strike[known].ravel(), strikes[known].ravel(), "strikes")

    print("Brier score over the log-normal's, and the paired difference x 10,000 with its interval of 95 %")
    for name, deviation in others.items():
        print(f"  {name}")
        for index, distance in enumerate((*STRIKE_DISTANCES, None)):
            at = slice(None) if distance is None else slice(index, index + 1)
            z = (np.array(STRIKE_DISTANCES)[at] + deviation[..., None] ** 2 / 2) / deviation[..., None]
            theirs = ((norm.sf(z) - strikes[..., at]) ** 2).mean(axis=-1)
            ours = ((made.above_strike[..., at] - strikes[..., at]) ** 2).mean(axis=-1)
            rows = known.any(axis=1)
            daily = np.nanmean(np.where(known, ours - theirs, np.nan)[rows], axis=1)
            low, high = 1e4 * block_interval(daily)
            label = "average" if distance is None else f"{distance:+.0%}"
            ratio = ours[known].mean() / theirs[known].mean()
            print(f"    {label:8} {ratio:6.3f}   {1e4 * daily.mean():+6.1f}  [{low:+.1f}, {high:+.1f}]")


if __name__ == "__main__":
    main()
