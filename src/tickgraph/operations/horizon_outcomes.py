"""What became of forecasts by horizon: each beside how far the price moved, once its last session has closed.

A forecast of h sessions has no outcome until h sessions later. Nothing of its stretch was known when it was logged, and
nothing after its last session is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tickgraph.market.expiry import LONGEST
from tickgraph.market.panel import PricePanel
from tickgraph.market.range_variance import range_variance
from tickgraph.model.measures import LEVELS
from tickgraph.operations.outcomes import Days, Panel, cells, in_time, named_as_today, readable, window_of
from tickgraph.serving.journal_reading import SCHEMA

ENDS = tuple(f"{end}_{level}" for level in LEVELS for end in ("lower", "upper"))
_LISTS = {
    "ahead": "ahead",
    "expiries": "expiry",
    "variances": "variance",
    **{f"{end}_ahead": end for end in ENDS},
}
"""The journal's lists, and the column that each becomes."""
_OWN = ["symbol", "source", "as_of"]

Array = NDArray[np.float64]


def horizon_outcomes(records: pd.DataFrame, panel: Panel, now: datetime, window: int) -> pd.DataFrame:
    """Join forecasts of every horizon with what happened.

    A record counts if it was logged before the close of the first session that it forecasts. Of several of a symbol
    and session the last one counts. A forecast is dropped where the symbol did not trade at one of its two ends.

    Parameters
    ----------
    records
        As :func:`tickgraph.serving.journal_reading.read_journal` gives them. Those without horizons are left out.
    panel
        ``panel(source, symbols, first)`` gives stored prices from a day on.
    now, window
        A forecast has an outcome if its last session is among so many that were over last.

    Returns
    -------
    DataFrame
        A row for each record and horizon: ``symbol``, ``source``, ``as_of``, ``ahead`` (sessions), ``expiry``,
        ``variance`` and the ends of the intervals as they were forecast; ``realised``, the log return of the
        split-adjusted close from ``as_of`` to ``expiry``, which falls by dividends as the forecast does; and
        ``realised_variance``, the sum of the range variance over the sessions between, NaN where one is missing.
    """
    if "ahead" not in records:
        return _joined([])
    kept = in_time(records[records["ahead"].notna()], window_of(now, window + LONGEST))
    forecasts = _by_horizon(named_as_today(kept))
    over = window_of(now, window)
    expiries = forecasts["expiry"].to_numpy().astype("datetime64[D]")
    forecasts = forecasts[(expiries >= over[0]) & (expiries <= over[-1])]
    parts = []
    for source, own in forecasts.groupby("source"):
        symbols = own["symbol"].to_numpy()
        bases, expiries = (own[name].to_numpy().astype("datetime64[D]") for name in ("as_of", "expiry"))
        moves = np.full((2, len(own)), np.nan)
        for prices in readable(panel, str(source), sorted(set(symbols)), bases.min().item()):
            _measure(moves, prices, symbols, bases, expiries, own["ahead"].to_numpy())
        joined = own.assign(realised=moves[0], realised_variance=moves[1])
        parts.append(joined[np.isfinite(joined["realised"])])
    return _joined(parts)


def _joined(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    filled = [part for part in parts if len(part)]
    if filled:
        return pd.concat(filled, ignore_index=True)
    return pd.DataFrame(columns=[*_OWN, *_LISTS.values(), "realised", "realised_variance"])


def _by_horizon(records: pd.DataFrame) -> pd.DataFrame:
    """A row for each record and horizon; a record whose lists are not of one length is damaged, and left out."""
    lists = {name: _lists(records[name], SCHEMA.field(name).type) for name in _LISTS}
    lengths = np.column_stack(
        [pc.list_value_length(each).fill_null(-1).to_numpy() for each in lists.values()]
    )
    whole = pa.array((lengths == lengths[:, :1]).all(axis=1) & (lengths[:, 0] > 0))
    kept = {name: each.filter(whole) for name, each in lists.items()}
    place = pc.list_parent_indices(kept["ahead"]).to_numpy()
    own = records.loc[whole.to_numpy(zero_copy_only=False), _OWN].iloc[place].reset_index(drop=True)
    columns = {column: kept[name].flatten().to_numpy(zero_copy_only=False) for name, column in _LISTS.items()}
    forecasts = own.assign(**columns)
    known = np.isfinite(forecasts[["variance", *ENDS]].to_numpy(dtype=np.float64)).all(axis=1)
    return forecasts[known & (forecasts["ahead"] > 0) & (forecasts["expiry"] > forecasts["as_of"])]


def _lists(column: pd.Series, kind: pa.ListType) -> pa.ListArray:
    found = pa.array(column, type=kind, from_pandas=True)
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def _measure(
    moves: Array, prices: PricePanel, symbols: NDArray[np.object_], bases: Days, expiries: Days, ahead: Array
) -> None:
    """Put log return and variance of each stretch into ``moves`` [2, n], where its prices are known."""
    if not len(prices.sessions):
        return
    start, column, known = cells(prices, symbols, bases)
    end, _, ended = cells(prices, symbols, expiries)
    known &= ended
    start, end, column = start[known], end[known], column[known]
    with np.errstate(invalid="ignore", divide="ignore"):
        moves[0, known] = np.log(prices.close[end, column] / prices.close[start, column])
    variance = range_variance(prices)  # [T, S]
    missing = np.cumsum(~np.isfinite(variance), axis=0)
    total = np.cumsum(np.nan_to_num(variance), axis=0)
    # Where the store lacks a session of every symbol, its variance is in no row.
    complete = (missing[end, column] == missing[start, column]) & (end - start == ahead[known])
    moves[1, known] = np.where(complete, total[end, column] - total[start, column], np.nan)
