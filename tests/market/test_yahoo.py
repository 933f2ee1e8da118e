"""Yahoo through the real yfinance, against a local server that answers as Yahoo does."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime

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
from tickgraph.market import quality
from tickgraph.market.sources.asking import Manners
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


def test_todays_bar_is_left_out_until_its_session_has_settled(server, yahoo):
    server.now = datetime(2022, 8, 1, 19, 59, tzinfo=UTC)  # a minute before 16:00 in New York
    assert yahoo.fetch(["AAPL"]).bars["date"].max() == pd.Timestamp("2022-07-29")
    server.now = datetime(2022, 8, 1, 20, 1, tzinfo=UTC)  # what it gives now may lack the auction's trades
    assert yahoo.fetch(["AAPL"]).bars["date"].max() == pd.Timestamp("2022-07-29")
    server.now = datetime(2022, 8, 1, 20, 30, tzinfo=UTC)
    assert yahoo.fetch(["AAPL"]).bars["date"].max() == pd.Timestamp("2022-08-01")


def test_an_open_that_yahoo_has_not_keeps_no_history_from_being_used(server, yahoo):
    def opens_of_zero(document):
        document["chart"]["result"][0]["indicators"]["quote"][0]["open"][:3] = [0.0, 0.0, 0.0]

    server.fail("yahoo", "JPM", edited(opens_of_zero))
    bars, findings = quality.usable(yahoo.fetch(["JPM"]).bars)
    assert bars["open"].isna().sum() == 3
    assert [(found.kind, found.session, found.severity) for found in findings] == [
        ("no range", "2022-06-01", "warning")
    ]
    assert findings[0].detail.startswith("3 sessions have no open:")


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
    # yfinance asks again with another cookie where one is refused, and curl where a kept connection was cut.
    assert server.count("yahoo", "JPM") <= (6 if "401" in reason or fault is reset else 3)


@pytest.mark.parametrize("name", ["close", "open", "volume"])
def test_an_answer_that_lacks_a_column_is_of_another_format(server, yahoo, waits, name):
    server.fail("yahoo", "JPM", without(name))
    fetched = yahoo.fetch(["AAPL", "JPM"])
    assert f"it lacks {name}" in fetched.failures["JPM"]
    assert (set(fetched.bars["symbol"]), fetched.passing) == ({"AAPL"}, {"JPM"})
    assert (waits, server.count("yahoo", "JPM")) == ([], 1)


def test_plain_closes_do_not_stand_in_for_adjusted_ones(server, yahoo):
    server.listings["JPM"].dividends[date(2022, 7, 1)] = 1.5
    server.fail("yahoo", "JPM", edited(lambda d: d["chart"]["result"][0]["indicators"].pop("adjclose")))
    fetched = yahoo.fetch(["AAPL", "JPM"])
    assert "it lacks adjclose" in fetched.failures["JPM"]
    assert fetched.passing == {"JPM"}


def test_one_symbol_with_bad_answers_is_not_an_outage(server, yahoo):
    server.fail("yahoo", "JPM", BROKEN)
    fetched = yahoo.fetch(["JPM"])
    assert fetched.passing == {"JPM"}
    assert len(fetched.bars) == 0
    fetched = yahoo.fetch(["JPM", "AAPL"])  # nor do its failures keep the next from being asked for
    assert set(fetched.bars["symbol"]) == {"AAPL"}


def test_a_symbol_that_yahoo_does_not_know_costs_one_request(server, yahoo):
    yahoo.fetch(["AAPL"])
    visits = list(server.visits)
    yahoo.fetch(["GONE", "JPM"])
    assert server.count("yahoo") == 3
    # yfinance would have fetched new cookies; and, where it keeps none on disk, one before each request.
    assert (
        server.visits == visits == ["/yahoo/fc.yahoo.com", "/yahoo/query1.finance.yahoo.com/v1/test/getcrumb"]
    )


def test_an_answer_about_another_symbol_is_refused(server, yahoo):
    server.fail("yahoo", "AAPL", edited(lambda d: d["chart"]["result"][0]["meta"].update(symbol="APPL2")))
    fetched = yahoo.fetch(["AAPL"])
    assert "prices of 'APPL2'. Check whether AAPL was renamed" in fetched.failures["AAPL"]
    assert fetched.passing == frozenset()


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
    assert [7 <= wait <= 9 for wait in waits] == [True, True]
    assert server.count("yahoo") == 3


def test_a_wait_until_a_moment_is_kept(server, yahoo, waits):
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=50), usegmt=True)
    server.fail("yahoo", "AAPL", refused(retry_after=moment), times=1)
    yahoo.fetch(["AAPL"])
    assert [30 <= wait <= 51 for wait in waits] == [True]


def test_a_wait_asked_for_one_symbol_holds_for_the_others(server, yahoo, waits):
    server.fail("yahoo", "AAPL", refused(retry_after=40), times=1)
    yahoo.fetch(["AAPL", "JPM"])
    assert [30 <= wait <= 41 for wait in waits] == [True, True]


@pytest.mark.parametrize("text", ["soon", "", "nan"])
def test_a_wait_that_cannot_be_read_is_our_own(server, yahoo, waits, text):
    server.fail("yahoo", "AAPL", refused(retry_after=text), times=1)
    assert len(yahoo.fetch(["AAPL"], date(2022, 8, 1)).bars) == 1
    assert [0 <= wait <= 1 for wait in waits] == [True]


def test_a_wait_of_an_hour_is_not_sat_out(server, yahoo, waits):
    server.fail("yahoo", "*", refused(retry_after=3600))
    with pytest.raises(SourceUnavailableError, match="limits the rate"):
        yahoo.fetch(["AAPL", "JPM", "MSFT"])
    assert (waits, server.count("yahoo")) == ([], 1)


def test_out_of_reach_is_said_without_asking_for_every_symbol(server, yahoo):
    server.fail("yahoo", "*", reset)
    with pytest.raises(SourceUnavailableError, match="Yahoo gave no prices of A0: no answer"):
        yahoo.fetch([f"A{number}" for number in range(40)])
    # Two symbols, three attempts each; curl asks again where a kept connection was cut.
    assert server.count("yahoo") <= 12


def test_an_outage_on_the_way_stops_the_asking(server, yahoo):
    server.fail("yahoo", "*", reset)
    server.fail("yahoo", "AAPL", slow)
    others = [f"A{number}" for number in range(40)]
    fetched = yahoo.fetch(["AAPL", *others])
    assert set(fetched.bars["symbol"]) == {"AAPL"}
    assert fetched.passing == set(others)
    assert "was not asked for" in fetched.failures["A39"]
    # Four that failed and those asked beside them; curl asks again where a kept connection was cut.
    assert server.count("yahoo") <= 1 + 3 * (4 + 3) * 2


def test_a_refused_rate_stops_the_asking(server, yahoo):
    server.fail("yahoo", "*", refused(retry_after=3600))
    server.fail("yahoo", "AAPL", slow)
    fetched = yahoo.fetch(["AAPL", *(f"A{number}" for number in range(40))])
    assert len(fetched.passing) == 40
    assert server.count("yahoo") <= 1 + 4  # those that were asked for side by side


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


def test_cookie_pages_out_of_reach_are_waited_for_once(server, waits):
    tried = []

    class NoCookies(Redirected):
        def _send(self, method, url, options):
            if "chart" not in url:
                tried.append(options["timeout"])
                raise ConnectionError("refused")
            return super()._send(method, url, options)

    with NoCookies(server) as session:
        source = YahooSource(session, manners=patient(waits), now=lambda: server.now)
        assert set(source.fetch(["AAPL", "JPM"]).bars["symbol"]) == {"AAPL", "JPM"}
    assert tried == [(1.0, 1.0)]  # not yfinance's 30 s


def test_a_consent_page_is_agreed_to(server, waits):
    class Asked(Redirected):
        agreed = False

        def _send(self, method, url, options):
            if "chart" in url and not self.agreed:
                response = super()._send("GET", "https://guce.yahoo.com/consent", {"timeout": 2.0})
                response.url = "https://consent.yahoo.com/v2/collectConsent?sessionId=s"
                return response
            if method == "POST":
                self.agreed = True
                return super()._send("GET", "https://query2.finance.yahoo.com/v8/finance/chart/AAPL", options)
            return super()._send(method, url, options)

    with Asked(server) as session:
        source = YahooSource(session, manners=patient(waits), now=lambda: server.now)
        assert set(source.fetch(["AAPL"]).bars["symbol"]) == {"AAPL"}


def test_requests_keep_to_the_rate_over_several_fetches(server, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr("time.time", lambda: clock[0])
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        clock[0] += seconds

    with Redirected(server) as session:
        source = YahooSource(session, manners=Manners(rate="2/minute", sleep=sleep), now=lambda: server.now)
        source.fetch(["AAPL", "JPM"])
        assert slept == []
        source.fetch(["MSFT"])
        assert 59 <= sum(slept) <= 61


def test_yfinances_own_warnings_are_not_shown_to_users(server, yahoo, recwarn):
    server.listings["AAPL"].dividends[date(2022, 7, 1)] = 1.5
    assert len(yahoo.fetch(["AAPL"]).bars)
    assert not [warning for warning in recwarn if "yfinance" in warning.filename]


@pytest.mark.parametrize("part", ["yfinance", "tenacity", "limits", "curl_cffi"])
def test_without_the_extra_the_remedy_is_named(monkeypatch, part):
    monkeypatch.setitem(sys.modules, part, None)
    with pytest.raises(SourceUnavailableError, match='needs the extra "yahoo"'):
        YahooSource().fetch(["AAPL"])
