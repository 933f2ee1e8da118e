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
        ("open", np.inf, "missing price"),
        ("low", np.nan, "missing price"),
        ("high", np.inf, "missing price"),
    ],
)
def test_an_impossible_price_is_found(bars, column, value, kind):
    bars.loc[7, column] = value
    assert ("AAPL", kind, "2022-01-12", "error") in kinds(bars)


def test_a_symbol_without_opens_is_usable_and_named_once(bars):
    bars.loc[7:9, "open"] = np.nan
    assert kinds(bars) == {("AAPL", "no open", "2022-01-12", "warning")}
    assert set(usable(bars)[0]["symbol"]) == {"AAPL", "MSFT"}


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


def test_a_bar_without_a_date_is_found(bars):
    bars.loc[7, "date"] = pd.NaT
    assert ("AAPL", "missing date", "NaT", "error") in kinds(bars)
    assert set(usable(bars)[0]["symbol"]) == {"MSFT"}


def test_nothing_but_bars_without_dates_is_found_too(bars):
    bars["date"] = pd.NaT
    assert {f.kind for f in check(bars.head(1))} == {"missing date"}


def test_sessions_before_the_calendar_starts_are_not_errors(bars):
    days = pd.to_datetime(["1962-01-02", "1989-12-28", "1989-12-29", "1990-01-02", "1990-01-03"])
    old = bars.head(5).assign(date=days, adj_close=[1.0, 1.1, 1.2, 1.3, 1.4])
    assert check(old) == []
    assert check(old.head(2)) == []


@pytest.mark.parametrize("date", ["2022-11-24", "2022-12-26", "2023-01-01", "9999-01-01"])
def test_holidays_and_impossible_years_are_no_sessions(bars, date):
    bars.loc[0, "date"] = pd.Timestamp(date)
    assert ("AAPL", "not a session", date, "error") in kinds(bars)


def test_a_large_move_that_is_no_split_ratio_is_left_alone(bars):
    rows = (bars["symbol"] == "MSFT") & (bars["date"] >= "2022-06-01")
    bars.loc[rows, ["open", "high", "low", "close", "adj_close"]] *= 0.6
    assert not check(bars)


def test_the_next_symbol_is_not_a_move_of_the_one_before(bars):
    prices = ["open", "high", "low", "close", "adj_close"]
    second = bars["symbol"] == "MSFT"
    last, first = bars.loc[~second, "adj_close"].iloc[-1], bars.loc[second, "adj_close"].iloc[0]
    bars.loc[second, prices] *= 2 * last / first
    assert not check(bars)


def test_no_bars_no_findings(bars):
    assert check(bars.head(0)) == []


def test_a_close_below_the_days_low_is_found(bars):
    bars.loc[3, "close"] = bars.loc[3, "low"] * 0.95
    assert ("AAPL", "close outside range", "2022-01-06", "warning") in kinds(bars)


def test_a_reverse_split_is_named_as_one(bars):
    rows = (bars["symbol"] == "MSFT") & (bars["date"] >= "2022-06-01")
    bars.loc[rows, ["open", "high", "low", "close", "adj_close"]] *= 4
    assert [(f.kind, "1:4" in f.detail) for f in check(bars)] == [("split-like jump", True)]


def test_between_two_symbols_there_is_no_gap(bars):
    apart = pd.concat([bars[bars["symbol"] == "AAPL"].head(3), bars[bars["symbol"] == "MSFT"].tail(3)])
    assert not check(apart)
