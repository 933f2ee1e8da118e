"""What becomes of answers while files are replaced, deleted, truncated or unreadable: never a wrong forecast."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager

import httpx
import numpy as np
import pytest

from placed import put
from real_service import ADMIN, here, settings_of
from tickgraph.model.weights import weight_shapes


def published(registry, symbol, factor):
    """Publish a symbol's model again with every weight multiplied; gives the generation's identity."""
    stored = registry.load(symbol, weight_shapes)
    weights = {path: value * np.float32(factor) for path, value in stored.weights.items()}
    registry.publish(stored.metadata, weights, stored.correlation)
    return registry.generation(symbol)


@contextmanager
def load_on(service, symbols, clients=4):
    """Clients that ask without a pause until the block ends; collects what they are told."""
    ended, answers, faults = threading.Event(), [], []
    rounds = threading.Semaphore(0)

    def ask():
        with httpx.Client(base_url=service.url, timeout=60) as http:
            while not ended.is_set():
                for symbol in symbols:
                    try:
                        answers.append((symbol, http.get(f"/forecast/{symbol}")))
                    except httpx.HTTPError as error:
                        faults.append(error)
                rounds.release()

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()

    def wait_for_rounds(count=8):
        for _ in range(count):
            assert rounds.acquire(timeout=60)

    try:
        yield answers, wait_for_rounds
    finally:
        ended.set()
        for thread in threads:
            thread.join(60)
    assert not faults


def said(answers):
    """What was forecast by (symbol, generation): one value each, or some answer mixed two generations."""
    seen: dict[tuple[str, str], set[float]] = {}
    for symbol, answer in answers:
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert body["symbol"] == symbol
        seen.setdefault((symbol, body["generation"]), set()).add(body["predicted_return"])
    assert all(len(values) == 1 for values in seen.values()), seen
    return {key: values.pop() for key, values in seen.items()}


def test_models_replaced_under_load_are_swapped_whole(registry, prices_dir, config):
    symbols = registry.symbols()
    with here(settings_of(registry.root, prices_dir, config, poll_seconds=0.01)) as service:
        with load_on(service, symbols) as (answers, rounds):
            rounds()
            generations = {symbol: [registry.generation(symbol)] for symbol in symbols}
            for factor in (1.5, 0.5, 2.0):
                for symbol in symbols:
                    generations[symbol].append(published(registry, symbol, factor))
                rounds()
            seen = said(answers)
        last = {symbol: service.get(f"/forecast/{symbol}").json() for symbol in symbols}
        service.service.watcher.look()
        for symbol in symbols:
            now = service.get(f"/forecast/{symbol}").json()
            assert now["generation"] == generations[symbol][-1], last[symbol]
            assert {name for one, name in seen if one == symbol} <= set(generations[symbol])
    # Each is what a service that only ever saw that generation says.
    with here(settings_of(registry.root, prices_dir, config)) as fresh:
        for symbol in symbols:
            body = fresh.get(f"/forecast/{symbol}").json()
            if (symbol, body["generation"]) in seen:
                assert seen[symbol, body["generation"]] == pytest.approx(
                    body["predicted_return"], rel=1e-4, abs=1e-8
                )


def _truncated(path):
    path.write_bytes(path.read_bytes()[:-100])


def _emptied(path):
    path.write_bytes(b"")


def _foreign(path):
    path.write_bytes(b"something else altogether")


def _deleted(path):
    path.unlink()


def _unreadable(path):
    path.unlink()
    path.mkdir()  # reading fails for root too, whom file modes do not stop


DAMAGES = (_truncated, _emptied, _foreign, _deleted, _unreadable)


@pytest.mark.parametrize("part", ["weights", "correlations"])
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda f: f.__name__[1:])
def test_damage_under_load_leaves_the_model_in_memory_in_service(own, registry, damage, part):
    before = own.get("/forecast/AAPL").json()
    stored = registry.load("AAPL", weight_shapes)
    weights = {path: value * np.float32(2) for path, value in stored.weights.items()}
    good = stored.metadata, weights, stored.correlation
    with load_on(own, ("AAPL", "MSFT"), clients=2) as (answers, rounds):
        published(registry, "AAPL", 3.0)
        damage(getattr(registry.paths("AAPL"), part))
        own.service.watcher.look()
        rounds()
    seen = said(answers)
    assert seen["AAPL", before["generation"]] == before["predicted_return"]
    assert {symbol for symbol, _ in seen} == {"AAPL", "MSFT"}
    assert len(seen) == 2
    assert own.metric("gnn_verification_failures_total", symbol="AAPL") == 1
    assert own.metric("gnn_models_refused") == 1
    assert any("a newer model is not used" in note for note in own.get("/forecast/AAPL").json()["notes"])
    # A model that works comes: it is served, and the alarm ends.
    broken = getattr(registry.paths("AAPL"), part)
    if broken.is_dir():
        broken.rmdir()
    registry.publish(*good)
    own.service.watcher.look()
    after = own.get("/forecast/AAPL").json()
    assert after["generation"] == registry.generation("AAPL") != before["generation"]
    assert own.metric("gnn_models_refused") == 0


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda f: f.__name__[1:])
def test_damage_before_the_first_request_is_503_and_never_a_fallback(own, registry, damage):
    damage(registry.paths("AAPL").weights)
    for _ in range(2):
        answer = own.get("/forecast/AAPL")
        assert answer.status_code == 503
        assert answer.json()["type"] == "urn:tickgraph:problem:model-refused"
        assert "AAPL" in answer.json()["detail"]
    body = own.get("/forecast/all").json()
    assert sorted(body["forecasts"]) == ["JPM", "MSFT", "XOM"]
    assert body["failures"]["AAPL"]["status"] == 503


def test_metadata_damaged_under_load_leaves_the_model_in_service(own, registry):
    before = own.get("/forecast/AAPL").json()
    _foreign(registry.paths("AAPL").metadata)
    own.service.watcher.look()
    after = own.get("/forecast/AAPL").json()
    assert after["predicted_return"] == before["predicted_return"]
    assert any("a newer model is not used" in note for note in after["notes"])


def test_without_a_price_store_what_is_in_memory_is_served_and_the_rest_says_why(own, prices):
    before = own.get("/forecast/AAPL").json()
    prices.rename(prices.with_name("gone"))
    own.service.watcher.look()
    own.service.watcher.look()
    assert own.get("/forecast/AAPL").json()["predicted_return"] == before["predicted_return"]
    cleared = own.post("/admin/cache/clear", headers=ADMIN)
    assert cleared.json()["models"] >= 1
    answer = own.get("/forecast/AAPL")
    assert answer.status_code == 503
    assert "tickgraph prices update" in answer.json()["detail"]
    assert answer.headers["retry-after"]
    prices.with_name("gone").rename(prices)
    assert own.get("/forecast/AAPL").json()["predicted_return"] == before["predicted_return"]


def test_a_vanished_model_folder_is_not_made_again_by_training(registry, prices_dir, config):
    """A new folder of one model would look like the withdrawal of all others."""
    settings = settings_of(registry.root, prices_dir, config, train_on_demand=True, poll_seconds=3600)
    with here(settings) as service:
        before = service.get("/forecast/all").json()["forecasts"]
        service.service.forecaster.outlook("TSLA")
        registry.root.rename(registry.root.with_name("gone"))
        service.service.watcher.look()
        body = service.get("/forecast/TSLA?wait=true").json()
        assert (body["status"], body["training_job"]) == ("momentum", None)
        assert any("no model is being trained" in note and "is gone" in note for note in body["notes"])
        assert service.get("/forecast/META?wait=true").status_code == 503  # who knows whether it has a model
        service.service.watcher.look()
        assert not (registry.root / "metadata").exists()
        for symbol, forecast in before.items():
            assert service.get(f"/forecast/{symbol}").json()["generation"] == forecast["generation"]


def test_a_price_store_that_is_locked_by_an_update_is_still_read(own, prices):
    from filelock import FileLock

    locks = [FileLock(path) for path in prices.rglob("*.lock")] or [FileLock(prices / "sample.lock")]
    for lock in locks:
        lock.acquire(timeout=1)
    try:
        assert own.get("/forecast/AAPL").status_code == 200
        assert len(own.get("/forecast/all").json()["forecasts"]) == 4
    finally:
        for lock in locks:
            lock.release()


def test_damaged_prices_are_503_for_those_who_need_them_only(own, prices):
    (prices / "sample" / "TSLA.parquet").write_bytes(b"PAR1 not really")
    answer = own.get("/forecast/TSLA")
    assert answer.status_code == 503
    assert "TSLA" in answer.json()["detail"]
    assert own.get("/forecast/PFE").status_code == 200


def test_an_unforeseen_fault_is_500_with_an_id_and_without_internals(own, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("secret internals")

    monkeypatch.setattr(own.service.forecaster, "peek", broken)
    answer = own.get("/forecast/AAPL")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    monkeypatch.undo()
    assert own.get("/forecast/AAPL").status_code == 200


def test_a_model_that_gives_no_number_is_503_for_its_symbol_alone(own, registry):
    published(registry, "AAPL", 1e30)
    for route in ("/forecast/AAPL", "/forecast/AAPL/probability?strike=130", "/symbols/AAPL/graph"):
        answer = own.get(route)
        assert answer.status_code == 503, route
        assert answer.json()["type"] == "urn:tickgraph:problem:model-refused"
        assert "The model of AAPL is refused: its" in answer.json()["detail"]
    answer = own.get("/forecast/all")
    assert set(answer.json()["forecasts"]) == {"JPM", "MSFT", "XOM"}
    assert "AAPL" in answer.json()["failures"]
    assert "NaN" not in answer.text


@pytest.mark.skipif(os.name == "nt", reason="POSIX files")
@pytest.mark.parametrize("kind", ["a named pipe", "a link to itself", "a link to a device that never ends"])
@pytest.mark.parametrize("part", ["weights", "metadata"])
def test_what_is_no_file_is_503_at_once_and_holds_up_no_one(own, registry, kind, part):
    put(kind, getattr(registry.paths("AAPL"), part))
    for _ in range(10):  # more than there are threads
        answer = own.get("/forecast/AAPL")
        assert answer.status_code == 503
        assert answer.json()["type"] == "urn:tickgraph:problem:model-refused"
    assert own.get("/forecast/JPM").status_code == 200
    own.service.watcher.look()
    assert own.get("/health/ready").status_code == 200
    assert own.get("/symbols").status_code == 200


def test_an_emptied_metadata_folder_is_not_ready_and_trains_nothing(own, registry):
    before = own.get("/forecast/AAPL").json()["generation"]
    for path in (registry.root / "metadata").iterdir():
        path.unlink()
    own.service.watcher.look()
    answer = own.get("/health/ready")
    assert answer.status_code == 503
    assert "was not emptied by tickgraph remove" in answer.json()["detail"]
    assert own.get("/forecast/AAPL").json()["generation"] == before
    assert own.get("/forecast/JPM").status_code == 503
    assert list((registry.root / "metadata").iterdir()) == []
