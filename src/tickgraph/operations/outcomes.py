"""What became of logged forecasts: each beside the return of its target session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tickgraph.errors import PriceDataError, SymbolError
from tickgraph.market.calendar import last_completed_session, session_closes, sessions
from tickgraph.market.panel import PricePanel
from tickgraph.market.universe import canonical
from tickgraph.model.measures import LEVELS

MOMENTUM = 20  # sessions behind the momentum baseline
FIGURES = (
    *("predicted_return", "centre", "volatility", "mean_score"),
    *(f"{end}_{level}" for level in LEVELS for end in ("lower", "upper")),
)

Panel = Callable[[str, Sequence[str], date], PricePanel]
Days = NDArray[np.datetime64]


def window_of(now: datetime, window: int) -> Days:
    """``[window]`` the last sessions that were over at a moment."""
    last = last_completed_session(now)
    return sessions(last - np.timedelta64(2 * window + 14, "D"), last)[-window:]


def with_outcomes(records: pd.DataFrame, panel: Panel, now: datetime, window: int) -> pd.DataFrame:
    """Join forecasts with what happened.

    A forecast counts if its record is whole and was logged before the close of its target session. A symbol and
    session may have several; the last one counts. A forecast is dropped where the symbol did not trade at that
    session, or its prices cannot be read. Prices after the target session are not looked at. Both ends of a return are
    prices as they are stored today: a later split or dividend has rescaled both.

    Parameters
    ----------
    records
        As :func:`tickgraph.serving.journal_reading.read_journal` gives them.
    panel
        ``panel(source, symbols, first)`` gives stored prices from a day on, such as
        :meth:`tickgraph.market.store.PriceStore.panel`.
    now, window
        How many of the last sessions that were over then have an outcome.

    Returns
    -------
    DataFrame
        The records that count, and ``realised`` and ``momentum``: log return from ``as_of`` to ``target_session``,
        and the mean of the 20 daily ones up to ``as_of`` (NaN where one end has no price).
    """
    records = named_as_today(in_time(_whole(records), window_of(now, window)))
    parts = [records.iloc[:0].assign(realised=0.0, momentum=0.0)]
    for source, own in records.groupby("source"):
        targets = own["target_session"].to_numpy().astype("datetime64[D]")
        bases = own["as_of"].to_numpy().astype("datetime64[D]")
        first = bases.min() - np.timedelta64(3 * MOMENTUM, "D")
        calendar = sessions(first, targets.max())
        before = calendar[np.maximum(np.searchsorted(calendar, bases, side="right") - 1 - MOMENTUM, 0)]
        symbols = own["symbol"].to_numpy()
        start, base, target = (np.full(len(own), np.nan) for _ in range(3))
        for prices in readable(panel, str(source), sorted(set(symbols)), first.item()):
            for logs, days in ((start, before), (base, bases), (target, targets)):
                _look_up(logs, prices, symbols, days)
        joined = own.assign(realised=target - base, momentum=(base - start) / MOMENTUM)
        parts.append(joined[np.isfinite(joined["realised"])])
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


def _whole(records: pd.DataFrame) -> pd.DataFrame:
    """Records with every figure that is scored: another release may have logged fewer."""
    return records[np.isfinite(records[list(FIGURES)].to_numpy(dtype=np.float64)).all(axis=1)]


def in_time(records: pd.DataFrame, days: Days) -> pd.DataFrame:
    """The last record of each symbol and session that was logged before that session closed."""
    targets = records["target_session"].to_numpy().astype("datetime64[D]")
    place = np.minimum(np.searchsorted(days, targets), len(days) - 1)
    logged = records["logged_at"].dt.tz_convert(UTC).dt.tz_localize(None).to_numpy().astype("datetime64[us]")
    counts = (days[place] == targets) & (logged < session_closes(days)[place])
    ordered = records[counts].sort_values("logged_at", kind="stable")
    return ordered.drop_duplicates(["symbol", "target_session"], keep="last", ignore_index=True)


def named_as_today(records: pd.DataFrame) -> pd.DataFrame:
    """Records under the names that prices are stored under: a symbol may have been renamed since."""
    names: dict[str, str] = {}
    for symbol in records["symbol"].unique():
        try:
            names[symbol] = canonical(symbol)
        except SymbolError:  # a damaged line
            continue
    renamed = records.assign(symbol=records["symbol"].map(names))
    renamed = renamed[renamed["symbol"].notna()]
    return renamed.drop_duplicates(["symbol", "target_session"], keep="last", ignore_index=True)


def readable(panel: Panel, source: str, symbols: Sequence[str], first: date) -> list[PricePanel]:
    """Prices of all symbols that can be read. If a list cannot be read, each half of it is read by itself."""
    try:
        return [panel(source, symbols, first)]
    except PriceDataError:
        half = len(symbols) // 2
        parts = (symbols[:half], symbols[half:]) if half else ()
        return [prices for part in parts for prices in readable(panel, source, part, first)]


def cells(
    prices: PricePanel, symbols: NDArray[np.object_], days: Days
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """``[n]`` row and column of each symbol's price at its day, and whether the panel has both; it has a session."""
    column = pd.Index(prices.symbols).get_indexer(pd.Index(symbols))
    row = np.minimum(np.searchsorted(prices.sessions, days), len(prices.sessions) - 1)
    return row, column, (column >= 0) & (prices.sessions[row] == days)


def _look_up(logs: NDArray[np.float64], prices: PricePanel, symbols: NDArray[np.object_], days: Days) -> None:
    """Put the logarithm of each symbol's adjusted close at its day into ``logs`` [n], where there is one."""
    if not len(prices.sessions):
        return
    row, column, known = cells(prices, symbols, days)
    with np.errstate(invalid="ignore", divide="ignore"):
        logs[known] = np.log(prices.adj_close[row[known], column[known]])
