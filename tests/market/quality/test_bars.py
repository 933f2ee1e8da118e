from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tickgraph.market.panel import PricePanel
from tickgraph.market.quality import check, usable
from tickgraph.market.range_variance import usable_range


def kinds(bars):
    return {(f.symbol, f.kind, f.session, f.severity) for f in check(bars)}


def test_the_sample_has_no_error(sample):
    findings = check(sample.fetch(sample.symbols()).bars)
    assert [f.severity for f in findings] == ["warning"]
    assert str(findings[0]).startswith("AMD 2015-01-02: no volume")


def test_a_duplicate_date_is_found(bars):
    doubled = pd.concat([bars, bars.iloc[[5]]])
    assert kinds(doubled) == {("AAPL", "duplicate date", "2022-01-10", "warning")}
    pd.testing.assert_frame_equal(usable(doubled)[0], bars)


def test_different_bars_for_one_date_are_an_error_that_names_both_values(bars):
    doubled = pd.concat([bars, bars.iloc[[5]].assign(volume=7)])
    kept, (found,) = usable(doubled)
    assert (found.symbol, found.session, found.severity) == ("AAPL", "2022-01-10", "error")
    assert f"volume {bars['volume'][5]} and 7" in found.detail
    assert set(kept["symbol"]) == {"MSFT"}


def test_hourly_bars_are_named_as_such(bars):
    hours = pd.concat([bars.assign(close=bars["close"] + hour / 100) for hour in range(7)])
    found = {f.symbol: f for f in check(hours)}
    assert {f.kind for f in found.values()} == {"several bars a day"}
    assert "up to 7 different bars on one date: hourly bars, or two histories" in found["AAPL"].detail


def test_a_dividend_in_a_row_of_its_own_costs_no_session(bars):
    dividend = bars.iloc[[5]].assign(**dict.fromkeys(["open", "high", "low", "close", "adj_close"], np.nan))
    kept, (found,) = usable(pd.concat([bars, dividend]))
    assert (found.kind, found.session, found.left_out) == ("missing price", "2022-01-10", True)
    pd.testing.assert_frame_equal(kept, bars, check_dtype=False)


@pytest.mark.parametrize("column", ["close", "adj_close"])
def test_a_negative_price_is_an_error(bars, column):
    bars.loc[7, column] = -3.0
    assert ("AAPL", "price not positive", "2022-01-12", "error") in kinds(bars)
    assert set(usable(bars)[0]["symbol"]) == {"MSFT"}


@pytest.mark.parametrize(
    ("column", "value", "kind"),
    [
        ("close", 0.0, "price not positive"),
        ("adj_close", np.nan, "missing price"),
        ("close", np.inf, "missing price"),
    ],
)
def test_a_session_without_a_close_is_left_out_where_the_rest_is_sound(bars, column, value, kind):
    bars.loc[7, column] = value
    kept, findings = usable(bars)
    found = next(f for f in findings if f.kind == kind)
    assert (found.symbol, found.session, found.severity, found.left_out) == (
        "AAPL",
        "2022-01-12",
        "warning",
        True,
    )
    assert column in found.detail
    pd.testing.assert_frame_equal(kept, bars.drop(index=7).reset_index(drop=True))


def test_a_symbol_of_which_much_is_unsound_is_refused(bars):
    bars.loc[range(0, 130, 10), "close"] = 0.0  # 13 of 251
    kept, findings = usable(bars)
    found = next(f for f in findings if f.kind == "price not positive")
    assert (found.severity, found.count) == ("error", 13)
    assert "close is 0; 13 of its 251 bars, up to 2022-06-27, are like that" in found.detail
    assert set(kept["symbol"]) == {"MSFT"}


@pytest.mark.parametrize(
    ("column", "value"), [("open", np.inf), ("low", np.nan), ("low", 0.0), ("high", np.inf), ("high", -1.0)]
)
def test_a_bad_open_high_or_low_costs_no_session_and_is_stored_as_missing(bars, column, value):
    sound = bars.copy()
    bars.loc[7, column] = value
    kept, (found,) = usable(bars)
    assert (found.symbol, found.kind, found.session, found.severity) == (
        ("AAPL", "no range", "2022-01-12", "warning")
    )
    assert found.detail.startswith(f"1 session has no {column}")
    assert ("is stored as missing" in found.detail) == (not np.isnan(value))
    assert found.detail.endswith(": forecasts of how far the price moves are less exact")
    sound.loc[7, column] = np.nan
    pd.testing.assert_frame_equal(kept, sound)


