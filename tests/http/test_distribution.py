"""``GET /forecast/{symbol}/distribution``, and the horizons of ``GET /forecast/{symbol}``."""

from __future__ import annotations

import asyncio
import json

import pytest

from made_outlooks import GRID, with_horizons
from real_service import EVENING, here, settings_of
from tickgraph.client import AsyncClient, Client, ServiceError
from tickgraph.errors import InputError, ModelNotFoundError
from tickgraph.market.store import PriceStore
from tickgraph.serving.forecaster import Forecaster

ROUTE = "/forecast/AAPL/distribution"


@pytest.fixture(scope="module")
def service(trained_dir, prices_dir, config, tmp_path_factory):
    """A service whose models of AAPL, MSFT and JPM forecast every horizon; XOM's forecasts the next session."""
    settings = settings_of(trained_dir, prices_dir, config, runtime_dir=tmp_path_factory.mktemp("runtime"))
    with pytest.MonkeyPatch.context() as patch:
        with_horizons(patch, ("AAPL", "MSFT", "JPM"))
        with here(settings) as running:
            yield running


def test_an_expiry_is_answered_with_a_distribution(service):
    body = service.get(f"{ROUTE}?expiry=2023-01-20&price=130").json()
    assert body == service.get(f"{ROUTE}?sessions=13&price=130").json()
    assert (body["symbol"], body["sessions"], body["expiry"]) == ("AAPL", 13, "2023-01-20")
    closes = [quantile["close"] for quantile in body["quantiles"]]
    assert closes == sorted(closes)
    narrow, wide = body["intervals"]
    assert wide["lower"] < narrow["lower"] < 130 < narrow["upper"] < wide["upper"]
    assert 0 < body["expected_move"] < 130
    assert service.get(f"{ROUTE}?sessions=13").json()["price_source"] == "last close"


def test_the_answer_is_the_forecasters_own(service, trained_dir, prices_dir, registry, monkeypatch):
    with_horizons(monkeypatch)
    own = Forecaster(registry, PriceStore(prices_dir), now=lambda: EVENING)
    said = own.distribution("AAPL", sessions=21, price=130.0).model_dump(mode="json")
    assert service.get(f"{ROUTE}?sessions=21&price=130").json() == said


def test_a_forecast_has_every_horizon_whatever_way_it_takes(service):
    price = service.get("/forecast/AAPL?price=130").json()
    again = service.get("/forecast/AAPL?price=130").json()
    waited = service.get("/forecast/AAPL?price=130&wait=true").json()
    listed = service.get("/forecast?symbols=AAPL:130").json()["forecasts"]["AAPL"]
    assert [horizon["sessions"] for horizon in price["horizons"]] == GRID.tolist()
    assert price["horizons"] == again["horizons"] == waited["horizons"] == listed["horizons"]
    every = service.get("/forecast/all").json()["forecasts"]
    assert {symbol: len(forecast["horizons"]) for symbol, forecast in every.items()} == {
        "AAPL": 8,
        "JPM": 8,
        "MSFT": 8,
        "XOM": 0,
    }
    without_time = {"cached", "training_job", "timings"}
    assert {name: value for name, value in again.items() if name not in without_time} == listed


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("", "Give either sessions, such as 21, or expiry"),
        ("?sessions=3&expiry=2023-01-20", "both came"),
        ("?sessions=0", "sessions"),
        ("?sessions=64", "sessions must be 1 to 63, got 64"),
        ("?sessions=1.5", "whole number"),
        ("?sessions=+3", "whole number"),
        ("?sessions=99999999999999999999", "whole number"),
        ("?expiry=2023-02-30", "expiry must be a day"),
        ("?expiry=20230120", "expiry must be a day"),
        ("?expiry=2022-12-30", "expiry 2022-12-30 is not after 2022-12-30"),
        ("?expiry=2023-01-21", "settles on the session before: write 2023-01-20"),
        ("?expiry=2093-01-20", "2023-04-03 at the latest"),
        ("?sessions=3&price=0", "price"),
        ("?sessions=3&strike=130", "This route takes: sessions, expiry, price, wait"),
        ("?sessions=3&sessions=4", "given 2 times"),
    ],
)
def test_what_cannot_be_forecast_is_422_and_named(service, query, detail):
    answer = service.get(f"{ROUTE}{query}")
    assert answer.status_code == 422
    assert answer.json()["type"].endswith("bad-input")
    assert detail in answer.json()["detail"]


