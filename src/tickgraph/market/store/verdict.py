"""What fetched sessions mean for what is stored: nothing new, more of the same, or another history."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from tickgraph.market.calendar import sessions
from tickgraph.market.source import BAR_COLUMNS
from tickgraph.market.store.reader import SymbolPrices
from tickgraph.market.store.recent import SCHEMA

RESTATED = 1e-5  # relative change of a close; float32 sources round at 6e-8
# Relative change of a volume: another scale, or one that came before all trades were counted. Late reports of single
# trades change less, and are not worth a whole history.
RECOUNTED = 0.2
TOLERANCES = {"adj_close": RESTATED, "close": RESTATED, "volume": RECOUNTED}
LACKING = 0.05  # share of its sessions that a history may lose when it is replaced

Verdict = Literal["nothing", "append", "restated", "switched"]


@dataclass(frozen=True)
class FetchedRows:
    """Fetched bars of several symbols, by symbol and date, in a recent file's types.

    Attributes
    ----------
    table
        Columns of :data:`tickgraph.market.source.BAR_COLUMNS`.
    days
        ``[n]`` datetime64[D].
    values
        ``[n]`` float64 by column: the closes and the volume.
    places
        First row and the one after the last, by symbol.
    """

    table: pa.Table
    days: NDArray[np.datetime64]
    values: dict[str, NDArray[np.float64]]
    places: dict[str, tuple[int, int]]

    @classmethod
    def of(cls, bars: pd.DataFrame) -> FetchedRows:
        """Order bars and lay them out; rows without a date come last, and are left to the checks."""
        ordered = bars.sort_values(["symbol", "date"], kind="stable")
        columns = {
            "symbol": ordered["symbol"].astype(str).to_numpy(object),
            "date": ordered["date"].to_numpy().astype("datetime64[us]"),
            **{name: ordered[name].to_numpy(np.float64) for name in BAR_COLUMNS[2:]},
        }
        table = pa.table(
            {name: pa.array(values, SCHEMA.field(name).type) for name, values in columns.items()}
        )
        names = columns["symbol"]
        first = np.flatnonzero(np.concatenate([np.ones(min(1, len(names)), bool), names[1:] != names[:-1]]))
        cuts = [*map(int, first), len(names)]
        places = {str(names[start]): (start, stop) for start, stop in itertools.pairwise(cuts)}
        values = {name: columns[name] for name in TOLERANCES}
        return cls(table, columns["date"].astype("datetime64[D]"), values, places)

    def after(self, symbol: str, last: date) -> pa.Table:
        """Rows of a symbol after a session."""
        start, stop = self.places[symbol]
        new = start + int(np.searchsorted(self.days[start:stop], np.datetime64(last, "D"), side="right"))
        return self.table.slice(new, stop - new)


def judge(stored: SymbolPrices, fetched: FetchedRows, symbol: str, provider: str) -> Verdict:
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
    held = stored.arrays(("date", *TOLERANCES))
    _, mine, theirs = np.intersect1d(held["date"], days, return_indices=True)
    if new and not len(mine):
        return "restated"
    with np.errstate(divide="ignore", invalid="ignore"):
        for name, tolerance in TOLERANCES.items():
            if (np.abs(fetched.values[name][start:stop][theirs] / held[name][mine] - 1) > tolerance).any():
                return "restated"
    if _came_late(held["date"], days):
        return "restated"
    return "append" if new else "nothing"


def _came_late(held: NDArray[np.datetime64], days: NDArray[np.datetime64]) -> bool:
    """Whether fetched sessions lie between stored ones; a date without a session is none, and may be an error."""
    late = days[(days > held[0]) & (days < held[-1]) & ~np.isin(days, held)]
    return bool(len(late)) and bool(np.isin(late, sessions(late.min(), late.max())).any())


def sessions_before(stored: SymbolPrices, day: np.datetime64, count: int) -> pa.Table:
    """The last stored sessions before a day, in a recent file's types."""
    arrays = stored.arrays(BAR_COLUMNS[1:])
    stop = int(np.searchsorted(arrays["date"], day))
    start = max(0, stop - count)
    part = {name: values[start:stop] for name, values in arrays.items()}
    return pa.table(
        {
            "symbol": pa.array([stored.head.symbol] * (stop - start), pa.string()),
            "date": pa.array(part.pop("date").astype("datetime64[us]")),
            **{name: pa.array(values) for name, values in part.items()},
        }
    )


def disowned(held: Mapping[str, SymbolPrices], fetched: FetchedRows, kept: FetchedRows) -> set[str]:
    """Symbols of which a stored session was fetched again and is now known to be bad.

    Parameters
    ----------
    held
        What is stored, by symbol.
    fetched, kept
        What came, and what the checks left of it.
    """
    found = set()
    for symbol, (start, stop) in kept.places.items():
        first, end = fetched.places[symbol]
        if symbol in held and stop - start < end - first:
            left = np.setdiff1d(fetched.days[first:end], kept.days[start:stop])
            if np.isin(left, held[symbol].days).any():
                found.add(symbol)
    return found


def edits(stored: SymbolPrices, bars: pd.DataFrame) -> tuple[int, bool]:
    """Count the sessions that a whole history adds to the stored one, and say whether it changes any other."""
    columns = BAR_COLUMNS[2:]
    held = stored.arrays(("date", *columns))
    days = bars["date"].to_numpy().astype("datetime64[D]")
    _, mine, theirs = np.intersect1d(held["date"], days, return_indices=True)
    changed = len(mine) < len(held["date"]) or any(
        not np.array_equal(held[name][mine], bars[name].to_numpy(np.float64)[theirs], equal_nan=True)
        for name in columns
    )
    return len(days) - len(theirs), changed


def lacking(stored: SymbolPrices, bars: pd.DataFrame) -> int:
    """Stored sessions that a new history has not."""
    return int((~np.isin(stored.days, bars["date"].to_numpy().astype("datetime64[D]"))).sum())


def refusal(stored: SymbolPrices, bars: pd.DataFrame, provider: str) -> str | None:
    """Why a stored history must not be replaced by a new one; None if it may."""
    days = bars["date"].to_numpy().astype("datetime64[D]")
    symbol, held, lost = stored.head.symbol, len(stored.days), lacking(stored, bars)
    kept = f"What was stored of {symbol} from {stored.head.provider} is kept."
    if days.max() < np.datetime64(stored.last, "D"):
        return (
            f"The whole history of {symbol} from {provider} ends on {days.max()}, "
            f"before the stored one's {stored.last}. {kept}"
        )
    if lost > LACKING * held:
        return (
            f"The whole history of {symbol} from {provider} lacks {lost} of {held} stored sessions, "
            f"more than {LACKING:.0%}. {kept} If the name was given to another company, or the new history is right, "
            f"remove {symbol}.parquet from the store and update again."
        )
    return None
