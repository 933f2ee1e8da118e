"""Strategies entered session by session: the probability of profit that was stated, and the profit that came.

The distribution is that of the product's network, walked forward. The probability of profit is the product's own, of
:func:`tickgraph.options.strategy.strategy_figures`. What was found is kept on disk, so that an interrupted run goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from scipy.special import ndtr

from tickgraph.lab.horizons.moves import trailing_deviation
from tickgraph.lab.options.network_walk import NetworkWalk, Origin
from tickgraph.lab.options.strategy_rules import PRICING, StrategyRule
from tickgraph.lab.run import Progress, Run
from tickgraph.lab.stored_arrays import fingerprint, read_arrays, take_up, write_arrays
from tickgraph.options.legs import Position
from tickgraph.options.profit_shape import ProfitShape
from tickgraph.options.strategy import CENT, strategy_figures
from tickgraph.shapes import Float64

LOGNORMAL_SESSIONS = 20
"""Sessions behind the volatility of the log-normal that stands beside the network."""


@dataclass(frozen=True)
class EnteredStrategies:
    """What was stated of each strategy at entry, and what came; NaN where one of the two is not known.

    Attributes
    ----------
    stated, lognormal
        Probability of profit: by the network, and by the log-normal with 20 sessions' volatility.
    expected, earned
        Mean profit that was stated, and the profit that came, as a share of the price of the stock.
    profitable
        1 where it earned a cent or more, else 0.
    """

    stated: Float64[np.ndarray, "origins symbols horizons strategies"]
    lognormal: Float64[np.ndarray, "origins symbols horizons strategies"]
    expected: Float64[np.ndarray, "origins symbols horizons strategies"]
    earned: Float64[np.ndarray, "origins symbols horizons strategies"]
    profitable: Float64[np.ndarray, "origins symbols horizons strategies"]


_ARRAYS = tuple(each.name for each in fields(EnteredStrategies))


def enter_strategies(
    walk: NetworkWalk,
    rules: Sequence[StrategyRule],
    run: Run,
) -> EnteredStrategies:
    """Enter every strategy in every symbol at every origin, for every horizon.

    Parameters
    ----------
    walk
        States the distribution at each origin; its horizons are the sessions to the expiry.
    rules
        K strategies.
    run
        Where results are kept, and who is told of each stretch.

    Raises
    ------
    StorageError
        The folder cannot be written.
    """
    settings = {**walk.identity, "rules": [str(rule) for rule in rules], "pricing": PRICING}
    path = run.folder / f"{walk.forecaster.name}-{fingerprint(settings)}.npz"
    shape = *walk.shape, len(rules)
    stored, damaged = take_up(lambda: read_arrays(path, *_ARRAYS, shape=shape), fresh=run.fresh)
    if stored is not None:
        run.listener.on_piece(Progress("strategies", pieces=walk.stretch_count, reused=True))
        return EnteredStrategies(*stored)
    entered = EnteredStrategies(*(np.full(shape, np.nan) for _ in _ARRAYS))
    for origin in walk.origins("strategies", run.listener, damaged):
        _enter(entered, walk, rules, origin)
    write_arrays(path, **vars(entered))
    return entered


def _enter(
    entered: EnteredStrategies, walk: NetworkWalk, rules: Sequence[StrategyRule], origin: Origin
) -> None:
    """Fill in all strategies of one origin."""
    moves, session = walk.moves, origin.session
    returns = moves.returns[: session + 1][-2 * LOGNORMAL_SESSIONS :]
    recent = trailing_deviation(returns, LOGNORMAL_SESSIONS)[-1]
    for symbol in np.flatnonzero(origin.usable & (recent > 0)).tolist():
        price = float(moves.panel.adj_close[session, symbol])
        deviations, distribution = np.sqrt(origin.variance[symbol]), origin.distribution(symbol)
        for column, (horizon, place) in enumerate(zip(walk.horizons, walk.asked, strict=True)):
            came = moves.return_ahead[session, symbol, place]
            if not np.isfinite(came):
                continue
            for number, rule in enumerate(rules):
                position = rule.position(price, float(deviations[place]))
                figures = strategy_figures(position, distribution, price, horizon)
                profit = float(position.profit_at(np.array(price * np.exp(came))))
                cell = origin.place, symbol, column, number
                entered.stated[cell] = figures.probability_of_profit
                entered.lognormal[cell] = lognormal_probability(
                    position, price, float(recent[symbol] * np.sqrt(horizon))
                )
                size = price * np.abs(position.shares).max()
                entered.expected[cell] = figures.expected_profit / size
                entered.earned[cell] = profit / size
                entered.profitable[cell] = profit >= CENT


def lognormal_probability(position: Position, price: float, deviation: float) -> float:
    """Probability of a profit of a cent or more where the log return is normal without drift."""
    with np.errstate(divide="ignore"):
        ends = np.log(ProfitShape(position).ranges_above(CENT) / price) / deviation
    return float(np.diff(ndtr(ends)).sum())
