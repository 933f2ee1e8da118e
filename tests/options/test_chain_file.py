"""Option chains in the dialects in which people download them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tickgraph.errors import InputError, PriceDataError
from tickgraph.market.spelling import Symbol
from tickgraph.options.chain_file import chain_of_text, is_of, read_chain
from tickgraph.options.contract_name import contract_of


def chain(name):
    """A file as it is downloaded, cut to a few rows."""
    return (Path(__file__).parent / "chains" / f"{name}.csv").read_text("utf-8")


YAHOO = chain("yahoo")
YAHOO_PAGE = chain("yahoo_page")
CBOE = chain("cboe")
THINKORSWIM = chain("thinkorswim")
SCHWAB = chain("schwab")
INTERACTIVE_BROKERS = chain("interactive_brokers")
PLAIN = chain("plain")


def only(values, place=0):
    return None if values is None or np.isnan(values[place]) else pytest.approx(values[place])


@pytest.mark.parametrize(
    "text",
    [YAHOO, CBOE, THINKORSWIM, SCHWAB, INTERACTIVE_BROKERS, PLAIN],
    ids=["yahoo", "cboe", "thinkorswim", "schwab", "interactive brokers", "plain"],
)
def test_every_dialect_says_the_same_of_one_strike(text):
    read = chain_of_text(text, "chain.csv")
    first = read.quotes[0]
    assert (str(first.expiry), first.strikes[0]) == ("2023-01-20", 125.0)
    assert (only(first.calls), only(first.puts)) == (7.5, 2.2)
    assert read.symbol == ("AAPL" if "AAPL" in text and text is not THINKORSWIM else None)


@pytest.mark.parametrize("text", [CBOE, THINKORSWIM], ids=["cboe", "thinkorswim"])
def test_a_straddle_has_calls_and_puts_of_every_expiry(text):
    january, february = chain_of_text(text, "chain.csv").quotes
    assert january.strikes.tolist() == [125.0, 170.0]
    assert only(january.calls, 1) is None  # nobody bids
    assert only(january.puts, 1) == pytest.approx(40.1)
    assert (str(february.expiry), only(february.calls), only(february.puts)) == ("2023-02-17", 6.2, 5.6)


@pytest.mark.parametrize(
    ("text", "volatility"), [(YAHOO, 0.5), (YAHOO_PAGE, 0.5)], ids=["fractions", "with a sign"]
)
def test_the_volatility_of_the_file_counts_where_there_is_no_mid_price(text, volatility):
    (quotes,) = chain_of_text(text, "chain.csv").quotes
    assert only(quotes.implied_volatilities, 0) is None
    assert only(quotes.implied_volatilities, len(quotes) - 1) == volatility


def test_volatilities_in_per_cent_without_a_sign_are_known_by_their_size():
    _, february = chain_of_text(INTERACTIVE_BROKERS, "chain.csv").quotes
    assert only(february.implied_volatilities) == 0.335


def test_contracts_that_nobody_quotes_are_counted():
    text = PLAIN + "2023-01-20;put;130;\n"
    read = chain_of_text(text, "chain.csv")
    assert read.remarks == ("1 contract of chain.csv has no usable bid and ask",)
    assert read.quotes[0].strikes.tolist() == [125.0, 130.0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "chain.csv: no line names the columns of an option chain"),
        ("", "chain.csv: no line names the columns"),
        ("expiry,type,strike,bid,ask\n", "chain.csv has a header and no options below it"),
        (
            "expiry,type,strike,bid,ask\n2023-01-20,call,13O,1,2\n",
            "chain.csv, row 2, column strike: a number was expected, got '13O'",
        ),
        (
            "expiry,type,strike,bid,ask\n2023-01-20,call,-5,1,2\n",
            "chain.csv, row 2, column strike: a strike above 0 was expected, got -5",
        ),
        (
            "expiry,type,strike,Bid,Ask\n2023-01-20,call,130,1,2\n2023-01-20,call,135,x,2\n",
            "chain.csv, row 3, column Bid: a number was expected, got 'x'",
        ),
        (
            "Expiration Date,type,strike,bid,ask\nsoon,call,130,1,2\n",
            "chain.csv, row 2, column Expiration Date: a day such as 2023-01-20 was expected, got 'soon'",
        ),
        (
            "expiry,strike,bid,ask\n2023-01-20,130,1,2\n",
            "chain.csv, row 2: nothing says whether this is a call or a put",
        ),
        ("type,strike,bid,ask\ncall,130,1,2\n", "chain.csv, row 2: nothing says when this option expires"),
        (YAHOO + YAHOO.splitlines()[1].replace("AAPL", "MSFT"), "has options of AAPL and of MSFT"),
    ],
)
def test_what_cannot_be_read_is_an_error_that_names_file_row_and_column(text, said):
    with pytest.raises(PriceDataError) as raised:
        chain_of_text(text, "chain.csv")
    assert said in str(raised.value)


def test_a_file_is_read_in_every_encoding_that_spreadsheets_write(tmp_path):
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        (tmp_path / "chain.csv").write_text(CBOE, encoding)
        assert len(read_chain(tmp_path / "chain.csv").quotes) == 2


def test_no_file_is_an_error(tmp_path):
    with pytest.raises(InputError, match="There is no file"):
        read_chain(tmp_path / "chain.csv")


@pytest.mark.parametrize(
    ("root", "symbol", "is_its"),
    [("BRKB", "BRK-B", True), ("AAPL", "AAPL", True), (None, "AAPL", True), ("AAPL1", "AAPL", False)],
)
def test_a_contracts_root_is_the_symbol_without_punctuation(root, symbol, is_its):
    assert is_of(root, Symbol(symbol)) == is_its


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Expiry;Strike;Type;Bid;Ask\n2023-01-20;130,5;Call;1,25;1,35\n", "Write decimals with a point"),
        ("contractSymbol,bid,ask\nAAPL230120C00000000,1,2\n", "a strike above 0 was expected, got 0"),
    ],
)
def test_a_number_that_may_be_misread_is_refused(text, said):
    with pytest.raises(PriceDataError, match=said):
        chain_of_text(text, "chain.csv")


def test_yahoos_volatility_of_no_quotes_is_none():
    text = "expiry,strike,type,bid,ask,iv\n2023-01-20,130,call,0,0,0.00001\n2023-01-20,130,put,0,0,0.35\n"
    (quotes,) = chain_of_text(text, "chain.csv").quotes
    assert quotes.implied_volatilities.tolist() == [0.35]


def test_a_text_too_long_for_a_contract_is_none():
    assert contract_of("A" + " " * 100_000 + "x") is None
    assert contract_of("AAPL " + "JAN " * 50 + "20 '23 130 Call") is None
