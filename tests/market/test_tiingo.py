"""Tiingo against a local server that answers as it does."""

from __future__ import annotations

import logging
import sys
import traceback
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest
from pydantic import SecretStr

from provider_server import TOKEN, answer, edited, hang, patient, refused, reset, slow, truncated
from tickgraph.errors import SourceUnavailableError
from tickgraph.market.sources.asking import Manners, seconds_to_wait
from tickgraph.market.sources.tiingo import TiingoSource

OVER_AN_HOUR = "Error: You have run over your hourly request allocation. Please upgrade."
OVER_A_MONTH = '{"detail": "You have run over your 500 symbol look up for this month. Please upgrade."}'


def test_rows_become_bars(server, tiingo):
    fetched = tiingo.fetch(["BRK-B", "AAPL"], date(2022, 7, 28), date(2022, 7, 29))
    assert fetched.bars["symbol"].tolist() == ["BRK-B"] * 2 + ["AAPL"] * 2
    assert fetched.bars["date"].dt.day.tolist() == [28, 29] * 2
    _, _, close, _ = server.listings["AAPL"].through(np.datetime64("2022-07-29"))
    assert fetched.bars["close"].to_numpy()[2:] == pytest.approx(close[-2:])
    assert (fetched.failures, fetched.passing) == ({}, frozenset())


def test_both_providers_agree_on_splits_and_dividends(server, yahoo, tiingo):
    server.listings["AAPL"].splits = {date(2022, 6, 15): 2.0, date(2022, 7, 20): 4.0}
    server.listings["AAPL"].dividends = {date(2022, 6, 20): 0.5, date(2022, 7, 25): 0.7}
    mine, theirs = tiingo.fetch(["AAPL"]).bars, yahoo.fetch(["AAPL"]).bars
    for name in ("open", "high", "low", "close", "adj_close", "volume"):
        assert mine[name].to_numpy() == pytest.approx(theirs[name].to_numpy(float), rel=1e-5)


def test_splits_after_the_last_day_asked_for_count(server, tiingo):
    server.listings["AAPL"].splits[date(2022, 8, 1)] = 4.0
    asked = (["AAPL"], date(2022, 7, 25), date(2022, 7, 29))
    after = tiingo.fetch(*asked).bars
    server.now = datetime(2022, 7, 29, 22, tzinfo=UTC)
    before = tiingo.fetch(*asked).bars
    for name in ("open", "high", "low", "close", "adj_close"):
        assert before[name].to_numpy() == pytest.approx(after[name].to_numpy() * 4)
    assert after["volume"].tolist() == (before["volume"] * 4).tolist()


def test_a_session_that_has_not_closed_is_left_out(server):
    early = datetime(2022, 8, 1, 19, 59, tzinfo=UTC)
    source = TiingoSource(SecretStr(TOKEN), address=server.address, manners=patient([]), now=lambda: early)
    assert source.fetch(["AAPL"]).bars["date"].max() == pd.Timestamp("2022-07-29")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (hang, r"no answer \(ReadTimeout\)"),
        (reset, r"no answer \(ReadError\)"),
        (answer(500, '{"detail":"Internal"}'), "status 500"),
        (answer(302, "", Location="http://127.0.0.1:9/"), "status 302"),
        (answer(200, "<html>Sorry</html>", "text/html"), "not JSON"),
        (truncated, "not JSON"),
        (answer(200, '{"detail":"odd"}'), "not a list of rows"),
        (answer(200, "[1, 2]"), "not a list of rows"),
        (edited(lambda rows: [row.pop("adjClose") for row in rows]), "lacks the columns adjClose"),
        (edited(lambda rows: rows[0].update(close="dear")), "cannot be read"),
        (edited(lambda rows: rows[0].update(date="yesterday")), "cannot be read"),
        (edited(lambda rows: rows[0].update(date=None)), "without a date"),
    ],
)
def test_a_fault_of_one_symbol_may_pass_and_the_others_go_on(server, waits, fault, reason):
    server.fail("tiingo", "JPM", fault)
    source = TiingoSource(
        SecretStr(TOKEN),
        address=server.address,
        manners=patient(waits),
        timeout_seconds=0.2,
        now=lambda: server.now,
    )
    fetched = source.fetch(["AAPL", "JPM"])
    assert set(fetched.bars["symbol"]) == {"AAPL"}
    assert fetched.passing == {"JPM"}
    assert fetched.failures["JPM"].startswith("Tiingo gave no prices of JPM: ")
    assert pd.Series(fetched.failures).str.contains(reason).all()
    assert (len(waits), server.count("tiingo", "JPM")) == (2, 3)


@pytest.mark.parametrize("fault", [reset, truncated, refused(retry_after=3)])
def test_a_later_attempt_that_works_is_enough(server, tiingo, waits, fault):
    server.fail("tiingo", "AAPL", fault, times=2)
    assert len(tiingo.fetch(["AAPL"], date(2022, 7, 29)).bars) == 2
    assert len(waits) == 2


def test_a_slow_answer_is_waited_for(server, tiingo):
    server.fail("tiingo", "AAPL", slow)
    assert set(tiingo.fetch(["AAPL"]).bars["symbol"]) == {"AAPL"}


