"""What fetched sessions mean for what is stored: nothing new, more of the same, or another history."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from tickgraph.market.source import BAR_COLUMNS
from tickgraph.market.store.reading import SymbolPrices
from tickgraph.market.store.recent import SCHEMA

RESTATED = 1e-5  # relative change of an adjusted close; float32 sources round at 6e-8
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
    adj_close
        ``[n]`` float64 dollars.
    places
        First row and the one after the last, by symbol.
    """

    table: pa.Table
    days: NDArray[np.datetime64]
    adj_close: NDArray[np.float64]
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
        return cls(table, columns["date"].astype("datetime64[D]"), columns["adj_close"], places)

    def after(self, symbol: str, last: date) -> pa.Table:
        """Rows of a symbol after a session."""
        start, stop = self.places[symbol]
        new = start + int(np.searchsorted(self.days[start:stop], np.datetime64(last, "D"), side="right"))
        return self.table.slice(new, stop - new)


def judge(stored: SymbolPrices, fetched: FetchedRows, symbol: str, provider: str) -> Verdict:
    """Say what fetched rows mean for a stored symbol.

    Another provider's prices are taken only where they have something new: a switch costs a whole history.
    """
    start, stop = fetched.places[symbol]
    days = fetched.days[start:stop]
    new = bool((days > np.datetime64(stored.last, "D")).any())
    if provider != stored.head.provider:
        return "switched" if new else "nothing"
    held = stored.arrays(("date", "adj_close"))
    _, mine, theirs = np.intersect1d(held["date"], days, return_indices=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        changes = np.abs(fetched.adj_close[start:stop][theirs] / held["adj_close"][mine] - 1)
    if (changes > RESTATED).any():
        return "restated"
    return "append" if new else "nothing"


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
            f"more than {LACKING:.0%}. {kept}"
        )
    return None
