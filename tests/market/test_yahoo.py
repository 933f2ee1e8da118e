"""Yahoo through yfinance's own tables, as recorded; no network."""

from __future__ import annotations

import sys
from datetime import date

import pandas as pd
import pytest

from tickgraph.errors import SourceUnavailableError
from tickgraph.market import calendar
from tickgraph.market.sources.yahoo import ATTEMPTS, YahooSource
from tickgraph.market.store import PriceStore

# Ticker("AAPL").history(start="2022-12-28", end="2022-12-31", auto_adjust=False, actions=False)
RECORDED = pd.DataFrame(
    {
        "Open": [129.669998, 127.989998, 128.410004],
        "High": [131.029999, 130.479996, 129.949997],
        "Low": [125.870003, 127.730003, 127.430000],
        "Close": [126.040001, 129.610001, 129.929993],
        "Adj Close": [125.504547, 129.059372, 129.378006],
        "Volume": [85438400, 75703700, 77034200],
    },
    index=pd.DatetimeIndex(["2022-12-28", "2022-12-29", "2022-12-30"], tz="America/New_York", name="Date"),
)


class YFRateLimitError(Exception):
    pass


def test_yfinances_table_becomes_bars():
    bars = YahooSource(lambda *_: RECORDED).fetch(["AAPL"], date(2022, 12, 28), date(2022, 12, 30)).bars
    assert bars["date"].dt.strftime("%Y-%m-%d").tolist() == ["2022-12-28", "2022-12-29", "2022-12-30"]
    assert bars["adj_close"].tolist() == RECORDED["Adj Close"].tolist()
    assert set(bars["symbol"]) == {"AAPL"}


def test_a_session_that_has_not_closed_is_left_out(monkeypatch):
    monkeypatch.setattr(
        "tickgraph.market.sources.yahoo.last_completed_session", lambda: calendar.as_day("2022-12-29")
    )
    bars = YahooSource(lambda *_: RECORDED).fetch(["AAPL"]).bars
    assert bars["date"].max() == pd.Timestamp("2022-12-29")


def test_one_symbol_fails_and_the_others_go_on():
    def history(symbol, first, last):
        return RECORDED if symbol == "AAPL" else RECORDED.iloc[:0]

    fetched = YahooSource(history).fetch(["AAPL", "GONE"])
    assert set(fetched.bars["symbol"]) == {"AAPL"}
    assert "GONE" in fetched.failures["GONE"]
    assert "delisted or renamed" in fetched.failures["GONE"]


@pytest.mark.parametrize("table", [RECORDED.drop(columns="Adj Close"), pd.DataFrame()])
def test_a_table_of_another_shape_is_a_failure(table):
    assert "lacks the columns" in YahooSource(lambda *_: table).fetch(["AAPL"]).failures["AAPL"]


@pytest.mark.parametrize("error", [TimeoutError("slow"), ConnectionError("reset"), YFRateLimitError("429")])
def test_passing_errors_are_retried_and_then_named(error):
    calls = []

    def history(symbol, first, last):
        calls.append(symbol)
        raise error

    with pytest.raises(SourceUnavailableError, match="could not be reached for AAPL.*--source sample"):
        YahooSource(history, wait_seconds=0).fetch(["AAPL"])
    assert len(calls) == ATTEMPTS


def test_offline_is_said_without_asking_for_every_symbol():
    asked = set()

    def history(symbol, first, last):
        asked.add(symbol)
        raise ConnectionError("offline")

    with pytest.raises(SourceUnavailableError):
        YahooSource(history, wait_seconds=0).fetch([f"A{n}" for n in range(40)])
    assert len(asked) <= 4


def test_a_symbol_that_cannot_be_reached_is_a_failure_among_others():
    def history(symbol, first, last):
        if symbol == "SLOW":
            raise TimeoutError("slow")
        return RECORDED

    fetched = YahooSource(history, wait_seconds=0).fetch(["SLOW", "AAPL"])
    assert set(fetched.bars["symbol"]) == {"AAPL"}
    assert "could not be reached for SLOW" in fetched.failures["SLOW"]


