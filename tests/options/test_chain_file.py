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
    first = read.quotes(130.0)[0]
    assert (str(first.expiry), first.strikes[0]) == ("2023-01-20", 125.0)
    assert (only(first.calls), only(first.puts)) == (7.5, 2.2)
    assert read.symbol == ("AAPL" if "AAPL" in text and text is not THINKORSWIM else None)


@pytest.mark.parametrize("text", [CBOE, THINKORSWIM], ids=["cboe", "thinkorswim"])
def test_a_straddle_has_calls_and_puts_of_every_expiry(text):
    january, february = chain_of_text(text, "chain.csv").quotes(130.0)
    assert january.strikes.tolist() == [125.0, 170.0]
    assert only(january.calls, 1) is None  # nobody bids
    assert only(january.puts, 1) == pytest.approx(40.1)
    assert (str(february.expiry), only(february.calls), only(february.puts)) == ("2023-02-17", 6.2, 5.6)


@pytest.mark.parametrize(
    ("text", "volatility"), [(YAHOO, 0.5), (YAHOO_PAGE, 0.5)], ids=["fractions", "with a sign"]
)
def test_the_volatility_of_the_file_counts_where_there_is_no_mid_price(text, volatility):
    (quotes,) = chain_of_text(text, "chain.csv").quotes(130.0)
    assert only(quotes.implied_volatilities, 0) is None
    assert only(quotes.implied_volatilities, len(quotes) - 1) == volatility


def test_volatilities_in_per_cent_without_a_sign_are_known_by_their_size():
    _, february = chain_of_text(INTERACTIVE_BROKERS, "chain.csv").quotes(130.0)
    assert only(february.implied_volatilities) == 0.335


def test_contracts_that_nobody_quotes_are_counted():
    text = PLAIN + "2023-01-20;put;130;\n"
    read = chain_of_text(text, "chain.csv")
    assert read.remarks == ("1 contract of chain.csv has no usable bid and ask",)
    assert read.quotes(130.0)[0].strikes.tolist() == [125.0, 130.0]


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
        assert len(read_chain(tmp_path / "chain.csv").quotes(130.0)) == 2


def test_no_file_is_an_error(tmp_path):
    with pytest.raises(InputError, match="There is no file"):
        read_chain(tmp_path / "chain.csv")


@pytest.mark.parametrize(
    ("root", "symbol", "is_its"),
    [("BRKB", "BRK-B", True), ("AAPL", "AAPL", True), (None, "AAPL", True), ("AAPL1", "AAPL", False)],
)
def test_a_contracts_root_is_the_symbol_without_punctuation(root, symbol, is_its):
    assert is_of(root, Symbol(symbol)) == is_its


def test_a_strike_of_nothing_is_refused():
    with pytest.raises(PriceDataError, match="a strike above 0 was expected, got 0"):
        chain_of_text("contractSymbol,bid,ask\nAAPL230120C00000000,1,2\n", "chain.csv")


HEADER = "Expiry;Strike;Type;Bid;Ask\n"


@pytest.mark.parametrize(
    ("row", "strike", "mid"),
    [
        ("130,5;Call;1,25;1,35", 130.5, 1.3),
        ("1,250;Call;1,25;1,35", 1.25, 1.3),  # a decimal comma, as the prices have one
        ("1.250;Call;1,25;1,35", 1250.0, 1.3),
        ("1,250;Call;1.25;1.35", 1250.0, 1.3),
        ("1 250,5;Call;0,125;0,175", 1250.5, 0.15),
        ("1250;Call;7.500;7.700", 1250.0, 7.6),
        ("1,250.00;Call;$1,000;$1,002", 1250.0, 1001.0),
    ],
)
def test_the_numbers_of_a_file_tell_its_decimal_sign(row, strike, mid):
    for text in (f"{HEADER}2023-01-20;{row}\n", f"{HEADER}2023-01-20;{row}\n".replace(";", "\t")):
        (quotes,) = chain_of_text(text, "chain.csv").quotes(130.0)
        assert quotes.strikes.tolist() == [strike]
        assert only(quotes.calls) == pytest.approx(mid)


