from __future__ import annotations

import logging

import pytest

from tickgraph.shared.claims import CLAIM_SECONDS, Claims
from tickgraph.shared.contact import SharedContact
from tickgraph.shared.shared_settings import SharedSettings

WORK = "train:AAPL"


@pytest.fixture
def contact(redis):
    contact = SharedContact(SharedSettings(redis=redis.url, retry_seconds=1e-9, timeout_seconds=30), "models")
    yield contact
    contact.close()


@pytest.fixture
def hosts(contact):
    hosts = Claims(contact), Claims(contact)
    yield hosts
    for one in hosts:
        one.close()


def forget(contact, work=WORK):
    """As if the claim had run out, or Redis were a new one."""
    contact.ask(lambda redis: redis.delete(contact.key("claim", work)))


def test_work_is_claimed_by_one_until_it_gives_the_claim_back(hosts):
    one, other = hosts
    assert one.take(WORK).granted
    assert one.take(WORK).granted  # it is its own
    refused = other.take(WORK)
    assert (refused.granted, refused.failure) == (False, None)
    assert other.take("train:MSFT").granted
    assert one.free([WORK, "train:MSFT", "train:JPM"]) == {"train:JPM"}
    other.give_back(WORK)  # it is not its own
    assert not other.take(WORK).granted
    one.give_back(WORK)
    assert other.take(WORK).granted


def test_a_claim_that_nobody_renews_runs_out(hosts, contact):
    one, other = hosts
    one.take(WORK)
    left = contact.ask(lambda redis: redis.pttl(contact.key("claim", WORK)))
    assert 0 < left <= 1000 * CLAIM_SECONDS
    contact.ask(lambda redis: redis.pexpire(contact.key("claim", WORK), 1000))
    one.renew()
    assert contact.ask(lambda redis: redis.pttl(contact.key("claim", WORK))) > 1000
    forget(contact)  # a host that is paused renews nothing
    assert other.take(WORK).granted


def test_whoever_lost_a_claim_neither_renews_nor_ends_that_of_another(hosts, contact, caplog):
    one, other = hosts
    one.take(WORK)
    forget(contact)
    other.take(WORK)
    with caplog.at_level(logging.WARNING):
        one.renew()
        one.renew()
    assert [record.getMessage() for record in caplog.records] == [
        f"another process has claimed {WORK} meanwhile: it is done twice"
    ]
    one.give_back(WORK, "a failure of no account")
    assert other.free([WORK]) == set()
    other.give_back(WORK)
    assert one.take(WORK).failure is None


def test_a_claim_that_redis_has_forgotten_is_taken_again_when_it_is_renewed(hosts, contact):
    one, other = hosts
    one.take(WORK)
    forget(contact)
    one.renew()
    assert not other.take(WORK).granted


def test_a_failure_is_told_to_those_who_heed_it(hosts, contact):
    one, other = hosts
    one.take(WORK)
    one.give_back(WORK, "AAPL has 12 sessions\x1b[2J", 600)
    heard = other.take(WORK)
    assert (heard.granted, heard.failure) == (False, r"AAPL has 12 sessions\x1b[2J")
    assert other.free([WORK]) == {WORK}
    assert 0 < contact.ask(lambda redis: redis.ttl(contact.key("failed", WORK))) <= 600
    assert other.take(WORK, heed_failure=False).granted
    other.give_back(WORK)
    assert one.take(WORK).granted  # whoever insisted has succeeded


def test_without_redis_work_is_granted_and_claimed_once_redis_is_back(redis, hosts, contact):
    one, other = hosts
    redis.kill()
    granted = one.take(WORK)
    assert granted.granted
    assert "does not answer" in granted.away
    assert one.free([WORK]) == {WORK}
    assert other.take(WORK).granted
    other.give_back(WORK)
    redis.start()
    one.renew()
    assert not other.take(WORK).granted


def test_closing_gives_every_claim_back(hosts):
    one, other = hosts
    one.take(WORK)
    one.close()
    assert other.take(WORK).granted
