from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tickgraph.market.quality import check, usable


@pytest.fixture
def bars(sample):
    return (
        sample.fetch(["AAPL", "MSFT"], None, None).bars.query("date >= '2022-01-01'").reset_index(drop=True)
    )


def kinds(bars):
    return {(f.symbol, f.kind, f.session, f.severity) for f in check(bars)}


def test_the_sample_has_no_error(sample):
    findings = check(sample.fetch(sample.symbols()).bars)
    assert [f.severity for f in findings] == ["warning"]
    assert str(findings[0]).startswith("AMD 2015-01-02: no volume")


def test_a_duplicate_date_is_found(bars):
    doubled = pd.concat([bars, bars.iloc[[5]]])
    assert kinds(doubled) == {("AAPL", "duplicate date", "2022-01-10", "error")}


@pytest.mark.parametrize(
    ("column", "value", "kind"),
    [
        ("close", 0.0, "price not positive"),
        ("adj_close", -3.0, "price not positive"),
        ("open", np.nan, "missing price"),
        ("high", np.inf, "missing price"),
    ],
)
def test_an_impossible_price_is_found(bars, column, value, kind):
    bars.loc[7, column] = value
    assert ("AAPL", kind, "2022-01-12", "error") in kinds(bars)


def test_negative_and_missing_trade_are_found(bars):
    bars["volume"] = bars["volume"].astype(float)
    bars.loc[7, "volume"] = -1
    bars.loc[8, "volume"] = 0
    assert ("AAPL", "negative volume", "2022-01-12", "error") in kinds(bars)
    assert ("AAPL", "no volume", "2022-01-13", "warning") in kinds(bars)


def test_a_date_without_a_session_is_found(bars):
    bars.loc[0, "date"] = pd.Timestamp("2022-01-01")
    assert ("AAPL", "not a session", "2022-01-01", "error") in kinds(bars)


def test_a_gap_is_found_where_it_ends(bars):
    missing = bars.drop(index=[10, 11, 12])
    found = [f for f in check(missing) if f.kind == "gap"]
    assert [(f.symbol, f.session) for f in found] == [("AAPL", "2022-01-21")]
    assert found[0].detail.startswith("3 sessions")


def test_an_unadjusted_split_is_found(bars):
    rows = (bars["symbol"] == "MSFT") & (bars["date"] >= "2022-06-01")
    bars.loc[rows, ["open", "high", "low", "close", "adj_close"]] /= 4
    found = [f for f in check(bars) if f.kind == "split-like jump"]
    assert [(f.symbol, f.session) for f in found] == [("MSFT", "2022-06-01")]
    assert "4:1" in found[0].detail


def test_a_close_outside_the_days_range_is_found(bars):
    bars.loc[3, "close"] = bars.loc[3, "high"] * 1.05
    assert ("AAPL", "close outside range", "2022-01-06", "warning") in kinds(bars)


def test_only_symbols_with_errors_are_dropped(bars):
    bars.loc[7, "close"] = -1.0
    bars.loc[len(bars) - 1, "volume"] = 0
    good, findings = usable(bars)
    assert set(good["symbol"]) == {"MSFT"}
    assert {f.symbol for f in findings} == {"AAPL", "MSFT"}