def test_where_no_number_tells_the_decimal_sign_the_error_names_the_line_and_what_to_write():
    text = f"{HEADER}2023-01-20;900;Call;350;360\n2023-01-20;1,250;Call;11;12\n"
    said = (
        "chain.csv, row 3, column Strike: '1,250' may be 1250 or 1.250, and no other number of the file tells"
    )
    with pytest.raises(PriceDataError, match=said):
        chain_of_text(text, "chain.csv")
    with_commas = text.replace("1,250", '"1,250"').replace(";", ",")  # a comma parts columns, and no decimals
    (quotes,) = chain_of_text(with_commas, "chain.csv").quotes(130.0)
    assert quotes.strikes.tolist() == [900.0, 1250.0]


def test_a_file_with_two_decimal_signs_is_refused():
    text = f"{HEADER}2023-01-20;130.5;Call;1.25;1.35\n2023-01-20;131,5;Call;1.1;1.2\n"
    said = "row 3, column Strike: a number with a decimal point, as the file has others, was expected, got '131,5'"
    with pytest.raises(PriceDataError, match=said):
        chain_of_text(text, "chain.csv")


CONTRACTS = "contractSymbol,bid,ask\n"


def test_weekly_contracts_on_an_index_are_the_indexs():
    text = CONTRACTS + "SPX230120C04000000,50,52\nSPXW230120C04000000,54,56\nSPXW230113P03800000,20,22\n"
    for rows in (text, CONTRACTS + "".join(reversed(text.splitlines(keepends=True)[1:]))):
        read = chain_of_text(rows, "chain.csv")
        assert (read.symbol, is_of(read.symbol, Symbol("SPX")), read.remarks) == ("SPX", True, ())
        first, second = read.quotes(3900.0)
        assert (str(first.expiry), only(first.puts)) == ("2023-01-13", 21.0)
        assert only(second.calls) == 55.0  # the one that settles at the close


def test_adjusted_contracts_are_left_out_and_counted():
    text = CONTRACTS + "AAPL230120C00130000,4,5\nAAPL1230120C00130000,1,2\nAAPL1 230120P00130000,1,2\n"
    read = chain_of_text(text, "chain.csv")
    (quotes,) = read.quotes(130.0)
    assert (read.symbol, only(quotes.calls), quotes.puts) == ("AAPL", 4.5, None)
    (remark,) = read.remarks
    assert remark.startswith(
        "2 contracts of chain.csv are left out (AAPL1): they are for something else than"
    )
    with pytest.raises(PriceDataError, match=r"no options below it but adjusted contracts \(AAPL1\)"):
        chain_of_text(CONTRACTS + "AAPL1230120C00130000,1,2\n", "chain.csv")


def test_of_two_volatilities_of_the_file_that_of_the_option_out_of_the_money_counts():
    text = "expiry,strike,type,iv\n" + "".join(
        f"2023-01-20,{strike},{kind},{volatility}\n"
        for strike, kind, volatility in [
            (120, "call", 0.5),
            (120, "put", 0.4),
            (140, "call", 0.3),
            (140, "put", 0.6),
            (150, "put", 0.7),
        ]
    )
    read = chain_of_text(text, "chain.csv")
    assert read.quotes(130.0)[0].implied_volatilities.tolist() == [0.4, 0.3, 0.7]
    assert read.quotes(110.0)[0].implied_volatilities.tolist() == [0.5, 0.3, 0.7]


def test_yahoos_volatility_of_no_quotes_is_none():
    text = "expiry,strike,type,bid,ask,iv\n2023-01-20,130,call,0,0,0.00001\n2023-01-20,130,put,0,0,0.35\n"
    (quotes,) = chain_of_text(text, "chain.csv").quotes(130.0)
    assert quotes.implied_volatilities.tolist() == [0.35]


def test_a_text_too_long_for_a_contract_is_none():
    assert contract_of("A" + " " * 100_000 + "x") is None
    assert contract_of("AAPL " + "JAN " * 50 + "20 '23 130 Call") is None
