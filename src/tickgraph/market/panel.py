"""Prices of several symbols side by side, on one axis of sessions."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tickgraph.errors import InputError, PriceDataError
from tickgraph.market.universe import suggest

RANGE_COLUMNS = ("open", "high", "low")
PANEL_COLUMNS = (*RANGE_COLUMNS, "close", "adj_close", "volume")


def _not_given() -> NDArray[np.float64]:
    return np.array(np.nan)


@dataclass(frozen=True)
class PricePanel:
    """Daily prices as arrays of sessions by symbols.

    Attributes
    ----------
    sessions
        ``[T]`` datetime64[D], ascending.
    symbols
        ``[S]`` names of the columns.
    close, adj_close
        ``[T, S]`` float64 dollars, adjusted for splits, and for splits and dividends; NaN where a symbol did
        not trade.
    open, high, low
        ``[T, S]`` float64 dollars, adjusted for splits as ``close`` is; NaN where missing, everywhere if not given.
    volume
        ``[T, S]`` float64 shares; NaN where missing.
    source
        Where the prices came from.
    providers
        Provider behind a symbol's prices; where a symbol is not named, the source itself.
    lineage
        Of a wider panel with the same prices and sessions, and only more symbols, it is the same object. What was
        computed from the narrower panel then holds for the wider one.
    """

    sessions: NDArray[np.datetime64]
    symbols: tuple[str, ...]
    close: NDArray[np.float64]
    adj_close: NDArray[np.float64]
    volume: NDArray[np.float64]
    source: str
    lineage: object = field(default_factory=object, repr=False, compare=False)
    providers: Mapping[str, str] = field(default_factory=dict)
    open: NDArray[np.float64] = field(default_factory=_not_given)
    high: NDArray[np.float64] = field(default_factory=_not_given)
    low: NDArray[np.float64] = field(default_factory=_not_given)

    def __post_init__(self) -> None:
        for name in RANGE_COLUMNS:
            if getattr(self, name).ndim == 0:  # one NaN stands for all of them, and takes no memory
                object.__setattr__(self, name, np.broadcast_to(getattr(self, name), self.close.shape))

    @classmethod
    def side_by_side(
        cls,
        parts: Mapping[str, Mapping[str, NDArray[Any]]],
        source: str,
        providers: Mapping[str, str] | None = None,
    ) -> PricePanel:
        """Lay out each symbol's own arrays, ``date`` (datetime64[D]) and :data:`PANEL_COLUMNS`, on all sessions."""
        names = tuple(sorted(parts))
        none = np.array([], dtype="datetime64[D]")
        sessions = np.unique(np.concatenate([none, *(parts[name]["date"] for name in names)]))
        grids = {column: np.full((len(sessions), len(names)), np.nan) for column in PANEL_COLUMNS}
        for index, name in enumerate(names):
            rows = np.searchsorted(sessions, parts[name]["date"])
            for column, values in grids.items():
                values[rows, index] = parts[name][column]
        return cls(sessions, names, source=source, providers=providers or {}, **grids)

    @classmethod
    def from_bars(cls, bars: pd.DataFrame, source: str) -> PricePanel:
        """Lay out bars (columns ``symbol, date`` and :data:`PANEL_COLUMNS`; one row per symbol and date)."""
        own = {
            str(symbol): {
                "date": rows["date"].to_numpy().astype("datetime64[D]"),
                **{name: rows[name].to_numpy(dtype=np.float64) for name in PANEL_COLUMNS},
            }
            for symbol, rows in bars.groupby("symbol")
        }
        return cls.side_by_side(own, source)

    def log_returns(self) -> NDArray[np.float64]:
        """``[T, S]`` float64 daily log returns of the adjusted close; NaN in row 0 and beside a missing close."""
        returns = np.full_like(self.adj_close, np.nan)
        np.subtract(np.log(self.adj_close[1:]), np.log(self.adj_close[:-1]), out=returns[1:])
        return returns

    def provider(self, symbol: str) -> str:
        """Provider behind a symbol's prices."""
        return self.providers.get(symbol, self.source)

    @cached_property
    def columns(self) -> Mapping[str, int]:
        """Column of each symbol."""
        return {symbol: column for column, symbol in enumerate(self.symbols)}

    def column(self, symbol: str) -> int:
        """Column of a symbol; :class:`PriceDataError` if it has none."""
        try:
            return self.columns[symbol]
        except KeyError:
            near = suggest(symbol, self.symbols)
            hint = f" Did you mean {', '.join(near)}?" if near else ""
            raise PriceDataError(f"No prices for {symbol} from source {self.source!r}.{hint}") from None

    def select(self, symbols: Sequence[str]) -> PricePanel:
        """Columns of these symbols, in this order; :class:`PriceDataError` names one that is missing."""
        columns = [self.column(symbol) for symbol in symbols]
        providers = {symbol: self.providers[symbol] for symbol in symbols if symbol in self.providers}
        return self._changed(lambda values: values[:, columns], symbols=tuple(symbols), providers=providers)

    def joined(self, other: PricePanel) -> PricePanel:
        """Both panels on the union of their sessions; where both have a symbol, the other's prices count."""
        sessions = np.union1d(self.sessions, other.sessions)
        symbols = tuple(sorted({*self.symbols, *other.symbols}))
        column = {symbol: place for place, symbol in enumerate(symbols)}
        kept = [symbol for symbol in self.symbols if symbol not in other.columns]
        layers = [
            ((np.searchsorted(sessions, part.sessions)[:, None], [column[each] for each in own]), part, own)
            for part, own in ((self, kept), (other, other.symbols))
        ]

        def grid(name: str) -> NDArray[np.float64]:
            values = np.full((len(sessions), len(symbols)), np.nan)
            for places, part, own in layers:
                values[places] = getattr(part, name)[:, [part.columns[symbol] for symbol in own]]
            return values

        providers = {symbol: self.providers[symbol] for symbol in kept if symbol in self.providers}
        widened = len(sessions) == len(self.sessions) and len(kept) == len(self.symbols)
        grids: dict[str, Any] = {name: grid(name) for name in PANEL_COLUMNS}
        return replace(
            self,
            sessions=sessions,
            symbols=symbols,
            providers={**providers, **other.providers},
            lineage=self.lineage if widened else object(),
            **grids,
        )

    def extended(self, later: PricePanel) -> PricePanel:
        """Take in sessions that were added to symbols of this panel; a price of ``later`` counts where it has one.

        The panel itself is given back where that changes nothing, so that what was computed from it holds.
        """
        sessions = np.union1d(self.sessions, later.sessions)
        mine = np.searchsorted(sessions, self.sessions)
        places = np.searchsorted(sessions, later.sessions)[:, None], [self.column(s) for s in later.symbols]
        known = np.isfinite(later.close) | np.isfinite(later.adj_close)

        def grid(name: str) -> NDArray[np.float64]:
            values = np.full((len(sessions), len(self.symbols)), np.nan)
            values[mine] = getattr(self, name)
            values[places] = np.where(known, getattr(later, name), values[places])
            return values

        providers = {**self.providers, **later.providers}
        grids: dict[str, Any] = {name: grid(name) for name in PANEL_COLUMNS}
        wider = replace(self, sessions=sessions, providers=providers, lineage=object(), **grids)
        return self if self.same_prices(wider) else wider

    def same_prices(self, other: PricePanel) -> bool:
        """Whether both have the same numbers, of the same providers."""
        return (
            self.symbols == other.symbols
            and np.array_equal(self.sessions, other.sessions)
            and all(
                np.array_equal(getattr(self, name), getattr(other, name), equal_nan=True)
                for name in PANEL_COLUMNS
            )
            and all(self.provider(symbol) == other.provider(symbol) for symbol in self.symbols)
        )

    def through(self, session: np.datetime64) -> PricePanel:
        """Sessions up to and including a date; :class:`InputError` if there is none."""
        end = int(np.searchsorted(self.sessions, session, side="right"))
        if end == 0:
            raise InputError(
                f"Empty date range: no session up to {session}; prices start on {self.sessions[0]}."
                if len(self.sessions)
                else f"Empty date range: no prices at all from source {self.source!r}."
            )
        return self if end == len(self.sessions) else self._rows(slice(end))

    def traded(self, *symbols: str) -> PricePanel:
        """Some symbols, on the sessions at which one of them has a close."""
        own = self.select(symbols)
        return own._rows(np.flatnonzero(np.isfinite(own.adj_close).any(axis=1)))

    def tail(self, count: int) -> PricePanel:
        """The last ``count`` sessions."""
        return self._rows(slice(max(0, len(self.sessions) - count), None))

    @cached_property
    def data_version(self) -> str:
        """Identity of the numbers: 16 hex digits of a sha256 over sessions, symbols, prices and volumes."""
        digest = hashlib.sha256(f"{self.source}:{','.join(self.symbols)}".encode())
        digest.update(self.sessions.tobytes())
        for name in PANEL_COLUMNS:
            digest.update(np.ascontiguousarray(getattr(self, name)).data)
        return digest.hexdigest()[:16]

    def _rows(self, rows: slice | NDArray[np.intp]) -> PricePanel:
        part = self._changed(lambda values: values[rows], sessions=self.sessions[rows])
        part.__dict__["columns"] = self.columns  # it has the same symbols: they are counted once
        return part

    def _changed(
        self, change: Callable[[NDArray[np.float64]], NDArray[np.float64]], **others: Any
    ) -> PricePanel:
        others |= {name: change(getattr(self, name)) for name in PANEL_COLUMNS}
        return replace(self, lineage=object(), **others)
