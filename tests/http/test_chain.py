"""``POST /forecast/{symbol}/chain``."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from urllib.parse import urlsplit

import numpy as np
import pytest

from made_outlooks import with_horizons
from real_service import EVENING, here, settings_of
from tickgraph.client import AsyncClient, Client, Quotes, ServiceError
from tickgraph.errors import InputError, ModelNotFoundError
from tickgraph.market.store import PriceStore
from tickgraph.serving.forecaster import Forecaster

ROUTE = "/forecast/AAPL/chain"
DAYS, STRIKES = ["2023-01-20", "2023-02-17"], [120.0, 130.0, 140.0]
GRID = {"expiries": DAYS, "strikes": STRIKES, "price": 130}
QUOTED = [Quotes.of(DAYS[0], STRIKES, [0.35, None, None], [None, 4.1, None], [None, None, 11.0])]


@pytest.fixture(scope="module")
def service(trained_dir, prices_dir, config, tmp_path_factory):
    """A service whose models forecast every horizon; XOM's forecasts the next session. It takes 8,000 cells."""
    runtime = tmp_path_factory.mktemp("runtime")
    settings = settings_of(trained_dir, prices_dir, config, runtime_dir=runtime, max_cells=8_000)
    with pytest.MonkeyPatch.context() as patch:
        with_horizons(patch, ("AAPL", "MSFT", "JPM"))
        with here(settings) as running:
            yield running


@pytest.fixture
def own(registry, prices_dir, monkeypatch):
    with_horizons(monkeypatch)
    return Forecaster(registry, PriceStore(prices_dir), now=lambda: EVENING)


def test_the_answer_is_the_forecasters_own(service, own):
    said = own.chain("AAPL", expiries=DAYS, strikes=STRIKES, price=130.0)
    assert service.post(ROUTE, json=GRID).json() == said.model_dump(mode="json")


@pytest.mark.parametrize("quotes", [[], QUOTED], ids=["grid", "quotes"])
def test_the_clients_give_it_with_types(service, own, quotes):
    asked = {"quotes": quotes} if quotes else {"expiries": DAYS, "strikes": np.array(STRIKES)}
    asked |= {"price": 130.0, "rate": 0.04, "centred_on": "forecast", "values": True}
    said = own.chain("AAPL", **asked).model_dump()
    with Client(service.url) as client:
        assert client.chain("aapl", **asked).model_dump() == said

    async def ask():
        async with AsyncClient(service.url) as client:
            return await client.chain("AAPL", **asked)

    assert asyncio.run(ask()).model_dump() == said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"expiries": ["2022-12-30"]}, "expiry 2022-12-30 is not after 2022-12-30"),
        ({"expiries": ["2023-01-21"]}, "expiry 2023-01-21 is no session of XNYS.*: write 2023-01-20"),
        (
            {"expiries": ["2023-12-15"]},
            "expiry must be 2023-04-03 at the latest.*held-out history has too few",
        ),
        ({"expiries": ["2023-1-20"]}, "expiries.0: expiry must be a day"),
        ({"expiries": [DAYS[0], DAYS[0]]}, "expiry 2023-01-20 is given twice"),
        ({"expiries": []}, "expiries is \\[\\], and a list of 1 or more was expected"),
        ({"strikes": []}, "strikes is \\[\\], and a list of 1 or more was expected"),
        ({"strikes": [120, -5]}, "strikes.1 is -5, and more than 0.0 was"),
        ({"strikes": [True]}, "strikes.0 is True, and a number was expected"),
        ({"strikes": ["120"]}, "strikes.0 is '120', and a number was expected"),
        ({"strikes": list(range(1, 4_002))}, "strikes: the chain has 8,002 cells, and 8,000 are the most"),
        ({"strikes": None}, "strikes are missing. Give expiries and strikes, or quotes"),
        ({"expiries": None, "strikes": None}, "expiries are missing"),
        (
            {"quotes": [{"expiry": DAYS[0], "strikes": [120]}]},
            "quotes have expiries and strikes of their own",
        ),
        ({"price": 0}, "price is 0, and more than 0"),
        ({"rate": 4.3}, "rate is 4.3, and 1.0 or less"),
        ({"centred_on": "median"}, "centred_on is 'median', and 'forward' or 'forecast' was expected"),
        ({"spot": 130}, "spot is no field"),
    ],
)
def test_what_cannot_be_asked_is_a_problem_that_names_the_field(service, change, said):
    answer = service.post(ROUTE, json=GRID | change)
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["type"] == "urn:tickgraph:problem:bad-input"
    assert re.search(said, problem["detail"]), problem["detail"]


