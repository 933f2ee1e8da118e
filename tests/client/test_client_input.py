"""What the client makes of its arguments before anything is sent."""

from __future__ import annotations

import httpx
import pytest

from tickgraph.client import AsyncClient, Client, Problem, ServiceError
from tickgraph.client.sending import TIMEOUT_SECONDS, WAIT_SECONDS
from tickgraph.errors import (
    ArtefactError,
    InputError,
    ModelNotFoundError,
    PriceDataError,
    SourceUnavailableError,
    StorageError,
)
from tickgraph.market.calendar import use_exchange


@pytest.fixture
def sent():
    return []


@pytest.fixture
def client(sent):
    def answer(request):
        sent.append(request)
        return httpx.Response(404, json={"type": "t", "title": "t", "status": 404, "detail": "d"})

    with Client(transport=httpx.MockTransport(answer)) as made:
        yield made


def asked(client, *words, **named):
    with pytest.raises(ServiceError):
        client.forecasts(*words, **named)


def test_one_symbol_is_not_its_letters(client, sent):
    asked(client, "AAPL")
    assert sent[0].url.params["symbols"] == "AAPL"


def test_prices_go_with_their_symbols(client, sent):
    asked(client, ["aapl", "MSFT"], {"AAPL": 130.0, "xom": 99.123456789})
    assert sent[0].url.params["symbols"] == "AAPL:130,MSFT,XOM:99.123456789"
    asked(client)
    assert sent[1].url.path == "/forecast/all"
    with pytest.raises(InputError, match="No symbols were named"):
        client.forecasts([])


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize("url", ["127.0.0.1:8000", "http://[::1", "ftp://host", "http://"])
def test_what_is_no_address_is_said_before_anything_is_sent(kind, url):
    with pytest.raises(InputError, match="Write http://HOST:PORT"):
        kind(url)


@pytest.mark.parametrize("words", [{"api_key": "schlüssel"}, {"admin_token": "schlüssel"}])
def test_a_key_that_fits_in_no_header_is_said_and_not_shown(words):
    with pytest.raises(InputError) as caught:
        Client(**words)
    assert "ASCII" in str(caught.value)
    assert "schlüssel" not in str(caught.value)


def test_a_password_is_in_no_message():
    with Client("http://user:a-password@127.0.0.1:9") as client, pytest.raises(ServiceError) as caught:
        client.symbols()
    assert "127.0.0.1:9" in str(caught.value)
    assert "password" not in str(caught.value)


def test_who_took_a_request_and_did_not_answer_is_not_asked_again():
    sent = []

    def slow(request):
        sent.append(request)
        raise httpx.ReadTimeout("slow", request=request)

    with Client(transport=httpx.MockTransport(slow)) as client, pytest.raises(ServiceError):
        client.forecast("AAPL")
    assert len(sent) == 1


def test_an_answer_that_waits_for_training_may_take_its_time(client, sent):
    for wait in (False, True):
        with pytest.raises(ServiceError):
            client.forecast("AAPL", wait=wait)
        with pytest.raises(ServiceError):
            client.probability("AAPL", 130.0, wait=wait)
    assert [request.extensions["timeout"]["read"] for request in sent] == [
        TIMEOUT_SECONDS,
        TIMEOUT_SECONDS,
        WAIT_SECONDS,
        WAIT_SECONDS,
    ]


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("bad-input", InputError),
        ("unauthorised", InputError),
        ("unknown-symbol", InputError),
        ("no-model", ModelNotFoundError),
        ("model-refused", ArtefactError),
        ("history-too-short", PriceDataError),
        ("prices-unusable", PriceDataError),
        ("storage-failed", StorageError),
        ("overloaded", SourceUnavailableError),
    ],
)
def test_a_problem_ends_a_command_as_its_local_twin_does(kind, error):
    problem = Problem(type=f"urn:tickgraph:problem:{kind}", title="t", status=400, detail="d")
    assert ServiceError("d", problem).exit_code == error.exit_code


@pytest.mark.parametrize(
    ("prices", "text"),
    [
        ({"AAPL": 10**400}, "Price of AAPL must be 1,000,000,000 dollars at most"),
        ({"AAPL": float("nan")}, "Price of AAPL must be a positive number of dollars, got nan"),
        ({"AAPL": True}, "got True"),
        ({"BRK.B": 1.0, "BRK-B": 2.0}, "BRK-B is given two prices, 1 and 2"),
    ],
)
def test_a_price_that_is_none_is_not_sent(client, sent, prices, text):
    with pytest.raises(InputError, match=text):
        client.forecasts(prices=prices)
    if len(prices) == 1:
        (price,) = prices.values()
        with pytest.raises(InputError, match=text):
            client.forecast("AAPL", price)
        with pytest.raises(InputError, match=text.replace("Price", "Strike")):
            client.probability("AAPL", price)
    assert not sent


def test_a_symbol_is_part_of_an_address(client, sent):
    use_exchange("XLON")
    try:
        with pytest.raises(ServiceError):
            client.forecast("M&M.L")
        asked(client, ["M&M"])
    finally:
        use_exchange("XNYS")
    assert [request.url.raw_path for request in sent] == [b"/forecast/M%26M", b"/forecast?symbols=M%26M"]
