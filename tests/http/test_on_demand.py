from __future__ import annotations

import threading
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from real_service import ADMIN, TOKEN, here, settings_of
from tickgraph.model.weights import weight_shapes
from tickgraph.pipeline.train import train_one
from tickgraph.registry.registry import ModelRegistry

WAIT = 120


@pytest.fixture
def demanded(registry, prices_dir, config):
    """A service that trains on demand; it looks for new models when the test says so."""
    settings = settings_of(
        registry.root,
        prices_dir,
        config,
        train_on_demand=True,
        admin_token=TOKEN,
        poll_seconds=3600,
        drain_seconds=1,
    )
    with here(settings) as running:
        yield running


class _NoWorker:
    """Stands for the pool of processes: trains nothing."""

    def __init__(self, service):
        self._background = service.service.background
        self._background._pool, self._background._workers = self, 100
        self._futures: list[Future] = []
        self.asked = threading.Semaphore(0)

    @property
    def futures(self):
        """What was submitted, once everything that was asked for has been."""
        self._background._dispatcher.submit(lambda: None).result(WAIT)
        return self._futures

    def submit(self, *_):
        self._futures.append(Future())
        self._futures[-1].set_running_or_notify_cancel()
        self.asked.release()
        return self._futures[-1]

    def shutdown(self, **_):
        for future in self._futures:
            if not future.done():
                future.set_exception(CancelledError())


def test_momentum_at_once_then_the_model_that_training_ahead_would_have_made(
    demanded, registry, panel, program, prices_dir, config
):
    first = demanded.get("/forecast/TSLA").json()
    assert first["status"] == "momentum"
    assert first["training_job"]
    assert any("a model is being trained" in note for note in first["notes"])

    waited = demanded.get("/forecast/TSLA?wait=true").json()
    assert (waited["status"], waited["model"]) == ("trained-on-demand", "gnn")
    assert waited["training_job"] == first["training_job"]
    assert waited["generation"] == registry.generation("TSLA")

    demanded.service.watcher.look()
    later = demanded.get("/forecast/TSLA").json()
    assert (later["status"], later["training_job"]) == ("pre-trained", None)
    assert later["predicted_return"] == waited["predicted_return"]

    # Trained ahead, in this process, from the same prices and seed.
    ahead = ModelRegistry(registry.root.parent / "ahead")
    train_one(panel, "TSLA", panel.symbols, program, ahead)
    with here(settings_of(ahead.root, prices_dir, config)) as other:
        pre_trained = other.get("/forecast/TSLA").json()
    assert pre_trained["status"] == "pre-trained"
    assert waited["predicted_return"] == pytest.approx(pre_trained["predicted_return"], rel=1e-3, abs=1e-6)
    assert waited["probability_up"] == pytest.approx(pre_trained["probability_up"], abs=1e-3)
    assert demanded.metric("gnn_compilations_total") == 1
    assert demanded.metric("gnn_jobs_total", kind="train", state="done") == 1

    # Another symbol, by the program that is compiled by now.
    assert demanded.get("/forecast/META?wait=true").json()["status"] == "trained-on-demand"
    assert demanded.metric("gnn_compilations_total") == 1

    # And one that has a model already, because an operator asks.
    before = registry.generation("AAPL")
    job = demanded.post("/admin/retrain/AAPL", headers=ADMIN)
    assert job.status_code == 202
    demanded.service.background.ended(_job(job)).result(WAIT)
    done = demanded.get(f"/admin/jobs/{job.json()['id']}", headers=ADMIN).json()
    assert (done["state"], done["symbol"], done["completed"]) == ("done", "AAPL", 1)
    assert registry.generation("AAPL") != before
    assert demanded.metric("gnn_compilations_total") == 1

    # The models, not the forecasts in memory, are what a retrained one is compared with.
    again = registry.load("AAPL", weight_shapes)
    assert again.metadata.training_config.correlated_symbols


def _job(response):
    from tickgraph.pipeline.jobs import Job

    return Job.model_validate(response.json())


def test_a_probability_can_wait_for_the_trained_distribution(demanded, registry):
    path = "/forecast/NVDA/probability?strike=150&price=146"
    at_once = demanded.get(path).json()
    assert at_once["forecast"]["status"] == "momentum"
    waited = demanded.get(f"{path}&wait=true").json()
    assert waited["forecast"]["status"] == "trained-on-demand"
    assert waited["forecast"]["generation"] == registry.generation("NVDA")
    assert waited["probability_above"] != at_once["probability_above"]


def test_a_hundred_requests_train_a_symbol_once(demanded):
    pool = _NoWorker(demanded)
    with ThreadPoolExecutor(20) as clients:
        bodies = list(clients.map(lambda _: demanded.get("/forecast/TSLA").json(), range(100)))
    assert {body["status"] for body in bodies} == {"momentum"}
    assert len({body["training_job"] for body in bodies}) == 1
    assert len(pool.futures) == 1
    assert demanded.metric("gnn_jobs_waiting") == 1


def test_clients_that_go_away_do_not_end_the_training(demanded):
    import httpx

    pool = _NoWorker(demanded)
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{demanded.url}/forecast/TSLA?wait=true", timeout=0.5)
    assert pool.asked.acquire(timeout=30)
    assert not pool.futures[0].cancelled()
    assert demanded.service.background.running("TSLA") is not None


