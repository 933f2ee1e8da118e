"""The files of each symbol's generation, in a folder.

What is above knows models, and this module knows files: where they are, and who may write. How they are published and
read is in :mod:`tickgraph.registry.generation`.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from copy import copy as copied
from pathlib import Path
from typing import Self, TypeVar

from tickgraph.errors import ArtefactError, StorageError, SymbolError
from tickgraph.market.spelling import Symbol
from tickgraph.market.universe import canonical, is_canonical
from tickgraph.object_place import Place
from tickgraph.object_store import Version
from tickgraph.permit import FREE, Permit
from tickgraph.registry.artefact_file import digest, read_bounded
from tickgraph.registry.artefact_paths import ArtefactPaths, file_name, interrupted, lies_in, published_names
from tickgraph.registry.generation import (
    Generation,
    place_last,
    publish,
    read_generation,
    read_metadata,
    recover,
    withdraw,
)
from tickgraph.registry.generation_file import GenerationBytes
from tickgraph.registry.metadata import ModelMetadata
from tickgraph.registry.metadata_file import MAX_METADATA_BYTES
from tickgraph.registry.origin import Origin
from tickgraph.shared.news import MODELS, News
from tickgraph.storage import FileRefused, exclusive, other_kind, write_atomically

Change = TypeVar("Change")


class Shelf:
    """Generations of files by symbol; safe for many readers and for writers in several processes.

    Parameters
    ----------
    root
        Folder.
    news
        Hears of what is published and removed; None tells nobody.

    Attributes
    ----------
    root
        As above.
    place
        Where messages say that models are.
    origin
        The object storage behind the folder; None for a folder of its own.
    """

    def __init__(self, root: Path, news: News | None) -> None:
        self.root = root
        self.place: Place = root
        self.origin: Origin | None = None
        self._news, self._permit = news, FREE
        self._metadata_prefix = os.path.join(self.root, "metadata", "")  # noqa: PTH118
        self._writers: dict[str, threading.Lock] = {}
        self._seen: dict[str, tuple[tuple[int, int, int], str | None]] = {}

    def under(self, permit: Permit) -> Self:
        """Give the same shelf, which publishes under a permit."""
        other = copied(self)
        other._permit = permit
        return other

    # Finding

    def names(self) -> set[str]:
        """Names that metadata is published under, today's tickers or not; :class:`StorageError` without a list."""
        return published_names(self.root)

    def symbols(self) -> tuple[Symbol, ...]:
        """The names that are symbols; errors as in :meth:`names`."""
        return tuple(sorted(filter(is_canonical, self.names())))

    def renamed(self) -> dict[Symbol, tuple[str, str | None]]:
        """As :meth:`ModelRegistry.renamed`."""
        names = self.names()
        models: dict[Symbol, tuple[str, str | None]] = {}
        for former in sorted(names):
            with contextlib.suppress(SymbolError):
                today = canonical(former)
                if today != former and today not in names:
                    source = None
                    with contextlib.suppress(ArtefactError, StorageError):
                        source = self.metadata(ArtefactPaths.of(self.root, former)).data_stats.source
                    models[today] = former, source
        return models

    def holds(self, symbol: Symbol) -> bool:
        """Whether anything stands in the place of one of the symbol's files, usable or not."""
        paths = ArtefactPaths.of(self.root, symbol)
        return any(os.path.lexists(path) for path in (*paths.arrays, paths.metadata))

    def paths(self, symbol: Symbol, *, to_write: bool = False) -> ArtefactPaths:
        """Where a symbol's files are; :class:`ArtefactError` if a link leads outside the folder.

        A link in a file's own place may do so ``to_write``: it will be replaced, and not followed.
        """
        paths = ArtefactPaths.of(self.root, symbol)
        for path in (*paths.arrays, paths.metadata):
            if not lies_in(self.root, path.parent / "any"):
                raise ArtefactError(
                    f"{path.parent} leads outside the model folder {self.root}. Remove the link."
                )
            if not to_write and not lies_in(self.root, path):
                raise ArtefactError(
                    f"{path} leads outside the model folder {self.root}. Remove the link, or run: "
                    f"tickgraph train --symbols {symbol}"
                )
        return paths

    # Reading

    def metadata(self, paths: ArtefactPaths) -> ModelMetadata:
        """Metadata of a symbol's current generation; errors as in :func:`read_metadata`."""
        return read_metadata(paths)[0]

    def read(self, paths: ArtefactPaths) -> Generation:
        """Read a symbol's current generation; errors as in :func:`read_generation`."""
        return read_generation(paths)

    def identity(self, symbol: Symbol) -> str | None:
        """Identity of the current generation, None without one; a cheap look while nothing changes."""
        # On every request's path: one stat. Links are resolved when the model is loaded.
        path = self._metadata_prefix + file_name(symbol, "metadata")
        try:
            status = os.stat(path)  # noqa: PTH116  a Path costs three times as much
            # Every publish makes a new file, so a new inode: equal times cannot hide it.
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            seen = self._seen.get(path)
            if seen is None or seen[0] != stamp:
                seen = self._seen[path] = (stamp, self._identity(Path(path)))
        except FileNotFoundError:
            return None
        except OSError:  # a link to itself, no permission: loading says what it is
            return self._identity(Path(path))
        return seen[1]

    def _identity(self, path: Path) -> str | None:
        """sha256 of a metadata file, of nothing where it may not be read (loading says why), None without one."""
        try:
            return digest(read_bounded(path, MAX_METADATA_BYTES) if lies_in(self.root, path) else b"")
        except FileNotFoundError:
            return None
        except FileRefused:
            return digest(b"")

    def must_be_sound(self, paths: ArtefactPaths) -> None:
        """Nothing: what is in the folder is what was published."""

    # Writing

    def change(self, symbol: Symbol, change: Callable[[Version | None], Change]) -> Change:
        """Make a change to a symbol's files as its only writer; it is given what :meth:`commit` is to replace."""
        with self.alone(symbol):
            changed = self._change(symbol, change)
        self._tell()
        return changed

    def _change(self, symbol: Symbol, change: Callable[[Version | None], Change]) -> Change:
        return change(None)

    def commit(self, paths: ArtefactPaths, files: GenerationBytes, replaced: Version | None) -> None:
        """Publish a generation, which was checked; the caller is the symbol's only writer.

        Raises
        ------
        StorageError
            It cannot be written, or the permit has ended; a whole generation is in place.
        """
        with self._permit.holding():
            place_last(paths)  # a failure below must find the old generation in place
            publish(paths, files.weights, files.correlations, files.metadata)

    def describe_anew(self, paths: ArtefactPaths, metadata: bytes, replaced: Version | None) -> None:
        """Replace the metadata of a generation, with the checksums it has; the caller is the symbol's only writer."""
        with self._permit.holding():
            write_atomically(paths.metadata, metadata)

    def recover(self) -> tuple[Symbol, ...]:
        """Finish what interrupted publishes left: place committed files, drop orphans; say for which symbols.

        Files that cannot be told apart wait for their symbol's next publish, and the other symbols are looked at.
        """
        recovered = []
        for symbol in interrupted(self.root):
            with contextlib.suppress(ArtefactError), self.alone(symbol):
                if recover(self.paths(symbol, to_write=True)):
                    recovered.append(symbol)
        return tuple(recovered)

    def remove(self, symbol: Symbol) -> None:
        """Remove a symbol's model, so that no reader sees half of one; damaged files and links are removed as well."""
        with self.alone(symbol):
            self._remove(self.paths(symbol, to_write=True))
        self._tell()

    def _remove(self, paths: ArtefactPaths) -> None:
        place_last(paths)
        withdraw(paths)

    def _tell(self) -> None:
        if self._news is not None:
            self._news.tell(MODELS)

    @contextlib.contextmanager
    def alone(self, symbol: Symbol) -> Iterator[None]:
        """Be the symbol's only writer."""
        threads = self._writers.setdefault(symbol, threading.Lock())  # atomic, with or without a GIL
        path = self.root / ".locks" / f"{ArtefactPaths.of(self.root, symbol).symbol}.lock"
        # It is in the way of one model, so it is no StorageError, which would end a run.
        if (kind := other_kind(path)) is not None:
            raise ArtefactError(f"{path} is {kind}, where a lock file belongs. Remove it.")
        with exclusive(path, threads, remedy="Wait for the other training run to end, or stop it."):
            yield
