"""Drift: which models no longer do what their calibration promised.

A sound model's intervals hold as often as they say, and its errors are as large as those that it was calibrated on.
Three figures of the forecasts that a model's current weights made are compared with that:

- outside: how many returns lie outside the interval of each level, too many or too few. Their number is beta-binomial
  with a correlation of RHO between two sessions: calm and stormy weeks come in runs, so 60 sessions say less than 60
  tosses of a coin.
- errors: whether the error ratio is too large. Its logarithm is normal with variance SPREAD^2 / n + BETWEEN^2. The
  first part is that of a mean of n absolute scores; the second is how far a sound model is off for other reasons.

A model's p-value is the least of these p-values, times their number. Benjamini & Hochberg 1995, "Controlling the False
Discovery Rate", JRSS B 57(1), decide at FALSE_ALARMS which models are flagged: while every model is sound, at most that
share of scorings flags any.

``benchmarks/drift.py`` measures the constants, the false alarms and the power; docs/live_quality.md has the figures.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tickgraph.model.measures import LEVELS

FALSE_ALARMS = 0.05
MIN_FORECASTS = 5
RHO = 0.01
SPREAD = 1.05
BETWEEN = 0.07
USUAL = 0.95  # probability of the band that a flag's text compares with

Trained = Callable[[str], datetime | None]


def flag(outcomes: pd.DataFrame, trained: Trained) -> dict[str, str]:
    """Say which models are out of their band, and why.

    Parameters
    ----------
    outcomes
        As :func:`tickgraph.operations.outcomes.with_outcomes` gives them.
    trained
        When a symbol's published model was trained; None without a model. A model that was trained since is not
        flagged: its predecessor made the forecasts.

    Returns
    -------
    dict
        Reasons in words, by symbol.
    """
    tallies = _tallies(outcomes)
    if tallies.empty:
        return {}
    from scipy.stats import false_discovery_control  # slow to import

    suspects = tallies[false_discovery_control(p_values(tallies)) <= FALSE_ALARMS]
    return {
        str(row["symbol"]): _in_words(row)
        for row in suspects.to_dict("records")
        if trained(str(row["symbol"])) == row["trained_at"].to_pydatetime().astimezone(UTC)
    }


def p_values(tallies: pd.DataFrame) -> NDArray[np.float64]:
    """``[M]`` float64: how unlikely each model's figures are for a sound one.

    Parameters
    ----------
    tallies
        A row for each model: ``forecasts``, ``outside_0.8`` and so on by level, and ``error_ratio``.
    """
    from scipy.stats import norm

    count = tallies["forecasts"].to_numpy(dtype=np.float64)
    parts = []
    for level in LEVELS:
        outside, expected = tallies[f"outside_{level}"].to_numpy(), _outside(count, level)
        parts.append(2 * np.minimum(expected.sf(outside - 1), expected.cdf(outside)))
    with np.errstate(divide="ignore"):  # no error at all
        parts.append(norm.sf(np.log(tallies["error_ratio"].to_numpy()) / _deviation(count)))
    return np.minimum(1.0, len(parts) * np.min(parts, axis=0))


def _tallies(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Figures of the weights that made each symbol's last forecast."""
    made = outcomes[outcomes["volatility"] > 0].sort_values("logged_at")
    # Momentum has no training date, which equals nothing.
    own = made[made["trained_at"] == made.groupby("symbol")["trained_at"].transform("last")]
    columns = {
        "symbol": own["symbol"],
        "trained_at": own["trained_at"],
        "error": ((own["realised"] - own["centre"]) / own["volatility"]).abs(),
        "expected": own["mean_score"],
    }
    for level in LEVELS:
        columns[f"outside_{level}"] = (own["realised"] < own[f"lower_{level}"]) | (
            own["realised"] > own[f"upper_{level}"]
        )
    groups = pd.DataFrame(columns).groupby(["symbol", "trained_at"])
    sums = groups.sum()
    sums["forecasts"] = groups.size()
    sums["error_ratio"] = sums["error"] / sums["expected"]
    return sums[sums["forecasts"] >= MIN_FORECASTS].reset_index()


def _outside(count: Any, level: float) -> Any:
    """Distribution of how many of ``count`` returns lie outside a sound interval."""
    from scipy.stats import betabinom

    concentration = (1 - RHO) / RHO
    return betabinom(count, (1 - level) * concentration, level * concentration)


def _deviation(count: Any) -> Any:
    return np.sqrt(SPREAD**2 / count + BETWEEN**2)


def _in_words(row: dict[str, Any]) -> str:
    from scipy.stats import norm

    count = int(row["forecasts"])
    parts = []
    for level in LEVELS:
        held = 1 - row[f"outside_{level}"] / count
        most, least = (1 - bound / count for bound in _outside(count, level).interval(USUAL))
        if not least <= held <= most:
            parts.append(f"its {level:.0%} interval held {held:.0%} ({least:.0%} to {most:.0%} is usual)")
    usual = float(np.exp(norm.ppf(USUAL) * _deviation(count)))
    if row["error_ratio"] > usual:
        parts.append(
            f"its errors are {row['error_ratio']:.2f} times what it promises (up to {usual:.2f} is usual)"
        )
    return f"of {count} forecasts since {row['trained_at']:%Y-%m-%d}: {'; '.join(parts)}"
