"""Correlation matrices as plain ``.npy`` files."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tickgraph.errors import ArtefactError
from tickgraph.registry.plain_array import Unfit, decode_array, encode_array
from tickgraph.registry.training_record import TrainingRecord

_ROUNDING = 1e-9  # by how much correlations of float64 returns may leave [-1, 1] and symmetry


def encode_correlation(correlation: NDArray[np.float64]) -> bytes:
    """Write a matrix as a ``.npy`` image, float64 in C order; equal matrices give equal bytes."""
    return encode_array(correlation, "<f8")


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
    try:
        matrix = decode_array(data, "<f8", (size, size))
    except Unfit as unfit:
        fault = str(unfit)
    else:
        if (reason := _fault(matrix, nodes)) is None:
            return matrix
        fault = f"it is not a correlation matrix: {reason}"
    raise _refused(name, fault)


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
