"""A watcher that fails again and again is no healthy one in between, and errors that are kept keep text only."""

from __future__ import annotations

import gc
import weakref

import pytest

from shelf import Shelf
from tickgraph.errors import ArtefactError
from tickgraph.serving.model_cache import ModelCache


def test_a_failing_look_is_a_fault_until_a_look_succeeds(live, watcher, monkeypatch):
    seen = []

    def broken():
        seen.append(watcher.fault)
        raise ZeroDivisionError("nobody foresaw this")

    with monkeypatch.context() as patched:
        patched.setattr(live.panels, "refresh", broken)
        for _ in range(3):
            watcher.look()
    assert seen[0] is None
    assert all("nobody foresaw this" in fault for fault in (*seen[1:], watcher.fault))
    watcher.look()
    assert watcher.fault is None


def test_a_step_of_a_look_that_fails_keeps_no_other_from_being_taken(live, watcher, monkeypatch):
    taken = []
    monkeypatch.setattr(live.models, "revalidate", lambda *_: 1 / 0)
    monkeypatch.setattr(live.panels, "refresh", lambda: taken.append("prices"))
    monkeypatch.setattr(live, "_recompute", lambda: taken.append("forecasts"))
    watcher.look()
    assert taken == ["prices", "forecasts"]
    assert "division by zero" in watcher.fault


class Content:
    """What was read of a file."""


@pytest.mark.parametrize("ask", ["get", "revalidate"])
def test_a_refusal_keeps_nothing_of_what_was_read(ask):
    shelf = Shelf()
    shelf.publish("AAPL", "1")
    read: list[weakref.ref[Content]] = []

    def load(symbol):
        content = Content()
        read.append(weakref.ref(content))
        try:
            raise ValueError(content)
        except ValueError as error:
            raise ArtefactError(f"{symbol} is damaged") from error

    cache = ModelCache(load, shelf.generation, retry_seconds=0)
    for _ in range(3):
        if ask == "get":
            with pytest.raises(ArtefactError, match="AAPL is damaged"):
                cache.get("AAPL")
        else:
            cache._refuse("AAPL", None, ArtefactError("before"))
            cache.revalidate()
    gc.collect()
    assert len(read) == 3
    assert [content() for content in read] == [None] * 3
    first, second = cache.refusal("AAPL"), cache.refusal("AAPL")
    assert (str(first), first.__cause__, first.__traceback__) == ("AAPL is damaged", None, None)
    assert first is not second
    cache.close()
