"""Correlation matrices as plain ``.npy`` files, read without trust.

The header is compared as text before any array is allocated. ``np.load`` is not used, for three reasons. It would
allocate the terabytes that a header may claim. It would open a zip or a pickle in the matrix's place. It reads a
damaged header with a parser for Python 2, whose errors are many.
"""

from __future__ import annotations

import io
import re

import numpy as np
from numpy.typing import NDArray

from tickgraph.errors import ArtefactError
from tickgraph.registry.metadata import TrainingRecord

_MAGIC = b"\x93NUMPY\x01\x00"  # version 1.0, as NumPy writes every header this small
_HEADER = re.compile(
    rb"\{'descr': '([^']*)', 'fortran_order': (True|False), 'shape': \(([0-9, ]*)\), \} *\n", re.ASCII
)
_ROUNDING = 1e-9  # by how much correlations of float64 returns may leave [-1, 1] and symmetry


def encode_correlation(correlation: NDArray[np.float64]) -> bytes:
    """Write a matrix as a ``.npy`` image, float64 in C order; equal matrices give equal bytes."""
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(correlation, "<f8"), allow_pickle=False)
    return buffer.getvalue()


def decode_correlation(data: bytes, training: TrainingRecord, *, name: str) -> NDArray[np.float64]:
    """Read a ``.npy`` image into a fresh matrix.

    Parameters
    ----------
    data
        The file's bytes.
    training
        Gives N, the nodes of the graph, and the peers: N - 1, or fewer if there were not enough candidates.
    name
        What to call the file in errors.

    Returns
    -------
    ndarray
        ``[N, N]`` float64, target first: symmetric, finite, in [-1, 1], 1 on the diagonal. Row and column of a node
        are 0, diagonal included, if it had no complete window or if there is no such peer.

    Raises
    ------
    ArtefactError
        The file is damaged, or is not such a matrix.
    """
    size, nodes = training.num_stocks, 1 + len(training.correlated_symbols)
    start = len(_MAGIC) + 2
    end = start + int.from_bytes(data[len(_MAGIC) : start], "little")
    header = _HEADER.fullmatch(data[start:end])
    if not data.startswith(_MAGIC) or header is None:
        raise _refused(name, "it is not a plain NumPy array")
    dtype, fortran, shape = (part.decode("latin-1") for part in header.groups())
    if (dtype, fortran, shape) != ("<f8", "False", f"{size}, {size}"):
        order = "Fortran" if fortran == "True" else "C"
        raise _refused(name, f"it is {dtype} ({shape}) in {order} order, expected <f8 ({size}, {size}) in C")
    body = data[end:]
    if len(body) != 8 * size * size:
        raise _refused(name, f"it has {len(body):,} bytes of numbers, expected {8 * size * size:,}")
    matrix = np.frombuffer(body, "<f8").reshape(size, size).astype(np.float64)
    if reason := _fault(matrix, nodes):
        raise _refused(name, f"it is not a correlation matrix: {reason}")
    return matrix


def _fault(matrix: NDArray[np.float64], nodes: int) -> str | None:
    diagonal = np.diagonal(matrix)
    present = diagonal != 0
    if not np.isfinite(matrix).all():
        return "a value is not finite"
    if (np.abs(matrix) > 1 + _ROUNDING).any():
        return "a value lies outside [-1, 1]"
    if (np.abs(matrix - matrix.T) > _ROUNDING).any():
        return "it is not symmetric"
    if (np.abs(diagonal[present] - 1) > _ROUNDING).any():
        return "its diagonal is neither 1 nor, for an absent node, 0"
    if matrix[~present].any():
        return "an absent node has correlations"
    if present[nodes:].any():
        return f"it has more nodes than the {nodes} that the metadata names"
    return None


def _refused(name: str, reason: str) -> ArtefactError:
    return ArtefactError(f"Correlation file {name} is refused: {reason}.")