def test_what_cannot_be_trained_stays_with_momentum_and_says_why(demanded):
    pool = _NoWorker(demanded)
    job = demanded.get("/forecast/TSLA").json()["training_job"]
    record = demanded.service.background.board.read(job)
    failed = record.model_copy(update={"state": "failed", "error": "TSLA has 12 sessions, 200 are needed"})
    ended = demanded.service.background.ended(record)
    pool.futures[0].set_result((failed, 0))
    ended.result(WAIT)
    for query in ("", "?wait=true"):
        body = demanded.get(f"/forecast/TSLA{query}").json()
        assert body["status"] == "momentum"
        assert any("TSLA has 12 sessions" in note for note in body["notes"])
    assert len(pool.futures) == 1  # not tried again at once
    assert demanded.get("/symbols/TSLA").json()["training"]["state"] == "failed"


def test_more_waiters_than_the_bound_get_momentum_at_once(registry, prices_dir, config):
    import httpx

    settings = settings_of(
        registry.root, prices_dir, config, train_on_demand=True, max_waiting=1, wait_seconds=60
    )
    with here(settings) as service, ThreadPoolExecutor(1) as clients:
        pool = _NoWorker(service)
        first = clients.submit(httpx.get, f"{service.url}/forecast/TSLA?wait=true", timeout=60)
        assert pool.asked.acquire(timeout=30)
        while not service.service.training.waiting:
            service.get("/health/live")
        body = service.get("/forecast/META?wait=true").json()
        assert body["status"] == "momentum"
        assert any("too many requests wait" in note for note in body["notes"])
        job = service.service.background.running("TSLA")
        pool.futures[0].set_result((job.model_copy(update={"state": "failed", "error": "stopped"}), 0))
        assert first.result(60).json()["status"] == "momentum"


def test_a_full_queue_still_gives_momentum_and_tells_an_operator_503(registry, prices_dir, config):
    settings = settings_of(
        registry.root, prices_dir, config, train_on_demand=True, max_jobs=1, admin_token=TOKEN
    )
    with here(settings) as service:
        _NoWorker(service)
        service.get("/forecast/TSLA")
        body = service.get("/forecast/META").json()
        assert (body["status"], body["training_job"]) == ("momentum", None)
        assert any("no model is being trained" in note for note in body["notes"])
        answer = service.post("/admin/retrain/AAPL", headers=ADMIN)
        assert answer.status_code == 503
        assert answer.json()["type"] == "urn:tickgraph:problem:queue-full"


def test_a_full_disk_costs_the_training_and_no_forecast(demanded, monkeypatch):
    from tickgraph import storage

    def full(*_):
        raise OSError(28, "No space left on device")

    before = demanded.get("/forecast/AAPL").json()
    monkeypatch.setattr(storage.os, "replace", full)
    body = demanded.get("/forecast/TSLA").json()
    assert body["status"] == "momentum"
    assert any("No space left" in note for note in body["notes"])
    assert demanded.get("/forecast/AAPL").json()["predicted_return"] == before["predicted_return"]
    answer = demanded.post("/admin/retrain/AAPL", headers=ADMIN)
    assert answer.status_code == 503
    assert "No space left" in answer.json()["detail"]


def test_on_demand_can_be_turned_off(service):
    body = service.get("/forecast/TSLA?wait=true").json()
    assert (body["status"], body["training_job"]) == ("momentum", None)


@pytest.mark.parametrize("path", ["/admin/correlations", "/admin/refresh"])  # the second is its former name
def test_the_correlations_of_the_newest_session_are_published(demanded, registry, path):
    earlier = {}
    for symbol in registry.symbols():  # as if they had been computed two days ago
        stored = registry.load(symbol, weight_shapes)
        then = datetime.now(UTC) - timedelta(days=2)
        old = stored.metadata.correlations.model_copy(update={"computed_at": then})
        registry.publish(
            stored.metadata.model_copy(update={"correlations": old}), stored.weights, stored.correlation
        )
        earlier[symbol] = registry.generation(symbol)
    documented = demanded.get("/openapi.json").json()["paths"][path]["post"]
    assert documented.get("deprecated", False) is (path == "/admin/refresh")
    job = demanded.post(path, headers=ADMIN)
    assert job.status_code == 202
    ended = demanded.service.background.ended(_job(job)).result(WAIT)
    assert (ended.state, ended.completed, ended.total) == ("done", 4, 4)
    listed = demanded.get("/admin/jobs", headers=ADMIN).json()["jobs"]
    assert [one["id"] for one in listed] == [job.json()["id"]]
    for symbol, generation in earlier.items():
        assert registry.generation(symbol) != generation
        assert registry.metadata(symbol).correlations.computed_at > then


def test_a_job_that_is_not_there_is_404(demanded):
    assert demanded.get("/admin/jobs/20200101-00", headers=ADMIN).status_code == 404
    assert demanded.get("/admin/jobs/..%2f..%2fx", headers=ADMIN).status_code in (404, 422)
    assert demanded.post("/admin/retrain/APPL", headers=ADMIN).status_code == 404
