"""Metrics of models that leave, of many symbols, of several processes."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from real_service import here, settings_of
from tickgraph.http import middleware
from tickgraph.http.metrics import ServiceMetrics
from tickgraph.http.shared_metrics import forget_the_dead
from tickgraph.model.weights import weight_shapes


def aged(service):
    families = text_string_to_metric_families(service.get("/metrics").text)
    samples = [one for family in families for one in family.samples]
    return {one.labels["symbol"]: one.value for one in samples if one.name == "gnn_model_staleness_hours"}


def test_a_withdrawn_model_has_no_age(own, registry):
    own.get("/forecast/all")
    assert sorted(aged(own)) == ["AAPL", "JPM", "MSFT", "XOM"]
    registry.remove("XOM")
    own.service.watcher.look()
    assert sorted(aged(own)) == ["AAPL", "JPM", "MSFT"]


SEVERAL = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from tickgraph.http.metrics import ServiceMetrics
from tickgraph.market.store import PriceStore
from tickgraph.registry.registry import ModelRegistry
from tickgraph.serving.forecaster import Forecaster
from tickgraph.serving.watcher import Watcher
registry = ModelRegistry(Path(sys.argv[1]))
metrics = ServiceMetrics()
forecaster = Forecaster(registry, PriceStore(Path(sys.argv[2])), observer=metrics)
watcher = Watcher(forecaster)
metrics.attach(forecaster, watcher, lambda: 0)
watcher.look()
forecaster.forecast_all()
assert b'staleness_hours{symbol="XOM"}' in metrics.expose()
registry.remove("XOM")
watcher.look()
text = metrics.expose()
assert b'staleness_hours{symbol="AAPL"}' in text
assert b'staleness_hours{symbol="XOM"}' not in text, text
dead = Path(sys.argv[3]) / "gauge_livesum_999999.db"
dead.write_bytes((next(Path(sys.argv[3]).glob("gauge_livesum_*.db"))).read_bytes())
metrics.expose()
assert not dead.exists()
forecaster.close()
"""


def test_among_several_processes_a_withdrawn_model_has_no_age_and_a_dead_process_no_gauges(
    registry, prices_dir, tmp_path, monkeypatch
):
    (tmp_path / "metrics").mkdir()
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "metrics"))
    words = [str(registry.root), str(prices_dir), str(tmp_path / "metrics")]
    done = subprocess.run([sys.executable, "-c", SEVERAL, *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_two_processes_asked_at_once_may_both_drop_the_gauges_of_a_dead_one(tmp_path, monkeypatch):
    dead = tmp_path / "gauge_livesum_999999.db"
    dead.touch()

    def the_other_was_faster(pid):
        dead.unlink()
        return False

    monkeypatch.setattr("tickgraph.http.shared_metrics.psutil.pid_exists", the_other_was_faster)
    forget_the_dead(tmp_path)
    assert not dead.exists()


@pytest.mark.parametrize(("bound", "labelled"), [(4, True), (3, False)])
def test_the_bound_on_labels_counts_itself_in(registry, prices_dir, config, bound, labelled):
    with here(settings_of(registry.root, prices_dir, config, symbol_labels=bound)) as service:
        service.get("/forecast/all")
        assert ("AAPL" in aged(service)) is labelled


def test_without_labels_the_oldest_model_counts(registry, prices_dir, config):
    for symbol, days in (("AAPL", 30), ("JPM", 3)):
        stored = registry.load(symbol, weight_shapes)
        trained = datetime.now(UTC) - timedelta(days=days)
        metadata = stored.metadata.model_copy(update={"training_date": trained})
        registry.publish(metadata, stored.weights, stored.correlation)
    with here(settings_of(registry.root, prices_dir, config, symbol_labels=0)) as service:
        service.get("/forecast/all")
        assert aged(service)["_other"] == pytest.approx(30 * 24, abs=1)


def test_requests_are_timed_by_route_and_looks_have_a_time(service):
    before = service.metric("gnn_http_request_seconds_count", route="/forecast/{symbol}")
    service.get("/forecast/AAPL")
    service.get("/forecast/ZZZZ")
    assert service.metric("gnn_http_request_seconds_count", route="/forecast/{symbol}") == before + 2
    age = datetime.now(UTC).timestamp() - service.metric("gnn_last_look_timestamp_seconds")
    assert -1 < age < 3600
    assert "_created" not in service.get("/metrics").text


def test_a_look_is_timed_when_it_ends():
    metrics = ServiceMetrics()
    assert b"gnn_last_look_timestamp_seconds 0.0" in metrics.expose()
    metrics.looked()
    assert b"gnn_last_look_timestamp_seconds 0.0" not in metrics.expose()


def test_slow_requests_are_logged_with_who_asked(service, monkeypatch):
    logged = []
    monkeypatch.setattr(middleware._log, "info", lambda event, **words: logged.append(words), raising=False)
    service.get("/forecast/AAPL")
    assert logged == []
    monkeypatch.setattr(middleware, "SLOW_SECONDS", 0)
    answer = service.get("/forecast/AAPL")
    assert logged[0]["request_id"] == answer.headers["x-request-id"]
    assert (logged[0]["client"], logged[0]["status"]) == ("127.0.0.1", 200)


def test_a_requests_thread_knows_the_request(service, monkeypatch):
    seen = []

    def check(_):
        seen.append((middleware.request_id.get(), threading.current_thread().name))

    monkeypatch.setattr(service.service.known_symbols, "check", check)
    answer = service.get("/symbols/AAPL")
    assert seen[0][0] == answer.headers["x-request-id"]
    assert seen[0][1].startswith("tickgraph-request")
