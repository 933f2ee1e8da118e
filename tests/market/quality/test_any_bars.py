"""Whatever bars come, the checks raise nothing, and what they leave can be used."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzzing import examples
from tickgraph.market.calendar import sessions
from tickgraph.market.quality import usable
from tickgraph.market.source import BAR_COLUMNS

NOW = datetime(2022, 12, 30, 22, tzinfo=UTC)
DAYS = sessions("2022-01-03", "2022-12-30")
PRICES = st.one_of(
    st.floats(1, 100),
    st.sampled_from([0.0, -1.0, np.nan, np.inf, -np.inf, 1e-308, 1e308, 5e-324, 50.0, 5000.0]),
)
DATES = st.one_of(
    st.sampled_from([pd.Timestamp(day) for day in DAYS[:90]]),
    st.sampled_from(
        [pd.NaT, *map(pd.Timestamp, ["2022-01-01", "2023-06-01", "9999-01-01", "1960-01-04", "2022-12-31"])]
    ),
)


@st.composite
def frames(draw):
    """Sound bars of up to three symbols, of which some cells are overwritten and some rows come again."""
    parts = []
    for symbol in draw(st.lists(st.sampled_from(["ALFA", "BRVO", "CHRL"]), max_size=3)):
        count = draw(st.integers(1, 80))
        close = 50 + np.sin(np.arange(count))
        days = DAYS[: count * 5 : draw(st.sampled_from([1, 1, 1, 5]))][:count]
        prices = dict.fromkeys(["open", "high", "low", "close", "adj_close"], close[: len(days)])
        parts.append(
            pd.DataFrame({"symbol": symbol, "date": days.astype("datetime64[us]"), **prices, "volume": 1e6})
        )
    if not parts:
        return pd.DataFrame({name: [] for name in BAR_COLUMNS})
    bars = pd.concat(parts, ignore_index=True)[list(BAR_COLUMNS)]
    rows = st.integers(0, len(bars) - 1)
    for _ in range(draw(st.integers(0, 12))):
        column = draw(st.sampled_from(BAR_COLUMNS[1:]))
        bars.loc[draw(rows), column] = draw(DATES if column == "date" else PRICES)
    if draw(st.booleans()):
        level = draw(rows)
        bars.loc[level:, ["close", "adj_close"]] *= draw(
            st.sampled_from([1e-3, 0.01, 1 / 1.5, 2, 12, 100, 1e6])
        )
    return pd.concat([bars, bars.iloc[draw(st.lists(rows, max_size=5))]])


@settings(deadline=None, max_examples=examples(60))
@given(frames(), st.sampled_from(["leave_out", "refuse", "keep"]))
def test_what_is_left_of_any_bars_can_be_used(bars, treatment):
    kept, findings = usable(bars, now=NOW, implausible=treatment)
    json.dumps([asdict(found) for found in findings], allow_nan=False)
    assert (
        len({(found.symbol, found.kind) for found in findings}) >= len(findings) - 2
    )  # one for each column of a price
    closes = kept[["close", "adj_close"]].to_numpy(np.float64)
    assert (np.isfinite(closes) & (closes > 0)).all()
    ranges = kept[["open", "high", "low"]].to_numpy(np.float64)
    assert (np.isnan(ranges) | (np.isfinite(ranges) & (ranges > 0))).all()
    assert not kept.duplicated(["symbol", "date"]).any()
    assert kept["date"].notna().all()
    days = kept["date"].to_numpy().astype("datetime64[D]")
    assert np.isin(days[days >= np.datetime64("1990-01-01")], DAYS).all()
    assert not {found.symbol for found in findings if found.severity == "error"} & set(kept["symbol"])
