from __future__ import annotations

import numpy as np
import pytest

from made_walk_forward import made_walk_forward


def test_symbols_are_those_with_a_model_or_with_prices(service, sample):
    service.get("/forecast/AAPL")
    body = service.get("/symbols").json()
    assert (body["count"], body["trained"]) == (len(sample.symbols()), 4)
    listed = {entry["symbol"]: entry for entry in body["symbols"]}
    assert listed["AAPL"] == {
        "symbol": "AAPL",
        "model": "gnn",
        "in_memory": True,
        "sector": listed["AAPL"]["sector"],
    }
    assert listed["TSLA"]["model"] == "momentum"


def test_a_symbol_tells_its_model_and_its_prices(service, registry):
    body = service.get("/symbols/JPM").json()
    assert body["metadata"] == registry.metadata("JPM").model_dump(mode="json")
    assert (body["model"], body["prices_source"], body["last_session"]) == ("gnn", "sample", "2022-12-30")
    assert body["refused"] is None
    assert body["sessions"] > 1000
    without = service.get("/symbols/TSLA").json()
    assert (without["model"], without["metadata"]) == ("momentum", None)
    assert without["first_session"] < without["last_session"] == "2022-12-30"
    assert service.get("/symbols/APPL").status_code == 404
    assert service.get("/symbols/A--B").status_code == 422


def test_a_symbol_tells_its_walk_forward_figures_once_they_are_recorded(own, registry, config, panel):
    assert own.get("/symbols/JPM").json()["metadata"]["evaluation"] is None
    figures = made_walk_forward(config, panel.symbols)
    registry.record_evaluation("JPM", figures)
    told = own.get("/symbols/JPM").json()["metadata"]["evaluation"]
    assert told == figures.model_dump(mode="json")
    assert told["figures"]["hit_rate"] == {"value": 0.514, "low": 0.487, "high": 0.541}
    assert own.get("/symbols/JPM").json()["metadata"]["evaluation_by_horizon"] is None


def test_the_graph_is_the_one_behind_the_forecast(service, registry, panel):
    body = service.get("/symbols/AAPL/graph").json()
    config = registry.metadata("AAPL").training_config
    names = [node["symbol"] for node in body["nodes"]]
    assert names == ["AAPL", *config.correlated_symbols]
    assert body["as_of"] == "2022-12-30"
    # Correlations of the last 60 returns, and an edge where they reach the threshold.
    returns = panel.log_returns()[-60:][:, [panel.column(name) for name in names]]
    correlation = np.corrcoef(returns.T)
    assert np.allclose(body["correlations"], correlation, atol=1e-4)
    edges = {(edge["source"], edge["target"]): edge for edge in body["edges"]}
    above = {
        (names[i], names[j])
        for i in range(len(names))
        for j in range(i + 1, len(names))
        if abs(correlation[i, j]) >= body["threshold"]
    }
    assert set(edges) == above
    assert edges["AAPL", names[1]]["correlation"] == pytest.approx(correlation[0, 1], abs=1e-4)
    attention = np.array(body["attention"])
    assert attention.shape == (4, len(names), len(names))
    assert np.allclose(attention.sum(axis=-1), 1, atol=1e-4)
    # No attention goes where there is no edge.
    linked = np.eye(len(names), dtype=bool) | (np.abs(correlation) >= body["threshold"])
    assert np.abs(attention[:, ~linked]).max(initial=0) < 1e-6
    assert body["attention_of_target"]["AAPL"] == pytest.approx(attention[:, 0, 0].mean(), abs=1e-6)
    returns = panel.log_returns()[-20:, panel.column("AAPL")]
    assert body["nodes"][0]["shock"] == pytest.approx(returns[-1] / returns.std(ddof=1), rel=1e-4)


def test_a_symbol_without_a_model_has_no_graph(service):
    answer = service.get("/symbols/TSLA/graph")
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:tickgraph:problem:no-model"


def test_health(service):
    assert service.get("/health/live").json()["status"] == "live"
    body = service.get("/health/ready").json()
    assert (body["status"], body["models"]) == ("ready", 4)


@pytest.mark.parametrize("path", ["/forecast/", "/forecasts", "/forecast/AAPL/x"])
def test_what_is_not_there_is_a_problem_too(service, path):
    answer = service.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert "/openapi.json" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/admin/correlations", "/admin/jobs"])
def test_administration_that_is_off_says_how_to_turn_it_on(service, path):
    answer = service.get(path)
    assert answer.status_code == 404
    assert "TICKGRAPH_SERVE__ADMIN_TOKEN" in answer.json()["detail"]


def test_the_address_alone_leads_to_the_documentation(service):
    page = service.get("/").text
    assert '<a href="docs">' in page  # without scripts; with them the dashboard has the same link


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_a_probe_may_ask_for_headers_only(service, path):
    answer = service.http.head(path)
    assert (answer.status_code, answer.content) == (200, b"")


def test_the_wrong_method_is_405_and_says_which_is_right(service):
    answer = service.post("/forecast/AAPL")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET"
    assert answer.json()["status"] == 405
