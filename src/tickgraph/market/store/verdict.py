"""What fetched sessions mean for what is stored: nothing new, more of the same, or another history."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from tickgraph.market.calendar import sessions
from tickgraph.market.panel import RANGE_COLUMNS
from tickgraph.market.source import BAR_COLUMNS, days_of_bars
from tickgraph.market.spelling import Symbol
from tickgraph.market.store.reader import SymbolPrices
from tickgraph.market.store.recent import SCHEMA

RESTATED = 1e-5  # relative change of a close; float32 sources round at 6e-8
# Relative change of a volume: another scale, or one that came before all trades were counted. Late reports of single
# trades change less, and are not worth a whole history.
RECOUNTED = 0.2
MENDED = 0.01  # relative change of an open, high or low: a slip that was mended
TOLERANCES = {
    "adj_close": RESTATED,
    "close": RESTATED,
    "volume": RECOUNTED,
    **dict.fromkeys(RANGE_COLUMNS, MENDED),
}
LACKING = 0.05  # share of its sessions that a history may lose when it is replaced

Verdict = Literal["nothing", "append", "restated", "switched"]


@dataclass(frozen=True)
class FetchedRows:
    """Fetched bars of several symbols, ordered by symbol and date."""

    bars: pd.DataFrame  # of each symbol, rows without a date come last, and are left to the checks
    days: NDArray[np.datetime64]  # [n] datetime64[D]
    places: dict[Symbol, tuple[int, int]]  # first row and the one after the last, by symbol

    @classmethod
    def of(cls, bars: pd.DataFrame) -> FetchedRows:
        """Order bars, and say where each symbol's are."""
        ordered = bars.sort_values(["symbol", "date"], kind="stable")
        codes, names = pd.factorize(ordered["symbol"])
        cuts = [*np.flatnonzero(np.diff(codes, prepend=-1)).tolist(), len(codes)]
        places = dict(zip(map(Symbol, names), itertools.pairwise(cuts), strict=True))
        return cls(ordered, days_of_bars(ordered), places)

    @cached_property
    def table(self) -> pa.Table:
        """The bars in a recent file's types."""
        columns = {
            "symbol": self.bars["symbol"].to_numpy(object),
            "date": self.bars["date"].to_numpy().astype("datetime64[us]"),
            **{name: self.bars[name].to_numpy(np.float64) for name in BAR_COLUMNS[2:]},
        }
        return pa.table({name: pa.array(each, SCHEMA.field(name).type) for name, each in columns.items()})

    @cached_property
    def values(self) -> dict[str, NDArray[np.float64]]:
        """``[n]`` by column: the prices and the volume."""
        return {name: self.bars[name].to_numpy(np.float64) for name in TOLERANCES}

    def after(self, symbol: Symbol, last: date) -> pa.Table:
        """Rows of a symbol after a session."""
        start, stop = self.places[symbol]
        new = start + int(np.searchsorted(self.days[start:stop], np.datetime64(last, "D"), side="right"))
        return self.table.slice(new, stop - new)


def judge(stored: SymbolPrices, fetched: FetchedRows, symbol: Symbol, provider: str) -> Verdict:
    """Say what fetched rows mean for a stored symbol.

    Another provider's prices are taken only where they have something new: a switch costs a whole history. Rows that
    share no session with the stored ones say nothing of them: they may be another company's, under a name that was
    given again. A session that came after later ones belongs inside the history, not at its end.
    """
    start, stop = fetched.places[symbol]
    days = fetched.days[start:stop]
    new = bool((days > np.datetime64(stored.last, "D")).any())
    if provider != stored.head.provider:
        return "switched" if new else "nothing"
    _, mine, theirs = np.intersect1d(stored.days, days, return_indices=True)
    if new and not len(mine):
        return "restated"
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for name, tolerance in TOLERANCES.items():
            now, before = fetched.values[name][start:stop][theirs], stored.arrays[name][mine]
            changed = np.abs(now / before - 1) > tolerance
            # Of these some are missing and may come later; and what is no price is not stored.
            if name in RANGE_COLUMNS:
                changed = (changed | np.isnan(before)) & np.isfinite(now) & (now > 0)
            if changed.any():
                return "restated"
    # A date without a session between stored ones may be an error; a session came late.
    late = days[(days > stored.days[0]) & (days < stored.days[-1]) & ~np.isin(days, stored.days)]
    if len(late) and np.isin(late, sessions(late.min(), late.max())).any():
        return "restated"
    return "append" if new else "nothing"


