"""One generation of a symbol's files: published atomically, read whole, recovered after a crash.

The three files have fixed names, so three renames are needed where one would be atomic. Metadata is the commit point
and carries the sha256 of the other two:

1. Weights and correlations are written beside their final places under names that hold their sha256 ("staged").
2. Metadata is replaced in one rename: from here on the new generation is the one that counts.
3. The staged files are renamed to their final places.

A reader takes the file whose sha256 the metadata names, at its final place or still staged. A crash before step 2
leaves the old generation whole, with staged files that nothing refers to. A crash after it leaves the new one whole.
The final places hold a valid Keras file at every instant. Writers hold the symbol's lock.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import NamedTuple

from tickgraph.errors import ArtefactError, ModelNotFoundError, StorageError
from tickgraph.market.spelling import Symbol
from tickgraph.market.universe import suggest
from tickgraph.registry.artefact_file import digest, read_bounded
from tickgraph.registry.artefact_paths import ArtefactPaths, staged_path, trained_symbols
from tickgraph.registry.metadata import Checksums, ModelMetadata
from tickgraph.registry.metadata_file import MAX_METADATA_BYTES, decode_metadata
from tickgraph.storage import (
    FileRefused,
    discard,
    other_kind,
    read_regular,
    replace,
    storage_errors,
    sync_folder,
    write_atomically,
)

# One publish can make a reader miss a whole generation at most three times while the metadata stays the same: as
# weights are moved into place between the reader's two looks, as correlations are, and as the next publish commits.
READ_ATTEMPTS = 4

# Reading


def read_metadata(paths: ArtefactPaths) -> tuple[ModelMetadata, str]:
    """Metadata of a symbol, and its generation: the sha256 of the file.

    Raises
    ------
    ModelNotFoundError, ArtefactError
        None was published, or it is damaged or foreign.
    """
    symbol, path = paths.symbol, paths.metadata
    try:
        data = read_bounded(path, MAX_METADATA_BYTES)
    except FileRefused as error:
        refused = error.strerror
    except FileNotFoundError:
        root = path.parent.parent
        raise no_model(symbol, str(root), trained_symbols(root)) from None
    else:
        return decode_metadata(data, symbol, name=str(path)), digest(data)
    raise ArtefactError(f"{path} is damaged or foreign: {refused}. Run: tickgraph train --symbols {symbol}")


def no_model(symbol: Symbol, place: str, trained: tuple[Symbol, ...]) -> ModelNotFoundError:
    """The error of a symbol that has no model in a place; it names symbols that have one and are spelled similarly."""
    near = suggest(symbol, trained)
    hint = f" Trained and similar: {', '.join(near)}." if near else ""
    return ModelNotFoundError(
        f"No model of {symbol} in {place}.{hint} Run: tickgraph train --symbols {symbol}"
    )


class Generation(NamedTuple):
    """One whole generation of a symbol, as it was read.

    Attributes
    ----------
    metadata, identity
        What the model is, and the sha256 of the file that says so.
    weights, correlations
        Bytes of the other files, compared with the metadata's checksums.
    """

    metadata: ModelMetadata
    identity: str
    weights: bytes
    correlations: bytes


def read_generation(paths: ArtefactPaths) -> Generation:
    """Read one whole generation of a symbol.

    Raises
    ------
    ModelNotFoundError, ArtefactError
        None was published, or a file of it is damaged, foreign or missing.
    """
    last, attempts = "", 0
    while attempts < READ_ATTEMPTS:
        metadata, generation = read_metadata(paths)
        attempts, last = (attempts + 1 if generation == last else 1), generation
        weights = read_verified(paths.weights, metadata.checksums.weights)
        correlation = read_verified(paths.correlations, metadata.checksums.correlations)
        if weights is not None and correlation is not None:
            return Generation(metadata, generation, weights, correlation)
    final = paths.weights if weights is None else paths.correlations
    raise ArtefactError(
        f"{final} {_fault_of(final)}. Restore it, or run: tickgraph train --symbols {paths.symbol}"
    )


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


def _fault_of(path: Path) -> str:
    """Say what is wrong with a file whose sha256 is not the metadata's."""
    try:
        read_bounded(path)
    except FileNotFoundError:
        return "is missing"
    except FileRefused as refused:
        return f"is damaged or foreign: {refused.strerror}"
    return "is damaged or foreign: its sha256 is not the metadata's"


# Writing, with the symbol's lock held


