"""``GET /events``: what changes is told to every open stream; streams are bounded and end with the service."""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager

import httpx
import numpy as np
import pytest

from real_service import here, settings_of, until
from tickgraph.http import event_routes
from tickgraph.http.problem import OverloadedError
from tickgraph.http.streams import MAX_WAITING, Streams
from tickgraph.model.weights import weight_shapes
from tickgraph.pipeline.jobs import Job


@contextmanager
def stream(url):
    """Open a stream; ``next()`` of what it gives is the name and the data of its next event."""
    with httpx.stream("GET", f"{url}/events", timeout=60) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield events(answer.iter_lines())


def events(lines):
    name = None
    for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def test_a_newer_model_is_told_of_once_and_by_its_name(own, registry):
    own.get("/forecast/AAPL")
    own.get("/forecast/MSFT")
    own.service.watcher.look()
    with stream(own.url) as told:
        assert next(told) == (
            "hello",
            {"started_at": own.get("/health/ready").json()["started_at"].replace("Z", "+00:00")},
        )
        stored = registry.load("AAPL", weight_shapes)
        weights = {path: value * np.float32(1.5) for path, value in stored.weights.items()}
        registry.publish(stored.metadata, weights, stored.correlation)
        before = own.get("/forecast/AAPL").json()
        own.service.watcher.look()
        assert next(told) == ("changed", {"symbols": ["AAPL"]})
        assert own.get("/forecast/AAPL").json()["generation"] != before["generation"]
        own.service.watcher.look()  # finds nothing new
        own.get("/forecast/JPM")  # computed for the first time: no answer is different now
        own.service.watcher.look()
        own.service.streams.job(Job(id="1", kind="train", symbol="JPM", state="failed", error="no prices"))
        job = {"id": "1", "kind": "train", "symbol": "JPM", "state": "failed", "error": "no prices"}
        assert next(told) == ("job", job)


@pytest.fixture(scope="module")
def open_here(trained_dir, prices_dir, config, tmp_path_factory):
    """``with open_here(**serve)`` is a service."""
    folder = tmp_path_factory.mktemp("runtime")
    return lambda **serve: here(settings_of(trained_dir, prices_dir, config, runtime_dir=folder, **serve))


def test_streams_are_bounded_and_one_that_ends_makes_room(open_here, monkeypatch):
    monkeypatch.setattr(event_routes, "BEAT_SECONDS", 3600)  # no beat has to find out who has gone
    with open_here(max_streams=1, max_in_flight=1) as service:
        with stream(service.url) as told:
            next(told)
            refused = service.get("/events")
            assert (refused.status_code, refused.json()["type"][-10:]) == (503, "overloaded")
            assert service.get("/forecast/AAPL").status_code == 200, "streams are no requests in work"
        until(lambda: len(service.service.streams) == 0, "the end of the stream")
        with stream(service.url) as told:
            assert next(told)[0] == "hello"
        until(
            lambda: service.metric("gnn_http_requests_total", route="/events", status="200") == 2, "the count"
        )
        assert service.metric("gnn_http_request_seconds_count", route="/events") == 1, "the refused one alone"


def test_streams_end_in_order_when_the_service_stops(open_here):
    with open_here(drain_seconds=3600) as service:
        with stream(service.url) as told:
            next(told)
            service.server.should_exit = True
            assert list(told) == []  # and no error of a connection that broke off


def test_a_client_that_does_not_keep_up_begins_anew():
    async def slow():
        streams = Streams(1)
        queue = streams.open()
        for number in range(MAX_WAITING + 10):
            streams.changed([f"S{number}"])
        await asyncio.sleep(0)
        return [queue.get_nowait() for _ in range(queue.qsize())]

    events = asyncio.run(slow())
    assert len(events) == MAX_WAITING + 1
    assert events[-1] is None


def test_a_stream_of_a_loop_that_has_ended_holds_nobody_up():
    streams = Streams(2)

    async def open_one():
        streams.open()

    asyncio.run(open_one())
    streams.changed(["AAPL"])

    async def open_two():
        streams.open()
        with pytest.raises(OverloadedError, match="No more than 2 streams of events"):
            streams.open()

    asyncio.run(open_two())
