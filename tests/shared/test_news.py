from __future__ import annotations

import logging
import queue
import subprocess
import sys

import numpy as np
import pytest

from real_service import until
from tickgraph.shared import listener as listening
from tickgraph.shared.contact import SharedContact
from tickgraph.shared.listener import Listener, Pace
from tickgraph.shared.news import ENDED, KINDS, MODELS, PRICES, News
from tickgraph.shared.shared_settings import SharedSettings

WAIT = 30


@pytest.fixture
def settings(redis):
    return SharedSettings(redis=redis.url, retry_seconds=0.01, timeout_seconds=30, space="models")


@pytest.fixture
def news(settings):
    news = News(settings)
    yield news
    news.close()


@pytest.fixture
def contact(settings):
    contact = SharedContact(settings)
    yield contact
    contact.close()


@pytest.fixture
def heard(contact):
    """What a listener hears, the first look at the beginning left out."""
    heard = queue.Queue()
    listener = Listener(contact, heard.put)
    listener.start()
    assert set(heard.get(timeout=WAIT)) == set(KINDS)
    yield heard
    listener.stop()


def test_news_reaches_those_who_listen(news, heard):
    news.tell(MODELS)
    assert heard.get(timeout=WAIT) == {MODELS}
    news.tell(PRICES)
    assert heard.get(timeout=WAIT) == {PRICES}


def test_ten_thousand_publications_are_a_few_messages_and_looks(news, heard, contact):
    for _ in range(10_000):
        news.tell(MODELS)
    news.close()
    contact.ask(lambda redis: redis.publish(contact.key("news"), ENDED))  # after all of them
    looks = []
    while ENDED not in (kinds := heard.get(timeout=WAIT)):
        looks.append(kinds)
    sent = contact.ask(lambda redis: redis.info("commandstats"))["cmdstat_publish"]["calls"]
    assert 2 <= sent <= 21  # one at once, one each half second, one at the end, and the test's own
    assert len(looks) <= sent


def test_what_was_told_last_is_sent_before_the_process_ends(redis, heard):
    told = (
        "from tickgraph.shared.news import MODELS, PRICES, news_of\n"
        "from tickgraph.shared.shared_settings import SharedSettings\n"
        f"news = news_of(SharedSettings(redis='{redis.url}', space='models'))\n"
        "news.tell(PRICES); news.tell(MODELS)"
    )
    subprocess.run([sys.executable, "-c", told], check=True)
    kinds = set(heard.get(timeout=WAIT))
    while kinds != {MODELS, PRICES}:
        kinds |= heard.get(timeout=WAIT)


def test_words_of_strangers_and_news_of_other_models_are_no_news(heard, contact, settings):
    other = SharedContact(settings, "others")
    other.ask(lambda redis: redis.publish(other.key("news"), MODELS))
    other.close()
    contact.ask(lambda redis: redis.publish(contact.key("news"), "models; and more"))
    contact.ask(lambda redis: redis.publish(contact.key("news"), ENDED))
    assert heard.get(timeout=WAIT) == {ENDED}


def test_after_an_outage_everything_is_looked_at_and_news_comes_again(redis, contact, heard, news, caplog):
    with caplog.at_level(logging.WARNING):
        redis.kill()
        news.tell(MODELS)  # lost, and nobody waits for it
        redis.start()
        assert set(heard.get(timeout=WAIT)) == set(KINDS)
    assert contact.away is None
    news.tell(PRICES)
    while PRICES not in heard.get(timeout=WAIT):
        pass
    texts = [record.getMessage() for record in caplog.records if "tickgraph.shared" in record.name]
    assert all("answer" in text for text in texts), texts


def test_while_news_keeps_coming_there_is_a_look_every_few_seconds():
    pace, looks = Pace(), []
    for now in np.arange(0, 600, 0.25):  # ten minutes of publications
        if pace.is_due(now):
            pace.told(now)
            looks.append(now)
    assert looks[:5] == [0, 0.5, 1.5, 3.5, 7.5]
    assert set(np.diff(looks[5:])) == {8.0}
    assert pace.is_due(now + 20)
    pace.told(now + 20)
    assert pace.is_due(now + 20.5)  # it was quiet


def test_the_end_of_work_is_told_at_once_whatever_else_is_new(heard, contact):
    for kind in (MODELS, MODELS, MODELS, ENDED):
        contact.ask(lambda redis, kind=kind: redis.publish(contact.key("news"), kind))
    while ENDED not in heard.get(timeout=WAIT):
        pass


def test_a_line_that_is_silent_is_tried_and_made_anew(contact, heard, monkeypatch):
    monkeypatch.setattr(listening, "QUIET_SECONDS", -1e9)  # every word is waited for too long
    assert set(heard.get(timeout=WAIT)) == set(KINDS)


def test_whoever_listens_finds_out_that_redis_answers_again_though_the_line_never_broke(contact, heard):
    contact.note("TimeoutError")  # as a request that waited too long
    until(lambda: contact.away is None, "contact with Redis")


def test_a_line_that_the_server_closed_is_made_anew(contact, heard):
    contact.ask(lambda redis: redis.client_kill_filter(_type="pubsub"))
    assert set(heard.get(timeout=WAIT)) == set(KINDS)


def test_a_quiet_line_that_answers_stays(contact, heard, news, monkeypatch):
    monkeypatch.setattr(listening, "QUIET_SECONDS", 0.0)  # each wait without a word is answered in time
    for kind in (MODELS, PRICES, ENDED):
        contact.ask(lambda redis, kind=kind: redis.publish(contact.key("news"), kind))
        assert heard.get(timeout=WAIT) == {kind}


def test_a_fault_in_following_news_does_not_end_the_listening(contact, news, settings):
    heard = queue.Queue()

    def follow(kinds):
        heard.put(kinds)
        raise ValueError("a fault")

    listener = Listener(contact, follow)
    listener.start()
    heard.get(timeout=WAIT)
    news.tell(MODELS)
    assert heard.get(timeout=WAIT) == {MODELS}
    listener.stop()
