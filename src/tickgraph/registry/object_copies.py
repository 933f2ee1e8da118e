"""Copies of objects in a folder of models: what a copy is; a generation's three files, and a file of the universe."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tickgraph.market.spelling import Symbol
from tickgraph.registry.artefact_file import MAX_BYTES, digest, read_bounded
from tickgraph.registry.artefact_paths import ArtefactPaths
from tickgraph.registry.generation import make_way, place_last, publish, withdraw
from tickgraph.registry.generation_file import FOLDER, MAX_OBJECT_BYTES, SUFFIX, unseal_generation
from tickgraph.registry.metadata_file import MAX_METADATA_BYTES
from tickgraph.storage import FileRefused, discard, storage_errors, write_atomically


class Copy(Protocol):
    """The copy of one object on this machine. Its only writer calls all methods but ``alone`` and ``is_there``."""

    @property
    def key(self) -> str:
        """Key of the object: a folder and a name."""
        ...

    @property
    def max_bytes(self) -> int:
        """Bytes that the object has at most."""
        ...

    def alone(self) -> AbstractContextManager[None]:
        """Be the copy's only writer on this machine."""
        ...

    def is_there(self) -> bool:
        """Whether there is a copy; one look at a file."""
        ...

    def identity(self) -> str | None:
        """What tells the content of the copy from any other; None without a copy."""
        ...

    def take(self, data: bytes) -> None:
        """Replace the copy by an object; :class:`ArtefactError` if the object is not what it should be."""
        ...

    def drop(self) -> None:
        """Remove the copy."""
        ...


@dataclass(frozen=True)
class ModelCopy:
    """The copy of a symbol's generation: the three files of a folder.

    Attributes
    ----------
    paths
        Where the files are.
    place
        What to call the place of the object in errors.
    alone
        Makes the caller the symbol's only writer on this machine.
    """

    paths: ArtefactPaths
    place: str
    alone: Callable[[], AbstractContextManager[None]]

    @property
    def max_bytes(self) -> int:
        """Bytes of the largest generation."""
        return MAX_OBJECT_BYTES

    @property
    def symbol(self) -> Symbol:
        """Whose generation it is."""
        return self.paths.symbol

    @property
    def key(self) -> str:
        """Key of the object."""
        return f"{FOLDER}/{self.symbol}{SUFFIX}"

    def is_there(self) -> bool:
        """Whether there is metadata."""
        return os.path.lexists(self.paths.metadata)

    def identity(self) -> str | None:
        """sha256 of the metadata, which carries those of the other files; None without a copy."""
        return _digest_of(self.paths.metadata, MAX_METADATA_BYTES)

    def take(self, data: bytes) -> None:
        """Place the files of an object; :class:`ArtefactError` if it is no generation of the symbol."""
        files = unseal_generation(data, self.symbol, name=f"{self.place}/{self.key}")
        place_last(self.paths)
        publish(self.paths, files.weights, files.correlations, files.metadata)

    def drop(self) -> None:
        """Remove the files."""
        withdraw(self.paths)


@dataclass(frozen=True)
class FileCopy:
    """The copy of an object that is one file.

    Attributes
    ----------
    path
        Where the file is.
    key
        Key of the object.
    alone
        Makes the caller the file's only writer on this machine.
    check
        Raises :class:`ArtefactError` for bytes that are not such a file.
    """

    path: Path
    key: str
    alone: Callable[[], AbstractContextManager[None]]
    check: Callable[[bytes], object]
    max_bytes: int = MAX_BYTES

    def is_there(self) -> bool:
        """Whether there is a file."""
        return os.path.lexists(self.path)

    def identity(self) -> str | None:
        """sha256 of the file; None without one."""
        return _digest_of(self.path, self.max_bytes)

    def take(self, data: bytes) -> None:
        """Write the file."""
        self.check(data)
        make_way(self.path)
        write_atomically(self.path, data)

    def drop(self) -> None:
        """Remove the file."""
        with storage_errors(self.path.parent):
            discard(self.path)


def _digest_of(path: Path, max_bytes: int) -> str | None:
    try:
        return digest(read_bounded(path, max_bytes))
    except (FileNotFoundError, FileRefused):
        return None
