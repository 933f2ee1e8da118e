"""Secrets that are no use are refused at once, and no message repeats one."""

from __future__ import annotations

import httpx
import pytest

from tickgraph.client import AsyncClient, Client, ServiceError
from tickgraph.errors import InputError


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize("key", ["hush-hush\n", " hush-hush", "hush-hush\r\nx: y", "hush\0hush"])
def test_a_key_with_a_line_end_or_spaces_around_it_is_refused_and_not_repeated(kind, key):
    with pytest.raises(InputError, match="The API key has characters") as caught:
        kind("http://service", api_key=key)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("url", ["ftp://me:hush-hush@h", "http://me:hush-hush@[::1", "me:hush-hush@h:80"])
def test_a_bad_address_is_refused_without_its_password(url):
    with pytest.raises(InputError, match="Write http://HOST:PORT") as caught:
        Client(url)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://xn--", f"http://{'a' * 70}.example"])
def test_a_host_that_cannot_be_looked_up_is_no_address(url):
    with pytest.raises(InputError, match="Write http://HOST:PORT"):
        Client(url)


@pytest.mark.parametrize("answer", [httpx.Response(418, text="<html>"), httpx.Response(200, json={"a": 1})])
def test_an_answer_of_something_else_is_told_without_the_password(answer):
    transport = httpx.MockTransport(lambda _: answer)
    with Client("http://me:hush-hush@service", transport=transport) as client:
        with pytest.raises(ServiceError, match="http://service/symbols answered") as caught:
            client.symbols()
    assert "hush" not in str(caught.value)


def test_an_error_without_a_text_is_named():
    def late(request):
        raise httpx.ReadTimeout("", request=request)

    with Client("http://service", transport=httpx.MockTransport(late)) as client:
        with pytest.raises(ServiceError, match=r"No answer from http://service \(ReadTimeout\)"):
            client.symbols()
