"""What a forecast may say: bounds that the symbol's own moves support.

Finite weights can give a forecast that is no number. A training that diverged gives numbers that no price supports. So
every forecast must pass three bounds:

1. A mean lies among the values it is the mean of. So no forecast is larger than the largest daily move seen.
2. By the law of total variance a conditional mean varies no more than what it forecasts: Var(E[r | x]) <= Var(r). So
   forecasts of the held-out sessions are no larger, in root mean square, than the returns of the window.
3. A forecast lies inside its own widest interval. There is one exception. A takeover, say, pins a symbol to a price,
   and the interval becomes narrower than the moves that the model learned from. Then a forecast below the symbol's
   typical move passes.

Quantiles reach at most twenty times the largest move. The bounds were tried on 4,694 forecasts of the 42 sample symbols
from 2019 to 2022, crash included. The largest forecast was 0.04 standard deviations (1.1 with the architecture that was
handed down). The farthest end of an interval of level 0.95 was at 0.28.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tickgraph.model.calibration import PredictiveDistribution
from tickgraph.model.measures import LEVELS
from tickgraph.shapes import Float, Float64

SESSIONS = 1000
"""Sessions of own moves that a forecast is compared with."""
REACH = 20.0
"""How many largest moves a quantile may reach."""
OUTERMOST = np.array([0.01, 0.99])
"""Probabilities of the outermost quantiles that are served."""


@dataclass(frozen=True)
class OwnMoves:
    """Absolute daily log returns of a symbol: the largest, and the median of those that are not zero."""

    largest: float
    typical: float

    @classmethod
    def of(cls, log_returns: Float64[np.ndarray, "sessions"]) -> OwnMoves:
        """Moves behind log returns; those that are not finite are left out."""
        moves = np.abs(log_returns[np.isfinite(log_returns)])
        moves = moves[moves > 0]
        return cls(float(moves.max()), float(np.median(moves))) if len(moves) else cls(0.0, 0.0)


def unsupported(distribution: PredictiveDistribution, moves: OwnMoves) -> str | None:
    """Say what a distribution claims that the symbol's own moves do not support; None if they support it."""
    forecast, volatility = distribution.forecast, distribution.volatility
    if not np.isfinite(forecast):
        return f"its forecast is no number ({forecast})"
    if not (np.isfinite(volatility) and volatility > 0):
        return f"its volatility is no positive number ({volatility})"
    if abs(forecast) > moves.largest:
        return f"its forecast, a log return of {forecast:+.4g}, is over the largest move seen, {moves.largest:.4g}"
    ends = distribution.quantile(OUTERMOST)
    if not (np.abs(ends) <= REACH * moves.largest).all():
        return (
            f"its quantiles reach from {ends[0]:.4g} to {ends[1]:.4g} in log return, over {REACH:g} times the largest "
            f"daily move seen, {moves.largest:.4g}"
        )
    if not 0 <= distribution.probability_above(0.0) <= 1:
        return "its probability of a rise is none"
    return None


def outside_itself(distribution: PredictiveDistribution, moves: OwnMoves) -> str | None:
    """Say that a forecast, or the centre of its distribution, lies outside its own widest interval; None if inside."""
    low, high = distribution.interval(max(LEVELS))
    for name, value in (
        ("forecast", distribution.forecast),
        ("centre", distribution.trust * distribution.forecast),
    ):
        pinned = abs(value) <= moves.typical and low <= 0 <= high
        if not (low <= value <= high or pinned):
            return (
                f"its {name}, a log return of {value:+.4g}, lies outside its own {max(LEVELS):.0%} interval, "
                f"{low:+.4g} to {high:+.4g}"
            )
    return None


def diverged(
    forecast: Float64[np.ndarray, "sessions"],
    realised: Float64[np.ndarray, "sessions"],
    trained_on: Float[np.ndarray, "trained"],
) -> str | None:
    """Say that a model's forecasts vary more than the returns they forecast; None if they do not.

    Parameters
    ----------
    forecast, realised
        Of the held-out sessions; NaN where unknown.
    trained_on
        The returns that the weights were learned from.
    """
    own = _root_mean_square(forecast)
    returns = max(_root_mean_square(realised), _root_mean_square(trained_on))
    if own <= returns or returns == 0:
        return None
    return (
        f"the training diverged: forecasts of the held-out sessions are {own:.4g} in root mean square, and the returns "
        f"themselves {returns:.4g}. Lower the learning rate"
    )


def _root_mean_square(values: Float[np.ndarray, "values"]) -> float:
    known = values[np.isfinite(values)].astype(np.float64)
    return float(np.sqrt(np.mean(known**2))) if len(known) else 0.0
