"""Publishing a symbol's files as one generation, and reading one back.

The three files have fixed names, so three renames are needed where one would be atomic. Metadata is the
commit point and carries the sha256 of the other two:

1. weights and correlations are written beside their final places under names that hold their sha256;
2. metadata is replaced in one rename: from here on the new generation is the one that counts;
3. the staged files are renamed to their final places.

A reader takes the file whose sha256 the metadata names, at its final place or still staged. A crash before
step 2 leaves the old generation whole, with staged files that nothing refers to; a crash after it leaves the
new one whole. The final places hold a valid Keras file at every instant.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tickgraph.atomic import replace, storage_errors, sync_folder, write_atomically
from tickgraph.errors import StorageError
from tickgraph.regular_file import FileRefused, discard, other_kind, read_regular

MAX_BYTES = 64 * 1024 * 1024  # of weights and correlations; the default model's largest is about 60 KB

# What is wrong with one file and not with the disk, so that its symbol alone fails.
_OF_ONE_FILE = frozenset(
    getattr(errno, name)
    for name in ("EACCES", "EPERM", "ELOOP", "ENAMETOOLONG", "ENXIO", "ENODEV", "ESTALE", "EOPNOTSUPP")
    if hasattr(errno, name)
)

# One publish can make a reader miss a whole generation at most three times while the metadata stays the same:
# as weights are moved into place between its two looks, as correlations are, and as the next one commits.
READ_ATTEMPTS = 4


@dataclass(frozen=True)
class ArtefactPaths:
    """Where the files of a canonical symbol are."""

    symbol: str
    weights: Path
    correlations: Path
    metadata: Path

    @classmethod
    def of(cls, root: Path, symbol: str) -> ArtefactPaths:
        """Paths under a registry's root."""
        return cls(
            symbol,
            root / "weights" / f"{symbol}.weights.h5",
            root / "correlations" / f"{symbol}_corr.npy",
            root / "metadata" / f"{symbol}_metadata.json",
        )


def digest(data: bytes) -> str:
    """sha256 as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def staged_path(final: Path, sha256: str) -> Path:
    """Where a file waits for its generation's commit."""
    return final.with_name(f".{final.name}.{sha256[:16]}.staged")


def publish(paths: ArtefactPaths, weights: bytes, correlations: bytes, metadata: bytes) -> None:
    """Publish one generation; the metadata's checksums must be those of the other two.

    Raises
    ------
    StorageError
        Disk full, read-only or no permission. The old generation is intact, or, if the commit was reached,
        the new one is whole and the next publish moves its files into place.
    """
    staged = [
        (final, staged_path(final, digest(data)), data)
        for final, data in ((paths.weights, weights), (paths.correlations, correlations))
    ]
    try:
        for _, waiting, data in staged:
            make_way(waiting)
            write_atomically(waiting, data)
        make_way(paths.metadata)
        write_atomically(paths.metadata, metadata)
    except BaseException:
        if not _holds(paths.metadata, metadata):  # an error after the commit must not undo half of it
            for _, waiting, _ in staged:
                with contextlib.suppress(OSError):
                    waiting.unlink(missing_ok=True)
        raise
    _place([(waiting, final) for final, waiting, _ in staged])


def place(paths: ArtefactPaths, weights: str, correlations: str) -> None:
    """Move the staged files of the generation with these checksums into place, if any wait.

    No folder is listed, as every publish comes here and a folder may hold thousands of models. What earlier crashes
    left behind uncommitted is :func:`settle`'s.
    """
    pairs = [
        (staged_path(final, sha256), final)
        for final, sha256 in ((paths.weights, weights), (paths.correlations, correlations))
    ]
    _place([(waiting, final) for waiting, final in pairs if waiting.exists()])


def _place(pairs: Sequence[tuple[Path, Path]]) -> None:
    for waiting, final in pairs:
        make_way(final)
        with storage_errors(final.parent):
            replace(waiting, final)
            sync_folder(final.parent)


def make_way(place: Path) -> None:
    """Remove a folder where a model's file belongs: no file can be renamed over it, as it can over anything else."""
    if other_kind(place) == "a folder":
        with storage_errors(place):
            discard(place)


def _holds(path: Path, data: bytes) -> bool:
    try:
        return read_regular(path, len(data)) == data
    except OSError:
        return False


def settle(paths: ArtefactPaths, committed: set[Path]) -> None:
    """Move a committed generation's staged files into place, and drop what earlier crashes left behind."""
    for final in (paths.weights, paths.correlations):
        with storage_errors(final.parent):
            for waiting in final.parent.glob(f".{final.name}.*"):
                if waiting in committed:
                    make_way(final)
                    replace(waiting, final)
                else:
                    discard(waiting)
            if final.parent.is_dir():
                sync_folder(final.parent)
    with storage_errors(paths.metadata.parent):
        for left in paths.metadata.parent.glob(f".{paths.metadata.name}.*.tmp"):
            discard(left)


def withdraw(paths: ArtefactPaths, checksums: tuple[str, str] | None) -> None:
    """Remove a symbol's files, whatever stands in their places.

    A crash leaves the whole model, or none of it. First the files go back to the names that they waited under, where a
    reader still finds them. Then metadata is removed. What waits without metadata is dropped, here or by the next
    :func:`settle`. So weights without metadata are never left behind: they are a sign that metadata was lost.

    Parameters
    ----------
    paths
        Where the files are.
    checksums
        sha256 of weights and of correlations, from the metadata; None where it cannot be read.
    """
    finals = paths.weights, paths.correlations
    for final, sha256 in zip(finals, checksums or (), strict=False):
        if final.is_file():
            with storage_errors(final.parent):
                replace(final, staged_path(final, sha256))
    with storage_errors(paths.metadata.parent):
        discard(paths.metadata)
        if paths.metadata.parent.is_dir():
            sync_folder(paths.metadata.parent)
    for final in finals:
        with storage_errors(final.parent):
            discard(final)
    settle(paths, set())


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
        if not (isinstance(cause, OSError) and cause.errno in _OF_ONE_FILE and _is_listed(path)):
            raise
        reason = f"it cannot be opened: {cause.strerror}"
    raise FileRefused(path, reason)


def _is_listed(path: Path) -> bool:
    """Whether the file's folder can be used, so that the fault is the file's own."""
    try:
        path.lstat()
    except OSError as error:
        return error.errno == errno.ENAMETOOLONG
    return True


def read_verified(final: Path, sha256: str) -> bytes | None:
    """Bytes whose sha256 is the given one, from the final place or still staged; None if neither holds them.

    The bytes are read once and are the ones hashed.
    """
    for path in (final, staged_path(final, sha256)):
        with contextlib.suppress(FileNotFoundError, FileRefused):
            data = read_bounded(path)
            if digest(data) == sha256:
                return data
    return None


def fault_of(path: Path) -> str:
    """Say what is wrong with a file that no generation vouches for."""
    try:
        read_bounded(path)
    except FileNotFoundError:
        return "is missing"
    except FileRefused as refused:
        return f"is damaged or foreign: {refused.strerror}"
    return "is damaged or foreign: its sha256 is not the metadata's"
