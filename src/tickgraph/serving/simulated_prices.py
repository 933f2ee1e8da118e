"""Paths of several symbols together, in dollars: what a basket, a pair or a spread is asked about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tickgraph.errors import InputError
from tickgraph.market.calendar import Day, known_sessions
from tickgraph.market.panel import PricePanel
from tickgraph.market.price import checked_price
from tickgraph.market.spelling import Symbol
from tickgraph.market.universe import canonical
from tickgraph.options.price_paths import dated_moves, price_paths, seed_of
from tickgraph.serving.outlook import Outlook
from tickgraph.serving.outlook_answer import looking_ahead

MOST_CELLS = 20_000_000
"""Paths times symbols times sessions that one answer may have."""
BYTES_A_CELL = 32
"""What simulating takes at most: a close, a high, a low and the drawn date. So an answer takes 0.64 GB at most."""


@dataclass(frozen=True, eq=False)
class SimulatedPrices:
    """Paths of S symbols over H sessions, N of each; path n of one symbol is of the same days as path n of another.

    Attributes
    ----------
    symbols
        In the order that was asked for.
    as_of
        Last session whose prices were used.
    sessions
        ``[H]`` datetime64[D] sessions of the exchange; the last one is the expiry.
    prices
        ``[S]`` float64 dollars that the paths start from.
    closes, highs, lows
        ``[N, S, H]`` float64 dollars.
    """

    symbols: tuple[Symbol, ...]
    as_of: np.datetime64
    sessions: NDArray[np.datetime64]
    prices: NDArray[np.float64]
    closes: NDArray[np.float64]
    highs: NDArray[np.float64]
    lows: NDArray[np.float64]

    def probability_all_above(self, strikes: Mapping[str, float]) -> float:
        """Share of paths on which each of these symbols closes above its strike at the last session.

        Raises
        ------
        InputError
            No strike, a strike that is no price, or a symbol that was not simulated.
        """
        if not strikes:
            raise InputError("strikes must name a symbol, such as {'AAPL': 130}.")
        named = {canonical(symbol): strike for symbol, strike in strikes.items()}
        if strange := [symbol for symbol in named if symbol not in self.symbols]:
            raise InputError(f"strikes names {', '.join(strange)}; simulated are {', '.join(self.symbols)}.")
        columns = [self.symbols.index(symbol) for symbol in named]
        level = np.array([checked_price(symbol, strike, what="Strike") for symbol, strike in named.items()])
        return float((self.closes[:, columns, -1] > level).all(axis=1).mean())


def simulated_prices(
    outlooks: Sequence[Outlook],
    panel: PricePanel,
    prices: Mapping[str, float],
    paths: int,
    *,
    sessions: int | None = None,
    expiry: Day | None = None,
) -> SimulatedPrices:
    """Simulate symbols together up to a number of sessions or an expiry: one of the two is given.

    Parameters
    ----------
    outlooks
        Of each symbol.
    panel
        Prices of all of them; nothing after their session is used.
    prices
        Dollars by symbol, checked; the others start from their last close.
    paths
        How many.

    Raises
    ------
    InputError
        Outlooks of different sessions, too many paths or none, or as
        :func:`~tickgraph.serving.outlook_answer.looking_ahead`.
    ModelNotFoundError
        As there.
    HistoryTooShortError
        As :func:`~tickgraph.options.price_paths.dated_moves`.
    """
    ends = {outlook.as_of: outlook.symbol for outlook in outlooks}
    if len(ends) > 1:
        told = " and ".join(f"{symbol} on {session}" for session, symbol in ends.items())
        raise InputError(f"symbols must have prices up to the same session; those of {told} end apart.")
    reaches = [looking_ahead(outlook, sessions, expiry)[0] for outlook in outlooks]
    ahead = reaches[0]
    most = MOST_CELLS // (len(outlooks) * ahead)
    if not isinstance(paths, int) or not 1 <= paths <= most:
        raise InputError(
            f"paths must be 1 to {most:,} of {len(outlooks)} symbols over {ahead} sessions, got {paths}."
        )
    names = tuple(outlook.symbol for outlook in outlooks)
    as_of = outlooks[0].as_of
    found = price_paths(
        [outlook.one_session_or_more for outlook in outlooks],
        dated_moves(panel.through(as_of), names),
        ahead,
        seed_of(names, as_of),
        paths,
    )
    starts = np.array([prices.get(outlook.symbol, outlook.last_close) for outlook in outlooks])
    for each in (found.close, found.high, found.low):  # in place: the paths are nobody else's
        np.exp(each, out=each)
        each *= starts[:, None]
    return SimulatedPrices(
        names, as_of, known_sessions(as_of, ahead), starts, found.close, found.high, found.low
    )
