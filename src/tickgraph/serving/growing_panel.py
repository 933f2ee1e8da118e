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

SPARE = 21
"""Sessions that there is room for: a month."""
MORE = 64
"""Symbols that there is room for at least, besides those that are there; of many it is an eighth of them."""
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
        here = len(panel.symbols)
        self._room = len(panel.sessions) + SPARE, here + max(MORE, here // 8)
        self._grids = {name: np.empty(self._room) for name in PANEL_COLUMNS}
        for name, grid in self._grids.items():
            grid[: len(panel.sessions), :here] = getattr(panel, name)
        self.panel = replace(panel, **self._seen(len(panel.sessions), here))

    def joined(self, part: PricePanel) -> GrowingPanel:
        """As :meth:`PricePanel.joined`: itself for new symbols, else a new one."""
        own = self.panel
        part = self._within(part)
        is_cut = self._sessions is not None and len(part.sessions) >= self._sessions
        if _has(own, part, is_cut=is_cut):
            return self  # files were rewritten with the same prices: what was computed from them holds
        places, count = _places(own, part), len(own.symbols) + len(part.symbols)
        if places is None or not own.columns.keys().isdisjoint(part.symbols):
            return GrowingPanel(own.joined(part), self._sessions)
        if count > self._room[1]:
            del own  # it holds the former arrays
            self._make_room(count)
            own = self.panel
        columns = slice(len(own.symbols), count)
        for name, grid in self._grids.items():
            grid[: len(own.sessions), columns] = np.nan
            grid[places, columns] = getattr(part, name)
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
        known = int(np.searchsorted(later.sessions, own.sessions[-1:], side="right").sum())
        new = later.tail(len(later.sessions) - known)
        if len(new.sessions) > SPARE or not _holds(own, later, known):
            whole = own.extended(later)
            if whole is own:
                return self
            return GrowingPanel(self._last(whole), self._sessions)
        if not len(new.sessions):
            return self
        count = len(own.sessions) + len(new.sessions)
        if count > self._room[0]:
            return GrowingPanel(self._last(own), self._sessions).extended(new)
        columns = [own.column(symbol) for symbol in new.symbols]
        priced = _priced(new)
        for name, grid in self._grids.items():
            added = grid[len(own.sessions) : count, : len(own.symbols)]
            added[:] = np.nan
            added[:, columns] = np.where(priced, getattr(new, name), np.nan)
        self.panel = replace(
            own,
            sessions=np.concatenate([own.sessions, new.sessions]),
            providers={**own.providers, **new.providers},
            lineage=object(),
            **self._seen(count, len(own.symbols)),
        )
        return self

    def _make_room(self, symbols: int) -> None:
        """Make room for so many symbols, an array after another: one at a time is in memory twice."""
        sessions, here = self.panel.close.shape
        self._room = self._room[0], max(symbols, here + max(MORE, here // 8))
        for name in PANEL_COLUMNS:
            grid = np.empty(self._room)
            grid[:sessions, :here] = getattr(self.panel, name)
            self._grids[name] = grid
            shown: dict[str, Any] = {name: _shown(grid, sessions, here)}
            self.panel = replace(self.panel, **shown)

    def _last(self, panel: PricePanel) -> PricePanel:
        """The sessions that are kept."""
        return panel if self._sessions is None else panel.tail(self._sessions)

    def _within(self, part: PricePanel) -> PricePanel:
        """The part without sessions before the first one here, where none of its symbols ended so long ago."""
        own = self.panel.sessions
        if self._sessions is None or len(own) < max(ENDED, self._sessions):
            return part  # whoever came to the market lately takes no sessions from the others
        if not len(part.sessions) or part.sessions[0] >= own[0]:
            return part
        recent = part.sessions >= own[-ENDED]
        if not np.isfinite(part.adj_close[recent]).any(axis=0).all():
            return part
        return part.tail(int((part.sessions >= own[0]).sum()))

    def _seen(self, sessions: int, symbols: int) -> dict[str, Any]:
        """What a panel shows of the arrays."""
        return {name: _shown(grid, sessions, symbols) for name, grid in self._grids.items()}


def _places(own: PricePanel, part: PricePanel) -> NDArray[np.intp] | None:
    """Rows of a panel that hold the sessions of another; None where it lacks one."""
    rows = np.searchsorted(own.sessions, part.sessions)
    if (rows >= len(own.sessions)).any() or not np.array_equal(own.sessions[rows], part.sessions):
        return None
    return rows


def _has(own: PricePanel, part: PricePanel, *, is_cut: bool) -> bool:
    """Whether a panel has all prices of another, and of its symbols none besides; or before them, if they were cut."""
    if not len(part.sessions) or not part.columns.keys() <= own.columns.keys():
        return False
    places = _places(own, part)
    if places is None or any(own.provider(symbol) != part.provider(symbol) for symbol in part.symbols):
        return False
    columns = np.array([own.column(symbol) for symbol in part.symbols], dtype=np.intp)
    others = np.setdiff1d(np.arange(places[0] if is_cut else 0, len(own.sessions)), places)
    return not _priced(own)[np.ix_(others, columns)].any() and all(
        np.array_equal(getattr(own, name)[np.ix_(places, columns)], getattr(part, name), equal_nan=True)
        for name in PANEL_COLUMNS
    )


def _priced(panel: PricePanel) -> NDArray[np.bool_]:
    return np.isfinite(panel.close) | np.isfinite(panel.adj_close)


def _holds(own: PricePanel, later: PricePanel, count: int) -> bool:
    """Whether a panel has the first prices of another, of the same providers: so many sessions of it."""
    if any(own.provider(symbol) != later.provider(symbol) for symbol in later.symbols):
        return False
    if not count:
        return True
    first = later.through(later.sessions[count - 1])
    places, columns = _places(own, first), [own.column(symbol) for symbol in first.symbols]
    if places is None:
        return False
    priced = _priced(first)
    return all(
        np.array_equal(
            getattr(first, name)[priced], getattr(own, name)[places][:, columns][priced], equal_nan=True
        )
        for name in PANEL_COLUMNS
    )


def _shown(grid: NDArray[np.float64], sessions: int, symbols: int) -> NDArray[np.float64]:
    shown = grid[:sessions, :symbols]
    shown.flags.writeable = False
    return shown
