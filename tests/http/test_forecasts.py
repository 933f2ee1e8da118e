from __future__ import annotations

import json
import math

import numpy as np
import pytest

from real_service import EVENING
from tickgraph.client import Forecast
from tickgraph.http import forecast_routes
from tickgraph.market.store import PriceStore
from tickgraph.serving.forecaster import Forecaster


@pytest.fixture
def forecaster(registry, prices_dir):
    return Forecaster(registry, PriceStore(prices_dir), now=lambda: EVENING)


def test_a_forecast_is_the_forecasters_own(service, forecaster):
    given = service.get("/forecast/aapl?price=130")
    assert given.status_code == 200
    assert given.headers["content-type"] == "application/json"
    body = given.json()
    said = forecaster.forecast("AAPL", 130).model_dump(mode="json")
    assert {name: body[name] for name in said} == said
    assert (body["status"], body["as_of"], body["prices_source"]) == ("pre-trained", "2022-12-30", "sample")
    assert body["training_job"] is None
    assert body["timings"]["total_seconds"] > 0


def test_the_second_answer_comes_from_memory(service):
    first = service.get("/forecast/XOM").json()
    second = service.get("/forecast/XOM").json()
    assert second["cached"]
    assert second["timings"]["queued_seconds"] == 0
    for name in ("cached", "timings"):
        first.pop(name)
        second.pop(name)
    assert second == first


@pytest.mark.parametrize("query", ["", "?price=130", "?price=129.5"])
def test_the_short_way_says_what_the_usual_way_says(service, monkeypatch, query):
    service.get(f"/forecast/MSFT{query}")
    short = service.get(f"/forecast/MSFT{query}")
    asked = []
    real = forecast_routes._plain
    monkeypatch.setattr(
        forecast_routes, "_plain", lambda scope: asked.append(real(scope))
    )  # none is plain now
    usual = service.get(f"/forecast/MSFT{query}")
    assert asked == [("MSFT", float(query[7:]) if query else None)]  # the first went the short way
    said, also = short.json(), usual.json()
    assert list(said) == list(also)
    assert said.pop("timings") != also.pop("timings")
    assert said == also
    assert said["cached"]
    assert short.headers["content-type"] == usual.headers["content-type"]
    assert Forecast.model_validate_json(short.content).symbol == "MSFT"


def test_a_price_moves_the_prediction_and_not_the_return(service):
    low, high = (service.get(f"/forecast/AAPL?price={price}").json() for price in (100, 200))
    assert low["predicted_return"] == high["predicted_return"]
    assert high["prediction"] == pytest.approx(2 * low["prediction"])
    assert high["intervals"][0]["lower"] == pytest.approx(2 * low["intervals"][0]["lower"])
    assert (high["price_source"], service.get("/forecast/AAPL").json()["price_source"]) == (
        "request",
        "last close",
    )


def test_a_former_name_is_followed(service):
    assert service.get("/forecast/SQ").json()["symbol"] == "XYZ"  # traded so since January 2025


def test_without_a_model_momentum_answers_and_says_so(service):
    body = service.get("/forecast/TSLA").json()
    assert (body["status"], body["model"], body["generation"]) == ("momentum", "momentum", None)
    assert any("no model for TSLA" in note for note in body["notes"])


