"""Small made histories on real sessions, and a source that gives what it is told."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tickgraph.errors import SourceUnavailableError
from tickgraph.market.calendar import sessions
from tickgraph.market.source import BAR_COLUMNS, Fetched, empty_bars, select_bars

DAYS = sessions("2022-06-01", "2022-12-30")


def made_bars(symbols, count=40, first=0, scale=1.0):
    """``count`` sessions of each symbol from the ``first`` one on; the closes of any two differ."""
    days = DAYS[first : first + count]
    parts = []
    for symbol in symbols:
        seed = sum(map(ord, symbol))
        close = (50 + seed % 40 + 5 * np.sin(np.arange(first, first + len(days)) * 0.7 + seed)) * scale
        parts.append(
            pd.DataFrame(
                {
                    "symbol": symbol,
                    "date": days.astype("datetime64[us]"),
                    **dict.fromkeys(("open", "close", "adj_close"), close),
                    "high": close * 1.01,
                    "low": close * 0.99,
                    "volume": np.arange(len(days), dtype=np.int64) + 1000,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)[list(BAR_COLUMNS)]


def walk(symbols, count=120, deviation=0.015, seed=0):
    """``count`` sessions of each symbol: a random walk, of which no move is more than three deviations."""
    chance = np.random.default_rng(seed)
    days = sessions("2021-01-04", "2022-12-30")[:count].astype("datetime64[us]")
    parts = []
    for symbol in symbols:
        moves = deviation * np.clip(chance.standard_normal(count), -3, 3)
        close = 30 * np.exp(np.cumsum(moves))
        prices = {
            "open": close,
            "high": close * 1.01,
            "low": close * 0.99,
            "close": close,
            "adj_close": close,
        }
        parts.append(pd.DataFrame({"symbol": symbol, "date": days, **prices, "volume": 1e6}))
    return pd.concat(parts, ignore_index=True)[list(BAR_COLUMNS)]


class Scripted:
    """A source over given bars that remembers what it was asked.

    ``providers`` says who gives a symbol; ``down`` is called with each request, and may raise.
    """

    name = "scripted"
    editable = False

    def __init__(self, bars, providers=None):
        self.bars, self.providers = bars, providers or {}
        self.asked = []
        self.down = lambda symbols, first: None

    def symbols(self):
        return tuple(sorted(set(self.bars["symbol"])))

    def fetch(self, symbols, first=None, last=None):
        self.asked.append((tuple(symbols), first))
        self.down(symbols, first)
        known = {s: self.providers[s] for s in symbols if s in self.providers}
        missing = {s: f"{s} unknown" for s in symbols if s not in self.symbols()}
        bars = select_bars(self.bars, symbols, first, last)
        return Fetched(empty_bars() if bars.empty else bars, missing, known)  # as providers answer


def offline(*_):
    raise SourceUnavailableError("offline")


def closes(store, symbols, source="scripted"):
    """Adjusted closes by symbol and date of one panel."""
    panel = store.panel(source, symbols)
    return {
        symbol: dict(zip(panel.sessions[has].tolist(), column[has].tolist(), strict=True))
        for symbol, column in zip(panel.symbols, panel.adj_close.T, strict=True)
        if (has := np.isfinite(column)).any()
    }


def closes_of(bars):
    """What :func:`closes` gives for bars."""
    return {
        symbol: dict(zip(rows["date"].dt.date, rows["adj_close"].astype(float), strict=True))
        for symbol, rows in bars.groupby("symbol")
    }


class StoreOf:
    """What a forecaster asks of a price store, over any function that gives prices of a source's symbols."""

    def __init__(self, panel):
        self.panel = panel

    def stamp(self, source, symbol):
        return None

    def source_of(self, symbol, usual):
        return usual
