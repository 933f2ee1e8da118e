"""Clients that send slowly, too much, or go away: on raw sockets, since no HTTP library would send such things."""

from __future__ import annotations

import contextlib
import logging
import re
import socket
import threading
import time
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzzing import examples
from real_service import here, settings_of
from tickgraph.http.connection import MAX_HEAD_BYTES, MAX_REQUEST_BYTES


@pytest.fixture(scope="module")
def hasty(trained_dir, prices_dir, config, tmp_path_factory):
    """A service that gives a client a third of a second to send its request."""
    runtime = tmp_path_factory.mktemp("runtime")
    with here(
        settings_of(trained_dir, prices_dir, config, header_seconds=0.3, runtime_dir=runtime)
    ) as running:
        yield running


def connect(service):
    parts = urlsplit(service.url)
    opened = socket.create_connection((parts.hostname, parts.port), timeout=30)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return opened


def until_closed(opened):
    received = b""
    try:
        while chunk := opened.recv(65536):
            received += chunk
    except ConnectionResetError:
        pass
    return received


@pytest.mark.parametrize("sent", [b"", b"GET /forecast/AAPL HTTP/1.1\r\nHost: x\r\n"])
def test_a_request_that_does_not_arrive_in_time_is_408_and_disconnected(hasty, sent):
    with connect(hasty) as opened:
        opened.sendall(sent)
        assert until_closed(opened).startswith(b"HTTP/1.1 408 ")


def test_drip_feeding_headers_wins_no_time(hasty):
    with connect(hasty) as opened:
        opened.sendall(b"GET /forecast/AAPL HTTP/1.1\r\nHost: x\r\n")
        opened.settimeout(0.02)
        received = b""
        for number in range(1_000):
            try:
                opened.sendall(b"x-drip-%d: 1\r\n" % number)
                received += opened.recv(65536)
                break
            except TimeoutError:
                continue
            except ConnectionError:
                break
        opened.settimeout(30)
        received += until_closed(opened)
        assert received.startswith(b"HTTP/1.1 408 ")
        assert number < 100


def test_many_slow_clients_do_not_keep_others_waiting(hasty):
    slow = [connect(hasty) for _ in range(200)]
    for opened in slow:
        opened.sendall(b"GET /forecast/AAPL HTTP/1.1\r\n")
    assert hasty.get("/forecast/AAPL").status_code == 200
    for opened in slow:
        assert until_closed(opened).startswith(b"HTTP/1.1 408 ")
        opened.close()


def test_an_idle_connection_between_requests_is_not_a_slow_request(hasty):
    with connect(hasty) as opened:
        for _ in range(2):
            opened.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
            assert opened.recv(65536).startswith(b"HTTP/1.1 200 ")
            time.sleep(0.5)  # longer than a request may take: the pause is what is tested


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /forecast/AAPL HTTP/1.1\r\nHost: x\r\nX-Large: " + b"a" * MAX_HEAD_BYTES + b"\r\n\r\n",
        b"GET /forecast/AAPL?x=" + b"a" * MAX_HEAD_BYTES + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /forecast/AAPL HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n"
        + b"a" * (MAX_REQUEST_BYTES + 1),
        b"POST /forecast/AAPL HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        + (b"ffff\r\n" + b"a" * 65535 + b"\r\n") * 9,
    ],
    ids=["header", "address", "body", "chunks"],
)
def test_an_oversized_request_is_refused_and_disconnected(hasty, request_):
    with connect(hasty) as opened:
        with contextlib.suppress(ConnectionError):
            opened.sendall(request_)
        received = until_closed(opened)
        # A system may drop the answer of a connection that is reset while the client still sends.
        assert received == b"" or received.startswith((b"HTTP/1.1 413 ", b"HTTP/1.1 405 ", b"HTTP/1.1 400 "))
    assert hasty.get("/forecast/AAPL").status_code == 200


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"\x00" * 1000,
        b"GET / HTTP/9.9\r\n\r\n",
    ],
)
def test_what_is_not_http_is_400_or_dropped(hasty, request_):
    with connect(hasty) as opened:
        opened.sendall(request_)
        received = until_closed(opened)
        assert received == b"" or received.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 408 "))


