from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from real_service import here, settings_of


@pytest.fixture
def gate(monkeypatch):
    """Closed: whatever has to be computed waits until the test opens it."""
    from tickgraph.serving import network_outlooks

    class Gate:
        entered = threading.Semaphore(0)
        opened = threading.Event()

    real = network_outlooks.forward

    def waiting(*words):
        Gate.entered.release()
        assert Gate.opened.wait(60)
        return real(*words)

    monkeypatch.setattr(network_outlooks, "forward", waiting)
    yield Gate
    Gate.opened.set()


@pytest.fixture
def open_here(registry, prices_dir, config):
    def make(**serve):
        return here(settings_of(registry.root, prices_dir, config, **serve))

    return make


def test_beyond_the_bound_requests_are_refused_at_once_and_health_is_not(open_here, gate):
    with open_here(max_in_flight=2, threads=2) as service, ThreadPoolExecutor(2) as pool:
        held = [pool.submit(service.get, f"/forecast/{symbol}") for symbol in ("AAPL", "JPM")]
        for _ in held:
            assert gate.entered.acquire(timeout=30)
        refused = service.get("/forecast/MSFT")
        assert refused.status_code == 503
        assert refused.json()["type"] == "urn:tickgraph:problem:overloaded"
        assert int(refused.headers["retry-after"]) >= 1
        assert service.get("/health/live").status_code == 200
        assert service.metric("gnn_requests_shed_total", reason="overload") == 1
        assert service.metric("gnn_requests_in_flight") == 2
        gate.opened.set()
        assert [future.result(60).status_code for future in held] == [200, 200]
        assert service.get("/forecast/MSFT").status_code == 200


def test_warm_forecasts_do_not_wait_behind_cold_ones(open_here, gate):
    with open_here(threads=1) as service, ThreadPoolExecutor(1) as pool:
        gate.opened.set()
        service.get("/forecast/AAPL")
        gate.opened.clear()
        assert gate.entered.acquire(timeout=30)
        cold = pool.submit(service.get, "/forecast/JPM")
        assert gate.entered.acquire(timeout=30)
        assert service.get("/forecast/AAPL").json()["cached"]
        assert not cold.done()
        gate.opened.set()
        assert cold.result(60).status_code == 200


def test_an_answer_that_takes_too_long_is_503_and_its_work_is_not_lost(open_here, gate):
    with open_here(request_seconds=0.2) as service:
        answer = service.get("/forecast/AAPL")
        assert answer.status_code == 503
        assert answer.json()["type"] == "urn:tickgraph:problem:timed-out"
        assert "retry-after" in answer.headers
        assert service.metric("gnn_requests_shed_total", reason="timeout") == 1
        gate.opened.set()
        assert _at_last(service, "/forecast/AAPL") == 200
        assert service.metric("gnn_model_loads_total") == 1


def test_what_still_waits_for_a_thread_when_its_time_is_up_is_taken_back(open_here, gate):
    with open_here(request_seconds=0.2, threads=1) as service, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(service.get, ["/forecast/AAPL", *["/forecast/JPM"] * 7]))
        assert {answer.status_code for answer in answers} == {503}
        assert service.metric("gnn_queue_depth") == 0
        gate.opened.set()
        assert _at_last(service, "/forecast/JPM") == 200


def _at_last(service, path):
    """Status once the machine is not too busy to answer in the little time there is."""
    return next(status for _ in range(100) if (status := service.get(path).status_code) != 503)


def test_a_hundred_first_requests_load_the_model_once(open_here):
    with open_here(threads=16) as service, ThreadPoolExecutor(32) as pool:
        with httpx.Client(base_url=service.url, timeout=60) as http:
            answers = list(pool.map(lambda _: http.get("/forecast/AAPL"), range(100)))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.json()["predicted_return"] for answer in answers}) == 1
        assert service.metric("gnn_model_loads_total") == 1


def test_stopping_finishes_what_is_in_flight(open_here, gate):
    with ThreadPoolExecutor(1) as pool:
        with open_here() as service:
            held = pool.submit(httpx.get, f"{service.url}/forecast/AAPL", timeout=60)
            assert gate.entered.acquire(timeout=30)
            service.server.should_exit = True
            gate.opened.set()
        answer = held.result(60)
        assert answer.status_code == 200
        assert answer.json()["symbol"] == "AAPL"
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{service.url}/health/live")


def test_a_service_whose_models_cannot_be_listed_is_not_ready(own, registry):
    registry.root.rename(registry.root.with_name("gone"))
    own.service.watcher.look()
    answer = own.get("/health/ready")
    assert answer.status_code == 503
    assert "is gone" in answer.json()["detail"]
    assert "retry-after" in answer.headers
    assert own.metric("gnn_watch_fault") == 1
    assert own.get("/health/live").status_code == 200
    registry.root.with_name("gone").rename(registry.root)
    own.service.watcher.look()
    assert own.get("/health/ready").status_code == 200
