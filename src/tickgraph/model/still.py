"""A price that does not move: how that is said, and when there is nothing to forecast or to learn."""

from __future__ import annotations

import numpy as np

from tickgraph.errors import PriceDataError
from tickgraph.graph.snapshots import Snapshots
from tickgraph.market.panel import PricePanel
from tickgraph.model.volatility import STILL
from tickgraph.shapes import Float64, Int

FEWEST_MOVES = STILL
"""Moves that a model needs to learn from."""


class UnmovedError(PriceDataError):
    """The price of a symbol has not moved for too long."""


def moves(adj_close: Float64[np.ndarray, "sessions symbols"]) -> Int[np.ndarray, "symbols"]:
    """How often each symbol's close differs from the close of the session before; NaN is a missing close."""
    difference = np.diff(adj_close, axis=0)
    return np.asarray((np.isfinite(difference) & (difference != 0)).sum(axis=0))


def still_sessions(own: PricePanel) -> int:
    """How many of a symbol's last sessions have the close of the session before them.

    ``own`` has the prices of one symbol, on the sessions at which it has one.
    """
    moved = np.flatnonzero(own.log_returns()[1:, 0] != 0)
    return len(own.sessions) - 1 - (int(moved[-1]) + 1 if len(moved) else 0)


def check_moves(symbol: str, own: PricePanel, training: Snapshots) -> None:
    """Raise :class:`UnmovedError` where there is nothing to forecast, or nothing to learn from.

    ``own`` has the symbol's prices, on the sessions at which it has one; ``training`` is what its model would learn
    from.
    """
    still = still_sessions(own)
    if still >= STILL:
        raise unmoved(symbol, own.sessions[-1], still)
    returns = training.targets[:, 0]
    moved = int((np.isfinite(returns) & (returns != 0)).sum())
    if moved < FEWEST_MOVES:
        raise UnmovedError(
            f"The price of {symbol} moved in {moved} of the {len(training)} sessions from {training.sessions[0]} to "
            f"{training.sessions[-1]} that its model would learn from, need {FEWEST_MOVES}. Train it once it has "
            "moved for longer, or drop the symbol."
        )


def unmoved(symbol: str, session: np.datetime64, sessions: int = STILL) -> UnmovedError:
    """Say that the price of a symbol has not moved in the sessions up to one, and that nothing can be forecast."""
    return UnmovedError(
        f"The price of {symbol} has not moved in the {sessions} sessions up to {session}: there is nothing to "
        "forecast. A money market fund keeps its price; else the symbol is halted, or its prices are stuck. Check "
        f"them with: tickgraph prices check --symbols {symbol}"
    )