@pytest.mark.parametrize("price", ["0", "-1", "nan", "inf", "1e12", "cheap", ""])
def test_a_bad_price_is_422_and_named(service, price):
    answer = service.get(f"/forecast/AAPL?price={price}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == "urn:tickgraph:problem:bad-input"
    assert problem["status"] == 422
    assert "price" in problem["detail"]
    assert problem["errors"][0]["where"] == "query.price"
    assert problem["instance"] == "/forecast/AAPL"


def test_an_unknown_symbol_is_404_with_suggestions(service):
    answer = service.get("/forecast/APPL")
    assert answer.status_code == 404
    problem = answer.json()
    assert problem["type"] == "urn:tickgraph:problem:unknown-symbol"
    assert problem["suggestions"][0] == "AAPL"
    assert "Did you mean AAPL" in problem["detail"]
    assert problem["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    "symbol",
    ["%2e%2e%2f%2e%2e%2fetc%2fpasswd", "..%5cAAPL", "A%00APL", "AAPL%0a", "1AAPL", "A" * 100, "CON:"],
)
def test_a_malformed_symbol_reaches_no_path(service, symbol):
    assert service.get(f"/forecast/{symbol}").status_code in (404, 422)


def test_all_is_each_alone_in_one_call(service):
    before = service.metric("gnn_batch_symbols_count")
    service.service.forecaster.clear()
    body = service.get("/forecast/all").json()
    assert sorted(body["forecasts"]) == ["AAPL", "JPM", "MSFT", "XOM"]
    assert body["failures"] == {}
    assert service.metric("gnn_batch_symbols_count") == before + 1
    for symbol, forecast in body["forecasts"].items():
        alone = service.get(f"/forecast/{symbol}").json()
        assert alone["predicted_return"] == pytest.approx(forecast["predicted_return"], rel=1e-4, abs=1e-8)


def test_several_report_failures_by_symbol(service):
    body = service.get("/forecast?symbols=AAPL,tsla,APPL,..,AAPL").json()
    assert list(body["forecasts"]) == ["AAPL", "TSLA"]
    assert body["forecasts"]["TSLA"]["status"] == "momentum"
    assert {symbol: problem["status"] for symbol, problem in body["failures"].items()} == {
        "APPL": 404,
        "..": 422,
    }
    assert body["failures"]["APPL"]["suggestions"][0] == "AAPL"


@pytest.mark.parametrize("query", ["", "?symbols=", "?symbols=A%0AB", "?symbols=" + "A," * 6_000])
def test_a_bad_list_is_422(service, query):
    assert service.get(f"/forecast{query}").status_code == 422


def test_the_probability_of_a_strike_is_that_of_the_distribution(service, forecaster):
    body = service.get("/forecast/AAPL/probability?strike=133&price=130").json()
    distribution = forecaster.outlook("AAPL").distribution
    assert body["probability_above"] == pytest.approx(
        distribution.probability_above(math.log(133 / 130)), rel=1e-6
    )
    assert body["probability_above"] + body["probability_below"] == pytest.approx(1)
    closes = [quantile["close"] for quantile in body["quantiles"]]
    assert closes == sorted(closes)
    # The quantiles and the probability are of one distribution.
    for quantile in body["quantiles"]:
        again = service.get(f"/forecast/AAPL/probability?strike={quantile['close']}&price=130").json()
        assert again["probability_below"] == pytest.approx(quantile["probability"], abs=0.02)
    assert body["calibration_sessions"] == 60  # a fifth of 300; the scores are of the peers, too
    assert len(distribution.scores) == 60 * 11


def test_probabilities_fall_with_the_strike_and_stay_inside_0_and_1(service):
    strikes = np.geomspace(1, 10_000, 15)
    said = [
        service.get(f"/forecast/MSFT/probability?strike={strike}").json()["probability_above"]
        for strike in strikes
    ]
    assert said == sorted(said, reverse=True)
    assert 0 < said[-1] < said[0] < 1


@pytest.mark.parametrize("strike", ["5e-324", "1e-300", "1e9"])
def test_the_most_extreme_strike_has_a_probability(service, strike):
    body = service.get(f"/forecast/AAPL/probability?strike={strike}&price=130").json()
    assert 0 < body["probability_above"] < 1


def test_the_probability_is_of_the_forecast_that_comes_with_it(service):
    body = service.get("/forecast/AAPL/probability?strike=130&price=130").json()
    assert body["probability_above"] == pytest.approx(body["forecast"]["probability_up"])


def test_more_symbols_than_the_bound_are_refused_and_none_is_dropped(service):
    names = [f"{a}{b}{c}" for a in "ABCDEFGHIJK" for b in "ABCDEFGHIJ" for c in "ABCDEFGHIJ"]
    answer = service.get("/forecast?symbols=" + ",".join(names[:1001]))
    assert answer.status_code == 422
    assert "1000 is the most" in answer.json()["detail"]
    body = service.get("/forecast?symbols=" + ",".join(names[:1000])).json()
    assert len(body["forecasts"]) + len(body["failures"]) == 1000


def test_a_probability_needs_a_strike(service):
    answer = service.get("/forecast/AAPL/probability")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["where"] == "query.strike"


def test_what_is_served_is_what_the_document_says(service):
    document = service.get("/openapi.json").json()
    assert set(document["paths"]) == {
        "/forecast",
        "/forecast/all",
        "/forecast/{symbol}",
        "/forecast/{symbol}/probability",
        "/forecast/{symbol}/distribution",
        "/forecast/{symbol}/curve",
        "/forecast/{symbol}/fan",
        "/forecast/{symbol}/chain",
        "/forecast/{symbol}/chain/file",
        "/forecast/{symbol}/strategy",
        "/forecast/{symbol}/templates",
        "/symbols",
        "/symbols/{symbol}",
        "/symbols/{symbol}/graph",
        "/symbols/{symbol}/prices",
        "/symbols/{symbol}/reliability",
        "/overview",
        "/market",
        "/operations",
        "/events",
        "/health/live",
        "/health/ready",
        "/metrics",
    }
    route = document["paths"]["/forecast/{symbol}"]["get"]
    assert "application/problem+json" in route["responses"]["404"]["content"]
    assert route["parameters"][0]["schema"]["examples"] == ["AAPL"]
    for name in ("ForecastAnswer", "ProbabilityAnswer", "Problem"):
        schema = document["components"]["schemas"][name]
        assert schema["examples"], name
    forecast = document["components"]["schemas"]["ForecastAnswer"]["examples"][0]
    assert Forecast.model_validate(forecast).model_dump(mode="json", exclude_none=True) == forecast
    body = service.get("/forecast/AAPL").content
    assert Forecast.model_validate_json(body).model_dump(mode="json") == json.loads(body)
