from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from tickgraph.errors import InputError
from tickgraph.options.legs import Position
from tickgraph.options.templates import TEMPLATES, from_template

PAGE = Path(__file__).parents[2] / "docs" / "options.md"
DAY, LATER = date(2023, 1, 20), date(2023, 2, 17)
PRICES = np.array([0.0, 100.0, 115.0, 120.0, 130.0, 140.0, 145.0, 200.0])


def made(name, *, premiums=None, **more):
    template = TEMPLATES[name]
    strikes = {1: [130.0], 2: [120.0, 140.0], 4: [115.0, 120.0, 140.0, 145.0]}[template.strikes]
    return from_template(
        name, more.pop("strikes", strikes), [DAY, LATER][: template.expiries], premiums=premiums, **more
    )


def pays(name):
    """What its options and its stock pay, a share, with nothing paid for them."""
    legs = made(name, quantity=1.0).legs
    return Position.of_legs(legs, 0.0).profit_at(PRICES).tolist()


def test_every_template_pays_what_its_name_says():
    assert {name: pays(name) for name in TEMPLATES if name != "calendar"} == {
        "covered-call": [0, 100, 115, 120, 130, 130, 130, 130],
        "cash-secured-put": [-130, -30, -15, -10, 0, 0, 0, 0],
        "bull-call-spread": [0, 0, 0, 0, 10, 20, 20, 20],
        "bear-call-spread": [0, 0, 0, 0, -10, -20, -20, -20],
        "bull-put-spread": [-20, -20, -20, -20, -10, 0, 0, 0],
        "bear-put-spread": [20, 20, 20, 20, 10, 0, 0, 0],
        "straddle": [130, 30, 15, 10, 0, 10, 15, 70],
        "short-straddle": [-130, -30, -15, -10, 0, -10, -15, -70],
        "strangle": [120, 20, 5, 0, 0, 0, 5, 60],
        "short-strangle": [-120, -20, -5, 0, 0, 0, -5, -60],
        "iron-condor": [-5, -5, -5, 0, 0, 0, -5, -5],
        "collar": [120, 120, 120, 120, 130, 140, 140, 140],
    }
    near, later = made("calendar").legs
    assert [(near.side, near.expiry), (later.side, later.expiry)] == [("sell", DAY), ("buy", LATER)]
    assert near.strike == later.strike == 130


def test_premiums_go_to_the_options_in_their_order():
    condor = made("iron-condor", premiums=[0.5, 1.2, 1.6, 0.6])
    assert [leg.premium for leg in condor.legs] == [0.5, 1.2, 1.6, 0.6]
    assert condor.net is None
    stock, put, call = made("collar", premiums=[1.2, 1.6]).legs
    assert (stock.premium, put.premium, call.premium) == (None, 1.2, 1.6)


@pytest.mark.parametrize(
    ("name", "net"), [("iron-condor", 210.0), ("straddle", -210.0), ("calendar", -210.0)]
)
def test_one_premium_is_received_or_paid_as_the_template_is(name, net):
    assert made(name, premium=2.1).net == pytest.approx(net)
    assert made(name, premium=-2.1).net == pytest.approx(-net)
    assert made(name, premium=2.1, quantity=50.0).net == pytest.approx(net / 2)
    assert made(name).net is None


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        ("butterfly", {}, "template must be one of covered-call.*got 'butterfly'"),
        (
            "iron-condor",
            {"strikes": [115.0, 120.0, 140.0]},
            "strikes must be 4 prices for iron-condor.*got 3",
        ),
        ("straddle", {"strikes": [120.0, 140.0]}, "strikes must be 1 price for straddle"),
        (
            "iron-condor",
            {"strikes": [120.0, 115.0, 140.0, 145.0]},
            "strikes must ascend for iron-condor .buy put, sell put, sell call, buy call., or its legs are crossed",
        ),
        ("collar", {"strikes": [130.0, 130.0]}, "strikes must ascend for collar"),
        ("straddle", {"strikes": [-1.0]}, r"strikes\.0 must be a positive number"),
        ("calendar", {"expiries": [DAY]}, "expiries must be 2 days for calendar, got 1"),
        (
            "calendar",
            {"expiries": [LATER, DAY]},
            "expiries must ascend for calendar, got 2023-02-17, 2023-01-20",
        ),
        ("straddle", {"expiries": [DAY, LATER]}, "expiries must be 1 day for straddle, got 2"),
        ("straddle", {"premium": 1.0, "premiums": [1.0, 1.0]}, "Give either premium"),
        ("straddle", {"premiums": [1.0]}, "premiums must be 2 for straddle .buy put, buy call., got 1"),
        ("straddle", {"premiums": [1.0, -1.0]}, r"premiums\.1 must be 0 or more"),
        ("straddle", {"premium": float("nan")}, "premium must be a number"),
        ("straddle", {"quantity": 0.0}, "quantity must be above 0"),
    ],
)
def test_what_does_not_fit_a_template_is_refused_by_name(name, words, said):
    strikes, expiries = [130.0], [DAY]
    if name in TEMPLATES:
        template = TEMPLATES[name]
        strikes = [115.0, 120.0, 140.0, 145.0][: template.strikes]
        expiries = [DAY, LATER][: template.expiries]
    given = {"strikes": strikes, "expiries": expiries, **words}
    with pytest.raises(InputError, match=said):
        from_template(name, **given)


def test_the_documented_templates_are_those_there_are():
    rows = re.findall(
        r"^\| `([a-z-]+)` \| (.*?) \| (credit|debit) \| (.*?) \|$", PAGE.read_text("utf-8"), re.MULTILINE
    )
    documented = {name: (legs.split("; ")[0], net, says, "stock" in legs) for name, legs, net, says in rows}
    assert documented == {
        name: (
            ", ".join(f"{part.side} {part.kind}" for part in template.options),
            template.net,
            template.says,
            len(template.parts) > len(template.options),
        )
        for name, template in TEMPLATES.items()
    }