@pytest.mark.parametrize("fault", [None, answer(200, "[]")])
def test_a_symbol_without_prices_fails_for_good_and_at_once(server, tiingo, waits, fault):
    symbol = "AAPL" if fault else "GONE"
    if fault:
        server.fail("tiingo", symbol, fault)
    fetched = tiingo.fetch([symbol])
    assert "may be delisted or renamed" in fetched.failures[symbol]
    assert (fetched.passing, waits) == (frozenset(), [])


def test_a_row_without_a_close_is_left_out(server, tiingo):
    server.fail("tiingo", "AAPL", edited(lambda rows: rows[0].update(close=None)))
    assert tiingo.fetch(["AAPL"], date(2022, 7, 29)).bars["date"].dt.day.tolist() == [1]


@pytest.mark.parametrize(
    "fault",
    [refused(), refused(3600), answer(200, OVER_AN_HOUR, "text/plain"), answer(403, "{}"), answer(401, "{}")],
)
def test_what_concerns_the_account_is_not_tried_again(server, tiingo, waits, fault):
    server.fail("tiingo", "*", fault)
    with pytest.raises(SourceUnavailableError, match="limit of requests or symbols is used up|TIINGO_TOKEN"):
        tiingo.fetch(["AAPL", "JPM", "XOM"])
    assert (waits, server.count("tiingo")) == ([], 1)


def test_when_the_symbols_of_a_month_are_used_up_those_already_given_are_still_asked_for(
    server, tiingo, waits
):
    for symbol in ("JPM", "XOM"):
        server.fail("tiingo", symbol, answer(200, OVER_A_MONTH))
    fetched = tiingo.fetch(["JPM", "XOM", "AAPL", "MSFT"])
    assert set(fetched.bars["symbol"]) == {"AAPL", "MSFT"}
    assert "symbols is used up" in fetched.failures["JPM"]
    assert (fetched.passing, waits, server.count("tiingo")) == ({"JPM", "XOM"}, [], 4)


def test_out_of_reach_is_said_without_asking_for_every_symbol(server, tiingo):
    server.fail("tiingo", "*", reset)
    with pytest.raises(SourceUnavailableError, match="Check the network"):
        tiingo.fetch([f"A{number}" for number in range(40)])
    assert server.count("tiingo") == 6


def test_the_rate_is_bounded(server):
    waits, served = [], []

    def wait(seconds):
        waits.append(seconds)
        served.append(server.count("tiingo"))
        server.closing.wait(seconds)

    manners = Manners(rate="2/second", sleep=wait)
    source = TiingoSource(SecretStr(TOKEN), address=server.address, manners=manners, now=lambda: server.now)
    assert len(source.fetch(["AAPL", "JPM", "XOM"]).bars["symbol"].unique()) == 3
    assert waits
    assert served[0] <= 2


def test_the_rate_is_bounded_over_several_requests_for_prices(server):
    waits = []

    def wait(seconds):
        waits.append(server.count("tiingo"))
        server.closing.wait(seconds)

    manners = Manners(rate="2/second", sleep=wait)
    source = TiingoSource(SecretStr(TOKEN), address=server.address, manners=manners, now=lambda: server.now)
    for symbol in ("AAPL", "JPM", "XOM"):
        source.fetch([symbol])
    assert waits[0] == 2


def test_the_token_is_in_no_address_message_or_log(server, caplog):
    caplog.set_level(logging.DEBUG)
    said = []
    for fault in (None, reset, answer(500, "{}"), answer(401, '{"detail":"Invalid token."}'), refused()):
        server.heal()
        if fault:
            server.fail("tiingo", "AAPL", fault)
        source = TiingoSource(
            SecretStr(TOKEN), address=server.address, manners=patient([]), now=lambda: server.now
        )
        said.append(repr(source) + repr(vars(source)))
        try:
            said.append(str(source.fetch(["AAPL"])))
        except SourceUnavailableError as error:
            said += traceback.format_exception(error)
    assert len(said) > 10
    assert "/tiingo/daily/AAPL/prices" in caplog.text
    assert TOKEN not in "".join([*said, caplog.text, str(server.queries)])


def test_without_a_token_the_remedy_is_named():
    with pytest.raises(SourceUnavailableError, match="Set TICKGRAPH_TIINGO_TOKEN"):
        TiingoSource().fetch(["AAPL"])


@pytest.mark.parametrize("part", ["httpx", "tenacity", "limits"])
def test_without_the_extra_the_remedy_is_named(monkeypatch, part):
    monkeypatch.setitem(sys.modules, part, None)
    with pytest.raises(SourceUnavailableError, match='needs the extra "tiingo"'):
        TiingoSource(SecretStr(TOKEN)).fetch(["AAPL"])


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("12", 12),
        ("-3", 0),
        ("Mon, 01 Aug 2022 22:01:00 GMT", 60),
        ("Mon, 01 Aug 2022 21:00:00 -0000", 0),
        ("soon", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header, seconds):
    assert seconds_to_wait(header, datetime(2022, 8, 1, 22, tzinfo=UTC)) == seconds
