"""One file of a model, read without trust: a bound on its bytes, and what a file that is none of ours costs."""

from __future__ import annotations

import errno
import hashlib
from pathlib import Path
from typing import NamedTuple

from tickgraph.errors import ArtefactError, StorageError
from tickgraph.storage import FileRefused, read_regular, storage_errors

MAX_BYTES = 64 * 1024 * 1024  # of weights and correlations; the default model's largest is about 60 KB

# Errors of one file and not of the disk: they fail the file's symbol alone.
_OF_ONE_FILE = frozenset(
    getattr(errno, name)
    for name in ("EACCES", "EPERM", "ELOOP", "ENAMETOOLONG", "ENXIO", "ENODEV", "ESTALE", "EOPNOTSUPP")
    if hasattr(errno, name)
)


class Refused(NamedTuple):
    """Why a file or an object is refused, to be kept: the error itself would keep the frames that hold its bytes."""

    kind: type[ArtefactError]
    text: str

    def error(self) -> ArtefactError:
        """Make the error anew."""
        return self.kind(self.text)


def digest(data: bytes) -> str:
    """sha256 as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def read_bounded(path: Path, max_bytes: int = MAX_BYTES) -> bytes:
    """Bytes of a file.

    Raises
    ------
    FileNotFoundError
        Nothing is there.
    FileRefused
        It is no regular file, larger than any of ours, or cannot be opened while others can.
    StorageError
        The disk or the system fails.
    """
    try:
        with storage_errors(path):
            return read_regular(path, max_bytes)
    except StorageError as error:
        cause = error.__cause__
        if not (isinstance(cause, OSError) and cause.errno in _OF_ONE_FILE and _is_in_a_usable_folder(path)):
            raise
        reason = f"it cannot be opened: {cause.strerror}"
    raise FileRefused(path, reason)


def _is_in_a_usable_folder(path: Path) -> bool:
    try:
        path.lstat()
    except OSError as error:
        return error.errno == errno.ENAMETOOLONG
    return True
