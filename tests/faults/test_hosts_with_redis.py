"""Two hosts that share a folder of models and a Redis server which is killed, or which one of them cannot reach."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
from types import SimpleNamespace

import httpx
import numpy as np
import pytest

from other_releases import unpack
from real_host import Host, all_serving
from real_redis import start_redis
from real_service import until
from tickgraph.model.weights import weight_shapes
from tickgraph.registry.registry import ModelRegistry
from tickgraph.shared.news import News
from tickgraph.shared.shared_settings import SharedSettings

SPACE = "hosts-of-tests"
LIMIT = 6
BRIEFLY = {  # how a symbol is trained on demand, in seconds
    "TICKGRAPH_TRAINING__EPOCHS": "1",
    "TICKGRAPH_TRAINING__NUM_STOCKS": "4",
    "TICKGRAPH_TRAINING__HIDDEN_DIM": "8",
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hosts")
    redis, released = start_redis(folder), unpack(folder / "released")
    settings = {
        "TICKGRAPH_SERVE__RATE_LIMIT": f"{LIMIT}/hour",
        "TICKGRAPH_SERVE__TRAIN_ON_DEMAND": "true",
        "TICKGRAPH_SERVE__POLL_SECONDS": "600",  # only news has a service look
        "TICKGRAPH_SHARED__RETRY_SECONDS": "0.2",
        "TICKGRAPH_SHARED__TIMEOUT_SECONDS": "2",  # the machine may be busy
        "TICKGRAPH_SHARED__SPACE": SPACE,
        **BRIEFLY,
    }
    hosts = [
        Host(name, number, folder, redis=(redis.host, redis.port), **settings)
        for name, number in (("a", 21), ("b", 22))
    ]
    news = News(SharedSettings(redis=redis.url, space=SPACE, timeout_seconds=5, retry_seconds=0.01))
    registry = ModelRegistry(released / "models", news=news)
    try:
        with all_serving(hosts, released / "models", released / "prices") as services:
            yield SimpleNamespace(
                hosts=hosts, services=services, redis=redis, registry=registry, clients=itertools.count()
            )
    finally:
        news.close()
        redis.kill()


@pytest.fixture
def shared(cluster):
    for host in cluster.hosts:
        host.mend()
    for service in cluster.services:
        until(lambda service=service: away(service) is None, "contact with Redis")
    return cluster


def away(service):
    return service.running.get("/health/ready").json()["shared_away"]


def client(shared):
    """A client with an address of its own, which no limit knows yet."""
    number = next(shared.clients)
    transport = httpx.HTTPTransport(local_address=f"127.9.{number // 250}.{number % 250 + 1}")
    return httpx.Client(transport=transport, timeout=30)


def ask(shared, service, symbol="AAPL"):
    """What a service tells a new client."""
    with client(shared) as caller:
        answer = caller.get(f"{service.running.url}/forecast/{symbol}?price=100")
    assert answer.status_code == 200, answer.text
    return answer.json()


def allowed(caller, service, times):
    """How many of so many requests are answered; all others are refused for their number."""
    codes = [caller.get(f"{service.running.url}/forecast/AAPL?price=100").status_code for _ in range(times)]
    assert set(codes) <= {200, 429}
    return codes.count(200)


def publish(registry, symbol):
    """Publish another generation of a symbol; gives its identity."""
    stored = registry.load(symbol, weight_shapes)
    weights = {path: value * np.float32(1.01) for path, value in stored.weights.items()}
    registry.publish(stored.metadata, weights, stored.correlation)
    return registry.generation(symbol)


def until_both(shared, condition, what):
    for service in shared.services:
        until(lambda service=service: condition(service), what)


def test_redis_that_is_killed_leaves_each_host_to_itself_and_unites_them_when_it_is_back(shared):
    a, b = shared.services
    newest = publish(shared.registry, "AAPL")
    until_both(
        shared, lambda host: ask(shared, host)["generation"] == newest, "the model that there was news of"
    )
    with client(shared) as caller:  # the limit is one of both hosts
        assert allowed(caller, a, LIMIT - 2) == LIMIT - 2
        assert allowed(caller, b, LIMIT) == 2

    shared.redis.kill()
    until_both(shared, away, "word that Redis is away")
    for host in (a, b):
        assert "this host works by itself" in away(host)
        assert host.metric("gnn_shared_away") == 1
        assert sum("does not answer" in line for line in host.running.log) == 1
    with client(shared) as caller:
        assert allowed(caller, a, LIMIT + 2) == LIMIT
        assert allowed(caller, b, LIMIT + 2) == LIMIT
    newest = publish(shared.registry, "AAPL")  # nobody hears of it

    shared.redis.start()
    until_both(shared, lambda host: away(host) is None, "contact with Redis")
    until_both(
        shared, lambda host: ask(shared, host)["generation"] == newest, "the model published meanwhile"
    )
    with client(shared) as caller:
        assert allowed(caller, a, LIMIT - 2) + allowed(caller, b, LIMIT) == LIMIT
    assert all(host.metric("gnn_shared_away") == 0 for host in (a, b))


@pytest.mark.parametrize("fault", ["cut", "silent"])
def test_a_host_that_cannot_reach_redis_works_by_itself_and_the_other_goes_on(shared, fault):
    a, b = shared.services
    line = shared.hosts[0].lines["redis"]
    {"cut": line.cut, "silent": line.silence}[fault]()
    with client(shared) as caller:
        assert allowed(caller, a, LIMIT + 1) == LIMIT  # the first of them may wait for Redis, and none fails
        assert allowed(caller, b, LIMIT + 1) == LIMIT
    assert "this host works by itself" in away(a)
    assert away(b) is None
    newest = publish(shared.registry, "JPM")
    until(lambda: ask(shared, b, "JPM")["generation"] == newest, "the model that there was news of")
    line.mend()
    until(lambda: away(a) is None, "contact with Redis")
    until(lambda: ask(shared, a, "JPM")["generation"] == newest, "the model published meanwhile")


HOLDER = f"""
import sys
from tickgraph.shared.claims import Claims
from tickgraph.shared.contact import SharedContact
from tickgraph.shared.shared_settings import SharedSettings

claims = Claims(SharedContact(SharedSettings(redis=sys.argv[1], space={SPACE!r}, timeout_seconds=5)), seconds=2)
print(claims.take("train:XOM").granted, flush=True)
sys.stdin.read()
"""


def test_a_training_goes_on_elsewhere_when_its_holder_hangs_and_to_its_end_when_redis_is_killed(shared):
    a, b = shared.services
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, shared.redis.url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout.readline() == "True\n"
        assert ask(shared, b, "XOM")["training_job"]
        until(lambda: b.metric("gnn_jobs_elsewhere") == 1, "that another host trains")
        holder.send_signal(signal.SIGSTOP)  # and so its claim runs out
        until(lambda: b.metric("gnn_jobs_elsewhere") == 0, "that this host trains")
        shared.redis.kill()
        until(lambda: ask(shared, b, "XOM")["status"] == "pre-trained", "the model", 120)
    finally:
        holder.kill()
        holder.communicate()
    shared.redis.start()
    until(lambda: ask(shared, a, "XOM")["status"] == "pre-trained", "the other host's look")
    said = [ask(shared, host, "XOM") for host in (a, b)]
    assert len({(one["generation"], one["predicted_return"]) for one in said}) == 1
    assert said[0]["generation"] == shared.registry.generation("XOM")
