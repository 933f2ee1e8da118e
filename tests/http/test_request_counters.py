"""Counters of requests with a Redis server that hangs: nobody waits long for it, and later nobody waits at all."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
from limits import RateLimitItemPerHour

from tickgraph.http.request_counters import RequestCounters
from tickgraph.shared.contact import SharedContact
from tickgraph.shared.shared_settings import SharedSettings

LIMIT = RateLimitItemPerHour(3)


@pytest.fixture
def contact(redis):
    contact = SharedContact(
        SharedSettings(redis=redis.url, timeout_seconds=30, retry_seconds=1e-9, space="models")
    )
    yield contact
    contact.close()


def counted(contact, times, then=lambda: None):
    """What so many requests are told, and then so many again, of processes that count through one contact."""

    async def count():
        counters = RequestCounters(contact)
        found = [await counters.hit(LIMIT, "public", "key 0") for _ in range(times)]
        then()
        found += [await counters.hit(LIMIT, "public", "key 0") for _ in range(times)]
        await counters.close()
        return found

    return asyncio.run(count())


def test_two_processes_count_together(contact):
    assert counted(contact, 1) == [True, True]
    assert counted(contact, 1) == [True, False]


def test_without_redis_in_the_settings_each_process_counts():
    assert counted(None, 2) == [True, True, True, False]
    assert counted(None, 2) == [True, True, True, False]


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs signals that stop a process")
def test_redis_that_hangs_is_waited_for_once_and_then_the_process_counts_by_itself(
    redis, contact, caplog, monkeypatch
):
    noted, note = [], contact.note
    monkeypatch.setattr(contact, "note", lambda reason: (noted.append(reason), note(reason))[1])

    def hang():
        os.kill(redis.pid, signal.SIGSTOP)
        object.__setattr__(contact.settings, "timeout_seconds", 0.05)

    try:
        assert counted(contact, 4, hang) == [True, True, True, False, True, True, True, False]
        assert "does not answer (TimeoutError)" in contact.away
        assert [record.levelname for record in caplog.records if "does not answer" in record.message] == [
            "WARNING"
        ]
        assert counted(contact, 2) == [True, True, True, False]
        assert noted == ["TimeoutError"]  # of the one request that asked
    finally:
        os.kill(redis.pid, signal.SIGCONT)
    contact.check()
    assert contact.away is None
    assert counted(contact, 1) == [False, False]


def test_a_client_that_was_refused_hears_how_long_to_wait(contact):
    async def wait(counters):
        for _ in range(5):
            await counters.hit(LIMIT, "public", "key 0")
        left = await counters.seconds_left(LIMIT, "public", "key 0")
        await counters.close()
        return left

    for counters in (RequestCounters(contact), RequestCounters()):
        assert -1 < asyncio.run(wait(counters)) <= 7200
