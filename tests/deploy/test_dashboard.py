"""The dashboard and the rules against a real Prometheus that scrapes a real service."""

from __future__ import annotations

import json
import math
import shutil
from datetime import UTC, date, datetime, timedelta
from itertools import combinations

import pytest

from real_prometheus import DEPLOY, prometheus, until
from real_service import here, settings_of
from tickgraph.operations.records import (
    HorizonFigures,
    LiveFigures,
    LiveQuality,
    RefreshRun,
    RunLog,
    SymbolRun,
    write_quality,
)
from tickgraph.registry.registry import ModelRegistry

BOARD = json.loads((DEPLOY / "grafana" / "tickgraph.json").read_text())
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
VARIABLES = {"$job": "tickgraph", "$instance": ".*", "$__rate_interval": "1m"}


def substituted(expression):
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    assert "$" not in expression, expression
    return expression


TARGETS = {
    (panel["title"], target["legendFormat"], panel["id"]): (panel, substituted(target["expr"]))
    for panel in PANELS
    for target in panel["targets"]
}


def write_operations(folder):
    """A week of refreshes, of which one failed, and what live forecasts were worth."""
    now = datetime.now(UTC)
    for days, kind, state in ((6, "weekly", "done"), (1, "daily", "done"), (0, "manual", "failed")):
        started = now - timedelta(days=days, minutes=5)
        RunLog(folder).write(
            RefreshRun(
                id=f"{started:%Y%m%d%H%M%S}",
                kind=kind,
                started_at=started,
                finished_at=started + timedelta(seconds=80),
                owner="test",
                session=date(2022, 12, 30),
                state=state,
                symbols={"AAPL": SymbolRun(prices="updated", training="trained")},
            )
        )
    panel = LiveFigures(
        forecasts=240,
        ic=0.02,
        hit_rate=0.51,
        coverage={"0.8": 0.79, "0.95": 0.94},
        r2_vs_zero=0.001,
        r2_vs_momentum=0.03,
        error_ratio=1.04,
    )
    week = HorizonFigures(
        forecasts=230,
        first=now.date(),
        last=now.date(),
        stretches=12.0,
        coverage={"0.8": 0.78, "0.95": 0.93},
        usual={"0.8": (0.62, 0.93), "0.95": (0.83, 0.997)},
        out_of_band={"0.8": False, "0.95": False},
        qlike=0.26,
    )
    quality = LiveQuality(
        as_of=now.date(),
        computed_at=now,
        window=60,
        panel=panel,
        symbols={"AAPL": panel},
        horizons={"5": week},
        flagged={"AAPL": "coverage"},
    )
    write_quality(folder, quality)


def ask(service):
    """What every kind of question is counted for."""
    for path in ("AAPL", "JPM", "MSFT", "AAPL", "all", "TSLA", "XOM", "NOSUCH"):
        service.get(f"/forecast/{path}")
    service.get("/symbols")


@pytest.fixture(scope="module")
def watched(trained_dir, prices_dir, config, tmp_path_factory):
    """A Prometheus that scrapes a service with a cache too small for its models, one of which is damaged."""
    folder = tmp_path_factory.mktemp("watched")
    shutil.copytree(trained_dir, folder / "gnn")
    ModelRegistry(folder / "gnn").paths("XOM").weights.write_bytes(b"damaged")
    settings = settings_of(folder / "gnn", prices_dir, config, max_models=2, poll_seconds=0.2)
    write_operations(settings.operations_dir)
    with here(settings) as service:
        ask(service)
        with prometheus(folder / "prometheus", service.url.removeprefix("http://")) as running:
            until(lambda: running.query('up{job="tickgraph"} == 1'), "scraping the service")
            ask(service)  # counters that go up between two scrapes
            yield running


def answer(running, panel, expression):
    ask = running.query if panel["targets"][0]["instant"] else running.query_range
    return ask(expression)


def test_every_query_of_the_dashboard_succeeds_and_has_data(watched):
    left = dict(TARGETS)

    def none_left():
        for key, (panel, expression) in list(left.items()):
            if answer(watched, panel, expression):
                del left[key]
        return not left

    try:
        until(none_left, "data for every query")
    except AssertionError:
        assert sorted(left) == []


