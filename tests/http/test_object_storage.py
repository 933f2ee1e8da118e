"""A service whose models are on object storage goes on from copies while that is away, and says so."""

from __future__ import annotations

import pytest

from made_storage import Broken
from real_service import here, settings_of
from tickgraph.registry.copying import copy_models
from tickgraph.registry.registry import ModelRegistry

AWAY = "copies on this machine stand in for s3://"


@pytest.fixture
def shared(storage, tmp_path, registry):
    """Another machine's registry of the bucket, with AAPL and JPM in it."""
    shared = ModelRegistry(storage.place(tmp_path / "another"))
    copy_models(registry, shared, ("AAPL", "JPM"))
    return shared


@pytest.fixture
def service(storage, shared, prices_dir, config, tmp_path):
    """A service that looks at the bucket when the test says so."""
    place = storage.place(tmp_path / "copies")
    with here(settings_of(place, prices_dir, config, poll_seconds=3600)) as running:
        yield running


def test_a_service_takes_up_what_another_machine_publishes(service, shared, registry):
    assert service.get("/forecast/MSFT").json()["status"] == "momentum"
    before = service.get("/forecast/AAPL").json()["generation"]
    copy_models(registry, shared, ("MSFT",))
    own = shared.metadata("AAPL").correlations.as_of
    shared.publish_correlation("AAPL", shared.correlation("AAPL"), own)
    service.service.watcher.look()
    assert service.get("/forecast/MSFT").json()["status"] == "pre-trained"
    assert service.get("/forecast/AAPL").json()["generation"] == shared.generation("AAPL") != before


def test_it_goes_on_from_copies_says_so_and_recovers(service, storage, shared):
    loaded = service.get("/forecast/AAPL").json()
    assert not any(AWAY in note for note in loaded["notes"])
    ready = service.get("/health/ready").json()
    assert (ready["storage_away"], service.metric("gnn_storage_away")) == (None, 0)

    storage.fault = lambda method, path: Broken(503)
    service.service.watcher.look()
    answer = service.get("/forecast/AAPL").json()
    assert answer["predicted_return"] == loaded["predicted_return"]
    assert any(AWAY in note and "answers 503" in note for note in answer["notes"])
    answer = service.get("/health/ready")
    assert (answer.status_code, AWAY in answer.json()["storage_away"]) == (200, True)
    assert service.metric("gnn_storage_away") == 1
    assert service.metric("gnn_watch_fault") == 0
    assert AWAY in service.get("/operations").text
    assert service.get("/forecast/JPM").status_code == 503  # there is no copy of its model
    assert service.get("/forecast/JPM").headers["retry-after"]

    storage.fault = None
    service.service.watcher.look()
    answer = service.get("/forecast/AAPL").json()
    assert [note for note in answer["notes"] if AWAY in note] == []
    assert service.metric("gnn_storage_away") == 0
    service.service.forecaster.models.clear()
    assert service.get("/forecast/JPM").json()["status"] == "pre-trained"


def test_a_damaged_object_leaves_the_model_in_service_and_is_named(service, storage):
    before = service.get("/forecast/AAPL").json()["generation"]
    storage.put("gnn/models/AAPL.model.zip", b"foreign")
    service.service.watcher.look()
    answer = service.get("/forecast/AAPL").json()
    assert answer["generation"] == before
    assert any("a newer model is not used" in note and "s3://" in note for note in answer["notes"])
    assert service.metric("gnn_models_refused") == 1
