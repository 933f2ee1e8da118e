"""The rights that docs/shared.md gives to tickgraph's user are enough, and the keys are those of its table."""

from __future__ import annotations

import asyncio
import queue
import re
from pathlib import Path

import pytest
from limits import RateLimitItemPerHour
from redis import Redis

from tickgraph.http.request_counters import RequestCounters
from tickgraph.shared.claims import Claims
from tickgraph.shared.contact import SharedContact
from tickgraph.shared.listener import Listener
from tickgraph.shared.news import KINDS
from tickgraph.shared.shared_settings import SharedSettings

PAGE = (Path(__file__).parents[2] / "docs" / "shared.md").read_text("utf-8")


@pytest.fixture
def operator(redis):
    with Redis.from_url(redis.url) as operator:
        yield operator


@pytest.fixture
def contact(redis, operator):
    (rights,) = re.findall(r"^user tickgraph (.*)$", PAGE, re.MULTILINE)
    operator.execute_command("ACL", "SETUSER", "tickgraph", *rights.split())
    operator.execute_command("ACL", "SETUSER", "default", "off")
    url = redis.url.replace("redis://", "redis://tickgraph:A-LONG-PASSWORD@")
    contact = SharedContact(SharedSettings(redis=url, space="equities", timeout_seconds=30))
    yield contact
    contact.close()


def test_the_documented_rights_are_enough_and_leave_the_documented_keys(contact, operator):
    contact.check()
    one, other = Claims(contact), Claims(contact)
    assert one.take("train:AAPL").away is None
    one.renew()
    assert other.free(["train:AAPL"]) == set()
    one.give_back("train:AAPL", "a reason")
    assert other.take("train:AAPL").failure == "a reason"
    assert other.take("train:MSFT").granted

    heard = queue.Queue()
    listener = Listener(contact, heard.put)
    listener.start()
    assert set(heard.get(timeout=30)) == set(KINDS)
    listener.stop()

    async def count():
        counters, limit = RequestCounters(contact), RateLimitItemPerHour(2)
        hits = [await counters.hit(limit, "public", "key 0") for _ in range(3)]
        left = await counters.seconds_left(limit, "public", "key 0")
        await counters.close()
        return hits, left

    hits, left = asyncio.run(count())
    assert hits == [True, True, False]
    assert -1 < left <= 7200  # the library's 0 is a moment ago by now
    assert contact.away is None

    documented = re.findall(r"^\| `tickgraph:SPACE:([^`]*)`", PAGE, re.MULTILINE)
    patterns = [re.escape(key).replace(r"\.\.\.", ".+").replace("AAPL", "[A-Z]+") for key in documented]
    contact.check()  # its key lives for a second
    keys = [key.decode().removeprefix("tickgraph:equities:") for key in operator.scan_iter()]
    assert {pattern for pattern in patterns for key in keys if re.fullmatch(pattern, key)} == set(patterns)
    assert not [key for key in keys if not any(re.fullmatch(pattern, key) for pattern in patterns)]


def test_a_burst_waits_for_a_connection_and_leaves_redis_in_service(contact):
    async def burst():
        counters, limit = RequestCounters(contact), RateLimitItemPerHour(200)
        hits = await asyncio.gather(*(counters.hit(limit, "public", "client") for _ in range(250)))
        await counters.close()
        return hits

    assert sum(asyncio.run(burst())) == 200
    assert contact.away is None
