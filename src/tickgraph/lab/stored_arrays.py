"""Results kept on disk as arrays, so that an interrupted run goes on: files named by all that the results depend on."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tickgraph.storage import storage_errors, write_atomically

Kept = TypeVar("Kept")

FORMAT = 1
"""Raise it when a change of code makes stored results wrong."""

_DAMAGES = (
    ValueError,
    KeyError,
    EOFError,
    TypeError,
    OSError,
    NotImplementedError,  # flags of the archive that no writer here sets
    zipfile.BadZipFile,
    zlib.error,
)


class DamagedFileError(ValueError):
    """A stored file cannot be read, or holds other things than its name says."""


def fingerprint(settings: Mapping[str, object]) -> str:
    """16 hex digits of a sha256 over settings, whatever their order."""
    text = json.dumps({"format": FORMAT, **settings}, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def write_arrays(path: Path, **arrays: NDArray[Any]) -> None:
    """Store arrays whole or not at all; :class:`StorageError` if the folder cannot be written."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]  # its other parameter is a flag
    write_atomically(path, buffer.getvalue())


def read_arrays(path: Path, *names: str, shape: tuple[int, ...] | None = None) -> list[NDArray[Any]] | None:
    """Read arrays by name; None if there is no file.

    Raises
    ------
    DamagedFileError
        Bytes are missing or changed (each array has a checksum), or an array is missing or not of the ``shape``.
    StorageError
        The file system refuses to read.
    """
    try:
        with storage_errors(path):
            data = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            arrays = [stored[name] for name in names]
    except _DAMAGES as error:
        raise DamagedFileError(f"{path} is damaged ({error}).") from error
    if shape is not None and any(array.shape != shape or array.dtype.kind != "f" for array in arrays):
        raise DamagedFileError(f"{path} holds other sessions or symbols than this run has.")
    return arrays


def take_up(read: Callable[[], Kept | None], *, fresh: bool) -> tuple[Kept | None, str | None]:
    """What an earlier run kept, and what is wrong with its file; None of what is not there.

    Parameters
    ----------
    read
        Reads it; :class:`DamagedFileError` where it cannot be used.
    fresh
        Whether nothing is taken up.
    """
    try:
        return (None if fresh else read()), None
    except DamagedFileError as error:
        return None, str(error)
