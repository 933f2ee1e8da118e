"""Heads and bodies go out in one piece, streams' heads at once, and nothing is out of order."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from tickgraph.http.whole_answer import WholeAnswer

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


class Recorded:
    """A transport that remembers each write."""

    def __init__(self):
        self.writes, self.closed = [], False

    def write(self, data):
        assert not self.closed
        self.writes.append(data)

    def close(self):
        self.closed = True

    def is_closing(self):
        return self.closed


def on_a_loop(steps):
    """What was written by these steps, each of which is a step of the loop's."""

    async def run():
        transport = Recorded()
        answer = WholeAnswer(transport, asyncio.get_running_loop())
        for step in steps:
            step(answer)
            await asyncio.sleep(0)
        return transport

    return asyncio.run(run())


def test_a_head_waits_for_its_body():
    transport = on_a_loop([lambda answer: (answer.write(HEAD), answer.write(b"ok"))])
    assert transport.writes == [HEAD + b"ok"]


def test_a_streams_head_does_not_wait_for_its_first_event():
    transport = on_a_loop([lambda answer: answer.write(HEAD), lambda answer: answer.write(b"ok")])
    assert transport.writes == [HEAD, b"ok"]


def test_a_client_that_waits_to_send_its_body_is_answered_at_once():
    transport = on_a_loop(
        [lambda answer: (answer.write(b"HTTP/1.1 100 Continue\r\n\r\n"), answer.write(HEAD))]
    )
    assert transport.writes == [b"HTTP/1.1 100 Continue\r\n\r\n", HEAD]


def test_a_head_without_a_body_goes_out_before_the_connection_closes():
    transport = on_a_loop([lambda answer: (answer.write(HEAD), answer.close())])
    assert transport.writes == [HEAD]
    assert transport.closed


def test_nothing_is_written_to_a_connection_that_broke():
    transport = Recorded()

    async def run():
        answer = WholeAnswer(transport, asyncio.get_running_loop())
        answer.write(HEAD)
        transport.closed = True
        await asyncio.sleep(0)
        assert answer.is_closing()

    asyncio.run(run())
    assert transport.writes == []


@given(st.lists(st.lists(st.sampled_from([HEAD, b"a", b"HTTP/1.1 is no head", b""]), max_size=4), max_size=4))
def test_whatever_is_written_arrives_in_its_order(steps):
    transport = on_a_loop(
        [lambda answer, parts=parts: [answer.write(one) for one in parts] for parts in steps]
    )
    assert b"".join(transport.writes) == b"".join(b"".join(parts) for parts in steps)