def test_pipelined_requests_are_answered_in_order(hasty):
    with connect(hasty) as opened:
        opened.sendall(
            b"GET /forecast/AAPL HTTP/1.1\r\nHost: x\r\n\r\n"
            b"GET /forecast/MSFT HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        received = until_closed(opened)
    assert received.count(b"HTTP/1.1 200 ") == 2
    assert received.index(b'"symbol":"AAPL"') < received.index(b'"symbol":"MSFT"')


def test_clients_that_go_away_leave_nothing_behind(hasty):
    for _ in range(50):
        with connect(hasty) as opened:
            opened.sendall(b"GET /forecast/all HTTP/1.1\r\nHost: x\r\n\r\n")
    assert hasty.get("/forecast/AAPL").status_code == 200
    service = hasty.service
    # All that was begun has ended: nothing is in flight, no thread is held.
    deadline = time.monotonic() + 30
    while service.metrics.in_flight._value.get() and time.monotonic() < deadline:
        hasty.get("/health/live")
    assert hasty.metric("gnn_requests_in_flight") == 0
    assert hasty.metric("gnn_queue_depth") == 0


def test_clients_that_do_not_read_are_disconnected_and_hold_nobody_up(
    trained_dir, prices_dir, config, tmp_path, caplog
):
    settings = settings_of(
        trained_dir, prices_dir, config, header_seconds=0.5, max_in_flight=4, runtime_dir=tmp_path
    )
    with here(settings) as service:
        lazy = []
        for _ in range(4):
            opened = connect(service)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            opened.settimeout(0.2)
            with contextlib.suppress(TimeoutError, ConnectionError):
                for _ in range(400):
                    opened.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n")
            lazy.append(opened)
        deadline = time.monotonic() + 30
        while service.get("/forecast/AAPL").status_code != 200:
            assert time.monotonic() < deadline, "those who do not read hold the service"
        while service.metric("gnn_requests_in_flight"):
            assert time.monotonic() < deadline
        for opened in lazy:
            opened.close()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.fixture
def slow(hasty, monkeypatch):
    """Have a request take until the test lets it go on; gives what says that it was begun."""
    begun, go_on = threading.Semaphore(0), threading.Event()
    real = hasty.service.forecaster.outlooks

    def waiting(*words, **more):
        begun.release()
        assert go_on.wait(60)
        return real(*words, **more)

    monkeypatch.setattr(hasty.service.forecaster, "outlooks", waiting)
    yield begun, go_on
    go_on.set()


@pytest.mark.parametrize("requests", [1, 3])
def test_a_client_that_closes_its_sending_side_alone_is_answered(hasty, slow, requests):
    begun, go_on = slow
    with connect(hasty) as opened:
        opened.sendall(b"GET /forecast/all HTTP/1.1\r\nHost: x\r\n\r\n" * requests)
        opened.shutdown(socket.SHUT_WR)
        assert begun.acquire(timeout=30)
        assert hasty.get("/health/live").status_code == 200  # the end of what it sends was seen
        go_on.set()
        received = until_closed(opened)
    assert received.count(b"HTTP/1.1 200 ") == requests
    assert received.endswith(b"}}")


@pytest.mark.parametrize(
    "sent", [b"", b"GET /forecast/AAPL HTTP/1.1\r\nHost: x\r\n"], ids=["nothing", "half"]
)
def test_a_client_that_closes_before_it_has_asked_is_disconnected(hasty, sent):
    with connect(hasty) as opened:
        opened.sendall(sent)
        opened.shutdown(socket.SHUT_WR)
        assert until_closed(opened) == b""


def test_a_connection_that_is_half_closed_between_two_requests_is_closed(hasty):
    with connect(hasty) as opened:
        opened.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert opened.recv(65536).startswith(b"HTTP/1.1 200 ")
        opened.shutdown(socket.SHUT_WR)
        assert until_closed(opened) == b""


PIECES = st.sampled_from(
    [
        b"GET /forecast/AAPL?price=130 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /forecast/%1b%00?price=%0d%0a HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /forecast?symbols=AAPL,,NOSUCH:1e9,%ff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /symbols HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
        b"GET /symbols/AAPL HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"HEAD /health/ready HTTP/1.0\r\nConnection: keep-alive\r\nX-Request-Id: \x7f\x1b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\nExpect: 100-continue\r\n\r\n",
    ]
)


@settings(
    max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(PIECES | st.binary(max_size=40), min_size=1, max_size=5), st.integers(0, 60))
def test_whatever_is_sent_is_answered_or_disconnected_and_no_fault_of_the_service(hasty, pieces, cut):
    sent = b"".join(pieces)
    with connect(hasty) as opened:
        with contextlib.suppress(ConnectionError):
            opened.sendall(sent[: len(sent) - cut] or sent)
            opened.shutdown(socket.SHUT_WR)
        received = until_closed(opened)
    statuses = re.findall(rb"^HTTP/1\.[01] (\d+) ", received, re.MULTILINE)
    assert received == b"" or statuses
    assert b"500" not in statuses
    assert hasty.get("/health/ready").status_code == 200
