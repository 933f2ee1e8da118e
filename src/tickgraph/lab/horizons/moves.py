"""How far prices moved: daily returns and range variance, and both over the next h sessions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from tickgraph.market.panel import PricePanel
from tickgraph.market.range_variance import range_variance
from tickgraph.model.realised import sums_ahead
from tickgraph.shapes import Float64, Int

HORIZONS: tuple[int, ...] = (1, 5, 10, 21, 42, 63)
"""Sessions ahead that a report has."""
SCALE_SESSIONS = 1000
"""Sessions over which the range variance is set beside the squared return."""
_FEWEST = 60  # sessions that a ratio of the two needs


@dataclass(frozen=True)
class Moves:
    """Daily moves of S symbols over T sessions, and what came over the next h sessions.

    Attributes
    ----------
    panel
        The prices.
    variance
        ``[T, S]`` float64, range variance of each session (overnight return squared plus Garman-Klass); NaN where the
        symbol did not trade.
    horizons
        H numbers of sessions, ascending.
    """

    panel: PricePanel
    variance: Float64[np.ndarray, "sessions symbols"]
    horizons: tuple[int, ...] = HORIZONS

    @classmethod
    def of(cls, panel: PricePanel, horizons: tuple[int, ...] = HORIZONS) -> Moves:
        """Moves of a panel's prices."""
        return cls(panel, range_variance(panel), horizons)

    @cached_property
    def returns(self) -> Float64[np.ndarray, "sessions symbols"]:
        """Daily log returns of the adjusted close."""
        return self.panel.log_returns()

    @cached_property
    def ages(self) -> Int[np.ndarray, "sessions symbols"]:
        """Sessions of each symbol with a return, this one included."""
        return np.cumsum(np.isfinite(self.returns), axis=0)

    @cached_property
    def variance_ahead(self) -> Float64[np.ndarray, "sessions symbols horizons"]:
        """Sum of the range variance over sessions t + 1 to t + h; NaN where one of them is missing."""
        return sums_ahead(self.variance, self.horizons)

    @cached_property
    def return_ahead(self) -> Float64[np.ndarray, "sessions symbols horizons"]:
        """Log return from the close of session t to that of t + h; NaN where a session between is missing."""
        return sums_ahead(self.returns, self.horizons)

    @cached_property
    def range_scale(self) -> Float64[np.ndarray, "sessions symbols"]:
        """Range variance per squared return over the last 1000 sessions, known at t.

        A forecast of the squared return times this is a forecast of the range variance.
        """
        both = np.isfinite(self.variance) & np.isfinite(self.returns)

        variance, squares = (
            pd.DataFrame(np.where(both, each, np.nan)).rolling(SCALE_SESSIONS, _FEWEST).sum().to_numpy()
            for each in (self.variance, self.returns**2)
        )
        return np.divide(variance, squares, out=np.full_like(squares, np.nan), where=squares > 0)

    @cached_property
    def deviation(self) -> Float64[np.ndarray, "sessions symbols"]:
        """Standard deviation of the last 60 daily returns, known at t: the unit of strikes, the same for all."""
        return trailing_deviation(self.returns, 60)


def trailing_deviation(
    returns: Float64[np.ndarray, "sessions symbols"], window: int
) -> Float64[np.ndarray, "sessions symbols"]:
    """Standard deviation (of n) of the last ``window`` returns; NaN with fewer than three quarters of them."""
    rolling = pd.DataFrame(returns).rolling(window, min_periods=3 * window // 4)
    return rolling.std(ddof=0).to_numpy()
