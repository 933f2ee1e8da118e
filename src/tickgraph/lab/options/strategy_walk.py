"""Strategies entered session by session: the probability of profit that was stated, and the profit that came.

The distribution is that of the product's network, walked forward. The probability of profit is the product's own, of
:func:`tickgraph.options.strategy.strategy_figures`. What was found is kept on disk, so that an interrupted run goes on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
from scipy.special import ndtr

from tickgraph.lab.horizons.method import HorizonForecaster
from tickgraph.lab.horizons.moves import Moves, trailing_deviation
from tickgraph.lab.horizons.range_regressions import YOUNGEST
from tickgraph.lab.horizons.schedule import Schedule
from tickgraph.lab.horizons.walk import HorizonProgress, stretch_count
from tickgraph.lab.options.strategy_rules import PRICING, StrategyRule
from tickgraph.lab.stored_arrays import DamagedFileError, fingerprint, read_arrays, write_arrays
from tickgraph.model.horizon_distribution import HorizonDistribution
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
    moves: Moves,
    forecaster: HorizonForecaster,
    rules: Sequence[StrategyRule],
    horizons: Sequence[int],
    schedule: Schedule,
    folder: Path,
    *,
    fresh: bool = False,
    on_progress: Callable[[HorizonProgress], None] = lambda _: None,
) -> EnteredStrategies:
    """Enter every strategy in every symbol at every origin, for every horizon.

    Parameters
    ----------
    moves
        Of the symbols; its horizons begin with 1 and hold those that are asked for.
    forecaster
        States the distribution; its forecasts carry quantiles of their own.
    rules
        K strategies.
    horizons
        H numbers of sessions to the expiry.
    schedule
        Its origins are the sessions at whose closes strategies are entered.
    folder
        Where results are kept and looked for.
    fresh
        Compute them, whatever the folder holds.
    on_progress
        Called after each stretch.

    Raises
    ------
    StorageError
        The folder cannot be written.
    """
    settings = {
        "data": moves.panel.data_version,
        "variance": hashlib.sha256(np.ascontiguousarray(moves.variance).tobytes()).hexdigest(),
        "windows": schedule.windows.model_dump(mode="json"),
        "range": (schedule.first, schedule.stop),
        "forecaster": dict(forecaster.settings),
        "horizons": list(horizons),
        "rules": [str(rule) for rule in rules],
        "pricing": PRICING,
    }
    path = folder / f"{forecaster.name}-{fingerprint(settings)}.npz"
    shape = len(schedule.origins), len(moves.panel.symbols), len(horizons), len(rules)
    damaged = None
    if not fresh:
        try:
            stored = _read(path, shape)
        except DamagedFileError as error:
            stored, damaged = None, str(error)
        if stored is not None:
            on_progress(HorizonProgress("strategies", stretch_count(forecaster, schedule), reused=True))
            return stored
    entered = EnteredStrategies(*(np.full(shape, np.nan) for _ in _ARRAYS))
    forecast = forecaster.prepare(moves)
    every = max(schedule.windows.refit_every, forecaster.fewest_sessions)
    stretches = schedule.stretches(every, with_scores=False)
    for stretch in stretches:
        own = forecast(stretch)
        assert own.quantiles is not None  # noqa: S101
        for row, session in enumerate(stretch.origins):
            place = int(np.searchsorted(schedule.origins, session))
            deviations = np.sqrt(own.variance[session - stretch.first])  # [S, H]
            _enter(moves, rules, horizons, int(session), deviations, own.quantiles[row], entered, place)
        last = stretch is stretches[-1]
        on_progress(HorizonProgress("strategies", 1, done=last, damaged=damaged if last else None))
    write_arrays(path, **dict(zip(_ARRAYS, astuple(entered), strict=True)))
    return entered


def _enter(
    moves: Moves,
    rules: Sequence[StrategyRule],
    asked: Sequence[int],
    session: int,
    deviations: Float64[np.ndarray, "symbols horizons"],
    quantiles: Float64[np.ndarray, "symbols horizons quantiles"],
    entered: EnteredStrategies,
    place: int,
) -> None:
    """Fill in all strategies of one session."""
    horizons = np.array(moves.horizons)
    recent = trailing_deviation(moves.returns[: session + 1][-2 * LOGNORMAL_SESSIONS :], LOGNORMAL_SESSIONS)[
        -1
    ]
    known = np.isfinite(deviations).all(axis=-1) & (deviations > 0).all(axis=-1)
    known &= np.isfinite(quantiles).all(axis=(-2, -1)) & (recent > 0) & (moves.ages[session] >= YOUNGEST)
    for symbol in np.flatnonzero(known):
        price = float(moves.panel.adj_close[session, symbol])
        own = deviations[symbol]
        distribution = HorizonDistribution(horizons, own**2, quantiles[symbol] / own[:, None])
        for column, horizon in enumerate(asked):
            forecast = moves.horizons.index(horizon)
            came = moves.return_ahead[session, symbol, forecast]
            if not np.isfinite(came):
                continue
            for number, rule in enumerate(rules):
                position = rule.position(price, float(own[forecast]))
                figures = strategy_figures(position, distribution, price, horizon)
                profit = float(position.profit_at(np.array(price * np.exp(came))))
                cell = place, symbol, column, number
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


def _read(path: Path, shape: tuple[int, ...]) -> EnteredStrategies | None:
    arrays = read_arrays(path, *_ARRAYS)
    if arrays is None:
        return None
    if any(array.shape != shape or array.dtype != np.float64 for array in arrays):
        raise DamagedFileError(f"{path} holds other sessions or symbols than this run has.")
    return EnteredStrategies(*arrays)
