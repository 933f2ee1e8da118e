"""What a source of prices is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tickgraph.market.spelling import Symbol

BAR_COLUMNS: tuple[str, ...] = ("symbol", "date", "open", "high", "low", "close", "adj_close", "volume")


@dataclass(frozen=True)
class Fetched:
    """What a source gave.

    Attributes
    ----------
    bars
        Columns ``symbol, date, open, high, low, close, adj_close, volume``; ``date`` is datetime64 without a
        zone, rows ordered by symbol and date.
    failures
        Why a symbol is not among the bars.
    providers
        Provider that gave all of a symbol's bars; where a symbol is not named, the source itself.
    passing
        Symbols that failed for a reason that may pass: no connection, a refused rate, an answer in another format.
        The other failures last: the symbol is unknown, delisted or renamed.
    notes
        What a person should know of what was read: a column that is not used, rows left out.
    rejected
        What the source holds and cannot give, by the name it has there, and why: a name that is no symbol, a file
        without prices.
    """

    bars: pd.DataFrame
    failures: dict[str, str] = field(default_factory=dict)
    providers: dict[str, str] = field(default_factory=dict)
    passing: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    rejected: dict[str, str] = field(default_factory=dict)


class PriceSource(Protocol):
    """Daily bars by symbol and range of dates."""

    @property
    def name(self) -> str:
        """Name that a store keeps the prices under and a forecast gives as their source."""
        ...

    @property
    def editable(self) -> bool:
        """Whether any row may have changed since it was last read, as in a person's own files."""
        ...

    def symbols(self) -> tuple[Symbol, ...]:
        """Symbols it has, or for a source without a list, those it is asked for by default."""
        ...

    def fetch(
        self, symbols: Sequence[Symbol], first: date | None = None, last: date | None = None
    ) -> Fetched:
        """Give the bars of symbols, both dates included.

        Raises
        ------
        InputError
            ``first`` is after ``last``.
        SourceUnavailableError
            The source cannot be reached at all.
        """
        ...


def days_of_bars(bars: pd.DataFrame) -> NDArray[np.datetime64]:
    """``[n]`` datetime64[D] dates of bars."""
    return bars["date"].to_numpy().astype("datetime64[D]")


def empty_bars() -> pd.DataFrame:
    """No bars, with the columns of some."""
    return pd.DataFrame({name: [] for name in BAR_COLUMNS}).astype({"date": "datetime64[us]"})


def select_bars(
    bars: pd.DataFrame, symbols: Iterable[str], first: date | None, last: date | None
) -> pd.DataFrame:
    """Rows of symbols within dates, ordered by symbol and date."""
    rows = bars["symbol"].isin(list(symbols))
    if first is not None:
        rows &= bars["date"] >= pd.Timestamp(first)
    if last is not None:
        rows &= bars["date"] <= pd.Timestamp(last)
    return bars[rows].sort_values(["symbol", "date"], kind="stable").reset_index(drop=True)
