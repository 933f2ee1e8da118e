"""A provider as it was at an earlier moment: the future hidden, later splits and dividends undone."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from importlib import resources

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tickgraph.market.calendar import check_range, last_completed_session
from tickgraph.market.panel import PANEL_COLUMNS, PricePanel
from tickgraph.market.source import BAR_COLUMNS, Fetched, empty_bars
from tickgraph.market.spelling import Symbol
from tickgraph.market.universe import canonical

Splits = Mapping[str, Sequence[tuple[date, float]]]

# Steps of log(adjusted close / close): the sample's dividends are all above 3e-5, its rounding below 3e-6.
DIVIDEND = 1e-5


@dataclass(frozen=True)
class _History:
    """One symbol as known at the end."""

    days: NDArray[np.datetime64]
    prices: NDArray[np.float64]  # [T, 4] open, high, low, close
    volume: NDArray[np.float64]  # [T]
    dividends: NDArray[np.float64]  # [T] log of the dividend adjustment, rounding removed
    splits: tuple[tuple[np.datetime64, float], ...]

    def through(self, end: np.datetime64) -> pd.DataFrame | None:
        """Bars up to a session, on the scale of that session; None if there are none."""
        count = int(np.searchsorted(self.days, end, side="right"))
        if count == 0:
            return None
        later = np.prod([ratio for day, ratio in self.splits if day > end])
        opened, high, low, close = (self.prices[:count] * later).T
        adjustment = np.exp(self.dividends[:count] - self.dividends[count - 1])
        return pd.DataFrame(
            {
                "date": self.days[:count].astype("datetime64[us]"),
                "open": opened,
                "high": high,
                "low": low,
                "close": close,
                "adj_close": close * adjustment,
                "volume": self.volume[:count] / later,
            }
        )


class ReplaySource:
    """Bars as a live provider gave them when the clock stood at ``now()``.

    Nothing of a session is given before it has closed. Bars of today's files are adjusted for every split and
    dividend since; here those after the moment are undone, so that a split or dividend restates the history on its
    day, as it does live: ``close`` is adjusted for splits up to the moment, ``adj_close`` for dividends too, and the
    two agree on the last session.

    Parameters
    ----------
    bars
        Columns ``symbol, date, open, high, low, close, adj_close, volume``, adjusted as of their end.
    now
        The clock.
    splits
        By symbol: first session on the new scale, and new shares for one old.
    """

    name = "replay"
    editable = False

    def __init__(self, bars: pd.DataFrame, now: Callable[[], datetime], splits: Splits | None = None) -> None:
        self.now = now
        self._histories = {
            str(symbol): _history(rows, (splits or {}).get(str(symbol), ()))
            for symbol, rows in bars.groupby("symbol")
        }

    def symbols(self) -> tuple[Symbol, ...]:
        """Symbols that have traded by now."""
        last = last_completed_session(self.now())
        return tuple(sorted(Symbol(name) for name, own in self._histories.items() if own.days[0] <= last))

    def fetch(self, symbols: Sequence[str], first: date | None = None, last: date | None = None) -> Fetched:
        """Give the bars of symbols up to the last session that has closed."""
        check_range(first, last)
        end = last_completed_session(self.now())
        parts, failures = [], {}
        for symbol in dict.fromkeys(symbols):
            own = self._histories.get(symbol)
            known = own.through(end) if own else None
            if known is None:
                failures[symbol] = f"{symbol}: no prices found; it may be delisted or renamed."
                continue
            start = np.datetime64(first or date.min, "D")
            stop = np.datetime64(last or date.max, "D")
            days = known["date"].to_numpy().astype("datetime64[D]")
            rows = (start <= days) & (days <= stop)
            parts.append(known[rows].assign(symbol=symbol))
        bars = pd.concat(parts, ignore_index=True)[list(BAR_COLUMNS)] if parts else empty_bars()
        return Fetched(bars, failures)

    def known_at(self, symbols: Sequence[str], session: np.datetime64) -> PricePanel:
        """Prices of symbols as they were known at the close of a session, whatever the clock says."""
        parts = {}
        for symbol in symbols:
            known = self._histories[symbol].through(session)
            if known is not None:
                days = known["date"].to_numpy().astype("datetime64[D]")
                values = {name: known[name].to_numpy(np.float64) for name in PANEL_COLUMNS}
                parts[symbol] = {"date": days, **values}
        return PricePanel.side_by_side(parts, self.name)


def known_splits() -> Splits:
    """Splits of the bundled sample's symbols, from ``data/splits.toml``."""
    text = resources.files("tickgraph.market").joinpath("data/splits.toml").read_text("utf-8")
    return {
        canonical(symbol): tuple((entry["session"], float(entry["ratio"])) for entry in entries)
        for symbol, entries in tomllib.loads(text).items()
    }


def _history(rows: pd.DataFrame, splits: Sequence[tuple[date, float]]) -> _History:
    rows = rows.sort_values("date", kind="stable")
    prices = rows[["open", "high", "low", "close"]].to_numpy(np.float64)
    steps = np.diff(np.log(rows["adj_close"].to_numpy(np.float64) / prices[:, 3]), prepend=0.0)
    steps[0] = 0.0
    return _History(
        rows["date"].to_numpy().astype("datetime64[D]"),
        prices,
        rows["volume"].to_numpy(np.float64),
        np.cumsum(np.where(np.abs(steps) > DIVIDEND, steps, 0.0)),
        tuple((np.datetime64(day, "D"), ratio) for day, ratio in splits),
    )
