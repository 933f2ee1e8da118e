from __future__ import annotations

import logging
import pickle

import pytest
from pydantic import ValidationError

from tickgraph.object_place import StorageSettings, read_place
from tickgraph.settings import load_settings
from tickgraph.shared.contact import SharedAway, SharedContact
from tickgraph.shared.shared_settings import SharedSettings, shared_by


def test_redis_that_is_killed_is_left_alone_for_a_while_and_asked_again(redis, caplog):
    now = [0.0]
    contact = SharedContact(
        SharedSettings(redis=redis.url, retry_seconds=5, timeout_seconds=30), "models", lambda: now[0]
    )
    assert contact.ask(lambda redis: redis.set(contact.key("a"), "1"))
    assert contact.away is None

    redis.kill()
    with caplog.at_level(logging.WARNING), pytest.raises(SharedAway, match=f"{redis.port} does not answer"):
        contact.ask(lambda redis: redis.ping())
    asked: list[object] = []
    with pytest.raises(SharedAway):
        contact.ask(asked.append)
    assert asked == []
    assert contact.is_left_alone
    assert contact.away

    redis.start()
    now[0] = 5.0
    assert contact.ask(lambda redis: redis.get(contact.key("a"))) is None  # Redis forgot it
    assert contact.away is None
    contact.close()


def test_the_log_says_once_that_redis_went_and_once_that_it_came_back(caplog):
    contact = SharedContact(SharedSettings(redis="redis://127.0.0.1:1/0"), "models")
    with caplog.at_level(logging.WARNING):
        contact.note("ConnectionError")
        contact.note("TimeoutError")
        contact.note(None)
        contact.note(None)
    assert [record.getMessage().partition(":1 ")[2][:18] for record in caplog.records] == [
        "does not answer (C",
        "answers again",
    ]


def test_keys_of_other_models_are_others():
    settings = SharedSettings(redis="redis://127.0.0.1:1/0")
    assert SharedContact(settings, "a").key("train", "AAPL") != SharedContact(settings, "b").key(
        "train", "AAPL"
    )


@pytest.mark.parametrize(
    "url", ["http://host", "redis://", "unix://", "redis://host:port", "10.0.0.5:6379", ""]
)
def test_a_url_that_is_none_of_redis_is_refused_and_not_repeated(url):
    with pytest.raises(ValidationError, match="must be a URL such as redis"):
        SharedSettings(redis=url)


def test_the_password_is_in_no_message(monkeypatch):
    settings = SharedSettings(redis="redis://user:a-secret-word@127.0.0.1:1/0", timeout_seconds=0.2)
    contact = SharedContact(settings, "models")
    with pytest.raises(SharedAway) as refused:
        contact.ask(lambda redis: redis.ping())
    assert "a-secret-word" not in str(refused.value) + repr(settings) + repr(refused.value.__context__)
    assert settings.address == "127.0.0.1:1"
    monkeypatch.setenv("TICKGRAPH_SHARED__REDIS", "http://user:a-secret-word@host")
    with pytest.raises(Exception, match="redis") as bad:
        load_settings()
    assert "a-secret-word" not in str(bad.value)
    assert pickle.loads(pickle.dumps(settings)) == settings  # noqa: S301  it goes to worker processes


@pytest.mark.parametrize("query", ["socket_timeout=9", "bogus=1", "db=0&max_connections=1"])
def test_a_url_sets_nothing_that_the_settings_set(query):
    with pytest.raises(ValidationError, match="no options but db"):
        SharedSettings(redis=f"redis://127.0.0.1:6379/0?{query}")
    SharedSettings(redis="rediss://127.0.0.1:6379/0?ssl_cert_reqs=none&db=1")


def test_buckets_of_one_name_on_two_servers_are_two_spaces():
    settings = SharedSettings(redis="redis://127.0.0.1:1/0")
    one, other = (
        read_place("s3://bucket/gnn", StorageSettings(endpoint=f"https://{name}.example.com"))
        for name in ("one", "two")
    )
    assert shared_by(settings, one).space != shared_by(settings, other).space
    assert shared_by(settings, one).space == shared_by(settings, one.absolute()).space
