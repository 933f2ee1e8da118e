"""One answer for each state of the data, made once however many ask."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tickgraph.http.current_answer import CurrentAnswer


def test_an_answer_is_made_anew_for_another_state_alone():
    made, current = [], CurrentAnswer()

    def ask(state):
        return current.of(state, lambda: made.append(state) or str(state).encode())

    assert [ask(state) for state in (1, 1, 2, 2, 1)] == [b"1", b"1", b"2", b"2", b"1"]
    assert made == [1, 2, 1]


def test_an_answer_that_fails_is_made_again():
    current = CurrentAnswer()
    with pytest.raises(ZeroDivisionError):
        current.of(1, lambda: bytes(1 // 0))
    assert current.of(1, lambda: b"made") == b"made"


def test_many_who_ask_at_once_have_it_made_once():
    made, current, begun = [], CurrentAnswer(), threading.Event()

    def make():
        begun.wait(10)
        made.append(threading.get_ident())
        return b"made"

    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(current.of, 1, make) for _ in range(8)]
        begun.set()
        assert [one.result(10) for one in asked] == [b"made"] * 8
    assert len(made) == 1
