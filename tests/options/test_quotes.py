from __future__ import annotations

import numpy as np
import pytest

from tickgraph.errors import InputError
from tickgraph.options.quotes import Quotes, as_quotes, checked, grid

DAY = "2023-01-20"


def test_a_missing_quote_is_null():
    quotes = Quotes.of(DAY, [120, 130.0], calls=[11.5, None])
    assert quotes.strikes.tolist() == [120.0, 130.0]
    np.testing.assert_array_equal(quotes.calls, [11.5, np.nan])
    assert quotes.puts is None
    assert quotes.has_any
    assert len(quotes) == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"strikes": []}, "strikes of 2023-01-20 are empty"),
        ({"strikes": [120, 0]}, "strikes of 2023-01-20 must be numbers above 0.*got 0 at place 2"),
        ({"strikes": [-5.0]}, "strikes .* got -5.0 at place 1"),
        ({"strikes": [float("nan")]}, "strikes .* got nan"),
        ({"strikes": [float("inf")]}, "strikes .* got inf"),
        ({"strikes": ["a"]}, "strikes .* must be a list of numbers"),
        ({"strikes": [120, None]}, "strikes .* got null"),
        ({"strikes": [[120]]}, "strikes .* got"),
        ({"strikes": [120], "calls": [0]}, "calls .* got 0 at place 1"),
        ({"strikes": [120], "puts": [1, 2]}, "puts of 2023-01-20 must be as many as its strikes, 1, got 2"),
        ({"strikes": [120], "implied_volatilities": [101]}, "implied_volatilities .* at most 100, got 101"),
    ],
)
def test_what_is_no_quote_is_an_error_that_names_the_field(given, said):
    with pytest.raises(InputError, match=said):
        Quotes.of(DAY, **given)


def test_a_grid_has_every_strike_at_every_expiry():
    rows = grid([DAY, "2023-02-17"], [120, 130])
    assert [(str(row.expiry), row.strikes.tolist()) for row in rows] == [
        (DAY, [120, 130]),
        ("2023-02-17", [120, 130]),
    ]
    assert not any(row.has_any for row in rows)


@pytest.mark.parametrize(
    ("expiries", "strikes", "quotes", "said"),
    [
        (None, [120], None, "expiries are missing"),
        ([DAY], None, None, "strikes are missing"),
        ([DAY], [120], [Quotes.of(DAY, [120])], "quotes have expiries and strikes of their own"),
        ([], [120], None, "expiries must be a list of at least one day"),
        (DAY, [120], None, "expiries must be a list"),
        (["tomorrow"], [120], None, "'tomorrow' is not a date"),
    ],
)
def test_a_chain_is_a_grid_or_quotes(expiries, strikes, quotes, said):
    with pytest.raises(InputError, match=said):
        as_quotes(expiries, strikes, quotes)


def test_a_chain_has_cells_and_no_more_than_the_bound():
    rows = grid([DAY, "2023-02-17"], [120, 130])
    assert checked(rows, 4) == rows
    with pytest.raises(InputError, match=r"strikes: the chain has 4 cells, and 3 are the most"):
        checked(rows, 3)
    with pytest.raises(InputError, match="The chain is empty"):
        checked([])
    with pytest.raises(InputError, match="expiry 2023-01-20 is given twice"):
        checked([*rows, rows[0]])
