"""Two services on two ports, as on two hosts: one bucket of models, a folder each, and one Redis server."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from hand_driven import HandDriven, over
from real_service import here, settings_of, until
from tickgraph.registry.copying import copy_models
from tickgraph.registry.registry import ModelRegistry

SELDOM = 3600  # seconds between two looks that nobody asks for


@pytest.fixture
def bucket(storage, tmp_path, registry):
    """A registry of the bucket, on a third machine."""
    bucket = ModelRegistry(storage.place(tmp_path / "third"))
    copy_models(registry, bucket, ("AAPL", "JPM"))
    return bucket


@pytest.fixture
def start(redis, storage, bucket, prices_dir, config, tmp_path):
    """``start("one", ...)`` gives a service with copies of its own; it looks for what is new when it hears of it."""
    with ExitStack() as services:

        def start(name, **serve):
            place = storage.place(tmp_path / name, poll_seconds=SELDOM)
            settings = settings_of(place, prices_dir, config, redis.url, poll_seconds=SELDOM, **serve)
            running = services.enter_context(here(settings))
            until(lambda: running.service.host._listener.is_on_line, f"news to {name}")
            return running

        yield start


def test_a_symbol_is_trained_once_over_all_hosts(start, bucket, registry, redis):
    one, other = hosts = [start(name, train_on_demand=True) for name in ("one", "other")]
    for host in hosts:
        host.service.background._pool = HandDriven(host.service.background)
    first = one.get("/forecast/MSFT").json()
    (training,) = one.service.background._pool.futures
    second = other.get("/forecast/MSFT").json()
    assert other.service.background._pool.futures == []
    again = other.get("/forecast/MSFT").json()
    assert again["training_job"] == second["training_job"] != first["training_job"]
    assert "another process or machine trains the model" in again["notes"]
    assert [host.metric("gnn_jobs_elsewhere") for host in hosts] == [0, 1]

    with ThreadPoolExecutor(2) as clients:
        answers = [clients.submit(host.get, "/forecast/MSFT?wait=true") for host in hosts]
        until(lambda: all(host.service.training.waiting for host in hosts), "requests that wait")
        # What a worker process does: it publishes, and ends.
        copy_models(registry, settings_of(bucket.place, "prices", None, redis.url).open_registry(), ("MSFT",))
        training.set_result(over(one.service.background.running("MSFT")))
        answers = [answer.result(60).json() for answer in answers]
    assert [answer["status"] for answer in answers] == ["trained-on-demand", "trained-on-demand"]
    for host in hosts:
        until(
            lambda host=host: host.get("/forecast/MSFT").json()["generation"] == bucket.generation("MSFT"),
            "the model",
        )
    assert [len(host.service.background._pool.futures) for host in hosts] == [1, 0]
    assert [host.metric("gnn_jobs_total", kind="train", state="done") for host in hosts] == [1, 1]
    assert other.metric("gnn_jobs_elsewhere") == 0


def test_what_one_host_publishes_or_removes_the_others_serve_at_once(start, registry, bucket, redis):
    host = start("one")
    publisher = settings_of(bucket.place, "prices", None, redis.url).open_registry()
    assert host.get("/forecast/MSFT").json()["status"] == "momentum"
    copy_models(registry, publisher, ("MSFT",))
    until(lambda: host.get("/forecast/MSFT").json()["status"] == "pre-trained", "the model of another host")
    before = host.get("/forecast/AAPL").json()["generation"]
    as_of = bucket.metadata("AAPL").correlations.as_of
    publisher.publish_correlation("AAPL", bucket.correlation("AAPL"), as_of)
    until(lambda: host.get("/forecast/AAPL").json()["generation"] != before, "newer correlations")
    publisher.remove("MSFT")
    until(lambda: host.get("/forecast/MSFT").json()["status"] == "momentum", "the removal")


def test_a_warm_forecast_asks_redis_nothing(start):
    host = start("one", train_on_demand=True)
    host.get("/forecast/AAPL?price=130")

    def calls():
        stats = host.service.host._contact.ask(lambda redis: redis.info("commandstats"))
        return sum(one["calls"] for name, one in stats.items() if name != "cmdstat_info")

    before = calls()
    for _ in range(20):
        assert host.get("/forecast/AAPL?price=130").json()["cached"]
    assert calls() == before


def test_requests_of_a_client_are_counted_together(start):
    one, other = (start(name, rate_limit="5/hour") for name in ("one", "other"))
    statuses = [host.get("/forecast/AAPL").status_code for host in (one, other, one, other, one, other, one)]
    assert statuses == [200] * 5 + [429] * 2
    refused = other.get("/forecast/AAPL")
    assert 1 <= int(refused.headers["retry-after"]) <= 7200
    assert other.get("/health/ready").status_code == 200


def test_without_redis_each_host_goes_on_by_itself_says_so_once_and_comes_back(
    start, redis, registry, bucket, caplog
):
    with caplog.at_level(logging.WARNING, "tickgraph.shared"):
        hosts = [start(name, rate_limit="8/hour", train_on_demand=True) for name in ("one", "other")]
        for host in hosts:
            assert host.get("/forecast/AAPL").status_code == 200
            assert host.get("/health/ready").json()["shared_away"] is None
            assert host.metric("gnn_shared_away") == 0

        redis.kill()
        for host in hosts:
            until(lambda host=host: host.metric("gnn_shared_away") == 1, "the end of Redis")
            ready = host.get("/health/ready")
            assert (ready.status_code, f"{redis.port} does not answer" in ready.json()["shared_away"]) == (
                200,
                True,
            )
            # Six requests each: counted together they would be too many.
            assert [host.get("/forecast/AAPL").status_code for _ in range(5)] == [200] * 5
            problems = host.get("/operations").json()["problems"]
            assert any("this host works by itself" in text for text in problems)
            assert host.service.background.elsewhere.claim("TSLA", insists=False).granted

        redis.start()
        for host in hosts:
            until(lambda host=host: host.metric("gnn_shared_away") == 0, "the return of Redis")
        texts = [record.getMessage().partition(f"{redis.port} ")[2] for record in caplog.records]
        assert sorted(text.partition(" (")[0] for text in texts) == [
            "answers again",
            "answers again",
            "does not answer",
            "does not answer",
        ]
    statuses = [host.get("/forecast/AAPL").status_code for host in hosts * 5]
    assert statuses == [200] * 8 + [429] * 2
    elsewhere = [host.service.background.elsewhere for host in hosts]
    for each in elsewhere:  # what both were granted meanwhile is now one's
        each._claims.renew()
    assert sum(each.claim("TSLA", insists=False).granted for each in elsewhere) == 1


def test_a_service_that_starts_without_redis_finds_it_later(redis, registry, prices_dir, config):
    redis.kill()
    with here(settings_of(registry.root, prices_dir, config, redis.url, rate_limit="9/hour")) as host:
        until(lambda: host.get("/health/ready").json()["shared_away"], "word that Redis is away")
        assert host.get("/forecast/AAPL").status_code == 200
        redis.start()
        until(lambda: host.get("/health/ready").json()["shared_away"] is None, "contact with Redis")
        assert host.get("/forecast/AAPL").status_code == 200