def with_context(fetched: FetchedRows, stored: Mapping[Symbol, SymbolPrices], count: int) -> pd.DataFrame:
    """Fetched bars, and of each symbol the last ``count`` stored sessions before them."""
    parts = []
    for symbol, (start, _) in fetched.places.items():
        if symbol in stored:
            arrays = stored[symbol].arrays
            stop = int(np.searchsorted(arrays["date"], fetched.days[start]))
            parts.append((symbol, {name: each[max(0, stop - count) : stop] for name, each in arrays.items()}))
    if not parts:
        return fetched.bars
    columns: dict[str, NDArray[np.generic]] = {
        name: np.concatenate([part[name] for _, part in parts]) for name in BAR_COLUMNS[1:]
    }
    columns["date"] = columns["date"].astype("datetime64[us]")
    names = np.repeat(np.array([symbol for symbol, _ in parts], object), [len(p["date"]) for _, p in parts])
    return pd.concat([pd.DataFrame({"symbol": names, **columns}), fetched.bars], ignore_index=True)


def disowned(stored: Mapping[Symbol, SymbolPrices], fetched: FetchedRows, kept: FetchedRows) -> set[Symbol]:
    """Symbols of which a stored session was fetched again, and the checks did not keep it now."""
    symbols = set()
    for symbol, (start, stop) in kept.places.items():
        first, end = fetched.places[symbol]
        if symbol in stored and stop - start < end - first:
            left = np.setdiff1d(fetched.days[first:end], kept.days[start:stop])
            if np.isin(left, stored[symbol].days).any():
                symbols.add(symbol)
    return symbols


def edits(stored: SymbolPrices, bars: pd.DataFrame) -> tuple[int, bool]:
    """Count the sessions that a whole history adds to the stored one, and say whether it changes any other."""
    days = days_of_bars(bars)
    _, mine, theirs = np.intersect1d(stored.days, days, return_indices=True)
    changed = len(mine) < len(stored.days) or any(
        not np.array_equal(stored.arrays[name][mine], bars[name].to_numpy(np.float64)[theirs], equal_nan=True)
        for name in BAR_COLUMNS[2:]
    )
    return len(days) - len(theirs), changed


def lacking(stored: SymbolPrices, bars: pd.DataFrame) -> int:
    """How many stored sessions a new history has not."""
    return int((~np.isin(stored.days, days_of_bars(bars))).sum())


def refusal(stored: SymbolPrices, bars: pd.DataFrame, provider: str) -> str | None:
    """Why a stored history must not be replaced by a new one; None if it may."""
    symbol, last = stored.head.symbol, days_of_bars(bars).max()
    count, lost = len(stored.days), lacking(stored, bars)
    kept = f"What was stored of {symbol} from {stored.head.provider} is kept."
    if last < np.datetime64(stored.last, "D"):
        return (
            f"The whole history of {symbol} from {provider} ends on {last}, "
            f"before the stored one's {stored.last}. {kept}"
        )
    if lost > LACKING * count:
        return (
            f"The whole history of {symbol} from {provider} lacks {lost} of {count} stored sessions, "
            f"more than {LACKING:.0%}. {kept} If the name was given to another company, or the new history is right, "
            f"remove {symbol}.parquet from the store and update again."
        )
    return None
