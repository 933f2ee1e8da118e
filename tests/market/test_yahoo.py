"""Yahoo through the real yfinance, against a local server that answers as Yahoo does."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest

from provider_server import (
    BROKEN,
    HTML,
    Redirected,
    answer,
    edited,
    hang,
    patient,
    refused,
    reset,
    slow,
    truncated,
)
from tickgraph.errors import SourceUnavailableError
from tickgraph.market.sources.yahoo import YahooSource


def of(fetched, symbol):
    return fetched.bars[fetched.bars["symbol"] == symbol].set_index("date")


def without(name):
    return edited(lambda document: document["chart"]["result"][0]["indicators"]["quote"][0].pop(name))


def nothing(document):
    document["chart"]["result"] = []


def no_quotes(document):
    document["chart"]["result"][0]["indicators"]["quote"] = [{}]


def nulls_in_the_second_bar(names):
    def edit(document):
        for prices in document["chart"]["result"][0]["indicators"].values():
            for name in prices[0].keys() & names:
                prices[0][name][1] = None

    return edited(edit)


def test_yahoos_answer_becomes_bars(server, yahoo):
    fetched = yahoo.fetch(["AAPL", "BRK-B", "AAPL"], date(2022, 7, 27), date(2022, 7, 29))
    assert list(fetched.bars.columns) == [
        "symbol", "date", "open", "high", "low", "close", "adj_close", "volume",
    ]  # fmt: skip
    assert fetched.bars["symbol"].tolist() == ["AAPL"] * 3 + ["BRK-B"] * 3
    assert of(fetched, "AAPL").index.strftime("%Y-%m-%d").tolist() == [
        "2022-07-27",
        "2022-07-28",
        "2022-07-29",
    ]
    days, _, close, _ = server.listings["AAPL"].through(np.datetime64("2022-07-29"))
    assert of(fetched, "AAPL")["close"].to_numpy() == pytest.approx(close[-3:], rel=1e-6)
    assert of(fetched, "AAPL")["volume"].tolist() == [1_000_000 + len(days) - back for back in (3, 2, 1)]
    assert (fetched.failures, fetched.passing) == ({}, frozenset())
    assert server.count("yahoo") == 2


def test_without_dates_the_whole_history_comes(server, yahoo):
    assert of(yahoo.fetch(["AAPL"]), "AAPL").index[0] == pd.Timestamp("2022-06-01")


def test_one_request_fetches_a_symbol(server, yahoo):
    yahoo.fetch(["AAPL", "JPM", "MSFT"])
    assert server.count("yahoo") == 3


def test_todays_bar_is_left_out_until_its_session_has_closed(server, yahoo):
    server.now = datetime(2022, 8, 1, 19, 59, tzinfo=UTC)  # a minute before 16:00 in New York
    assert yahoo.fetch(["AAPL"]).bars["date"].max() == pd.Timestamp("2022-07-29")
    server.now = datetime(2022, 8, 1, 20, 1, tzinfo=UTC)
    assert yahoo.fetch(["AAPL"]).bars["date"].max() == pd.Timestamp("2022-08-01")


def test_a_split_restates_close_and_a_dividend_only_the_adjusted_close(server, yahoo):
    server.listings["AAPL"].splits[date(2022, 8, 2)] = 4.0
    server.listings["JPM"].dividends[date(2022, 8, 2)] = 1.5
    asked = (["AAPL", "JPM"], date(2022, 7, 25), date(2022, 7, 29))
    before = yahoo.fetch(*asked)
    server.now = datetime(2022, 8, 2, 22, tzinfo=UTC)
    after = yahoo.fetch(*asked)  # the same range: an answer kept from before would be wrong
    for name in ("open", "high", "low", "close", "adj_close"):
        assert of(before, "AAPL")[name].to_numpy() == pytest.approx(of(after, "AAPL")[name] * 4, rel=1e-6)
    assert of(before, "JPM")["close"].tolist() == of(after, "JPM")["close"].tolist()
    paid = of(after, "JPM")["adj_close"] / of(before, "JPM")["adj_close"]
    assert paid.to_numpy() == pytest.approx(paid.iloc[0], rel=1e-6)
    assert 0.9 < paid.iloc[0] < 0.99


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (hang, r"no answer \(Timeout\)"),
        (reset, r"no answer \("),
        (BROKEN, "answered with status 500"),
        (answer(503, "<html>Service Unavailable</html>", "text/html"), "answered with status 503"),
        (answer(401, '{"finance":{"result":null,"error":{"code":"Unauthorized"}}}'), "status 401"),
        (HTML, "another format"),
        (answer(200, "Will be right back"), "another format"),
        (truncated, "another format"),
        (without("close"), "another format.*close"),
        (refused(), "limits the rate"),
    ],
)
def test_a_fault_of_one_symbol_may_pass_and_the_others_go_on(server, waits, fault, reason):
    server.fail("yahoo", "JPM", fault)
    with Redirected(server, 0.2) as session:
        source = YahooSource(session, manners=patient(waits), now=lambda: server.now)
        fetched = source.fetch(["AAPL", "JPM"])
    assert set(fetched.bars["symbol"]) == {"AAPL"}
    assert fetched.passing == {"JPM"}
    assert pd.Series(fetched.failures)["JPM":].str.contains(f"Yahoo gave no prices of JPM: .*{reason}").all()
    assert len(waits) == 2  # three attempts
    assert server.count("yahoo", "JPM") <= 6  # yfinance itself asks twice where its cookie is refused


@pytest.mark.parametrize("fault", [reset, HTML, truncated, BROKEN, refused()])
def test_a_later_attempt_that_works_is_enough(server, yahoo, waits, fault):
    server.fail("yahoo", "AAPL", fault, times=2)  # yfinance's second request may be one of them
    assert len(yahoo.fetch(["AAPL"], date(2022, 7, 29)).bars) == 2
    assert waits
    assert all(0 <= wait <= 2 for wait in waits)


def test_a_slow_answer_is_waited_for(server, yahoo):
    server.fail("yahoo", "AAPL", slow)
    assert set(yahoo.fetch(["AAPL"]).bars["symbol"]) == {"AAPL"}


@pytest.mark.parametrize("fault", [None, edited(nothing), edited(no_quotes)])
def test_a_symbol_without_prices_fails_for_good_and_at_once(server, yahoo, waits, fault):
    symbol = "AAPL" if fault else "GONE"
    if fault:
        server.fail("yahoo", symbol, fault)
    fetched = yahoo.fetch([symbol])
    assert "may be delisted or renamed" in fetched.failures[symbol]
    assert (fetched.passing, waits) == (frozenset(), [])


def test_a_range_without_sessions_says_so(server, yahoo):
    assert "no session in the range" in yahoo.fetch(["AAPL"], None, date(2022, 5, 2)).failures["AAPL"]


@pytest.mark.parametrize("names", [{"close"}, {"open", "high", "low", "close", "adjclose", "volume"}])
def test_a_bar_without_a_close_is_left_out(server, yahoo, names):
    server.fail("yahoo", "AAPL", nulls_in_the_second_bar(names))
    bars = yahoo.fetch(["AAPL"], date(2022, 7, 27), date(2022, 7, 29)).bars
    assert bars["date"].dt.day.tolist() == [27, 29]


def test_a_wait_that_yahoo_asks_for_is_kept(server, yahoo, waits):
    server.fail("yahoo", "AAPL", refused(retry_after=7), times=2)
    assert len(yahoo.fetch(["AAPL"], date(2022, 8, 1)).bars) == 1
    assert [7 <= wait <= 8 for wait in waits] == [True]


def test_a_wait_of_an_hour_is_not_sat_out(server, yahoo, waits):
    server.fail("yahoo", "*", refused(retry_after=3600))
    with pytest.raises(SourceUnavailableError, match="limits the rate"):
        yahoo.fetch(["AAPL", "JPM", "MSFT"])
    assert (waits, server.count("yahoo")) == ([], 2)  # one attempt: yfinance asked again with another cookie


def test_out_of_reach_is_said_without_asking_for_every_symbol(server, yahoo):
    server.fail("yahoo", "*", reset)
    with pytest.raises(SourceUnavailableError, match="Yahoo gave no prices of A0: no answer"):
        yahoo.fetch([f"A{number}" for number in range(40)])
    assert server.count("yahoo") == 6  # two symbols, three attempts each


def test_an_outage_on_the_way_stops_the_asking(server, yahoo):
    server.fail("yahoo", "*", reset)
    server.fail("yahoo", "AAPL", slow)
    others = [f"A{number}" for number in range(40)]
    fetched = yahoo.fetch(["AAPL", *others])
    assert set(fetched.bars["symbol"]) == {"AAPL"}
    assert fetched.passing == set(others)
    assert "was not asked for" in fetched.failures["A39"]
    assert server.count("yahoo") <= 1 + 3 * (4 + 3)  # four that failed, and those asked beside them


def test_a_refused_rate_stops_the_asking(server, yahoo):
    server.fail("yahoo", "*", refused(retry_after=3600))
    server.fail("yahoo", "AAPL", slow)
    fetched = yahoo.fetch(["AAPL", *(f"A{number}" for number in range(40))])
    assert len(fetched.passing) == 40
    assert server.count("yahoo") <= 1 + 2 * 4


def test_unknown_symbols_in_a_row_do_not_stop_the_asking(server, yahoo):
    fetched = yahoo.fetch([*(f"A{number}" for number in range(8)), "AAPL"])
    assert set(fetched.bars["symbol"]) == {"AAPL"}
    assert (len(fetched.failures), fetched.passing) == (8, frozenset())


def test_failures_between_answers_do_not_stop_the_asking(server, waits):
    mixed = [name for number in range(6) for name in (f"A{number}", f"B{number}")]
    for number in range(6):
        server.fail("yahoo", f"B{number}", reset)
    with Redirected(server) as session:
        source = YahooSource(session, manners=patient(waits, parallel=1), now=lambda: server.now)
        fetched = source.fetch(["AAPL", *mixed])
    assert len(fetched.passing) == 6
    assert "was not asked for" not in str(fetched.failures)


def test_cookie_pages_out_of_reach_do_not_matter(server, waits):
    class NoCookies(Redirected):
        def request(self, method, url, **options):
            if "chart" not in url:
                raise ConnectionError("refused")
            return super().request(method, url, **options)

    with NoCookies(server) as session:
        source = YahooSource(session, manners=patient(waits), now=lambda: server.now)
        assert set(source.fetch(["AAPL"]).bars["symbol"]) == {"AAPL"}


@pytest.mark.parametrize("part", ["yfinance", "tenacity", "limits", "curl_cffi"])
def test_without_the_extra_the_remedy_is_named(monkeypatch, part):
    monkeypatch.setitem(sys.modules, part, None)
    with pytest.raises(SourceUnavailableError, match=r"pip install 'tickgraph\[yahoo\]'"):
        YahooSource().fetch(["AAPL"])