@pytest.mark.parametrize("symbol", ["XOM", "TSLA"])
def test_what_forecasts_one_session_answers_for_one_and_is_404_for_more(service, symbol):
    assert service.get(f"/forecast/{symbol}/distribution?sessions=1").status_code == 200
    answer = service.get(f"/forecast/{symbol}/distribution?sessions=2")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:tickgraph:problem:no-model")
    assert f"tickgraph train --symbols {symbol}" in answer.json()["detail"]


def test_an_unknown_symbol_is_404_with_suggestions(service):
    answer = service.get("/forecast/APPL/distribution?sessions=3")
    assert answer.status_code == 404
    assert answer.json()["suggestions"][0] == "AAPL"


def test_both_clients_read_it(service):
    with Client(service.url) as client:
        answer = client.distribution("aapl", expiry="2023-01-20", price=130.0)
        assert answer.model_dump(mode="json") == json.loads(
            service.get(f"{ROUTE}?sessions=13&price=130").content
        )
        assert len(client.forecast("AAPL").horizons) == 8
        with pytest.raises(ServiceError, match="settles on the session before") as refused:
            client.distribution("AAPL", expiry="2023-01-21")
        assert refused.value.exit_code == InputError.exit_code
        with pytest.raises(ServiceError, match="tickgraph train --symbols XOM") as without:
            client.distribution("XOM", sessions=5)
        assert without.value.exit_code == ModelNotFoundError.exit_code
        with pytest.raises(InputError, match="is not a date"):
            client.distribution("AAPL", expiry="soon")

    async def ask():
        async with AsyncClient(service.url) as other:
            return await other.distribution("AAPL", sessions=13, price=130.0)

    assert asyncio.run(ask()) == answer


class TestOneStrike:
    ROUTE = "/forecast/AAPL/probability"

    def test_at_an_expiry_it_is_the_forecasters_own(
        self, service, trained_dir, prices_dir, registry, monkeypatch
    ):
        with_horizons(monkeypatch)
        own = Forecaster(registry, PriceStore(prices_dir), now=lambda: EVENING)
        said = own.probability("AAPL", 125, upper_strike=140, expiry="2023-01-20", price=130.0)
        body = service.get(f"{self.ROUTE}?strike=125&upper_strike=140&expiry=2023-01-20&price=130").json()
        forecast = body.pop("forecast")
        assert body == said.model_dump(mode="json")
        assert forecast["target_session"] == "2023-01-03"
        assert body["probability_touched"] > body["probability_below"]
        assert body["probability_upper_touched"] > body["probability_above_upper"]

    def test_both_clients_give_it(self, service):
        async def ask():
            async with AsyncClient(service.url) as client:
                return await client.probability("AAPL", 125, 130, upper_strike=140, sessions=13)

        with Client(service.url) as client:
            by_day = client.probability("AAPL", 125, 130, upper_strike=140, expiry="2023-01-20")
            with pytest.raises(InputError, match="Upper strike of AAPL must be a positive number"):
                client.probability("AAPL", 125, upper_strike=-1)
        by_sessions = asyncio.run(ask())
        assert by_day.probability_between == by_sessions.probability_between
        assert (by_day.expiry, by_day.sessions) == (by_sessions.expiry, by_sessions.sessions)

    @pytest.mark.parametrize(
        ("query", "detail"),
        [
            ("?strike=130&upper_strike=130", "upper_strike must be above strike 130, got 130"),
            ("?strike=130&upper_strike=x", "upper_strike: Upper strike must be a positive number"),
            ("?strike=130&expiry=2023-01-21", "expiry 2023-01-21 is no session of XNYS"),
            ("?strike=130&sessions=3&expiry=2023-01-20", "both came"),
        ],
    )
    def test_what_cannot_be_answered_names_the_field(self, service, query, detail):
        answer = service.get(self.ROUTE + query)
        assert (answer.status_code, detail in answer.json()["detail"]) == (422, True)