def test_a_second_attempt_that_works_is_enough():
    answers = [TimeoutError("slow"), RECORDED]

    def history(symbol, first, last):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert len(YahooSource(history, wait_seconds=0).fetch(["AAPL"]).bars) == 3


def test_without_the_extra_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "yfinance", None)
    with pytest.raises(SourceUnavailableError, match=r"pip install 'tickgraph\[yahoo\]'"):
        YahooSource().fetch(["AAPL"])


def test_a_symbol_out_of_reach_is_reported_where_another_was_reached():
    def history(symbol, first, last):
        if symbol == "SLOW":
            raise TimeoutError("slow")
        return RECORDED

    fetched = YahooSource(history, wait_seconds=0).fetch(["SLOW", "AAPL"])
    assert "could not be reached for SLOW after 3 attempts" in fetched.failures["SLOW"]
    assert set(fetched.bars["symbol"]) == {"AAPL"}


def test_errors_that_will_not_pass_are_not_retried():
    calls = []

    def history(symbol, first, last):
        calls.append(symbol)
        raise KeyError("chart")

    assert "no usable prices for AAPL" in YahooSource(history).fetch(["AAPL"]).failures["AAPL"]
    assert calls == ["AAPL"]


def test_a_bar_without_a_close_is_left_out():
    table = RECORDED.copy()
    table.iloc[1, table.columns.get_loc("Close")] = float("nan")
    assert YahooSource(lambda *_: table).fetch(["AAPL"]).bars["date"].dt.day.tolist() == [28, 30]


def test_the_day_is_the_exchanges_own_on_both_sides_of_daylight_saving():
    index = pd.DatetimeIndex(["2022-03-11", "2022-03-14"], tz="America/New_York", name="Date")
    bars = YahooSource(lambda *_: RECORDED.iloc[:2].set_axis(index)).fetch(["AAPL"]).bars
    assert bars["date"].tolist() == [pd.Timestamp("2022-03-11"), pd.Timestamp("2022-03-14")]


@pytest.mark.parametrize("half", ["yfinance", "tenacity"])
def test_half_of_the_extra_is_not_enough(monkeypatch, half):
    monkeypatch.setitem(sys.modules, half, None)
    with pytest.raises(SourceUnavailableError, match=r"pip install 'tickgraph\[yahoo\]'"):
        YahooSource().fetch(["AAPL"])


def test_a_history_from_before_the_calendar_can_be_stored(tmp_path):
    days = ["1989-12-28", "1989-12-29", "1990-01-02"]
    table = RECORDED.set_axis(pd.DatetimeIndex(days, tz="America/New_York", name="Date"))
    report = PriceStore(tmp_path).update(YahooSource(lambda *_: table), ["AAPL"])
    assert (report.added, report.failures) == ({"AAPL": 3}, {})


@pytest.mark.parametrize(
    ("first", "last", "asked"),
    [
        (None, None, {"period": "max", "end": None}),
        (date(2022, 12, 28), date(2022, 12, 30), {"start": date(2022, 12, 28), "end": date(2022, 12, 31)}),
        (None, date(2022, 12, 30), {"start": date(1990, 1, 1), "end": date(2022, 12, 31)}),
    ],
)
def test_yfinance_is_asked_for_whole_unadjusted_days_with_a_timeout(monkeypatch, first, last, asked):
    seen = []

    class Ticker:
        def __init__(self, symbol):
            self.symbol = symbol

        def history(self, **options):
            seen.append((self.symbol, options))
            return RECORDED

    import yfinance

    monkeypatch.setattr(yfinance, "Ticker", Ticker)
    assert len(YahooSource().fetch(["AAPL"], first, last).bars) == 3
    [(symbol, options)] = seen
    assert symbol == "AAPL"
    assert options.pop("timeout") > 0
    assert options == {"interval": "1d", "auto_adjust": False, "actions": False, **asked}
