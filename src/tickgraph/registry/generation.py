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
import errno
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from tickgraph.errors import ArtefactError, ModelNotFoundError, StorageError, SymbolError
from tickgraph.market.spelling import Symbol, spelled
from tickgraph.market.universe import is_canonical, suggest
from tickgraph.registry.metadata import Checksums, ModelMetadata
from tickgraph.registry.metadata_file import MAX_METADATA_BYTES, decode_metadata
from tickgraph.storage import (
    FileRefused,
    discard,
    names_in,
    other_kind,
    read_regular,
    replace,
    storage_errors,
    sync_folder,
    write_atomically,
)

MAX_BYTES = 64 * 1024 * 1024  # of weights and correlations; the default model's largest is about 60 KB
SUFFIXES = {"weights": ".weights.h5", "correlations": "_corr.npy", "metadata": "_metadata.json"}  # by folder

# One publish can make a reader miss a whole generation at most three times while the metadata stays the same: as
# weights are moved into place between the reader's two looks, as correlations are, and as the next publish commits.
READ_ATTEMPTS = 4

# Errors of one file and not of the disk: they fail the file's symbol alone.
_OF_ONE_FILE = frozenset(
    getattr(errno, name)
    for name in ("EACCES", "EPERM", "ELOOP", "ENAMETOOLONG", "ENXIO", "ENODEV", "ESTALE", "EOPNOTSUPP")
    if hasattr(errno, name)
)
_LEFT_OVER = re.compile(r"\.([A-Z0-9&-]+)(?:\.weights\.h5|_corr\.npy|_metadata\.json)\..+")


@dataclass(frozen=True)
class ArtefactPaths:
    """Where the files of a symbol are."""

    symbol: Symbol
    weights: Path
    correlations: Path
    metadata: Path

    @classmethod
    def of(cls, root: Path, symbol: str) -> ArtefactPaths:
        """Paths under a registry's root; :class:`SymbolError` for a name that is not spelled as a symbol is."""
        return cls(Symbol(symbol), *(root / kind / file_name(symbol, kind) for kind in SUFFIXES))

    @property
    def arrays(self) -> tuple[Path, Path]:
        """Places of the files that hold arrays, which are staged before the commit."""
        return self.weights, self.correlations


def file_name(symbol: str, kind: str) -> str:
    """Name of a symbol's file: the last gate before a symbol becomes part of a path.

    Raises
    ------
    SymbolError
        The name is not spelled as a symbol is, so it could lead anywhere.
    """
    if spelled(symbol) != symbol:
        raise SymbolError(f"{symbol!r} is not the one spelling of a symbol; {spelled(symbol)} is.")
    return f"{symbol}{SUFFIXES[kind]}"


def digest(data: bytes) -> str:
    """sha256 as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def lies_in(root: Path, path: Path) -> bool:
    """Whether a path two levels below a folder really is there: no link leads out of it."""
    # A link to itself has no end, which Path.resolve takes for an error and realpath does not.
    return Path(os.path.realpath(path)).parent.parent == Path(os.path.realpath(root))


def staged_path(final: Path, sha256: str) -> Path:
    """Where a file waits for its generation's commit."""
    return final.with_name(f".{final.name}.{sha256[:16]}.staged")


# Listing


def published_names(root: Path) -> set[str]:
    """Names that metadata is published under, today's tickers or not; :class:`StorageError` if it cannot be listed."""
    return _names(root, "metadata")


def trained_symbols(root: Path) -> tuple[Symbol, ...]:
    """The published names that are symbols; a file that is not named after one is not ours."""
    return tuple(sorted(filter(is_canonical, published_names(root))))


def without_metadata(root: Path) -> tuple[Symbol, ...]:
    """Symbols that have weights or correlations in their places, and no metadata.

    No publishing and no removing of a model leaves any, interrupted or not: something else removed the metadata.
    """
    names = (_names(root, "weights") | _names(root, "correlations")) - published_names(root)
    return tuple(sorted(filter(is_canonical, names)))


def interrupted(root: Path) -> tuple[Symbol, ...]:
    """Symbols for which an interrupted publish left staged or temporary files, committed or not; needs no lock."""
    left = (_LEFT_OVER.fullmatch(path.name) for kind in SUFFIXES for path in (root / kind).glob(".*"))
    return tuple(sorted(filter(is_canonical, {match[1] for match in left if match})))


def _names(root: Path, kind: str) -> set[str]:
    suffix = SUFFIXES[kind]
    return {name.removesuffix(suffix) for name in names_in(root / kind) if name.endswith(suffix)}


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


def read_generation(paths: ArtefactPaths) -> tuple[ModelMetadata, str, bytes, bytes]:
    """One whole generation of a symbol: metadata, generation, bytes of weights and of correlations.

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
            return metadata, generation, weights, correlation
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
        with contextlib.suppress(
            ArtefactError
        ):  # damaged, or of a later version: it owns no file that is known
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


def withdraw(paths: ArtefactPaths, checksums: Checksums | None) -> None:
    """Remove a symbol's files, whatever stands in their places.

    A crash leaves the whole model, or none of it. First the files go back to the staged names, where a reader still
    finds them. Then metadata is removed. Staged files without metadata are dropped, here or by the next
    :func:`recover`. So weights without metadata are never left behind: they are a sign that metadata was lost.

    Parameters
    ----------
    paths
        Where the files are.
    checksums
        Those of the metadata; None where it cannot be read.
    """
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