@pytest.mark.parametrize(
    ("title", "legend", "low", "high"),
    [
        ("Up", "up", 1, 1),
        ("Ready", "ready", 1, 1),
        ("Oldest model", "age", 0, 24),
        ("Since the last refresh", "age", 86_400, 2 * 86_400),
        ("Flagged symbols", "symbols", 1, 1),
        ("Hit rate", "hit rate", 0.01, 0.99),
        ("Time of a forecast", "from memory", 0, 2),
        ("Models", "in memory", 2, 2),
        ("Models", "refused", 1, 1),
        ("R2", "against {{baseline}}", 0.001, 0.03),
        ("Size of errors", "error ratio", 1.04, 1.04),
        ("Coverage by sessions ahead", "{{sessions}}", 0.78, 0.78),
    ],
)
def test_figures_are_of_the_size_that_they_ought_to_be(watched, title, legend, low, high):
    panel, expression = next(v for (a, b, _), v in TARGETS.items() if (a, b) == (title, legend))

    def values():
        found = answer(watched, panel, expression)
        last = [float(one["value"][1] if "value" in one else one["values"][-1][1]) for one in found]
        return last and all(math.isfinite(value) and low <= value <= high for value in last)

    until(values, f"{title} between {low} and {high}", seconds=15)


def test_every_rule_is_loaded_and_healthy_and_its_expression_can_be_asked(watched):
    def evaluated():
        rules = [rule for group in watched.data("rules")["groups"] for rule in group["rules"]]
        return rules if all(rule["health"] != "unknown" for rule in rules) else None

    rules = until(evaluated, "evaluating the rules")
    assert len(rules) > 30
    assert [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"] == []
    for rule in rules:
        watched.query(rule["query"])


def test_what_is_wrong_is_on_its_way_to_an_alert_and_what_is_well_is_not(watched):
    def pending():
        return {alert["labels"]["alertname"] for alert in watched.data("alerts")["alerts"]}

    wrong = {"TickgraphModelsRefused", "TickgraphRefreshFailed", "TickgraphSymbolsFlagged"}
    until(lambda: wrong <= pending(), "alerts of what is wrong")
    well = {
        "TickgraphCoverageOutOfBand",
        "TickgraphErrorsOutOfBand",
        "TickgraphHorizonCoverageOutOfBand",
        "TickgraphModelOld",
        "TickgraphNotReady",
        "TickgraphNotScraped",
        "TickgraphPricesStale",
        "TickgraphQualityOld",
        "TickgraphRefreshMissing",
        "TickgraphWeeklyRefreshMissing",
    }
    assert pending() & well == set()


def test_the_dashboard_is_whole():
    ids = [panel["id"] for panel in BOARD["panels"]]
    assert len(set(ids)) == len(ids)
    assert [panel["title"] for panel in BOARD["panels"] if panel["type"] == "row"] == [
        "At a glance",
        "Service",
        "Cache",
        "Freshness",
        "Live quality",
        "Operations",
        "Resources",
    ]
    assert BOARD["uid"] == "tickgraph"
    assert BOARD["schemaVersion"] >= 41  # of Grafana 12
    assert [variable["name"] for variable in BOARD["templating"]["list"]] == ["datasource", "job", "instance"]


def test_panels_lie_side_by_side_on_the_grid_and_in_their_order():
    boxes = [panel["gridPos"] for panel in BOARD["panels"]]
    assert all(box["x"] >= 0 and box["x"] + box["w"] <= 24 for box in boxes)
    for one, other in combinations(boxes, 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)
    assert [box["y"] for box in boxes] == sorted(box["y"] for box in boxes)


def test_every_panel_says_what_it_shows_in_which_unit_from_which_source():
    source = {"type": "prometheus", "uid": "${datasource}"}
    for panel in PANELS:
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["targets"], panel["title"]
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references)
        for target in panel["targets"]:
            assert target["expr"], panel["title"]
            assert target["legendFormat"], panel["title"]
            assert target["datasource"] == panel["datasource"] == source
            assert target["range"] is not target["instant"]


def test_every_query_is_of_the_chosen_job_and_instances():
    for (title, _, _), (_, expression) in TARGETS.items():
        if "gnn_" in expression or "scrape_" in expression:
            assert 'job="tickgraph", instance=~".*"' in expression, title
