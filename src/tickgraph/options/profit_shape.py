"""The shape of a strategy's profit over the price: where it is made, and how far it goes.

At one expiry the profit is linear between the strikes, so its corners say everything. Where legs go on, it is a smooth
curve. Then a dense grid finds where it crosses a level, or how far it goes, and grids within grids say it exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tickgraph.options.legs import Position
from tickgraph.shapes import Bool, Float64

GRID = 256
FINER = 33
ROUNDS = 2  # each narrows a bracket 16 or 32 times; a straight line does the rest
DEVIATIONS = 8.0  # beyond so many an option is worth what it pays
FARTHEST = 14.0  # in log from a strike: a million times its price, where rounding still leaves cents
ROUNDING = 1e-13


@dataclass(frozen=True, eq=False)
class ProfitShape:
    """The profit of a position at any price from 0 on, in dollars.

    Attributes
    ----------
    position
        Whose profit it is.
    corners
        Prices, ascending from 0, between which the profit is linear or nearly so. Beyond the last one it is linear.
    """

    position: Position
    corners: Float64[np.ndarray, "corners"] = field(init=False)
    _profits: Float64[np.ndarray, "corners"] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Compute the profit at the corners."""
        object.__setattr__(self, "corners", _corners(self.position))
        object.__setattr__(self, "_profits", self.position.profit_at(self.corners))

    def ranges_above(self, level: float) -> Float64[np.ndarray, "ranges 2"]:
        """Ranges of prices, ascending, in which the profit exceeds a level; the last one may end at infinity."""
        over = self._over(self.corners, self._profits, level)
        is_above = over > 0
        edges = self._crossings(over, is_above, level)
        slope = self.position.last_slope
        ends_above = bool(is_above[-1])
        if slope and ends_above != (slope > 0):
            edges = np.append(edges, self.corners[-1] - over[-1] / slope)
            ends_above = not ends_above
        starts, ends = [0.0] if is_above[0] else [], [np.inf] if ends_above else []
        return _joined(np.concatenate([starts, edges, ends]).reshape(-1, 2))

    def break_evens(self) -> Float64[np.ndarray, "points"]:
        """Prices, ascending, at which profit turns into loss or loss into profit."""
        edges = self.ranges_above(0.0).ravel()
        return edges[(edges > 0) & np.isfinite(edges)]

    def least(self) -> float | None:
        """The smallest profit, negative where money can be lost; None where a loss has no bound."""
        return None if self.position.last_slope < 0 else self._farthest(-1.0)

    def most(self) -> float | None:
        """The largest profit; None where it has no bound."""
        return None if self.position.last_slope > 0 else self._farthest(1.0)

    def _over(
        self, prices: Float64[np.ndarray, "*prices"], profits: Float64[np.ndarray, "*prices"], level: float
    ) -> Float64[np.ndarray, "*prices"]:
        """How far the profit at each price exceeds a level; what rounding left is 0."""
        over = profits - level
        held = self.position
        summands = (prices[..., None] + held.strikes) @ np.abs(held.shares) + abs(held.cost)
        return np.where(np.abs(over) <= ROUNDING * summands, 0.0, over)

    def _crossings(
        self, over: Float64[np.ndarray, "corners"], is_above: Bool[np.ndarray, "corners"], level: float
    ) -> Float64[np.ndarray, "crossings"]:
        """Prices among the corners at which the profit begins or ceases to exceed the level."""
        before = np.flatnonzero(is_above[1:] != is_above[:-1])
        low, high, start, end = self.corners[before], self.corners[before + 1], over[before], over[before + 1]
        if self.position.is_curved and len(before):
            row = np.arange(len(before))
            for _ in range(ROUNDS):
                inside = np.linspace(low, high, FINER, axis=-1)  # [C, FINER]
                values = self._over(inside, self.position.profit_at(inside), level)
                first = np.argmax((values[:, 1:] > 0) != (values[:, :1] > 0), axis=1)
                low, high = inside[row, first], inside[row, first + 1]
                start, end = values[row, first], values[row, first + 1]
        return np.where(end == 0, high, low + (high - low) * start / (start - end))

    def _farthest(self, sign: float) -> float:
        """The largest of the profits times a sign, and that times the sign; finer grids look around it for more."""
        best = int(np.argmax(sign * self._profits))
        farthest = self._profits[best]
        if self.position.is_curved:
            low, high = (
                self.corners[max(best - 1, 0)],
                self.corners[min(best + 1, len(self.corners) - 1)],
            )
            for _ in range(ROUNDS):
                inside = np.linspace(low, high, FINER)
                profits = self.position.profit_at(inside)
                best = int(np.argmax(sign * profits))
                farthest = sign * max(sign * farthest, sign * profits[best])
                low, high = inside[max(best - 1, 0)], inside[min(best + 1, FINER - 1)]
        return float(farthest) + 0.0


def _corners(position: Position) -> Float64[np.ndarray, "corners"]:
    strikes = position.strikes[position.strikes > 0]
    if not position.is_curved:
        return np.unique(np.array([0.0, *strikes, 2 * strikes.max(initial=0.5)]))
    on = position.years > 0
    deviation = position.volatility[on] * np.sqrt(position.years[on])
    drift = np.abs(position.rate - position.dividend_yield) * position.years[on]
    reach = np.minimum(DEVIATIONS * deviation + deviation**2 / 2 + drift, FARTHEST) + 0.01
    centre = np.log(position.strikes[on] + position.dividends_by_leg[on])
    low, high = (centre - reach).min(), max((centre + reach).max(), np.log(2 * strikes.max()))
    return np.unique(np.array([0.0, *strikes, *np.exp(np.linspace(low, high, GRID))]))


def _joined(ranges: Float64[np.ndarray, "ranges 2"]) -> Float64[np.ndarray, "fewer 2"]:
    """Join ranges that meet, where the profit touches the level and turns."""
    if len(ranges) < 2:
        return ranges
    apart = ranges[1:, 0] > ranges[:-1, 1]
    starts, ends = np.concatenate([[True], apart]), np.concatenate([apart, [True]])
    return np.column_stack([ranges[starts, 0], ranges[ends, 1]])
