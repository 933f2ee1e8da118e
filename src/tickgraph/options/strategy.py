"""What a strategy may earn by one session, under the distribution of the share's close on it.

The probability of profit is exact: the profit exceeds a cent in a few ranges of prices, and the distribution says how
likely each of them is. Where all legs settle on that session the profit is linear between the strikes, so these ranges
are exact, too.

Everything else is computed at points of the distribution, each with its probability: the ranks, and finer and finer
ones in the tails (:meth:`~tickgraph.options.terminal_price.TerminalPrice.points`). So the expected profit is the sum of
what the legs are expected to earn. An option that is sold far from the price is not held to be free: with P ranks each
tail has a probability of 1 / (P + 1), and most of what such an option pays lies there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tickgraph.model.horizon_distribution import HorizonDistribution
from tickgraph.options.legs import Position
from tickgraph.options.profit_shape import ProfitShape
from tickgraph.options.terminal_price import TerminalPrice
from tickgraph.shapes import Float64

CENT = 0.01
"""Dollars that are a profit at least, as optionlab counts."""
PROBABILITIES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
SHORTFALL = 0.05
"""Share of the outcomes, the worst ones, that the expected shortfall is the mean of."""
POINTS = 61


@dataclass(frozen=True, eq=False)
class ProfitCurve:
    """Profit by price, and how likely the prices are.

    Attributes
    ----------
    prices
        Dollars, evenly spaced. All ranks of the distribution lie between them, and the strikes that are near.
    profits
        Dollars at each of them.
    densities
        Probability a dollar, of a close that is nearer to this price than to the others.
    """

    prices: Float64[np.ndarray, "points"]
    profits: Float64[np.ndarray, "points"]
    densities: Float64[np.ndarray, "points"]


@dataclass(frozen=True, eq=False)
class StrategyFigures:
    """Figures of a strategy, in dollars for its whole quantity.

    Attributes
    ----------
    probability_of_profit
        That it earns a cent or more.
    expected_profit
        Mean of the profit.
    expected_profit_if_profitable, expected_loss_if_unprofitable
        Mean of the profits of a cent and more, and of all others; 0 where there are none. As optionlab's.
    quantiles
        Profits that it earns less than with the probabilities of :data:`PROBABILITIES`.
    expected_shortfall
        Mean of the worst 5 % of profits; negative for a loss.
    break_evens
        Prices at which profit turns into loss or loss into profit.
    least, most
        The smallest and the largest profit at any price; None where there is no bound.
    curve
        Profit and density over the price.
    """

    probability_of_profit: float
    expected_profit: float
    expected_profit_if_profitable: float
    expected_loss_if_unprofitable: float
    quantiles: Float64[np.ndarray, "probabilities"]
    expected_shortfall: float
    break_evens: Float64[np.ndarray, "points"]
    least: float | None
    most: float | None
    curve: ProfitCurve


def strategy_figures(
    position: Position, distribution: HorizonDistribution, price: float, sessions: int
) -> StrategyFigures:
    """Evaluate a strategy.

    Parameters
    ----------
    position
        The strategy on the session that is asked about.
    distribution
        Of the log return from ``price``.
    price
        Dollars; what the share costs now.
    sessions
        How many sessions ahead that session is.

    Raises
    ------
    InputError
        Sessions that the distribution does not reach.
    """
    terminal = TerminalPrice.of(distribution, sessions)
    points, weights = terminal.points()
    shape = ProfitShape(position)
    least, most = shape.least(), shape.most()
    profits = np.clip(position.profit_at(price * points), least, most)  # what rounding adds to a bound
    order = np.argsort(profits)
    ranked, ranked_weights = profits[order], weights[order]
    expected, if_profitable, if_not = mean_profits(profits, weights)
    gains, edges = shape.ranges_above(CENT), _edges(position, price, price * np.exp(terminal.returns))
    above = probability_above(distribution, np.concatenate([gains.ravel(), edges]), price, sessions)
    in_gains, in_cells = above[: gains.size].reshape(-1, 2), above[gains.size :]
    prices = (edges[1:] + edges[:-1]) / 2
    return StrategyFigures(
        probability_of_profit=float(np.clip((in_gains[:, 0] - in_gains[:, 1]).sum(), 0.0, 1.0)),
        expected_profit=expected,
        expected_profit_if_profitable=if_profitable,
        expected_loss_if_unprofitable=if_not,
        quantiles=np.interp(PROBABILITIES, np.cumsum(ranked_weights) - ranked_weights / 2, ranked),
        expected_shortfall=mean_of_the_worst(ranked, ranked_weights, SHORTFALL),
        break_evens=shape.break_evens(),
        least=least,
        most=most,
        curve=ProfitCurve(prices, position.profit_at(prices), -np.diff(in_cells) / np.diff(edges)),
    )


def probability_above(
    distribution: HorizonDistribution, levels: Float64[np.ndarray, "*levels"], price: float, sessions: int
) -> Float64[np.ndarray, "*levels"]:
    """Probability of a close above each price; 1 above 0 and 0 above infinity."""
    inside = (levels > 0) & np.isfinite(levels)
    moves = np.log(np.where(inside, levels, price) / price)
    return np.where(inside, distribution.probability_above(moves, sessions), np.where(levels > 0, 0.0, 1.0))


def mean_profits(
    profits: Float64[np.ndarray, "points"], weights: Float64[np.ndarray, "points"]
) -> tuple[float, float, float]:
    """Mean of profits; mean of those of a cent or more, and of all others, 0 where there are none."""
    earned = profits >= CENT
    gained, lost = float(profits[earned] @ weights[earned]), float(profits[~earned] @ weights[~earned])
    likely, unlikely = float(weights[earned].sum()), float(weights[~earned].sum())
    return gained + lost, gained / likely if likely else 0.0, lost / unlikely if unlikely else 0.0


def mean_of_the_worst(
    ranked: Float64[np.ndarray, "points"], weights: Float64[np.ndarray, "points"], share: float
) -> float:
    """Mean of the worst share of ascending profits; the last one counts in part.

    It is the expected shortfall of Acerbi & Tasche 2002, "On the coherence of expected shortfall".
    """
    before = np.cumsum(weights) - weights
    return float(np.clip(share - before, 0.0, weights) @ ranked / share)


def _edges(
    position: Position, price: float, reached: Float64[np.ndarray, "ranks"]
) -> Float64[np.ndarray, "edges"]:
    """Prices between the points of the curve: around all ranks, and around the strikes that are not far from them."""
    low, high = min(reached[0], price), max(reached[-1], price)
    room = (high - low) / 2
    near = position.strikes[(position.strikes > low - room) & (position.strikes < high + room)]
    low, high = near.min(initial=low), near.max(initial=high)
    margin = max((high - low) / POINTS, 1e-3 * price)
    return np.linspace(max(low - margin, low / 2), high + margin, POINTS + 1)
