"""The files of each symbol's generation, in a folder that is a copy of object storage.

A copy is brought up to date before it is read, and a publication reaches the storage before the copy, by the rules of
:mod:`tickgraph.registry.origin`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

from tickgraph.errors import ArtefactError, StorageError
from tickgraph.market.spelling import Symbol
from tickgraph.object_contact import Contact
from tickgraph.object_place import ObjectPlace, Place
from tickgraph.object_store import Version
from tickgraph.permit import Permit
from tickgraph.registry.artefact_file import digest
from tickgraph.registry.artefact_paths import ArtefactPaths, published_names
from tickgraph.registry.generation import Generation, no_model, read_generation
from tickgraph.registry.generation_file import FOLDER, SUFFIX, GenerationBytes, seal_generation
from tickgraph.registry.metadata import ModelMetadata
from tickgraph.registry.object_copies import ModelCopy
from tickgraph.registry.origin import Origin
from tickgraph.registry.shelf import Shelf
from tickgraph.shared.news import News

Change = TypeVar("Change")


class BucketShelf(Shelf):
    """As :class:`Shelf`, of models on object storage; its folder holds their copies on this machine.

    Parameters
    ----------
    place
        Where the objects are.
    now
        Clock that the last answer of the storage is dated by.
    news
        Hears of what is published and removed; None tells nobody.
    """

    def __init__(self, place: ObjectPlace, now: Callable[[], datetime], news: News | None) -> None:
        super().__init__(place.copies, news)
        self.place = place
        self.origin: Origin = Origin(Contact(place, now))

    def under(self, permit: Permit) -> Self:
        """Give the same shelf, which publishes under a permit."""
        other = super().under(permit)
        other.origin = self.origin.under(permit)
        return other

    # Finding

    def names(self) -> set[str]:
        """As :meth:`Shelf.names`; while the storage is away, the names of the last known ones or of the copies."""
        listed = self.origin.listed(FOLDER)
        if listed is not None:
            return {name.removesuffix(SUFFIX) for name in listed if name.endswith(SUFFIX)}
        copies = published_names(self.root)
        if not copies:
            raise StorageError(f"{self.origin.fault} There are no copies of its models on this machine.")
        return copies

    def holds(self, symbol: Symbol) -> bool:
        """Whether there is an object of the symbol's, or anything in the place of a file of its copy."""
        return symbol in self.names() or super().holds(symbol)

    # Reading

    def metadata(self, paths: ArtefactPaths) -> ModelMetadata:
        """As :meth:`Shelf.metadata`, of the object's version now."""
        self._bring(paths)
        return super().metadata(paths)

    def read(self, paths: ArtefactPaths) -> Generation:
        """As :meth:`Shelf.read`, of the object's version now."""
        self._bring(paths)
        with contextlib.suppress(ArtefactError):
            return super().read(paths)
        self._bring(paths, anew=True)  # the copy is damaged, and the object need not be
        return super().read(paths)

    def identity(self, symbol: Symbol) -> str | None:
        """As :meth:`Shelf.identity`, of the object's version now."""
        copy = self._copy(ArtefactPaths.of(self.root, symbol))
        with contextlib.suppress(ArtefactError):  # a copy that is behind: its object has another identity
            self.origin.refresh(copy)
        if (refused := self.origin.refused(copy)) is not None:
            return digest(refused.encode())
        return super().identity(symbol)

    def must_be_sound(self, paths: ArtefactPaths) -> None:
        """Raise for a symbol's object that is damaged or not there, as it was found last."""
        self.origin.must_be_sound(self._copy(paths))
        if not os.path.lexists(paths.metadata):
            raise no_model(paths.symbol, str(self.place), self.symbols())

    def _copy(self, paths: ArtefactPaths) -> ModelCopy:
        """The copy of a symbol's object, for its origin."""
        return ModelCopy(paths, str(self.place), partial(self.alone, paths.symbol))

    def _bring(self, paths: ArtefactPaths, *, anew: bool = False) -> None:
        """Bring the copy of a symbol's object up to date."""
        self.origin.refresh(self._copy(paths), anew=anew)
        self.must_be_sound(paths)

    # Writing

    def _change(self, symbol: Symbol, change: Callable[[Version | None], Change]) -> Change:
        """Make a change again where a writer on another machine, who is not kept out, has replaced the object."""
        copy = self._copy(ArtefactPaths.of(self.root, symbol))
        return self.origin.change(copy, lambda: change(self.origin.latest(copy)))

    def commit(self, paths: ArtefactPaths, files: GenerationBytes, replaced: Version | None) -> None:
        """As :meth:`Shelf.commit`, in the place of an object's version; None where there is to be no object."""
        self.origin.publish(self._copy(paths), seal_generation(paths.symbol, files), replaced)

    def describe_anew(self, paths: ArtefactPaths, metadata: bytes, replaced: Version | None) -> None:
        """As :meth:`Shelf.describe_anew`: the object is replaced whole."""
        there = read_generation(paths)
        self.commit(paths, GenerationBytes(there.weights, there.correlations, metadata), replaced)

    def recover(self) -> tuple[Symbol, ...]:
        """As :meth:`Shelf.recover`, of the copies; :class:`StorageError` while the storage does not answer."""
        self.names()  # a run should hear at its begin, and not at its end, that the storage does not answer
        if self.origin.fault is not None:
            raise StorageError(f"{self.origin.fault} Nothing can be published.")
        return super().recover()

    def _remove(self, paths: ArtefactPaths) -> None:
        self.origin.remove(self._copy(paths))


def open_shelf(place: Place, now: Callable[[], datetime], news: News | None) -> Shelf:
    """Give the shelf of a place; parameters as of :class:`BucketShelf`."""
    return BucketShelf(place, now, news) if isinstance(place, ObjectPlace) else Shelf(Path(place), news)
