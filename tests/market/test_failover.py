"""One provider's outage is survived through the other, in a fetch and in the store."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from provider_server import BROKEN, HTML, Listing, answer, refused, reset
from tickgraph.errors import InputError, SourceUnavailableError
from tickgraph.market.sources.failover import FailoverSource
from tickgraph.market.sources.tiingo import NO_TOKEN
from tickgraph.market.store import PriceStore

NAMES = ("AAPL", "JPM", "MSFT")
DOWN = answer(503, "{}")


@pytest.fixture
def live(server, yahoo, tiingo):
    return FailoverSource([yahoo, tiingo], now=lambda: server.now)


@pytest.fixture
def store(server, tmp_path):
    return PriceStore(tmp_path, now=lambda: server.now)


def next_evening(server, days=1):
    server.now += timedelta(days=days)


def test_the_first_provider_gives_all_while_it_can(server, live):
    fetched = live.fetch(NAMES)
    assert fetched.providers == dict.fromkeys(NAMES, "yahoo")
    assert (fetched.failures, server.count("tiingo")) == ({}, 0)


@pytest.mark.parametrize("fault", [reset, BROKEN, HTML, refused(3600)])
def test_a_symbol_that_fails_for_a_passing_reason_is_asked_of_the_next(server, live, fault):
    server.fail("yahoo", "JPM", fault)
    fetched = live.fetch(["MSFT", "JPM", "AAPL"], date(2022, 7, 28))
    assert fetched.providers["JPM"] == "tiingo"
    assert (fetched.providers["MSFT"], fetched.failures, fetched.passing) == ("yahoo", {}, frozenset())
    assert fetched.bars["symbol"].tolist() == ["AAPL"] * 3 + ["JPM"] * 3 + ["MSFT"] * 3
    assert "MSFT" not in [symbol for provider, symbol in server.asked if provider == "tiingo"]


def test_an_unknown_symbol_is_asked_of_each_and_then_final(server, live):
    fetched = live.fetch(["AAPL", "GONE"])
    assert server.count("tiingo", "GONE") == 1
    assert "yahoo: Yahoo has no prices of GONE" in fetched.failures["GONE"]
    assert "tiingo: Tiingo has no prices of GONE" in fetched.failures["GONE"]
    assert fetched.passing == frozenset()


def test_a_symbol_that_only_the_second_knows_is_taken_from_it(server, live):
    server.fail(
        "yahoo", "JPM", answer(404, '{"chart":{"result":null,"error":{"description":"No data found"}}}')
    )
    assert live.fetch(["AAPL", "JPM"]).providers == {"AAPL": "yahoo", "JPM": "tiingo"}


@pytest.mark.parametrize(("first", "second"), [(reset, None), (None, DOWN)])
def test_unknown_to_one_is_not_final_where_another_could_not_say(server, live, first, second):
    for provider, fault in (("yahoo", first), ("tiingo", second)):
        if fault:
            server.fail(provider, "GONE", fault)
    # Something that only the second has, so that it is not wholly out of reach.
    server.fail("yahoo", "JPM", reset)
    fetched = live.fetch(["AAPL", "JPM", "GONE"])
    assert fetched.passing == {"GONE"}
    assert fetched.failures.keys() == {"GONE"}


def test_unknown_to_the_first_is_final_where_no_other_can_be_asked(yahoo):
    fetched = FailoverSource([yahoo], left_out={"tiingo": NO_TOKEN}).fetch(["AAPL", "GONE"])
    assert fetched.passing == frozenset()
    assert "token" not in fetched.failures["GONE"]


def test_unknown_to_one_is_not_final_while_another_is_left_alone(server, live):
    server.fail("tiingo", "*", reset)
    for _ in range(2):
        fetched = live.fetch(["AAPL", "GONE"])
        assert fetched.passing == {"GONE"}
        assert "tiingo: Tiingo gave no prices of GONE: no answer" in fetched.failures["GONE"]


def test_no_provider_within_reach_is_an_error_with_each_reason(server, live):
    server.fail("yahoo", "*", reset)
    server.fail("tiingo", "*", refused())
    with pytest.raises(SourceUnavailableError, match="yahoo: .*no answer.* tiingo: .*limit of requests"):
        live.fetch(NAMES)


def test_a_provider_that_is_left_out_says_why_only_where_none_is_left(server, yahoo):
    live = FailoverSource([yahoo], left_out={"tiingo": NO_TOKEN})
    assert set(live.fetch(NAMES).providers.values()) == {"yahoo"}
    server.fail("yahoo", "*", reset)
    with pytest.raises(SourceUnavailableError, match="tiingo: .*Set TICKGRAPH_TIINGO_TOKEN"):
        live.fetch(NAMES)


def test_one_symbol_with_bad_answers_does_not_put_its_provider_aside(server, live):
    server.fail("yahoo", "JPM", BROKEN)
    assert live.fetch(["JPM"]).providers == {"JPM": "tiingo"}
    assert live.fetch(["AAPL", "MSFT"]).providers == {"AAPL": "yahoo", "MSFT": "yahoo"}


def test_a_provider_out_of_reach_is_left_alone_for_a_while(server, live):
    server.fail("yahoo", "*", DOWN)
    live.fetch(NAMES)
    asked = server.count("yahoo")
    for _ in range(3):
        assert set(live.fetch(NAMES).providers.values()) == {"tiingo"}
    assert server.count("yahoo") == asked
    server.heal()
    server.now += timedelta(minutes=14)
    assert set(live.fetch(NAMES).providers.values()) == {"tiingo"}
    server.now += timedelta(minutes=2)
    assert set(live.fetch(NAMES).providers.values()) == {"yahoo"}


def test_while_all_are_left_alone_the_error_says_until_when(server, live):
    server.fail("yahoo", "*", reset)
    server.fail("tiingo", "*", reset)
    for _ in range(2):
        with pytest.raises(SourceUnavailableError) as caught:
            live.fetch(NAMES)
    assert str(caught.value).count("not asked again before 2022-08-01 22:15 UTC") == 2


def test_an_empty_range_is_an_error_that_costs_no_request(server, live):
    with pytest.raises(InputError, match="Empty date range"):
        live.fetch(NAMES, date(2022, 7, 2), date(2022, 7, 1))
    assert server.asked == []


def test_in_the_store_one_symbol_that_fails_keeps_the_others(server, yahoo, store):
    store.update(yahoo, NAMES)
    next_evening(server)
    server.fail("yahoo", "JPM", reset)
    report = store.update(yahoo, NAMES)
    assert report.added == {"AAPL": 1, "MSFT": 1}
    assert "Yahoo gave no prices of JPM" in report.failures["JPM"]
    assert store.stored("yahoo", "JPM").last == date(2022, 8, 1)  # as it was


@pytest.mark.parametrize("event", ["splits", "dividends"])
def test_in_the_store_a_split_or_dividend_restates_a_history_from_either_provider(
    server, yahoo, tiingo, store, event
):
    getattr(server.listings["JPM"], event)[date(2022, 8, 2)] = 2.0
    for source in (yahoo, tiingo):
        server.now = datetime(2022, 8, 1, 22, tzinfo=UTC)
        store.update(source, NAMES)
        next_evening(server)
        report = store.update(source, NAMES)
        assert (report.restated, report.failures) == (["JPM"], {})
        assert report.added["AAPL"] == 1


def test_in_the_store_an_outage_is_survived_and_healed(server, live, store):
    assert store.update(live, NAMES).failures == {}
    assert store.panel("live", NAMES).providers == dict.fromkeys(NAMES, "yahoo")

    next_evening(server)
    server.fail("yahoo", "*", DOWN)
    report = store.update(live, NAMES)
    assert report.switched == dict.fromkeys(NAMES, "tiingo")
    assert (report.failures, report.restated) == ({}, [])
    panel = store.panel("live", NAMES)
    assert panel.providers == dict.fromkeys(NAMES, "tiingo")
    assert str(panel.sessions[-1]) == "2022-08-02"
    assert server.count("yahoo") == 3 + 9  # the histories, then three attempts each, and no more

    next_evening(server)
    server.heal()
    report = store.update(live, NAMES)
    assert report.switched == dict.fromkeys(NAMES, "yahoo")
    assert store.panel("live", NAMES).providers == dict.fromkeys(NAMES, "yahoo")
    assert str(store.panel("live", NAMES).sessions[-1]) == "2022-08-03"


def test_in_the_store_an_outage_of_all_keeps_what_was_there(server, live, store):
    store.update(live, NAMES)
    next_evening(server)
    server.fail("yahoo", "*", reset)
    server.fail("tiingo", "*", DOWN)
    report = store.update(live, NAMES)
    assert report.failures.keys() == set(NAMES)
    assert "No provider of prices can be reached" in report.failures["JPM"]
    assert store.stored("live", "JPM").last == date(2022, 8, 1)


def test_in_the_store_symbols_behind_the_others_that_fail_move_none_of_them(server, live, store):
    behind = "AAA", "AAB"
    server.listings |= {name: Listing(5) for name in behind}
    store.update(live, behind)
    next_evening(server)
    store.update(live, NAMES)
    next_evening(server)
    for name in behind:
        server.fail("yahoo", name, BROKEN)
    report = store.update(live, [*behind, *NAMES])
    assert report.switched == dict.fromkeys(behind, "tiingo")
    assert store.panel("live", NAMES).providers == dict.fromkeys(NAMES, "yahoo")
    assert store.update(live, NAMES).failures == {}
    assert live.fetch(NAMES).providers == dict.fromkeys(NAMES, "yahoo")


def test_few_symbols_that_fail_do_not_lay_off_a_provider_that_has_just_answered(server, live):
    live.fetch(["AAPL"])
    few = ["JPM", "MSFT"]
    for name in few:
        server.fail("yahoo", name, BROKEN)
    assert live.fetch(few).providers == dict.fromkeys(few, "tiingo")
    assert live.fetch(["AAPL"]).providers == {"AAPL": "yahoo"}
    server.now += timedelta(minutes=16)
    assert live.fetch(few).providers == dict.fromkeys(few, "tiingo")
    assert live.fetch(["AAPL"]).providers == {"AAPL": "tiingo"}


def test_many_symbols_that_fail_lay_off_a_provider_that_has_just_answered(server, live):
    live.fetch(["AAPL"])
    server.fail("yahoo", "*", BROKEN)
    live.fetch([*NAMES, "XOM", "BRK-B"])
    server.heal()
    assert live.fetch(["AAPL"]).providers == {"AAPL": "tiingo"}
