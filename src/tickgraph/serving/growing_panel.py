"""A panel of prices that grows: symbols and sessions are put beside those that are there, which are not copied.

A service reads symbols when they are asked for, and a session of all of them a day. Were all prices copied each time,
the first requests of N symbols would take time as N squared.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickgraph.market.panel import PANEL_COLUMNS, PricePanel

SPARE = 64
"""Sessions that there is room for: a quarter of a year."""
MORE = 2048
"""Symbols that there is room for, at most, besides as many as there are."""
ENDED = 250
"""Sessions without a price after which a symbol has ended."""


class GrowingPanel:
    """Prices with room beside them. A panel that was given out stays what it was.

    One thread at a time lets it grow.

    Parameters
    ----------
    panel
        Prices to begin with.
    sessions
        How many sessions are kept, the last ones; None is all. Up to :data:`SPARE` more are kept until there is no room
        for another.

    Attributes
    ----------
    panel
        All that was taken in. Its arrays are parts of larger ones, and nothing writes to them.
    """

    def __init__(self, panel: PricePanel, sessions: int | None = None) -> None:
        self._sessions = sessions
        symbols = len(panel.symbols)
        self._room = len(panel.sessions) + SPARE, symbols + min(symbols, MORE)
        self._grids = {name: np.empty(self._room) for name in PANEL_COLUMNS}
        rows, columns = slice(len(panel.sessions)), slice(symbols)
        for name, grid in self._grids.items():
            grid[rows, columns] = getattr(panel, name)
        self.panel = replace(panel, **self._seen(len(panel.sessions), symbols))

    def joined(self, part: PricePanel) -> GrowingPanel:
        """As :meth:`PricePanel.joined`: itself where there is room for new symbols, else a new one."""
        own = self.panel
        part = self._within(part)
        rows = np.searchsorted(own.sessions, part.sessions)
        count = len(own.symbols) + len(part.symbols)
        in_place = (
            count <= self._room[1]
            and own.columns.keys().isdisjoint(part.symbols)
            and bool((rows < len(own.sessions)).all())
            and np.array_equal(own.sessions[rows], part.sessions)
        )
        if not in_place:
            whole = own.joined(part)
            # Files that were rewritten with the same prices: what was computed from them holds.
            return self if own.same_prices(whole) else GrowingPanel(whole, self._sessions)
        columns = slice(len(own.symbols), count)
        for name, grid in self._grids.items():
            grid[: len(own.sessions), columns] = np.nan
            grid[rows, columns] = getattr(part, name)
        self.panel = replace(
            own,
            symbols=(*own.symbols, *part.symbols),
            providers={**own.providers, **part.providers},
            **self._seen(len(own.sessions), count),
        )
        return self

    def extended(self, later: PricePanel) -> GrowingPanel:
        """As :meth:`PricePanel.extended`: itself where there is room for new sessions, else a new one."""
        own = self.panel
        known = np.isfinite(later.close) | np.isfinite(later.adj_close)
        count = len(own.sessions) + len(later.sessions)
        if not len(later.sessions):
            return self
        if count > self._room[0] or later.sessions[0] <= own.sessions[-1]:
            whole = own.extended(later)
            if whole is own:
                return self
            if self._sessions is not None:
                whole = whole.tail(self._sessions)
            return GrowingPanel(whole, self._sessions)
        columns = [own.column(symbol) for symbol in later.symbols]
        for name, grid in self._grids.items():
            added = grid[len(own.sessions) : count, : len(own.symbols)]
            added[:] = np.nan
            added[:, columns] = np.where(known, getattr(later, name), np.nan)
        self.panel = replace(
            own,
            sessions=np.concatenate([own.sessions, later.sessions]),
            providers={**own.providers, **later.providers},
            lineage=object(),
            **self._seen(count, len(own.symbols)),
        )
        return self

    def _within(self, part: PricePanel) -> PricePanel:
        """The part without sessions before the first one here, where none of its symbols ended so long ago."""
        own = self.panel.sessions
        if self._sessions is None or len(own) < ENDED or not len(part.sessions) or part.sessions[0] >= own[0]:
            return part
        recent = part.sessions >= own[-ENDED]
        if not np.isfinite(part.adj_close[recent]).any(axis=0).all():
            return part
        return part.tail(int((part.sessions >= own[0]).sum()))

    def _seen(self, sessions: int, symbols: int) -> dict[str, Any]:
        """What a panel shows of the arrays."""
        return {name: _shown(grid, sessions, symbols) for name, grid in self._grids.items()}


def _shown(grid: NDArray[np.float64], sessions: int, symbols: int) -> NDArray[np.float64]:
    shown = grid[:sessions, :symbols]
    shown.flags.writeable = False
    return shown
