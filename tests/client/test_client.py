from __future__ import annotations

import asyncio
import inspect

import httpx
import pytest
from httpx_retries import Retry

from real_service import TOKEN
from tickgraph.client import AsyncClient, Client, ServiceError
from tickgraph.client.sending import RETRY
from tickgraph.errors import InputError, ModelNotFoundError, SourceUnavailableError, SymbolError

AT_ONCE = Retry(
    total=3,
    allowed_methods=RETRY.allowed_methods,
    status_forcelist=(429, 502, 503, 504),
    backoff_factor=0,
)


@pytest.fixture
def client(service):
    with Client(service.url, admin_token=TOKEN) as made:
        yield made


def test_every_question_gets_a_typed_answer(client, service):
    forecast = client.forecast("aapl", price=130.0)
    assert (forecast.symbol, forecast.price, forecast.status) == ("AAPL", 130.0, "pre-trained")
    assert forecast.intervals[0].lower < forecast.prediction < forecast.intervals[0].upper
    assert forecast.as_of.isoformat() == "2022-12-30"
    assert sorted(client.forecasts().forecasts) == ["AAPL", "JPM", "MSFT", "XOM"]
    several = client.forecasts(["AAPL", "ZZZZ"])
    assert list(several.forecasts) == ["AAPL"]
    assert several.failures["ZZZZ"].status == 404
    chance = client.probability("AAPL", strike=135, price=130)
    assert 0 < chance.probability_above < 0.5
    assert client.symbols().trained == 4
    assert client.symbol("AAPL").metadata["symbol"] == "AAPL"
    assert client.graph("AAPL").nodes[0].symbol == "AAPL"
    assert (client.ready().status, client.ready().models) == ("ready", 4)


def test_what_the_dashboard_is_drawn_from_is_typed_too(client, service):
    assert [entry.symbol for entry in client.overview().symbols if entry.status != "momentum"] == [
        *("AAPL", "JPM", "MSFT", "XOM")
    ]
    assert len(client.market().symbols) == 42
    assert client.operations().models == 4
    fan = client.fan("AAPL", price=130.0)
    assert (fan.price, fan.path[0].sessions) == (130.0, 1)
    curve = client.curve("AAPL", expiry="2023-01-03")
    assert len(curve.closes) == len(curve.below) == 241
    assert client.prices("AAPL", sessions=5).close[-1] == pytest.approx(fan.last_close)
    assert client.reliability("AAPL").symbol == "AAPL"
    assert client.templates("AAPL", sessions=1).templates[0].name == "covered-call"

    async def ask():
        async with AsyncClient(service.url) as other:
            return await asyncio.gather(
                other.overview(),
                other.market(),
                other.operations(),
                other.fan("AAPL", 130.0),
                other.curve("AAPL", expiry="2023-01-03"),
                other.prices("AAPL", 5),
                other.reliability("AAPL"),
                other.templates("AAPL", sessions=1),
            )

    found = asyncio.run(ask())
    assert found[3:6] == [fan, curve, client.prices("AAPL", 5)]
    assert [type(each) for each in found] == [
        type(each)
        for each in (
            client.overview(),
            client.market(),
            client.operations(),
            fan,
            curve,
            client.prices("AAPL"),
            client.reliability("AAPL"),
            client.templates("AAPL", sessions=1),
        )
    ]


def test_both_clients_have_the_same_methods():
    def methods(kind):
        return {
            name: list(inspect.signature(value).parameters)
            for name, value in vars(kind).items()
            if not name.startswith("_") and name != "close"
        }

    assert methods(Client) == methods(AsyncClient)


def test_the_asynchronous_client_says_the_same(client, service):
    async def ask():
        async with AsyncClient(service.url) as other:
            return await asyncio.gather(
                other.forecast("AAPL", 130.0),
                other.probability("AAPL", 135, 130),
                other.forecasts(["AAPL"]),
                other.symbols(),
                other.symbol("AAPL"),
                other.graph("AAPL"),
                other.ready(),
            )

    forecast, chance, several, symbols, symbol, graph, health = asyncio.run(ask())
    assert health.status == "ready"
    assert forecast.predicted_return == client.forecast("AAPL").predicted_return
    assert chance.probability_above == client.probability("AAPL", 135, 130).probability_above
    assert several.forecasts["AAPL"].symbol == symbol.symbol == graph.symbol == "AAPL"
    assert symbols.count == client.symbols().count


def test_problems_are_one_exception_with_all_that_is_known(client):
    with pytest.raises(ServiceError, match="Did you mean AAPL") as caught:
        client.forecast("APPL")
    assert (caught.value.status, caught.value.suggestions[0]) == (404, "AAPL")
    assert caught.value.exit_code == InputError.exit_code
    with pytest.raises(InputError, match="Price of AAPL must be a positive number"):
        client.forecast("AAPL", price=-1)  # not sent at all
    with pytest.raises(ServiceError) as caught:
        client.graph("TSLA")
    assert caught.value.exit_code == ModelNotFoundError.exit_code
    with pytest.raises(SymbolError):
        client.forecast("../x")  # not sent at all


