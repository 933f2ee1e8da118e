"""``POST /forecast/{symbol}/strategy``."""

from __future__ import annotations

import asyncio
import json

import numpy as np
import pytest

from made_outlooks import with_horizons
from real_service import EVENING, here, settings_of
from tickgraph.client import AsyncClient, Client, Leg, ServiceError, Strategy
from tickgraph.errors import InputError, ModelNotFoundError
from tickgraph.http.responses import StrategyAnswer
from tickgraph.market.store import PriceStore
from tickgraph.options.templates import TEMPLATES
from tickgraph.serving.forecaster import Forecaster

ROUTE = "/forecast/AAPL/strategy"
CONDOR = {
    "template": "iron-condor",
    "strikes": [115, 120, 140, 145],
    "expiries": ["2023-01-20"],
    "price": 130,
}
PUT = {"kind": "put", "side": "sell", "strike": 120, "expiry": "2023-01-20", "premium": 1.25}


@pytest.fixture(scope="module")
def service(trained_dir, prices_dir, config, tmp_path_factory):
    """A service whose model of AAPL forecasts every horizon; that of XOM the next session."""
    settings = settings_of(trained_dir, prices_dir, config, runtime_dir=tmp_path_factory.mktemp("runtime"))
    with pytest.MonkeyPatch.context() as patch:
        with_horizons(patch, ("AAPL",))
        with here(settings) as running:
            yield running


def test_a_template_is_answered_with_the_forecasters_own_figures(
    service, trained_dir, prices_dir, registry, monkeypatch
):
    with_horizons(monkeypatch, ("AAPL",))
    own = Forecaster(registry, PriceStore(prices_dir), now=lambda: EVENING).strategy(
        "AAPL", "iron-condor", strikes=[115, 120, 140, 145], expiries="2023-01-20", premium=2.1, price=130
    )
    answer = service.post(ROUTE, json=CONDOR | {"premium": 2.1})
    assert answer.status_code == 200
    assert answer.json() == own.model_dump(mode="json")


