from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from made_legs import EXPIRY, leg
from tickgraph.errors import InputError
from tickgraph.options.legs import Leg
from tickgraph.options.strategy_question import ask_strategy

CALL = {"strikes": [130.0], "expiries": "2023-01-20"}
LATER = date(2023, 2, 17)


def test_the_profit_is_that_of_the_first_expiry_unless_a_day_is_named():
    calendar = ask_strategy("calendar", strikes=[130.0], expiries=["2023-01-20", np.datetime64("2023-02-17")])
    assert (calendar.day, calendar.day_name) == (EXPIRY, "expiries.0")
    assert [calendar.expiry_name(0), calendar.expiry_name(1)] == ["expiries.0", "expiries.1"]
    early = ask_strategy("straddle", **CALL, on="2023-01-13")
    assert (early.day, early.day_name) == (date(2023, 1, 13), "on")
    own = ask_strategy(
        legs=[leg("stock", "buy"), Leg("call", "buy", 100, 130.0, LATER), leg("put", "buy", 120.0)]
    )
    assert (own.day, own.day_name) == (EXPIRY, "legs.2.expiry")
    assert own.expiry_name(1) == "legs.1.expiry"
    assert ask_strategy(legs=[leg("stock", "buy")], on=EXPIRY).day == EXPIRY


@pytest.mark.parametrize(
    ("template", "words", "said"),
    [
        (None, {}, "legs are missing. Give legs, or a template"),
        (None, {"legs": []}, "legs must be 1 to 20"),
        ("straddle", {"legs": [leg("put", "buy", 120.0)]}, "template belongs to a template, and legs came"),
        (None, {"legs": [leg("put", "buy", 120.0)], "premium": 1.0}, "premium belongs to a template"),
        (None, {"legs": [leg("stock", "buy")]}, "on is missing: stock has no expiry"),
        ("straddle", CALL | {"on": LATER}, "on 2023-02-17 is after expiries.0 2023-01-20"),
        ("straddle", CALL | {"volatility": 0.0}, "volatility must be 0.001 to 10, such as 0.3; got 0.0"),
        ("straddle", CALL | {"volatility": float("nan")}, "volatility must be"),
        ("straddle", CALL | {"rate": 4.0}, "rate must be between -1 and 1 a year, such as 0.04; got 4.0"),
        ("straddle", CALL | {"dividend_yield": float("inf")}, "dividend_yield must be"),
        ("straddle", CALL | {"expiries": "soon"}, "is not a date"),
        ("straddle", {"expiries": "2023-01-20"}, "strikes must be 1 price for straddle"),
        ("straddle", {"strikes": [130.0]}, "expiries must be 1 day for straddle, got 0"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(template, words, said):
    with pytest.raises(InputError, match=said):
        ask_strategy(template, **words)