def test_jobs(client, service):
    with pytest.raises(ServiceError) as caught, Client(service.url) as stranger:
        stranger.publish_correlations()
    assert caught.value.status == 401
    job = client.publish_correlations()
    assert client.job(job.id).id == job.id
    assert service.service.background.ended(job).result(120).state == "done"
    assert client.job(job.id).state == "done"
    assert client.jobs().jobs[0].id == job.id


def test_the_former_name_of_publishing_correlations_still_works_and_says_so(client, service):
    async def ask():
        async with AsyncClient(service.url, admin_token=TOKEN) as other:
            return await other.refresh()

    for refresh in (client.refresh, lambda: asyncio.run(ask())):
        with pytest.warns(DeprecationWarning, match="publish_correlations"):
            job = refresh()
        assert service.service.background.ended(job).result(120).state == "done"


def test_a_cleared_cache_is_filled_again(client):
    client.forecast("AAPL")
    assert client.clear_cache().models >= 1
    assert client.ready().models_in_memory == 0
    assert not client.forecast("AAPL").cached
    assert client.forecast("AAPL").cached


def _transport(*statuses):
    """Answers with these statuses, one after the other; counts what it was asked."""
    left, seen = list(statuses), []

    def answer(request):
        seen.append(request)
        status = left.pop(0)
        if status == "cut":
            raise httpx.ReadError("connection reset", request=request)
        return httpx.Response(
            status, json={"type": "t", "title": "t", "status": status, "detail": f"said {status}"}
        )

    return httpx.MockTransport(answer), seen


@pytest.mark.parametrize("first", [429, 502, 503, 504, "cut"])
def test_what_may_be_gone_the_next_time_is_asked_again(first):
    transport, seen = _transport(first, first, 404)
    with Client("http://service", transport=transport, retry=AT_ONCE) as client:
        with pytest.raises(ServiceError, match="said 404"):
            client.forecast("AAPL")
    assert len(seen) == 3


@pytest.mark.parametrize("status", [400, 401, 404, 422, 500])
def test_what_will_not_be_gone_is_not_asked_again(status):
    transport, seen = _transport(status)
    with Client("http://service", transport=transport, retry=AT_ONCE) as client:
        with pytest.raises(ServiceError, match=f"said {status}"):
            client.forecast("AAPL")
    assert len(seen) == 1


@pytest.mark.parametrize("start", [lambda client: client.retrain("AAPL"), Client.publish_correlations])
def test_what_starts_a_job_is_never_sent_twice(start):
    transport, seen = _transport(503, 503, 503, 503)
    with Client("http://service", transport=transport, retry=AT_ONCE) as client:
        with pytest.raises(ServiceError, match="said 503"):
            start(client)
    assert len(seen) == 1


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.chain("AAPL", expiries=["2023-01-20"], strikes=[130.0]),
        lambda client: client.strategy("AAPL", "straddle", strikes=[130.0], expiries="2023-01-20"),
    ],
    ids=["chain", "strategy"],
)
def test_a_question_with_a_body_is_asked_again_as_any_other(ask):
    transport, seen = _transport(429, "cut", 404)
    with Client("http://service", transport=transport, retry=AT_ONCE) as client:
        with pytest.raises(ServiceError, match="said 404"):
            ask(client)
    assert len(seen) == 3
    assert seen[0].content == seen[2].content != b""


def test_retries_end():
    transport, seen = _transport(*[503] * 9)
    with Client("http://service", transport=transport, retry=AT_ONCE) as client:
        with pytest.raises(ServiceError, match="said 503"):
            client.forecast("AAPL")
    assert len(seen) == 4


def test_nobody_there_is_said_with_what_to_do():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with Client(f"http://127.0.0.1:{port}", retry=AT_ONCE) as client:
        with pytest.raises(ServiceError, match="Is the service running") as caught:
            client.forecast("AAPL")
    assert caught.value.status is None
    assert caught.value.exit_code == SourceUnavailableError.exit_code


def test_an_answer_of_something_else_is_not_taken_for_a_forecast():
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json={"hello": "world"}))
    with Client("http://service", transport=transport) as client:
        with pytest.raises(ServiceError, match="is it a tickgraph service"):
            client.forecast("AAPL")
    page = httpx.MockTransport(lambda request: httpx.Response(418, text="<html>"))
    with (
        Client("http://service", transport=page) as client,
        pytest.raises(ServiceError, match="answered 418"),
    ):
        client.forecast("AAPL")


def test_keys_are_sent_as_configured_and_price_and_wait_only_when_given():
    transport, seen = _transport(404, 404)
    with Client("http://service", api_key="the-key", transport=transport, retry=AT_ONCE) as client:
        for words in ({}, {"price": 1.5, "wait": True}):
            with pytest.raises(ServiceError):
                client.forecast("AAPL", **words)
    assert seen[0].headers["x-api-key"] == "the-key"
    assert "authorization" not in seen[0].headers
    assert [str(request.url.query, "ascii") for request in seen] == ["", "price=1.5&wait=true"]


def test_the_client_needs_neither_a_server_nor_jax(tmp_path):
    import subprocess
    import sys

    code = (
        "import sys, tickgraph.client\n"
        "print(sorted({'jax', 'keras', 'uvicorn', 'fastapi', 'prometheus_client'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.strip() == "[]"
