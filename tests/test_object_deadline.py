"""Writes that the storage carries out up to a moment and refuses afterwards."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from made_storage import KEY_ID, Broken
from tickgraph import object_deadline
from tickgraph.object_deadline import DeadlineRequests, end_of
from tickgraph.object_store import ObjectStore, Overtaken, Unreachable
from tickgraph.permit import PermitEnded

DATA = b"a model"


class Until:
    """A permit that ends at the moments that it is given, one after the other; the last one stays."""

    def __init__(self, *moments):
        self.moments = list(moments)

    def holding(self):
        return nullcontext()

    def end(self):
        return self.moments.pop(0) if len(self.moments) > 1 else self.moments[0]

    def ended(self):
        return PermitEnded("too late")


def soon(seconds=60):
    return datetime.now(UTC) + timedelta(seconds=seconds)


@pytest.fixture
def store(storage, tmp_path):
    made = ObjectStore(storage.place(tmp_path, retries=1, timeout_seconds=20))
    made.replace("first", DATA, None)  # conditions have been tried
    return made


def test_a_write_in_time_has_its_condition_like_any_other(storage, store):
    made = store.replace("x", DATA, None, Until(soon()))
    assert store.get("x", max_bytes=100).version == made
    assert storage.get("gnn/x") == DATA
    with pytest.raises(Overtaken):
        store.replace("x", b"another", None, Until(soon()))
    second = store.replace("x", b"second", made, Until(soon()))
    with pytest.raises(Overtaken):
        store.replace("x", b"third", made, Until(soon()))
    store.delete("x")
    with pytest.raises(Overtaken):
        store.replace("x", b"fourth", second, Until(soon()))
    assert "gnn/x" not in storage.stored()


def test_the_storage_refuses_what_reaches_it_after_the_deadline(storage, store):
    """It is held up on its way, as by a line that is cut and comes back, until the storage's clock is past the end."""
    arrived, go_on = threading.Event(), threading.Event()

    def fault(method, path):
        if method == "PUT" and "Expires" in path:
            arrived.set()
            return Broken(wait=go_on)
        return None

    storage.fault = fault
    raised = []

    def write():
        with pytest.raises(PermitEnded, match="too late") as error:
            store.replace("x", DATA, None, Until(soon(60)))
        raised.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    assert arrived.wait(20)
    storage.ahead = timedelta(seconds=61)
    go_on.set()
    writer.join(20)
    assert raised
    assert "gnn/x" not in storage.stored()


def test_the_proxy_refuses_as_s3_documents(storage, store):
    def asked(seconds):
        address = store._sign("PUT", "gnn/y", timedelta(seconds=seconds))
        assert KEY_ID in address
        got = httpx.put(address, content=DATA)
        return got.status_code, got.text

    assert asked(60) == (200, "")
    storage.ahead = timedelta(seconds=62)
    assert asked(60)[0] == 403
    assert "<Code>AccessDenied</Code><Message>Request has expired</Message>" in asked(60)[1]
    assert asked(120)[0] == 200
    assert "less than a week" in asked(8 * 86_400)[1]
    storage.ahead = timedelta(minutes=-16)
    assert "not yet valid" in asked(60)[1]


def test_nothing_is_sent_after_the_deadline(storage, store):
    storage.counted()
    with pytest.raises(PermitEnded):
        store.replace("x", DATA, None, Until(soon(-1)))
    assert storage.counted() == {"GET": 1}  # whether an earlier try was carried out


def test_a_process_that_stands_still_while_it_signs_gets_no_longer_time(store):
    """The signature is dated when it is made, which may be long after it was told how long to hold."""
    addresses = []

    def late(method, key, expires_in):
        address = store._sign(method, key, expires_in + timedelta(hours=1))
        addresses.append(address)
        if len(addresses) == 3:
            return store._sign(method, key, expires_in)
        return address

    deadline = soon(100)
    asked = DeadlineRequests(store.place, late)
    assert asked.put("gnn/z", DATA, {}, deadline).status == 200
    assert len(addresses) == 3
    assert end_of(addresses[0]) > deadline


def test_an_answer_that_is_lost_is_no_late_write(storage, store, monkeypatch):
    """The first try was carried out; when the second comes, the deadline is over."""
    lost = [Broken(None, after=True)]
    storage.fault = lambda method, path: lost.pop() if lost and "Expires" in path else None

    def sleep(_):
        storage.ahead = timedelta(minutes=5)

    monkeypatch.setattr(object_deadline.time, "sleep", sleep)
    version = store.replace("x", DATA, None, Until(soon()))
    assert not lost
    assert store.get("x", max_bytes=100).version == version


def test_a_slow_line_is_given_the_time_of_a_permit_that_was_renewed(storage, store):
    storage.ahead = timedelta(seconds=70)
    permit = Until(soon(60), soon(200))
    store.replace("x", DATA, None, permit)
    assert storage.get("gnn/x") == DATA


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (Broken(503, body=b"<Error><Code>SlowDown</Code></Error>"), "answers 503 SlowDown. Wait"),
        (Broken(403, body=b"<Error><Code>AccessDenied</Code></Error>"), "refuses access"),
        (Broken(None), "does not answer"),
    ],
)
def test_errors_name_what_the_storage_said_and_never_a_signature(storage, store, broken, said):
    storage.fault = lambda method, path: broken if method == "PUT" else None
    with pytest.raises(Unreachable, match=said) as error:
        store.replace("x", DATA, None, Until(soon()))
    for text in ("X-Amz", KEY_ID, "Signature"):
        assert text not in str(error.value)
    assert error.value.__context__ is None or "X-Amz" not in str(error.value.__context__)


def test_an_error_of_the_server_is_tried_again(storage, store):
    left = [1]

    def fault(method, path):
        if method == "PUT" and left[0]:
            left[0] -= 1
            return Broken(503)
        return None

    storage.fault = fault
    store.replace("x", DATA, None, Until(soon()))
    assert storage.get("gnn/x") == DATA


def test_the_storage_tells_its_time(storage, store):
    storage.ahead = timedelta(days=3)
    before = datetime.now(UTC) + storage.ahead
    assert timedelta(0) <= before - store.clock() + timedelta(seconds=1) <= timedelta(seconds=60)
    storage.fault = lambda method, path: Broken(None)
    with pytest.raises(Unreachable, match="does not answer"):
        store.clock()


def test_no_log_holds_a_signed_address(storage, store, caplog):
    caplog.set_level("DEBUG")
    store.replace("x", DATA, None, Until(soon()))
    httpx.get(f"{storage.endpoint}/nothing")
    assert "/nothing" in caplog.text  # what others ask is logged
    assert "X-Amz-Signature" not in caplog.text