def test_legs_of_ones_own_are_those_of_the_template(service):
    legs = [
        {"kind": "put", "side": "buy", "strike": 115},
        {"kind": "put", "side": "sell", "strike": 120},
        {"kind": "call", "side": "sell", "strike": 140},
        {"kind": "call", "side": "buy", "strike": 145},
    ]
    legs = [leg | {"expiry": "2023-01-20"} for leg in legs]
    own = service.post(ROUTE, json={"legs": legs, "price": 130}).json()
    named = service.post(ROUTE, json=CONDOR).json()
    assert own.pop("template") is None
    assert named.pop("template") == "iron-condor"
    assert own == named
    assert {leg["premium_source"] for leg in named["legs"]} == {"fair value"}


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({}, "legs are missing. Give legs, or a template"),
        ({"legs": []}, "legs must be 1 to 20"),
        ({"legs": [PUT | {"strike": -120}]}, "legs.0.strike"),
        ({"legs": [PUT | {"strike": "many"}]}, "legs.0.strike is 'many', and a number was expected"),
        ({"legs": [PUT, PUT | {"kind": "future"}]}, "legs.1.kind is 'future', and 'call', 'put' or 'stock'"),
        ({"legs": [PUT | {"quantity": 0}]}, "legs.0.quantity"),
        ({"legs": [PUT | {"premium": -1}]}, "legs.0.premium"),
        ({"legs": [PUT | {"size": 1}]}, "legs.0.size is no field"),
        ({"legs": [PUT | {"expiry": "2023-01-21"}]}, "legs.0.expiry 2023-01-21 is no session of XNYS"),
        ({"legs": [PUT | {"expiry": "2022-12-16"}]}, "legs.0.expiry 2022-12-16 is not after 2022-12-30"),
        ({"legs": [PUT | {"expiry": "2023-06-16"}]}, "legs.0.expiry must be 2023-04-03 at the latest"),
        ({"legs": [PUT | {"expiry": "soon"}]}, "legs.0.expiry"),
        ({"legs": [PUT | {"expiry": 20230120}]}, "legs.0.expiry"),
        ({"legs": [{"kind": "stock", "side": "buy"}]}, "on is missing"),
        ({"legs": [PUT], "template": "straddle"}, "template belongs to a template, and legs came"),
        (CONDOR | {"template": "butterfly"}, "template must be one of covered-call"),
        (CONDOR | {"strikes": [120, 115, 140, 145]}, "strikes must ascend for iron-condor"),
        (CONDOR | {"strikes": [115, 120]}, "strikes must be 4 prices for iron-condor"),
        (
            CONDOR | {"expiries": ["2023-01-20", "2023-02-17"]},
            "expiries must be 1 day for iron-condor, got 2",
        ),
        (CONDOR | {"expiries": ["2023-01-16"]}, "expiries.0 2023-01-16 is no session"),
        (CONDOR | {"premiums": [1, 2]}, "premiums must be 4 for iron-condor"),
        (CONDOR | {"premium": 1, "premiums": [1, 2, 3, 4]}, "Give either premium"),
        (CONDOR | {"volatility": -0.3}, "volatility"),
        (CONDOR | {"rate": 4}, "rate"),
        (CONDOR | {"price": 0}, "price"),
        (CONDOR | {"on": "2023-02-17"}, "on 2023-02-17 is after expiries.0 2023-01-20"),
        (CONDOR | {"expiry": "2023-01-20"}, "expiry is no field"),
    ],
)
def test_what_is_no_strategy_is_422_and_names_the_field(service, body, detail):
    answer = service.post(ROUTE, json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["type"].endswith("bad-input")
    assert detail in answer.json()["detail"]


def test_no_number_at_all_is_422(service):
    body = json.dumps(CONDOR | {"premium": float("nan")})
    answer = service.post(ROUTE, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert "premium" in answer.json()["detail"]
    assert service.post(ROUTE, content="[", headers={"content-type": "application/json"}).status_code == 422
    assert service.post(f"{ROUTE}?price=130", json=CONDOR).status_code == 422


def test_a_symbol_without_horizons_is_404_for_more_than_one_session(service):
    answer = service.post("/forecast/XOM/strategy", json=CONDOR)
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:tickgraph:problem:no-model")
    assert service.post("/forecast/APPL/strategy", json=CONDOR).json()["suggestions"][0] == "AAPL"


def test_both_clients_ask_the_same(service):
    words = {
        "strikes": np.array([115.0, 120, 140, 145]),
        "expiries": np.datetime64("2023-01-20"),
        "premium": 2.1,
    }
    with Client(service.url) as client:
        answer = client.strategy("aapl", "iron-condor", **words, price=130.0)
        assert isinstance(answer, Strategy)
        raw = service.post(ROUTE, json=CONDOR | {"premium": 2.1}).json()
        assert answer.model_dump(mode="json") == raw
        covered = [Leg("stock", "buy"), Leg("call", "sell", 100.0, 140.0, answer.on, 1.6)]
        own = client.strategy("AAPL", legs=covered, price=130.0, on="2023-01-13")
        assert (own.template, str(own.on), own.legs[1].volatility is None) == (None, "2023-01-13", False)
        with pytest.raises(InputError, match="strikes must ascend"):  # not sent at all
            client.strategy("AAPL", "strangle", strikes=[130.0, 120.0], expiries="2023-01-20")
        with pytest.raises(ServiceError, match="is no session of XNYS") as refused:
            client.strategy("AAPL", "straddle", strikes=[130.0], expiries="2023-01-21")
        assert refused.value.exit_code == InputError.exit_code
        with pytest.raises(ServiceError, match="tickgraph train --symbols XOM") as without:
            client.strategy("XOM", "straddle", strikes=[110.0], expiries="2023-01-20")
        assert without.value.exit_code == ModelNotFoundError.exit_code

    async def ask():
        async with AsyncClient(service.url) as other:
            return await other.strategy("AAPL", "iron-condor", **words, price=130.0)

    assert asyncio.run(ask()) == answer


def test_the_document_has_every_template_and_an_example_that_is_like_an_answer(service):
    schemas = service.get("/openapi.json").json()["components"]["schemas"]
    described = schemas["StrategyBody"]["properties"]["template"]["description"]
    assert all(f"`{name}`" in described for name in TEMPLATES)
    (body,) = schemas["StrategyBody"]["examples"]
    answer = service.post(ROUTE, json=body).json()
    example = StrategyAnswer.model_config["json_schema_extra"]["examples"][0]
    assert StrategyAnswer.model_validate(example).model_dump(mode="json") == example
    assert example.keys() == answer.keys()
    assert example["break_evens"] == pytest.approx(answer["break_evens"])