def test_a_symbol_without_opens_is_usable_and_named_once(bars):
    bars.loc[7:9, "open"] = np.nan
    kept, (found,) = usable(bars)
    assert (found.symbol, found.kind, found.count, found.last) == ("AAPL", "no range", 3, "2022-01-14")
    assert found.detail.startswith("3 sessions have no open:")
    assert set(kept["symbol"]) == {"AAPL", "MSFT"}


def test_closes_alone_are_usable_and_what_is_lost_is_said(bars):
    bars[["open", "high", "low"]] = np.nan
    kept, findings = usable(bars)
    pd.testing.assert_frame_equal(kept, bars)
    assert [(f.symbol, f.kind, f.count) for f in findings] == [
        ("AAPL", "no range", 251),
        ("MSFT", "no range", 251),
    ]
    assert findings[0].detail == (
        "none of 251 sessions has open or high or low: forecasts of how far the price moves are less exact"
    )


def test_faults_of_ranges_are_one_finding_that_counts_each(bars):
    bars.loc[3, "close"] = bars.loc[3, "high"] * 1.05
    bars.loc[4, "high"] = np.nan
    bars.loc[9, "low"] = bars.loc[9, "close"] / 2  # a slip
    (found,) = check(bars)
    assert (found.kind, found.session, found.count) == ("no range", "2022-01-06", 3)
    assert "1 session has no high; 1 session has a price outside its range: close 18" in found.detail
    assert "; 1 session has a range that reaches far beyond the closes around it: open 17" in found.detail


def test_one_price_a_day_is_a_fault_where_it_is_more_than_a_few_days(bars):
    own = bars["close"][5:10]
    for column in ("open", "high", "low"):
        bars.loc[5:9, column] = own
    assert check(bars) == []  # what is thinly traded has such days
    for column in ("open", "high", "low"):
        bars.loc[:29, column] = bars["close"][:30]
    (found,) = check(bars)
    assert (found.kind, found.count) == ("no range", 30)
    assert found.detail.startswith("30 sessions have the same high and low, 182.0099945 on the first:")


def test_the_ranges_that_are_named_are_those_that_a_panel_does_not_use(bars):
    chance = np.random.default_rng(0)
    for column in ("open", "high", "low"):
        rows = chance.choice(len(bars), 40, replace=False)
        bars[column] = bars[column].astype(np.float64)
        bars.loc[rows, column] *= chance.choice([0.5, 0.97, 0.999, 1, 1.001, 1.03, 2, 0, -1, np.nan], 40)
    named = {f.symbol: f.count for f in check(bars)}
    unused = ~usable_range(PricePanel.from_bars(bars, "made"))[1:]
    first = ~usable_range(PricePanel.from_bars(bars[bars["date"] < "2022-01-05"], "made"))[0]
    assert first.all()  # its return is not known
    assert named == {"AAPL": unused[:, 0].sum(), "MSFT": unused[:, 1].sum()}


def test_negative_and_missing_trade_are_found(bars):
    bars["volume"] = bars["volume"].astype(float)
    bars.loc[7, "volume"] = -1
    bars.loc[8, "volume"] = 0
    assert ("AAPL", "negative volume", "2022-01-12", "error") in kinds(bars)
    assert ("AAPL", "no volume", "2022-01-13", "warning") in kinds(bars)


def test_a_close_outside_the_days_range_is_found(bars):
    bars.loc[3, "close"] = bars.loc[3, "high"] * 1.05
    assert ("AAPL", "no range", "2022-01-06", "warning") in kinds(bars)


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


def test_no_bars_no_findings(bars):
    assert check(bars.head(0)) == []


def test_a_close_below_the_days_low_is_found(bars):
    bars.loc[3, "close"] = bars.loc[3, "low"] * 0.95
    assert ("AAPL", "no range", "2022-01-06", "warning") in kinds(bars)


def test_prices_in_a_billionth_of_a_dollar_are_refused_and_old_ones_before_reverse_splits_are_not(bars):
    huge = bars.copy()
    rows = (huge["symbol"] == "AAPL") & (huge["date"] >= "2022-06-01")
    huge.loc[huge["symbol"] == "AAPL", ["open", "high", "low", "close", "adj_close"]] *= 1e9
    (found,) = check(huge)
    assert (found.symbol, found.kind, found.severity) == ("AAPL", "price too high", "error")
    assert "is 1.29" in found.detail
    assert "a price is 1,000,000,000 at most" in found.detail
    huge.loc[rows, ["open", "high", "low", "close", "adj_close"]] /= 1e9
    assert "price too high" not in {found.kind for found in check(huge)}
