from __future__ import annotations

import json
import logging

import pytest
from prometheus_client.parser import text_string_to_metric_families

from real_service import ADMIN, here, settings_of

HANDED_DOWN = {
    "gnn_prediction_latency_seconds": "histogram",
    "gnn_cache_hits": "counter",
    "gnn_cache_misses": "counter",
    "gnn_model_staleness_hours": "gauge",
}


def families(service):
    return {family.name: family for family in text_string_to_metric_families(service.get("/metrics").text)}


def test_the_four_handed_down_are_there_under_their_names(own):
    own.get("/forecast/AAPL")
    own.get("/forecast/AAPL")
    found = families(own)
    assert {name: found[name].type for name in HANDED_DOWN} == HANDED_DOWN
    assert own.metric("gnn_cache_misses_total", symbol="AAPL") == 1
    assert own.metric("gnn_cache_hits_total", symbol="AAPL") == 1
    assert own.metric("gnn_prediction_latency_seconds_count", cached="false") == 1
    assert own.metric("gnn_prediction_latency_seconds_count", cached="true") == 1
    hours = own.metric("gnn_model_staleness_hours", symbol="AAPL")
    assert 0 <= hours < 24


def test_every_metric_says_what_it_is(own):
    for family in families(own).values():
        assert family.documentation.endswith("."), family.name
        assert family.name.startswith("gnn_")


def test_no_caller_can_make_series(own):
    def lines_after(first):
        for number in range(first, first + 100):
            own.get(f"/forecast/ZZ{chr(65 + number % 26)}{chr(65 + number // 26)}")
            own.get(f"/nowhere/{number}")
            own.get(f"/symbols/QQ{chr(65 + number % 26)}")
            own.http.request(f"VERB{number % 7}", "/forecast/AAPL")
        return own.get("/metrics").text.splitlines()

    own.get("/forecast/TSLA")
    assert "TSLA" not in own.get("/metrics").text  # without a model it has no label
    few = lines_after(0)
    many = lines_after(100)
    assert len(many) == len(few)
    assert not [line for line in many if "ZZ" in line or "nowhere/" in line]


def test_above_a_number_of_symbols_there_is_no_label_for_each(registry, prices_dir, config):
    with here(settings_of(registry.root, prices_dir, config, symbol_labels=3)) as service:
        service.get("/forecast/all")
        assert service.metric("gnn_cache_misses_total", symbol="_other") == 4
        assert "AAPL" not in service.get("/metrics").text


def test_what_an_operator_needs(own, registry):
    own.get("/forecast/all")
    own.get("/forecast/TSLA")
    own.get("/forecast/APPL")
    assert own.metric("gnn_model_loads_total") == 4
    assert own.metric("gnn_cache_models") == 4
    assert 4 * 30_000 < own.metric("gnn_cache_bytes") < 4 * 1_000_000
    assert own.metric("gnn_fallbacks_total", reason="no model") == 1
    assert own.metric("gnn_batch_symbols_sum") == 4
    assert own.metric("gnn_http_requests_total", route="/forecast/{symbol}", status="404") == 1
    assert own.metric("gnn_http_requests_total", route="/forecast/all", status="200") == 1
    assert own.metric("gnn_price_staleness_sessions", source="sample") == 0
    assert own.metric("gnn_memory_bytes") > 10_000_000
    assert own.metric("gnn_queue_seconds_count") >= 3
    assert own.metric("gnn_compilations") == 0  # serving compiles nothing
    cleared = own.post("/admin/cache/clear", headers=ADMIN).json()
    assert cleared == {"models": 4}
    assert own.metric("gnn_cache_models") == 0


def test_a_small_cache_shows_that_it_is_too_small(registry, prices_dir, config):
    with here(settings_of(registry.root, prices_dir, config, max_models=2)) as service:
        for symbol in ("AAPL", "JPM", "MSFT", "XOM"):
            service.get(f"/forecast/{symbol}")
        assert service.metric("gnn_cache_evictions_total") == 2
        assert service.metric("gnn_cache_eviction_idle_seconds_count") == 2
        assert service.metric("gnn_cache_models") == 2


def test_stale_prices_show(registry, prices_dir, config):
    from datetime import UTC, datetime

    later = datetime(2023, 1, 4, 22, tzinfo=UTC)
    with here(settings_of(registry.root, prices_dir, config), now=lambda: later) as service:
        body = service.get("/forecast/AAPL").json()
        assert (body["stale"], body["sessions_behind"]) == (True, 2)
        assert service.metric("gnn_price_staleness_sessions", source="sample") == 2


def test_stale_correlations_are_computed_with_a_warning_and_counted(own, registry):
    from tickgraph.model.weights import weight_shapes

    stored = registry.load("AAPL", weight_shapes)
    when = stored.metadata.correlations.as_of.replace(day=29)
    old = stored.metadata.correlations.model_copy(update={"as_of": when})
    registry.publish(
        stored.metadata.model_copy(update={"correlations": old}), stored.weights, stored.correlation
    )
    own.service.watcher.look()
    body = own.get("/forecast/AAPL").json()
    assert body["correlations"] == "computed"
    assert any("correlations were published for 2022-12-29" in note for note in body["notes"])
    assert own.metric("gnn_correlations_computed_total", reason="session") == 1


@pytest.fixture
def logged():
    """What the service logs, as the lines that a stream would get."""
    import io

    from tickgraph.http import logs

    root = logging.getLogger()
    kept, level = root.handlers[:], root.level
    stream = io.StringIO()
    yield lambda form: _captured(logs, form, stream)
    root.handlers[:], root.level = kept, level


def _captured(logs, form, stream):
    logs.configure(form)
    (handler,) = logging.getLogger().handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(stream)
    return stream


def test_logs_are_json_with_the_id_of_the_request(registry, prices_dir, config, logged):
    stream = logged("json")
    with here(settings_of(registry.root, prices_dir, config, access_log=True)) as service:
        service.get("/forecast/AAPL", headers={"x-request-id": "mine-1"})
        registry.paths("JPM").weights.write_bytes(b"")
        service.get("/forecast/JPM", headers={"x-request-id": "mine-2"})
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    mine = [event for event in events if event.get("request_id") == "mine-1"]
    assert mine[-1]["event"] == "request"
    assert (mine[-1]["path"], mine[-1]["status"]) == ("/forecast/AAPL", 200)
    failed = [event for event in events if event.get("request_id") == "mine-2"]
    assert any("JPM" in event["event"] for event in failed)
    assert all({"level", "timestamp", "logger"} <= set(event) for event in events)


def test_logs_for_people_are_one_line_each(registry, prices_dir, config, logged):
    stream = logged("console")
    with here(settings_of(registry.root, prices_dir, config, access_log=True)) as service:
        service.get("/forecast/AAPL")
    lines = [line for line in stream.getvalue().splitlines() if "path=/forecast/AAPL" in line]
    assert len(lines) == 1
    assert "status=200" in lines[0]
