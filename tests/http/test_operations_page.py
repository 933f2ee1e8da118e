"""``GET /operations``: what the page of operations shows, from the same counts as ``/metrics``."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest

from made_runs import QUALITY, run
from real_service import EVENING, here, settings_of
from tickgraph.http.operations_page import _quantile
from tickgraph.operations.lease import Lease
from tickgraph.operations.records import RunLog, SymbolRun, write_quality


def test_a_service_that_has_just_started_says_so(service):
    answer = service.get("/operations").json()
    assert (answer["runs"], answer["quality"], answer["problems"]) == ([], None, [])
    assert answer["models"] == 4
    assert answer["started_at"] == service.get("/health/ready").json()["started_at"]


def test_counts_are_those_of_the_metrics(own):
    for path in ("/forecast/AAPL", "/forecast/AAPL", "/forecast/MSFT", "/forecast/APPL", "/nowhere"):
        own.get(path)
    answer = own.get("/operations").json()
    assert answer["requests"]["4xx"] == 2
    assert answer["requests"]["2xx"] == own.metric("gnn_http_requests_total", status="200") - 1
    assert answer["models_in_memory"] == own.metric("gnn_cache_models") == 2
    assert answer["model_bytes"] == own.metric("gnn_cache_bytes")
    assert answer["cache_misses"] == own.metric("gnn_cache_misses_total")
    assert [(one["cached"], one["count"]) for one in answer["latency"]] == [(True, 1), (False, 2)]
    for one in answer["latency"]:
        assert 0 < one["median"] <= one["p95"] <= one["p99"]
    assert answer["sources"] == [
        {
            "source": "sample",
            "symbols": answer["sources"][0]["symbols"],
            "last_session": "2022-12-30",
            "sessions_behind": 0,
        }
    ]


@pytest.mark.parametrize(
    ("rank", "value"), [(1, 0.0005), (2, 0.001), (5, 0.005), (6, 0.0075), (7, 0.01), (8, 0.01)]
)
def test_quantiles_are_linear_inside_the_buckets(rank, value):
    buckets = [(float("inf"), 8.0), (0.001, 2.0), (0.005, 5.0), (0.01, 7.0)]
    assert _quantile(buckets, rank) == pytest.approx(value)


def test_runs_quality_and_what_is_wrong_are_read_from_what_operations_left(own, registry):
    folder = own.service.settings.operations_dir
    failed = {"KO": SymbolRun(prices="failed", errors=("no answer",)), "AAPL": SymbolRun(prices="updated")}
    RunLog(folder).write(run(0))
    RunLog(folder).write(run(1, state="failed", symbols=failed))
    write_quality(folder, QUALITY)
    own.service.watcher.look()
    answer = own.get("/operations").json()
    assert [(one["state"], one["seconds"]) for one in answer["runs"]] == [("failed", 90.0), ("done", 90.0)]
    assert answer["runs"][0]["symbols"]["failed"] == 1
    assert answer["quality"] == QUALITY.model_dump(mode="json")
    said = "\n".join(answer["problems"])
    assert "The last refresh failed for 1 symbol" in said
    assert "5 sessions ahead, the 80% interval" in said
    assert "Live quality of XOM left its band" in said
    assert own.get("/symbols/AAPL").json()["live"]["coverage"] == {"0.8": 0.75}
    assert own.get("/symbols/XOM").json()["out_of_band"] == "80 % intervals held 55 %"
    assert own.get("/symbols/MSFT").json()["live"] is None


def test_who_refreshes_is_named(own):
    assert own.get("/operations").json()["refreshing"] is None
    with Lease(own.service.settings.operations_dir, "theirs", lambda: EVENING):
        assert f"process {os.getpid()} on " in own.get("/operations").json()["refreshing"]


def test_old_prices_and_old_models_are_pointed_out(trained_dir, prices_dir, config, tmp_path):
    settings = settings_of(trained_dir, prices_dir, config, runtime_dir=tmp_path)
    clock = [EVENING]
    with here(settings, lambda: clock[0]) as service:
        service.get("/forecast/AAPL")
        clock[0] = service.service.started_at + timedelta(days=8)
        answer = service.get("/operations").json()
        assert answer["old_models"] == 1
        assert "completed sessions. Run: tickgraph refresh" in answer["problems"][0]