@pytest.mark.parametrize(
    ("quotes", "said"),
    [
        (
            {"calls": [9.9, None, None]},
            "calls of 2023-01-20: no volatility gives a call at 120 the price 9.9",
        ),
        ({"puts": [None, None, 141]}, "puts of 2023-01-20: no volatility gives a put at 140"),
        ({"calls": [131, None, None]}, "less than 130"),
        ({"calls": [5.0]}, "calls of 2023-01-20 must be as many as its strikes, 3, got 1"),
        ({"implied_volatilities": [0, None, None]}, "quotes.0.implied_volatilities.0 is 0, and more than 0"),
    ],
)
def test_a_quote_that_cannot_be_is_a_problem_that_names_the_field(service, quotes, said):
    asked = {"quotes": [{"expiry": DAYS[0], "strikes": STRIKES} | quotes], "price": 130}
    answer = service.post(ROUTE, json=asked)
    assert (answer.status_code, said in answer.json()["detail"]) == (422, True), answer.json()["detail"]
    if "no volatility" in said:
        skipped = service.post(ROUTE, json=asked | {"skip_impossible": True}).json()
        assert skipped["notes"][-1] == "1 mid price is left out: no volatility gives it"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"d\xff", b'{"strikes": [NaN], "expiries": ["2023-01-20"]}']
)
def test_what_is_no_json_of_a_chain_is_a_problem(service, body):
    answer = service.post(ROUTE, content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:tickgraph:problem:bad-input")


def test_a_symbol_without_a_model_of_many_horizons_says_how_to_train_one(service):
    answer = service.post("/forecast/XOM/chain", json=GRID)
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:tickgraph:problem:no-model")
    with Client(service.url) as client, pytest.raises(ServiceError, match="tickgraph train") as raised:
        client.chain("XOM", expiries=DAYS, strikes=STRIKES)
    assert raised.value.exit_code == ModelNotFoundError.exit_code
    assert service.post("/forecast/XOM/chain", json=GRID | {"expiries": ["2023-01-03"]}).status_code == 200


def test_the_clients_send_no_chain_that_cannot_be_read(service):
    with Client(service.url) as client, pytest.raises(InputError, match="strikes of 2023-01-20 are empty"):
        client.chain("AAPL", expiries=DAYS, strikes=[])


def test_as_many_cells_as_the_bound_allows_are_answered_with_quotes(service):
    """The largest request that fits, with every number written out."""
    rng = np.random.default_rng(1)
    quotes = [
        {
            "expiry": day,
            "strikes": sorted(rng.uniform(100, 160, 4_000)),
            "implied_volatilities": rng.uniform(0.2, 0.4, 4_000).tolist(),
        }
        for day in DAYS
    ]
    assert 200_000 < len(json.dumps({"quotes": quotes})) < 500_000
    answer = service.post(ROUTE, json={"quotes": quotes, "price": 130}).json()
    for row in answer["expiries"]:
        assert row["probability_above"] == sorted(row["probability_above"], reverse=True)
        assert len(row["difference"]) == 4_000


def test_the_query_takes_wait_alone(service):
    assert service.post(f"{ROUTE}?wait=true", json=GRID).status_code == 200
    answer = service.post(f"{ROUTE}?price=130", json=GRID)
    assert (answer.status_code, "This route takes: wait." in answer.json()["detail"]) == (422, True)
    assert service.get(ROUTE).status_code == 405


def test_a_key_is_asked_for_whatever_way_a_request_takes(trained_dir, prices_dir, config, tmp_path):
    key = "a-key-of-tests-0001"
    settings = settings_of(
        trained_dir, prices_dir, config, runtime_dir=tmp_path, api_keys=(key,), rate_limit="6/hour"
    )
    plain, wrong = GRID | {"expiries": ["2023-01-03"]}, GRID | {"spot": 1}
    with here(settings) as locked:
        assert [locked.post(ROUTE, json=body).status_code for body in (plain, wrong)] == [401, 401]
        known = {"x-api-key": key}
        assert [locked.post(ROUTE, json=plain, headers=known).status_code for _ in range(6)] == [200] * 6
        assert locked.post(ROUTE, json=plain, headers=known).status_code == 429
        text = locked.post(ROUTE, content=json.dumps(plain), headers={"content-type": "text/plain"})
        assert text.status_code == 401


@pytest.mark.parametrize("path", [ROUTE, "/forecast/AAPL/strategy", f"{ROUTE}/file"])
def test_who_has_no_key_is_told_before_a_body_is_waited_for(trained_dir, prices_dir, config, tmp_path, path):
    settings = settings_of(
        trained_dir, prices_dir, config, runtime_dir=tmp_path, api_keys=("a-key-of-tests-0001",)
    )
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 400000\r\n\r\n"
    )
    with here(settings) as locked:
        address = urlsplit(locked.url)
        with socket.create_connection((address.hostname, address.port)) as opened:
            opened.sendall(head.encode())  # and no body
            assert opened.recv(1 << 16).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("path", [ROUTE, "/forecast/AAPL/strategy"])
def test_a_request_with_a_body_counts_once(trained_dir, prices_dir, config, tmp_path, path):
    settings = settings_of(trained_dir, prices_dir, config, runtime_dir=tmp_path, rate_limit="3/hour")
    with here(settings) as service:
        assert [service.post(path, json={"spot": 1}).status_code for _ in range(4)] == [422] * 3 + [429]


def test_a_thousand_errors_are_answered_as_few(service):
    for body in (GRID | {"strikes": [-1.0] * 1000}, GRID | {"expiries": ["no day"] * 1000}):
        answer = service.post(ROUTE, json=body)
        assert answer.status_code == 422
        assert len(answer.json()["errors"]) <= 20
        assert len(answer.content) < 10_000


def test_a_body_that_comes_in_pieces_is_one_body(service):
    body = json.dumps(GRID).encode()
    pieces = (body[place : place + 7] for place in range(0, len(body), 7))
    headers = {"content-type": "application/json"}
    assert (
        service.post(ROUTE, content=pieces, headers=headers).json() == service.post(ROUTE, json=GRID).json()
    )


def test_a_head_that_comes_in_two_parts_is_not_taken_for_a_large_one(service):
    """The body is larger than a head may be, and the line between them is cut."""
    address = urlsplit(service.url)
    body = json.dumps(GRID | {"strikes": [round(100 + 0.01 * cell, 2) for cell in range(4_000)]}).encode()
    body += b" " * 100_000
    head = f"POST {ROUTE} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection((address.hostname, address.port)) as opened:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.sendall(head[:-1].encode())
        opened.sendall(b"\n" + body)
        assert opened.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
