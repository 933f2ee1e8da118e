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
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tickgraph.atomic import replace, storage_errors, sync_folder, write_atomically

MAX_BYTES = 64 * 1024 * 1024  # of any file; the default model's largest is about 60 KB

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
            write_atomically(waiting, data)
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
        with storage_errors(final.parent):
            replace(waiting, final)
            sync_folder(final.parent)


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.read_bytes() == data
    except OSError:
        return False


def settle(paths: ArtefactPaths, committed: set[Path]) -> None:
    """Move a committed generation's staged files into place, and drop what earlier crashes left behind."""
    for final in (paths.weights, paths.correlations):
        with storage_errors(final.parent):
            for waiting in final.parent.glob(f".{final.name}.*"):
                if waiting in committed:
                    replace(waiting, final)
                else:
                    waiting.unlink(missing_ok=True)
            if final.parent.is_dir():
                sync_folder(final.parent)
    if paths.metadata.parent.is_dir():
        for left in paths.metadata.parent.glob(f".{paths.metadata.name}.*.tmp"):
            left.unlink(missing_ok=True)


def withdraw(paths: ArtefactPaths) -> None:
    """Remove a symbol's files, metadata first and for good, so that no crash leaves it without the others."""
    with storage_errors(paths.metadata.parent):
        paths.metadata.unlink(missing_ok=True)
        if paths.metadata.parent.is_dir():
            sync_folder(paths.metadata.parent)
    for final in (paths.weights, paths.correlations):
        with storage_errors(final.parent):
            final.unlink(missing_ok=True)
    settle(paths, set())


def read_bounded(path: Path) -> bytes | None:
    """Bytes of a file, None where it is no file or larger than any of ours.

    Raises
    ------
    FileNotFoundError
        Nothing is there.
    StorageError
        It cannot be read.
    """
    try:
        with storage_errors(path), path.open("rb") as file:
            return file.read() if os.fstat(file.fileno()).st_size <= MAX_BYTES else None
    except IsADirectoryError:
        return None


def read_verified(final: Path, sha256: str) -> bytes | None:
    """Bytes whose sha256 is the given one, from the final place or still staged; None if neither holds them.

    The bytes are read once and are the ones hashed.
    """
    for path in (final, staged_path(final, sha256)):
        try:
            data = read_bounded(path)
        except FileNotFoundError:
            continue
        if data is not None and digest(data) == sha256:
            return data
    return None
