"""Prices and symbols in requests: one price a symbol, one check of a price, every spelling of a symbol."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzzing import FACTOR, examples
from tickgraph.errors import InputError
from tickgraph.market.price import prices_by_symbol, read_price


@pytest.mark.parametrize(
    "symbols", ["AAPL:31,AAPL:40", "JPM,FB:31,META:40", "BRK.B:31,BRK-B:40", "AAPL:31,AAPL:31"]
)
def test_two_prices_of_a_symbol_are_an_error_in_the_words_of_the_command(service, symbols):
    answer = service.get("/forecast", params={"symbols": symbols})
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:tickgraph:problem:bad-input")
    pairs = [tuple(word.split(":")) for word in symbols.split(",") if ":" in word]
    with pytest.raises(InputError) as local:
        prices_by_symbol(pairs, read_price)
    assert answer.json()["detail"] == str(local.value)
    assert "is given two prices, 31 and" in str(local.value)


@pytest.mark.parametrize("symbols", ["AAPL:130,AAPL", "AAPL,AAPL:130", "aapl, AAPL.US:130"])
def test_a_symbol_named_twice_has_the_one_price_it_is_given(service, symbols):
    body = service.get("/forecast", params={"symbols": symbols}).json()
    assert (list(body["forecasts"]), body["failures"]) == (["AAPL"], {})
    assert body["forecasts"]["AAPL"]["price"] == 130


@pytest.mark.parametrize(
    "price",
    ["1_000", "\uff11\uff13\uff10", "1e400", "1e10", "0", "-1", "nan", "inf", "cheap", "1,000", "0x10"],
)
def test_a_price_is_read_alike_wherever_it_stands(service, price):
    with pytest.raises(InputError) as local:
        read_price("AAPL", price)
    said = str(local.value).removeprefix("Price of AAPL ")
    for path, query in (
        ("/forecast/AAPL", {"price": price}),
        ("/forecast/AAPL/probability", {"price": price, "strike": "130"}),
        ("/forecast/AAPL/probability", {"strike": price}),
    ):
        answer = service.get(path, params=query)
        assert answer.status_code == 422, path
        assert said in answer.json()["detail"]
    answer = service.get("/forecast", params={"symbols": f"AAPL:{price}"})
    if price.isascii() and "," not in price:
        assert said in answer.json()["failures"][f"AAPL:{price}"]["detail"]


@pytest.mark.parametrize("written", ["AAPL.US", "aapl us", "AAPL_US", "AAPL-US", "AAPL.O"])
def test_a_symbol_is_read_in_every_spelling(service, written):
    assert service.get(f"/symbols/{written}").json()["symbol"] == "AAPL"
    assert list(service.get("/forecast", params={"symbols": written}).json()["forecasts"]) == ["AAPL"]


def test_what_is_no_symbol_is_told_why(service):
    assert "it is marked as one of London (XLON)" in service.get("/forecast/VOD.L").json()["detail"]
    assert "it looks like an index" in service.get("/symbols/^GSPC").json()["detail"]
    failures = service.get("/forecast", params={"symbols": "BTC-USD,AAPL,ES=F"}).json()["failures"]
    assert [one["status"] for one in failures.values()] == [422, 422]
    assert "it looks like a coin" in failures["BTC-USD"]["detail"]


@pytest.mark.parametrize("symbols", ["", ",", " ", " , ,", "AAPL\n", "\u4e01"])
def test_a_list_of_nothing_breaks_the_pattern_of_the_document(service, symbols):
    (parameter,) = service.get("/openapi.json").json()["paths"]["/forecast"]["get"]["parameters"]
    assert not re.search(parameter["schema"]["pattern"].replace("$", r"\Z"), symbols)
    assert service.get("/forecast", params={"symbols": symbols}).status_code == 422


def test_a_list_that_fits_the_pattern_is_answered(service):
    (parameter,) = service.get("/openapi.json").json()["paths"]["/forecast"]["get"]["parameters"]

    @given(st.from_regex(parameter["schema"]["pattern"].replace("$", r"\Z")))
    @settings(
        max_examples=examples(40),
        deadline=None,
        derandomize=FACTOR == 1,
        suppress_health_check=list(HealthCheck),
    )
    def ask(symbols):
        answer = service.get("/forecast", params={"symbols": symbols})
        assert answer.status_code == 200 or "is given two prices" in answer.text, symbols

    ask()
