"""``.npy`` correlation files: what is written is read back, and nothing else gets through."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickgraph.errors import ArtefactError
from tickgraph.registry.correlation_file import decode_correlation, encode_correlation
from tickgraph.registry.training_record import TrainingRecord

PEERS = tuple(f"P{n}" for n in range(10))
TRAINING = TrainingRecord(correlated_symbols=PEERS, symbol_seed=1)
NAME = "x_corr.npy"


def matrix(nodes: int = 11) -> np.ndarray:
    """A real correlation matrix of ``nodes`` series, padded with 0 to 11."""
    rho = np.corrcoef(np.random.default_rng(0).normal(size=(nodes, 60)))
    np.fill_diagonal(rho, 1.0)
    return np.pad((rho + rho.T) / 2, (0, 11 - nodes))


def refused(data, match, training=TRAINING):
    with pytest.raises(ArtefactError, match=f"{NAME} is refused: .*{match}"):
        decode_correlation(data, training, name=NAME)


def test_a_matrix_is_read_back_exactly():
    np.testing.assert_array_equal(
        decode_correlation(encode_correlation(matrix()), TRAINING, name=NAME), matrix()
    )
    np.testing.assert_array_equal(
        np.load(io.BytesIO(encode_correlation(matrix())), allow_pickle=False), matrix()
    )


def test_equal_matrices_make_equal_bytes_whatever_their_memory_order():
    assert encode_correlation(matrix()) == encode_correlation(np.asfortranarray(matrix()))


def test_rows_of_missing_and_absent_peers_are_zero():
    short = TrainingRecord(correlated_symbols=PEERS[:4], symbol_seed=1)
    decode_correlation(encode_correlation(matrix(5)), short, name=NAME)
    absent = matrix()
    absent[3] = absent[:, 3] = 0
    decode_correlation(encode_correlation(absent), TRAINING, name=NAME)
    refused(encode_correlation(matrix(6)), "more nodes than the 5", short)


def changed(*places, value):
    rho = matrix()
    for place in places:
        rho[place] = value
    return rho


@pytest.mark.parametrize(
    ("rho", "match"),
    [
        (changed((1, 2), (2, 1), value=np.nan), "not finite"),
        (changed((4, 4), value=np.inf), "not finite"),
        (changed((1, 2), (2, 1), value=1.00001), "outside"),
        (changed((1, 2), value=0.123), "not symmetric"),
        (changed((4, 4), value=0.5), "diagonal"),
        (changed((4, 4), value=-1.0), "diagonal"),
        (changed((4, 4), value=0.0), "absent node has correlations"),
        (np.eye(10), r"<f8 \(10, 10\) in C order, expected <f8 \(11, 11\)"),
        (np.ones(121), r"\(121,\)"),
    ],
)
def test_what_is_no_correlation_matrix_is_refused(rho, match):
    refused(encode_correlation(rho), match)


def raw(header, body=b""):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue() + body


def saved(save, *arguments, **named):
    buffer = io.BytesIO()
    save(buffer, *arguments, **named)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "plain NumPy array"),
        (b"PK\x03\x04 a zip, or the start of one", "plain NumPy array"),
        (saved(np.savez, matrix()), "plain NumPy array"),
        (saved(np.save, np.array([None], dtype=object), allow_pickle=True), r"\|O"),
        (raw({"descr": [("a", "<f8")], "fortran_order": False, "shape": (11, 11)}), "plain NumPy array"),
        (raw({"descr": "<f8", "fortran_order": True, "shape": (11, 11)}, bytes(968)), "Fortran"),
        (encode_correlation(matrix()).replace(b"(11, 11)", b"(11, 1L)"), "plain NumPy array"),
        (encode_correlation(matrix()).replace(b"{'descr", b"{{{{{{{"), "plain NumPy array"),
        (saved(np.save, matrix().astype(np.float32)), "<f4"),
        (saved(np.save, matrix().astype(">f8")), ">f8"),
        (raw({"descr": "<f8", "fortran_order": False, "shape": (10**7, 10**6)}), "expected <f8"),
        (raw({"descr": "<f8", "fortran_order": False, "shape": (11, 11)}, bytes(8)), "8 bytes of numbers"),
        (encode_correlation(matrix()) + b"more", "972 bytes of numbers, expected 968"),
    ],
)
def test_other_files_are_refused_before_anything_is_allocated(data, match):
    refused(data, match)


@pytest.mark.parametrize("length", range(0, 1090, 37))
def test_truncated_files_are_refused(length):
    refused(encode_correlation(matrix())[:length], "")


@settings(max_examples=300)
@given(st.integers(0, 1095), st.integers(1, 255))
def test_a_changed_byte_gives_a_matrix_or_a_refusal(place, change):
    data = bytearray(encode_correlation(matrix()))
    data[place] ^= change
    try:
        read = decode_correlation(bytes(data), TRAINING, name=NAME)
    except ArtefactError:
        return
    assert read.shape == (11, 11)
    assert np.isfinite(read).all()
