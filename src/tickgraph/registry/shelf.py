"""The files of each symbol's generation, in a folder, or in a folder that is a copy of object storage.

What is above knows models, and this module knows files: where they are, whether they are the current ones, and who may
write. In a folder everything is as :mod:`tickgraph.registry.generation` has it. For object storage
(:mod:`tickgraph.registry.origin`) a copy is brought up to date before it is read, and a publication reaches the storage
before the copy.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from copy import copy as copied
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from tickgraph.errors import ArtefactError, StorageError, SymbolError
from tickgraph.market.spelling import Symbol
from tickgraph.market.universe import canonical, is_canonical
from tickgraph.object_contact import Contact
from tickgraph.object_place import ObjectPlace, Place, local_folder
from tickgraph.object_store import Version
from tickgraph.permit import FREE, Permit
from tickgraph.registry.artefact_file import digest, read_bounded
from tickgraph.registry.artefact_paths import ArtefactPaths, file_name, interrupted, lies_in, published_names
from tickgraph.registry.generation import (
    Generation,
    no_model,
    place_last,
    publish,
    read_generation,
    read_metadata,
    recover,
    withdraw,
)
from tickgraph.registry.generation_file import FOLDER, SUFFIX, GenerationBytes, seal_generation
from tickgraph.registry.metadata import ModelMetadata
from tickgraph.registry.metadata_file import MAX_METADATA_BYTES
from tickgraph.registry.object_copies import ModelCopy
from tickgraph.registry.origin import Origin
from tickgraph.shared.news import MODELS, News
from tickgraph.storage import FileRefused, exclusive, other_kind, write_atomically

Change = TypeVar("Change")


class Shelf:
    """Generations of files by symbol; safe for many readers and for writers in several processes.

    Parameters
    ----------
    place
        Folder, or place on object storage.
    now
        Clock that the last answer of object storage is dated by.
    news
        Hears of what is published and removed; None tells nobody.

    Attributes
    ----------
    place
        As above: where messages say that models are.
    root
        The folder; of a place on object storage, that of its copies on this machine.
    origin
        The object storage behind the folder; None for a folder of its own.
    """

    def __init__(self, place: Place, now: Callable[[], datetime], news: News | None = None) -> None:
        self.place = place if isinstance(place, ObjectPlace) else Path(place)
        self.root = local_folder(self.place)
        self.origin = Origin(Contact(self.place, now)) if isinstance(self.place, ObjectPlace) else None
        self._news, self._permit = news, FREE
        self._metadata_prefix = os.path.join(self.root, "metadata", "")  # noqa: PTH118
        self._writers: dict[str, threading.Lock] = {}
        self._seen: dict[str, tuple[tuple[int, int, int], str | None]] = {}

    def under(self, permit: Permit) -> Shelf:
        """Give the same shelf, which publishes under a permit."""
        other = copied(self)
        other._permit, other.origin = permit, self.origin.under(permit) if self.origin is not None else None
        return other

    # Finding

    def names(self) -> set[str]:
        """Names that metadata is published under, today's tickers or not; :class:`StorageError` without a list."""
        if self.origin is None:
            return published_names(self.root)
        listed = self.origin.listed(FOLDER)
        if listed is not None:
            return {name.removesuffix(SUFFIX) for name in listed if name.endswith(SUFFIX)}
        copies = published_names(self.root)
        if not copies:
            raise StorageError(f"{self.origin.fault} There are no copies of its models on this machine.")
        return copies

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
        if self.origin is not None and symbol in self.names():
            return True
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
        self._bring(paths)
        return read_metadata(paths)[0]

    def read(self, paths: ArtefactPaths) -> Generation:
        """Read a symbol's current generation; errors as in :func:`read_generation`."""
        self._bring(paths)
        try:
            return read_generation(paths)
        except ArtefactError:
            if self.origin is None:
                raise
        self._bring(paths, anew=True)  # the copy is damaged, and the object need not be
        return read_generation(paths)

    def identity(self, symbol: Symbol) -> str | None:
        """Identity of the current generation, None without one; a cheap look while nothing changes."""
        if self.origin is not None:
            copy = self._copy(symbol)
            with contextlib.suppress(ArtefactError):  # a copy that is behind: its object has another identity
                self.origin.refresh(copy)
            if (refused := self.origin.refused(copy)) is not None:
                return digest(refused.encode())
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

    def _copy(self, symbol: Symbol, paths: ArtefactPaths | None = None) -> ModelCopy:
        """The copy of a symbol's object, for its origin."""
        paths = paths or ArtefactPaths.of(self.root, symbol)
        return ModelCopy(paths, str(self.place), partial(self.alone, symbol))

    def _bring(self, paths: ArtefactPaths, *, anew: bool = False) -> None:
        """Bring the copy of a symbol's object up to date."""
        if self.origin is not None:
            self.origin.refresh(self._copy(paths.symbol, paths), anew=anew)
            self.must_be_sound(paths)

    def must_be_sound(self, paths: ArtefactPaths) -> None:
        """Raise for a symbol's object that is damaged or not there, as it was found last."""
        if self.origin is not None:
            self.origin.must_be_sound(self._copy(paths.symbol, paths))
            if not os.path.lexists(paths.metadata):
                raise no_model(paths.symbol, str(self.place), self.symbols())

    # Writing

    def change(self, symbol: Symbol, change: Callable[[Version | None], Change]) -> Change:
        """Make a change to a symbol's files as its only writer; it is given the object's version for :meth:`commit`.

        Writers on other machines are not kept out. The object storage refuses a change to what they have replaced, and
        then the change is made to what is there now.
        """
        with self.alone(symbol):
            if self.origin is None:
                changed = change(None)
            else:
                origin, copy = self.origin, self._copy(symbol)
                changed = origin.change(copy, lambda: change(origin.latest(copy)))
        self._tell()
        return changed

    def commit(self, paths: ArtefactPaths, files: GenerationBytes, replaced: Version | None) -> None:
        """Publish a generation, which was checked; the caller is the symbol's only writer.

        Raises
        ------
        StorageError
            It cannot be written, or the permit has ended; a whole generation is in place.
        """
        if self.origin is not None:
            sealed = seal_generation(paths.symbol, files)
            self.origin.publish(self._copy(paths.symbol, paths), sealed, replaced)
            return
        with self._permit.holding():
            place_last(paths)  # a failure below must find the old generation in place
            publish(paths, files.weights, files.correlations, files.metadata)

    def describe_anew(self, paths: ArtefactPaths, metadata: bytes, replaced: Version | None) -> None:
        """Replace the metadata of a generation, with the checksums it has; the caller is the symbol's only writer."""
        if self.origin is None:
            with self._permit.holding():
                write_atomically(paths.metadata, metadata)
            return
        there = read_generation(paths)
        self.commit(paths, GenerationBytes(there.weights, there.correlations, metadata), replaced)

    def recover(self) -> tuple[Symbol, ...]:
        """Finish what interrupted publishes left: place committed files, drop orphans; say for which symbols.

        Files that cannot be told apart wait for their symbol's next publish, and the other symbols are looked at.
        """
        if self.origin is not None:
            self.names()  # a run should hear at its begin, and not at its end, that the storage does not answer
            if self.origin.fault is not None:
                raise StorageError(f"{self.origin.fault} Nothing can be published.")
        recovered = []
        for symbol in interrupted(self.root):
            with contextlib.suppress(ArtefactError), self.alone(symbol):
                if recover(self.paths(symbol, to_write=True)):
                    recovered.append(symbol)
        return tuple(recovered)

    def remove(self, symbol: Symbol) -> None:
        """Remove a symbol's model, so that no reader sees half of one; damaged files and links are removed as well."""
        with self.alone(symbol):
            paths = self.paths(symbol, to_write=True)
            if self.origin is not None:
                self.origin.remove(self._copy(symbol, paths))
            else:
                place_last(paths)
                checksums = None
                with contextlib.suppress(ArtefactError, StorageError):
                    checksums = read_metadata(paths)[0].checksums
                withdraw(paths, checksums)
        self._tell()

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
