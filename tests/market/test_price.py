"""A price is checked and read in one way, whoever asks."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickgraph.errors import InputError
from tickgraph.market.price import MAX_PRICE, checked_price, prices_by_symbol, read_price


@pytest.mark.parametrize(
    "price", [130, 130.0, np.float64(130), np.float32(130), np.int64(130), Decimal(130), Fraction(130)]
)
def test_a_number_of_any_kind_is_a_price(price):
    checked = checked_price("AAPL", price)
    assert (type(checked), checked) == (float, 130.0)


NONE = [0, -1, -(10**400), float("nan"), float("inf"), True, np.True_, "130", None, 1j, np.array(130.0)]
NONE += map(Decimal, ["NaN", "sNaN", "Infinity", "1e-400"])


@pytest.mark.parametrize("price", NONE, ids=type)
def test_what_is_none_is_refused(price):
    with pytest.raises(InputError, match="Price of AAPL must be a positive number of dollars, got "):
        checked_price("AAPL", price)


@pytest.mark.parametrize("price", [1e9 + 1, 1.79e308, 10**400, 10**5000, Decimal("1e400")], ids=type)
def test_there_is_a_most(price):
    assert checked_price("AAPL", 1e9) == MAX_PRICE
    with pytest.raises(InputError, match="must be 1,000,000,000 dollars at most, got ") as refused:
        checked_price("AAPL", price)
    assert len(str(refused.value)) < 150


@pytest.mark.parametrize(
    ("text", "price"), [("130", 130), (" 130.25 ", 130.25), ("1.3e2", 130), (".5", 0.5), ("5.", 5), ("+7", 7)]
)
def test_text_is_read_as_a_person_writes_a_number(text, price):
    assert read_price("AAPL", text) == price


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cheap",
        "1_000",
        "130\x1f",  # which strip() takes off, and float() does not
        "1,000",
        "$130",
        "1 000",
        "\uff11\uff13\uff10",
        "\u0661\u0663",
        "0x10",
        "nan",
        "inf",
        "-inf",
    ],
)
def test_text_that_is_no_number_is_refused_with_what_would_do(text):
    with pytest.raises(InputError, match=r"Strike of AAPL must be a positive .* such as 130\.25\."):
        read_price("AAPL", text, what="Strike")


@pytest.mark.parametrize(
    ("text", "said"),
    [("1e400", "at most, got '1e400'"), ("1000000001", "at most"), ("-5", "got -5.0"), ("1e-400", "got 0.0")],
)
def test_text_is_held_to_the_same_bounds(text, said):
    with pytest.raises(InputError, match=said):
        read_price("AAPL", text)


@given(st.text(max_size=12) | st.from_regex(r"[+-]?[0-9_]{1,4}\.?[0-9]{0,3}([eE][+-]?[0-9]{1,3})?"))
def test_whatever_is_read_is_a_price(text):
    try:
        price = read_price("AAPL", text)
    except InputError:
        return
    assert 0 < price <= MAX_PRICE
    assert checked_price("AAPL", price) == price == float(text)


def test_each_symbol_has_one_price():
    assert prices_by_symbol([("brk.b", 1), ("AAPL", 2.0)]) == {"BRK-B": 1.0, "AAPL": 2.0}
    for other in ("BRK-B", "BRK/B", "brk b"):
        with pytest.raises(
            InputError, match=r"BRK-B is given two prices, 1 and 2\. Give each symbol one price\."
        ):
            prices_by_symbol([("BRK.B", 1), (other, 2)])
    with pytest.raises(InputError, match="META is given two prices, 7 and 7"):
        prices_by_symbol([("FB", "7"), ("META", "7")], read_price)
