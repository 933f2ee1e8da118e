"""What is refused, before anything is answered, counted or begun."""

from __future__ import annotations

import socket
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from real_service import ADMIN, TOKEN, here, settings_of
from tickgraph.http.connection import MAX_PIPELINED

KEY = "a-key-of-tests-0001"


@pytest.fixture
def open_here(registry, prices_dir, config):
    def make(**serve):
        return here(settings_of(registry.root, prices_dir, config, **serve))

    return make


def counted(service):
    hits = service.metric("gnn_cache_hits_total")
    return hits, service.metric("gnn_prediction_latency_seconds_count")


def test_a_refused_request_is_no_forecast_in_any_metric(open_here):
    with open_here(api_keys=(KEY,), rate_limit="8/hour") as service:
        for _ in range(2):
            service.get("/forecast/AAPL", headers={"x-api-key": KEY})
        before = counted(service)
        refused = [service.get("/forecast/AAPL?price=130").status_code for _ in range(10)]
        assert refused == [401] * 8 + [429] * 2
        assert counted(service) == before


def test_a_symbol_that_cannot_be_read_is_guarded_as_any_other(open_here):
    with open_here(api_keys=(KEY,), rate_limit="5/hour") as service:
        statuses = [service.get("/forecast/CON").status_code for _ in range(6)]
        assert statuses == [401] * 5 + [429]


def test_plain_requests_are_as_strict_as_others(service):
    assert service.get("/forecast/AAPL?price=99999999").status_code == 200
    for price in ("1000000001", "9999999999", "0", "-1", "1e10", "nan"):
        assert service.get(f"/forecast/AAPL?price={price}").status_code == 422, price
    assert service.get("/forecast/ALL").json()["type"].endswith("unknown-symbol")  # a ticker
    assert "forecasts" in service.get("/forecast/all").json()


@pytest.mark.parametrize(
    ("path", "taken"),
    [
        ("/forecast/AAPL?prise=5", "price, wait"),
        ("/forecast/AAPL?current_price=130", "price, wait"),
        ("/forecast?symbols=AAPL&price=130", "symbols"),
        ("/forecast/all?price=130", "none"),
        (
            "/forecast/AAPL/probability?strike=130&spot=1",
            "strike, upper_strike, sessions, expiry, price, wait",
        ),
        ("/symbols?q=A", "none"),
    ],
)
def test_a_parameter_that_a_route_does_not_take_is_an_error(service, path, taken):
    answer = service.get(path)
    assert answer.status_code == 422
    assert f"takes{':' if taken != 'none' else ''} {taken}." in answer.json()["detail"]


def test_a_parameter_given_twice_is_an_error(service):
    for path in ("/forecast/AAPL?price=1&price=2", "/forecast/AAPL/probability?strike=120&strike=140"):
        answer = service.get(path)
        assert answer.status_code == 422
        assert "given 2 times" in answer.json()["detail"]


def test_guessing_the_admin_token_is_limited(open_here):
    with open_here(admin_token=TOKEN, rate_limit="5/hour") as service:
        guesses = [{"authorization": f"Bearer guess-{number}"} for number in range(5)]
        assert {service.post("/admin/cache/clear", headers=one).status_code for one in guesses} == {401}
        assert service.post("/admin/cache/clear", headers=ADMIN).status_code == 429


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("limit", ["lots", "0/second", "100/second;1/hour", ""])
def test_a_rate_limit_that_means_something_else_stops_the_service_before_it_listens(
    tmp_path, monkeypatch, limit, workers
):
    monkeypatch.setenv("TICKGRAPH_SERVE__RATE_LIMIT", limit)
    command = [sys.executable, "-m", "tickgraph", "serve", "--port", "0", "--workers", str(workers)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.returncode == 2
    assert "Write one limit, such as 100/second" in done.stderr
    assert "listening" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_client_that_asks_too_far_ahead_is_disconnected_and_others_are_answered(service):
    address = urlsplit(service.url)
    ahead = b"GET /forecast/AAPL HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.create_connection((address.hostname, address.port), timeout=30) as opened:
        opened.sendall(ahead * MAX_PIPELINED)
        received = b""
        while received.count(b"HTTP/1.1 200 OK") < MAX_PIPELINED:
            received += opened.recv(65536)
    with socket.create_connection((address.hostname, address.port), timeout=30) as opened:
        received = b""
        try:
            opened.sendall(ahead * (MAX_PIPELINED + 5))
            while chunk := opened.recv(65536):
                received += chunk
        except ConnectionError:
            pass
        assert received.count(b"HTTP/1.1 200 OK") <= MAX_PIPELINED
    assert service.get("/forecast/AAPL").status_code == 200


def test_a_proxy_is_believed_only_where_it_is_trusted(open_here):
    def statuses(service):
        invented = [{"x-forwarded-for": f"10.0.0.{number}"} for number in range(4)]
        return [service.get("/forecast/AAPL", headers=one).status_code for one in invented]

    with open_here(rate_limit="3/hour") as service:
        assert statuses(service) == [200, 200, 200, 429]
    with open_here(rate_limit="3/hour", trusted_proxies=("127.0.0.1",)) as service:
        assert statuses(service) == [200] * 4


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/forecast/AAPL?wait=maybe", "wait is 'maybe', and true or false was expected."),
        ("/forecast/AAPL/probability", "strike is missing."),
        (
            "/forecast/AAPL/probability?strike=x",
            "strike: Strike must be a positive number of dollars, got 'x'. Write digits and a point, such as 130.25.",
        ),
        ("/symbols/%20AAPL", "symbol: ' AAPL' cannot stand in a path. Write AAPL."),
        ("/forecast", "symbols is missing."),
        ("/forecast?symbols=,", "',' is no list of symbols. Write ASCII, such as symbols=AAPL:130,MSFT."),
        (
            "/forecast?symbols=" + "A," * 6000,
            "The list of symbols has 12000 characters; 10000 is the most. Send several requests.",
        ),
    ],
)
def test_a_refusal_says_what_came_and_what_was_expected_in_our_own_words(service, path, detail):
    answer = service.get(path)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:tickgraph:problem:bad-input")
    assert answer.json()["detail"].endswith(detail)
    for one in answer.json().get("errors", ()):
        place, name = one["where"].split(".")
        assert place in ("path", "query")
        assert one["problem"].startswith(name)


def test_a_body_without_its_type_is_told_which_header_it_lacks(service):
    body = '{"expiries": ["2023-01-20"], "strikes": [130]}'
    for path in ("chain", "strategy"):
        answer = service.post(f"/forecast/AAPL/{path}", content=body, headers={"Content-Type": "text/plain"})
        assert answer.status_code == 422
        assert "add the header Content-Type: application/json" in answer.json()["detail"]


def test_a_value_in_a_lists_place_is_told_so(service):
    answer = service.post("/forecast/AAPL/chain", json={"expiries": "2023-01-20", "strikes": [130]})
    assert answer.status_code == 422
    assert "expiries is '2023-01-20', and a list was expected" in answer.json()["detail"]
