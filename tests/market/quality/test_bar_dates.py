from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest

from tickgraph.market.calendar import sessions
from tickgraph.market.quality import check, usable


def kinds(bars):
    return {(f.symbol, f.kind, f.session, f.severity) for f in check(bars)}


def test_a_date_without_a_session_is_found(bars):
    bars.loc[0, "date"] = pd.Timestamp("2022-01-01")
    kept, (found,) = usable(bars)
    assert (found.symbol, found.kind, found.session) == ("AAPL", "not a session", "2022-01-01")
    assert (found.severity, found.left_out) == ("warning", True)
    assert "XNYS" in found.detail
    assert "--exchange" in found.detail
    pd.testing.assert_frame_equal(kept, bars.drop(index=0).reset_index(drop=True))


def test_a_gap_is_found_where_it_ends(bars):
    missing = bars.drop(index=[10, 11, 12])
    found = [f for f in check(missing) if f.kind == "gap"]
    assert [(f.symbol, f.session) for f in found] == [("AAPL", "2022-01-21")]
    assert found[0].detail.startswith("3 sessions")


def test_sessions_before_the_calendar_starts_are_not_errors(bars):
    days = pd.to_datetime(["1962-01-02", "1989-12-28", "1989-12-29", "1990-01-02", "1990-01-03"])
    old = bars.head(5).assign(date=days, adj_close=[1.0, 1.1, 1.2, 1.3, 1.4])
    assert check(old) == []
    assert check(old.head(2)) == []


@pytest.mark.parametrize("date", ["2022-11-24", "2022-12-26", "2023-01-01"])
def test_holidays_are_no_sessions(bars, date):
    bars.loc[0, "date"] = pd.Timestamp(date)
    assert ("AAPL", "not a session", date, "warning") in kinds(bars)


def test_between_two_symbols_there_is_no_gap(bars):
    apart = pd.concat([bars[bars["symbol"] == "AAPL"].head(3), bars[bars["symbol"] == "MSFT"].tail(3)])
    assert not check(apart)


def on(days, symbol="ALFA"):
    """Bars of a symbol on given days, of a price that hardly moves."""
    close = np.array([50 + place % 7 / 10 for place in range(len(days))])
    return pd.DataFrame(
        {
            "symbol": symbol,
            "date": pd.DatetimeIndex(days).as_unit("us"),
            **dict.fromkeys(["open", "close", "adj_close"], close),
            "high": close + 1,
            "low": close - 1,
            "volume": 1000.0,
        }
    )


SESSIONS = [day.item() for day in sessions("2021-01-04", "2022-06-30")]
FRIDAY = datetime(2022, 7, 1, 16, tzinfo=UTC)  # four hours before the close


def test_bars_of_another_exchange_are_one_error_that_names_the_one_in_force():
    other = on(sorted({*SESSIONS, date(2021, 1, 18), date(2021, 2, 15), date(2021, 5, 31), date(2021, 7, 5)}))
    kept, (found,) = usable(other)
    assert (found.kind, found.severity, found.count, kept.empty) == ("not a session", "error", 4, True)
    assert "XNYS" in found.detail


def test_a_coin_is_one_error_for_a_thousand_weekends():
    days = pd.date_range("2012-01-01", periods=3650)
    findings = check(pd.concat([on(days, "BTC"), on(SESSIONS)]))
    assert [(f.symbol, f.kind) for f in findings] == [("BTC", "not a session")]
    assert findings[0].count > 1000


@pytest.mark.parametrize(
    ("frequency", "name"), [("W-FRI", "weekly"), ("W-MON", "weekly"), ("W-SUN", "weekly"), ("2W", "fortnightly"),
                            ("MS", "monthly"), ("BME", "monthly"), ("QE", "quarterly"), ("YE", "yearly")]
)  # fmt: skip
def test_bars_that_are_not_daily_are_refused_with_the_reason(frequency, name):
    kept, (found,) = usable(on(pd.date_range("2005-01-03", periods=16, freq=frequency)))
    assert (found.kind, found.severity, kept.empty) == ("not daily", "error", True)
    assert f"{name}. tickgraph needs daily bars" in found.detail


def test_a_symbol_that_seldom_trades_is_not_weekly():
    place, seldom = 0, []
    for step in [1, 9, 3, 5, 2, 12, 4, 1, 7, 5, 3, 20, 1, 2, 5, 8] * 4:
        place += step
        seldom.append(SESSIONS[place])
    assert [(f.kind, f.severity) for f in check(on(seldom))] == [("gap", "warning")]


def test_a_session_that_has_not_closed_is_left_out_and_one_of_the_future_too():
    days = [*SESSIONS, FRIDAY.date(), date(2022, 7, 5)]
    kept, findings = usable(pd.concat([on(days), on(SESSIONS, "BRVO")]), now=FRIDAY)
    assert [(f.symbol, f.kind, f.session, f.left_out) for f in findings] == [
        ("ALFA", "unfinished session", "2022-07-01", True),
        ("ALFA", "future session", "2022-07-05", True),
    ]
    assert kept.groupby("symbol")["date"].max().dt.date.tolist() == [SESSIONS[-1]] * 2
    later = usable(on(days), now=FRIDAY.replace(hour=21))[1]
    assert [(f.kind, f.session) for f in later] == [("future session", "2022-07-05")]


def test_a_history_of_the_future_is_refused():
    kept, (found,) = usable(on(SESSIONS), now=datetime(2020, 1, 1, tzinfo=UTC))
    assert (found.kind, found.severity, kept.empty) == ("future session", "error", True)
    assert "the last session that closed is 2019-12-31" in found.detail


def test_a_year_that_nobody_meant_is_of_the_future(bars):
    bars.loc[0, "date"] = pd.Timestamp("9999-01-01")
    assert ("AAPL", "future session", "9999-01-01", "warning") in kinds(bars)


def test_many_gaps_are_one_warning_with_the_longest():
    missing = {*SESSIONS[20:22], SESSIONS[40], *SESSIONS[60:65]}
    (found,) = check(on([day for day in SESSIONS if day not in missing]))
    assert (found.kind, found.count, found.session) == ("gap", 3, str(SESSIONS[22]))
    assert found.detail == f"8 sessions missing in 3 places, 5 of them before {SESSIONS[65]}"


@pytest.mark.parametrize("weekly_first", [True, False])
def test_a_history_that_is_weekly_for_a_time_is_refused(weekly_first):
    days = pd.DatetimeIndex(sessions("2021-01-01", "2022-06-30"))
    half = len(days) // 2
    week = days[:half] if weekly_first else days[half:]
    daily = days[half:] if weekly_first else days[:half]
    kept, (found,) = usable(on(sorted([*week[week.weekday == 4], *daily])))
    assert (found.kind, found.severity, kept.empty) == ("not daily", "error", True)
    assert "its bars come every 7 days from" in found.detail