def publish(paths: ArtefactPaths, weights: bytes, correlations: bytes, metadata: bytes) -> None:
    """Publish one generation; the metadata's checksums must be those of the other two.

    Raises
    ------
    StorageError
        Disk full, read-only or no permission. Either the old generation is intact, or the commit was reached: then
        the new one is whole, and the next publish moves its files into place.
    """
    moves = [
        (staged_path(final, digest(data)), final, data)
        for final, data in zip(paths.arrays, (weights, correlations), strict=True)
    ]
    try:
        for waiting, _, data in moves:
            make_way(waiting)
            write_atomically(waiting, data)
        make_way(paths.metadata)
        write_atomically(paths.metadata, metadata)
    except BaseException:
        if not _holds(paths.metadata, metadata):  # an error after the commit must not undo half of it
            for waiting, _, _ in moves:
                with contextlib.suppress(OSError):
                    waiting.unlink(missing_ok=True)
        raise
    for waiting, final, _ in moves:
        _place(waiting, final)


def place_last(paths: ArtefactPaths) -> None:
    """Move the staged files of the last committed generation into place, if any wait.

    No folder is listed, as every publish comes here and a folder may hold thousands of models. :func:`recover` finds
    what earlier crashes left uncommitted.
    """
    # Reading searches for similar names where no metadata is, so this looks first.
    if other_kind(paths.metadata) is None and paths.metadata.exists():
        # Damaged, or of a later version, it owns no file that is known.
        with contextlib.suppress(ArtefactError):
            checksums = read_metadata(paths)[0].checksums
            for waiting, final in _moves(paths, checksums):
                if waiting.exists():
                    _place(waiting, final)


def recover(paths: ArtefactPaths) -> bool:
    """Place committed files, drop the others; True if an interrupted publish left any that could be told apart."""
    if not any(True for path in (*paths.arrays, paths.metadata) for _ in path.parent.glob(f".{path.name}.*")):
        return False
    try:
        checksums = read_metadata(paths)[0].checksums
    except ModelNotFoundError:  # a first publish that was never committed
        checksums = None
    except ArtefactError:  # damaged, or of a later version: it may own any of these files
        return False
    _settle(paths, checksums)
    return True


def withdraw(paths: ArtefactPaths) -> None:
    """Remove a symbol's files, whatever stands in their places.

    A crash leaves the whole model, or none of it. First the files go back to the staged names, where a reader still
    finds them. Then metadata is removed. Staged files without metadata are dropped, here or by the next
    :func:`recover`. So weights without metadata are never left behind: they are a sign that metadata was lost.
    """
    checksums = None
    with contextlib.suppress(ArtefactError, StorageError):  # of metadata that cannot be read none are known
        checksums = read_metadata(paths)[0].checksums
    for waiting, final in _moves(paths, checksums) if checksums else ():
        if final.is_file():
            with storage_errors(final.parent):
                replace(final, waiting)
    with storage_errors(paths.metadata.parent):
        discard(paths.metadata)
        if paths.metadata.parent.is_dir():
            sync_folder(paths.metadata.parent)
    for final in paths.arrays:
        with storage_errors(final.parent):
            discard(final)
    _settle(paths, None)


def _settle(paths: ArtefactPaths, committed: Checksums | None) -> None:
    places = {waiting for waiting, _ in _moves(paths, committed)} if committed else set()
    for final in paths.arrays:
        with storage_errors(final.parent):
            for waiting in final.parent.glob(f".{final.name}.*"):
                if waiting in places:
                    make_way(final)
                    replace(waiting, final)
                else:
                    discard(waiting)
            if final.parent.is_dir():
                sync_folder(final.parent)
    with storage_errors(paths.metadata.parent):
        for left in paths.metadata.parent.glob(f".{paths.metadata.name}.*.tmp"):
            discard(left)


def _moves(paths: ArtefactPaths, checksums: Checksums) -> list[tuple[Path, Path]]:
    """Staged and final places of a generation's files."""
    pairs = (paths.weights, checksums.weights), (paths.correlations, checksums.correlations)
    return [(staged_path(final, sha256), final) for final, sha256 in pairs]


def _place(waiting: Path, final: Path) -> None:
    make_way(final)
    with storage_errors(final.parent):
        replace(waiting, final)
        sync_folder(final.parent)


def make_way(place: Path) -> None:
    """Remove a folder where a model's file belongs: a rename replaces anything else, and no folder."""
    if other_kind(place) == "a folder":
        with storage_errors(place):
            discard(place)


def _holds(path: Path, data: bytes) -> bool:
    try:
        return read_regular(path, len(data)) == data
    except OSError:
        return False
