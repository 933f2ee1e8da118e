"""Files of the universe's fit and state: what is written is read back, and nothing else gets through."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import pickle
import warnings
import zipfile
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzzing import examples
from tickgraph.errors import ArtefactError, OtherExchangeError
from tickgraph.model.universe_state import universe_state
from tickgraph.model.weights import LINEAR_KERNEL, SHARE
from tickgraph.registry.default_universe import default_universe
from tickgraph.registry.plain_array import encode_array
from tickgraph.registry.sealed_arrays import seal, unseal
from tickgraph.registry.universe_file import decode_fit, decode_state, encode_fit, encode_state

NOW = datetime(2022, 12, 30, 22, tzinfo=UTC)
NAME = "universe/sample_fit.npz"
KERNEL = f"weights/{LINEAR_KERNEL}"


@pytest.fixture(scope="module")
def fit():
    return default_universe()


@pytest.fixture(scope="module")
def fit_bytes(fit):
    return encode_fit(fit, NOW)


@pytest.fixture(scope="module")
def state(panel):
    return universe_state(panel, (1, 5, 21))


def read(data, source="sample", exchange="XNYS"):
    return decode_fit(data, source, name=NAME, exchange=exchange)


def refused(data, match, remedy="tickgraph train"):
    with pytest.raises(ArtefactError, match=f"(?s){NAME} is refused: .*{match}.* Run: {remedy}$"):
        (read if remedy == "tickgraph train" else read_state)(data)


def read_state(data):
    return decode_state(data, "sample", name=NAME, exchange="XNYS")


def resealed(data, header=(), **images):
    """The file with other fields in its header and other images, sealed anew; None takes an image out."""
    text, members = unseal(data)
    for name, image in images.items():
        members[name] = image
    kept = {name: image for name, image in members.items() if image is not None}
    return seal(json.dumps(json.loads(text) | dict(header)).encode(), kept)


def assert_same(one, other):
    for field in dataclasses.fields(one):
        ours, theirs = getattr(one, field.name), getattr(other, field.name)
        if field.name == "weights":
            assert list(ours) == list(theirs)
            for path in ours:
                np.testing.assert_array_equal(ours[path], theirs[path])
        else:
            np.testing.assert_array_equal(ours, theirs)


def test_a_fit_is_read_back_exactly(fit, fit_bytes):
    again = read(fit_bytes)
    assert_same(fit, again)
    assert again.version == fit.version
    assert encode_fit(again, NOW) == fit_bytes


def test_a_state_is_read_back_exactly(state):
    data = encode_state(state, NOW)
    again = read_state(data)
    assert_same(state, again)
    assert again.values.dtype == np.float32
    assert again.known.dtype == bool
    assert again.rows == state.rows


def test_a_state_knows_who_is_not_known(state):
    known = state.known.copy()
    known[3] = False
    values = np.where(known[:, None], state.values, np.float32(0.0))
    close = np.where(known, state.close, np.nan)
    partial = dataclasses.replace(state, known=known, values=values, close=close)
    assert_same(partial, read_state(encode_state(partial, NOW)))


def test_numpy_opens_the_file(fit, fit_bytes):
    with np.load(io.BytesIO(fit_bytes), allow_pickle=False) as file:
        np.testing.assert_array_equal(file[KERNEL], fit.weights[LINEAR_KERNEL])
        assert json.loads(file["header.json"])["source"] == "sample"


def test_what_is_read_cannot_be_written_to(fit_bytes):
    with pytest.raises(ValueError, match="read-only"):
        read(fit_bytes).weights[LINEAR_KERNEL][0] = 0.0


@settings(max_examples=examples(100), deadline=None)
@given(st.data())
def test_any_changed_byte_is_refused(fit_bytes, data):
    place = data.draw(st.integers(0, len(fit_bytes) - 1))
    spoilt = bytearray(fit_bytes)
    spoilt[place] ^= data.draw(st.integers(1, 255))
    refused(bytes(spoilt), "damaged, cut short or foreign")


@settings(max_examples=examples(30), deadline=None)
@given(st.data())
def test_a_file_cut_short_or_grown_is_refused(fit_bytes, data):
    refused(fit_bytes[: data.draw(st.integers(0, len(fit_bytes) - 1))], "cut short")
    refused(fit_bytes + data.draw(st.binary(min_size=1, max_size=100)), "damaged")


class Hostile:
    def __reduce__(self):
        return pytest.fail, ("the pickle was opened",)


def pickled(shape):
    buffer = io.BytesIO()
    np.save(buffer, np.full(shape, Hostile(), dtype=object), allow_pickle=True)
    return buffer.getvalue()


def test_a_pickle_is_refused_unopened(fit_bytes):
    refused(pickle.dumps(Hostile()), "foreign")
    refused(resealed(fit_bytes, **{KERNEL: pickled((48, 8))}), f"{KERNEL}: it is .O")


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (np.zeros((48, 7), np.float32), r"expected <f4 \(48, 8\)"),
        (np.zeros((48, 8), np.float64), "<f8"),
        (np.full((48, 8), np.nan, np.float32), "not finite"),
        (np.full((48, 8), np.inf, np.float32), "not finite"),
    ],
)
def test_weights_of_other_shapes_or_without_value_are_refused(fit_bytes, values, match):
    refused(resealed(fit_bytes, **{KERNEL: encode_array(values, values.dtype)}), match)


def test_what_a_fit_may_not_be_is_refused(fit, fit_bytes):
    scores = fit.scores.copy()
    scores[2] = scores[2, ::-1]
    refused(resealed(fit_bytes, scores=encode_array(scores, "<f8")), "scores do not ascend")
    refused(resealed(fit_bytes, qlike=encode_array(-np.ones((3, 8)), "<f8")), "QLIKE is negative")
    share = encode_array(np.full(8, 1.5), "<f4")
    refused(resealed(fit_bytes, **{f"weights/{SHARE}": share}), r"outside \[0, 1\]")
    refused(resealed(fit_bytes, qlike=None), "lacks qlike")


@pytest.mark.parametrize(
    ("header", "match"),
    [
        ({"schema_version": 0}, "schema_version is 0"),
        ({"source": "yahoo"}, "foreign: it is of the prices of 'yahoo'"),
        ({"kind": "state of the universe"}, "kind is 'state of the universe'"),
        ({"features": ["others"]}, "other features than this release reads"),
        ({"horizons": [1, 2]}, r"expected <f4 \(24, 2\)"),
        ({"horizons": [2, 1]}, "horizons must ascend"),
        ({"variance_dim": 64}, "expected <f4"),
        ({"variance_dim": 33}, "multiple of num_gat_heads"),
        ({"variance_dim": 10**9}, "variance_dim is 1000000000"),
        ({"symbols": ["AAPL", "AAPL"]}, "names a symbol twice"),
        ({"symbols": ["../AAPL"]}, "symbols.0 is '../AAPL'"),
        ({"last_session": "2001-01-02"}, "sessions are out of order"),
    ],
)
def test_headers_that_do_not_belong_are_refused(fit_bytes, header, match):
    refused(resealed(fit_bytes, header), match)


def test_a_header_that_is_no_json_is_refused(fit_bytes):
    _, images = unseal(fit_bytes)
    refused(seal(b"\x1b[2J", images), "it is not complete JSON")
    refused(seal(b"[" * 100_000, images), "JSON")
    refused(seal(b"[]", images), "the header")


def test_a_fit_of_another_exchange_is_refused_where_one_is_asked_for(fit, fit_bytes):
    with pytest.raises(OtherExchangeError, match=f"{NAME} is of the exchange XNYS, and .* XLON"):
        read(fit_bytes, exchange="XLON")
    assert_same(fit, read(fit_bytes, exchange=None))


def test_what_a_state_may_not_be_is_refused(state):
    data, symbols = encode_state(state, NOW), len(state.symbols)
    for image, match in (
        ({"known": encode_array(np.full(symbols, 2), "|u1")}, "neither 0 nor 1"),
        ({"known": encode_array(np.zeros(symbols), "|u1")}, "of a symbol that is not known"),
        ({"close": encode_array(np.full(symbols, np.nan), "<f8")}, "no price of a symbol that is known"),
        ({"close": encode_array(np.full(symbols, -1.0), "<f8")}, "no price of a symbol that is known"),
        ({"values": encode_array(np.full(state.values.shape, np.inf), "<f4")}, "not finite"),
        ({"values": encode_array(state.values[:-1], "<f4")}, r"expected <f4 \(42, 28\)"),
    ):
        refused(resealed(data, **image), match, "tickgraph refresh")


def test_a_fit_in_the_place_of_a_state_is_refused(fit_bytes):
    refused(fit_bytes, "kind is 'fit of the universe'", "tickgraph refresh")


def zipped(*members, compression=zipfile.ZIP_STORED):
    """A zip of these members under a checksum of its own: made on purpose, and not damaged."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a name that is there twice
        for name, data in members:
            archive.writestr(name, data)
        archive.comment = bytes(64)
    content = buffer.getvalue()[:-64]
    return content + hashlib.sha256(content).hexdigest().encode()


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (zipped(("scores.npy", b"")), "no header.json"),
        (zipped(("header.json", b""), ("header.json", b"")), "something twice"),
        (zipped(("header.json", b"{}"), ("../../evil\x1b", b"")), "which is no array"),
        (zipped(("header.json", bytes(10**6)), compression=zipfile.ZIP_DEFLATED), "claims to hold more"),
        (zipped(("header.json", b"{}"), compression=zipfile.ZIP_BZIP2), "compressed"),
        (zipped(*((f"{n}.npy", b"") for n in range(1001))), "claims to hold more"),
        (b"no zip" + hashlib.sha256(b"no zip").hexdigest().encode(), "cannot be unpacked"),
        (hashlib.sha256(b"").hexdigest().encode(), "cannot be unpacked"),
    ],
)
def test_zips_made_to_harm_are_refused(data, match):
    refused(data, match)


@settings(max_examples=examples(60), deadline=None)
@given(st.data())
def test_a_damaged_zip_under_a_right_checksum_is_the_same_or_refused(fit, fit_bytes, data):
    """The zip's structure is not trusted, whoever sealed it."""
    content = bytearray(fit_bytes[:-64])
    for _ in range(data.draw(st.integers(1, 4))):
        tail = data.draw(st.booleans())  # where the directory is
        place = data.draw(st.integers(max(0, len(content) - 2000) if tail else 0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    whole = bytes(content) + hashlib.sha256(content).hexdigest().encode()
    try:
        again = read(whole)
    except ArtefactError:
        pass
    else:
        assert again.weights.keys() == fit.weights.keys()
