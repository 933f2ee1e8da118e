"""The universe's fit and state of the day, by source of prices, in the folder of the models.

One file is one artefact, so its atomic replacement is the commit point.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from copy import copy as copied
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar, cast

from tickgraph.errors import ArtefactError, InputError, LaterArtefactError, StorageError
from tickgraph.market import calendar
from tickgraph.market.store.layout import FileStamp, file_stamp
from tickgraph.model.universe_fit import UniverseFit
from tickgraph.model.universe_state import UniverseState
from tickgraph.permit import FREE, Permit
from tickgraph.registry.artefact_file import Refused, read_bounded
from tickgraph.registry.artefact_paths import lies_in
from tickgraph.registry.generation import make_way
from tickgraph.registry.object_copies import FileCopy
from tickgraph.registry.origin import Origin
from tickgraph.registry.universe_file import decode_fit, decode_state, encode_fit, encode_state
from tickgraph.shared.news import MODELS, News
from tickgraph.storage import FileRefused, discard, exclusive, names_in, storage_errors, write_atomically

Artefact_co = TypeVar("Artefact_co", covariant=True)

_FOLDER = "universe"
_FIT, _STATE = "_fit.npz", "_state.npz"
_SOURCE = re.compile(r"[a-z][a-z0-9_-]{0,31}")


class Decode(Protocol[Artefact_co]):
    """Reads the bytes of a file."""

    def __call__(self, data: bytes, source: str, *, name: str, exchange: str | None) -> Artefact_co:
        """As :func:`decode_fit` and :func:`decode_state`."""
        ...


_KINDS: tuple[tuple[str, Decode[object]], ...] = ((_FIT, decode_fit), (_STATE, decode_state))


class UniverseFiles(NamedTuple):
    """What is published of a source's prices, as bytes; None where nothing is."""

    fit: bytes | None
    state: bytes | None


class UniverseFolder:
    """Fits and states of the day under a models folder; safe for many readers and for writers in several processes.

    Reading is one look at the file while nothing changes, so it is cheap enough for every request. What is read is
    shared and must not be changed.

    Parameters
    ----------
    root
        Folder of the models; ``universe/`` in it is made when first written.
    now
        Clock that publications are dated by.
    origin
        Object storage that the folder is a copy of; None for a folder of its own.
    news
        Hears of what is published; None tells nobody.
    """

    def __init__(
        self,
        root: Path,
        now: Callable[[], datetime],
        origin: Origin | None = None,
        news: News | None = None,
    ) -> None:
        self._root, self._now, self._origin, self._news = root, now, origin, news
        self._permit = FREE
        self._folder = root / _FOLDER
        self._threads = threading.Lock()
        self._read: dict[tuple[Path, str], tuple[FileStamp, Any]] = {}

    def under(self, permit: Permit, origin: Origin | None) -> UniverseFolder:
        """Give the same folder, which publishes under a permit, as its origin does."""
        other = copied(self)
        other._permit, other._origin = permit, origin
        return other

    def fit(self, source: str) -> UniverseFit | None:
        """Give the published fit of a source's prices; None if there is none.

        Raises
        ------
        ArtefactError
            The file is damaged, foreign or of another release.
        OtherExchangeError
            It is of another exchange than the one in force.
        """
        return self._artefact(self._path(source, _FIT), source, decode_fit)

    def state(self, source: str) -> UniverseState | None:
        """Give the published state of the day; None if there is none. Errors as in :meth:`fit`."""
        return self._artefact(self._path(source, _STATE), source, decode_state)

    def files(self, source: str) -> UniverseFiles:
        """Bytes of what is published of a source's prices, checked. Errors as in :meth:`fit`."""
        return UniverseFiles(*(self._bytes(self._path(source, end), source, kind) for end, kind in _KINDS))

    def sources(self) -> tuple[str, ...]:
        """Sources that have a fit or a state of the day."""
        listed = self._origin.listed(_FOLDER) if self._origin is not None else None
        found = {
            name.removesuffix(suffix)
            for name in (names_in(self._folder) if listed is None else listed)
            for suffix in (_FIT, _STATE)
            if name.endswith(suffix)
        }
        return tuple(sorted(filter(_SOURCE.fullmatch, found)))

    def publish_fit(self, fit: UniverseFit) -> None:
        """Publish a fit in the place of its source's former one.

        Raises
        ------
        ArtefactError
            It could not be read back, as with numbers that are not finite. The former one is in place.
        LaterArtefactError
            A later release wrote the former one.
        StorageError
            The folder cannot be written. The former one is in place.
        """
        self._publish(self._path(fit.source, _FIT), encode_fit(fit, self._now()), fit.source, decode_fit)

    def publish_state(self, state: UniverseState) -> None:
        """Publish a state of the day in the place of its source's former one; errors as in :meth:`publish_fit`."""
        path = self._path(state.source, _STATE)
        self._publish(path, encode_state(state, self._now()), state.source, decode_state)

    def adopt(self, source: str, files: UniverseFiles) -> None:
        """Publish the files of another folder as they are; errors as in :meth:`publish_fit`."""
        for data, (end, kind) in zip(files, _KINDS, strict=True):
            if data is not None:
                self._publish(self._path(source, end), data, source, kind)

    def _path(self, source: str, suffix: str) -> Path:
        if not _SOURCE.fullmatch(source):
            raise InputError(f"{source!r} is not the name of a source of prices, such as sample or yahoo.")
        return self._folder / f"{source}{suffix}"

    def _bytes(self, path: Path, source: str, decode: Decode[object]) -> bytes | None:
        if self._origin is not None:
            self._origin.refresh(self._copy(path, source, decode))
        try:
            data = self._read_bytes(path)
        except FileNotFoundError:
            return None
        decode(data, source, name=str(path), exchange=calendar.exchange())
        return data

    def _copy(self, path: Path, source: str, decode: Decode[object]) -> FileCopy:
        """The copy of an artefact's object, for its origin."""
        name = f"{self._origin.place}/{_FOLDER}/{path.name}" if self._origin else path.name
        check = partial(decode, source=source, name=name, exchange=None)
        return FileCopy(path, f"{_FOLDER}/{path.name}", self._writing, check)

    def _artefact(self, path: Path, source: str, decode: Decode[Artefact_co]) -> Artefact_co | None:
        if self._origin is not None:
            self._origin.refresh(self._copy(path, source, decode))
        stamp = file_stamp(path)
        if stamp is None:
            return None
        key = path, calendar.exchange()
        seen = self._read.get(key)
        if seen is None or seen[0] != stamp:
            try:
                found: Artefact_co | Refused = self._decoded(path, source, decode)
            except FileNotFoundError:
                return None
            except ArtefactError as error:
                found = Refused(type(error), str(error))
            seen = self._read[key] = stamp, found
        if isinstance(seen[1], Refused):
            raise seen[1].error()
        return cast("Artefact_co", seen[1])

    def _decoded(self, path: Path, source: str, decode: Decode[Artefact_co]) -> Artefact_co:
        return decode(self._read_bytes(path), source, name=str(path), exchange=calendar.exchange())

    def _read_bytes(self, path: Path) -> bytes:
        if not lies_in(self._root, path):
            raise ArtefactError(f"{path} leads outside the model folder {self._root}. Remove the link.")
        try:
            return read_bounded(path)
        except FileRefused as refused:
            fault = refused.strerror
        raise ArtefactError(f"{path} is refused: {fault}. Remove it, or run: tickgraph train")

    def _publish(self, path: Path, data: bytes, source: str, decode: Decode[object]) -> None:
        if not lies_in(self._root, self._folder / "any"):
            raise ArtefactError(
                f"{self._folder} leads outside the model folder {self._root}. Remove the link."
            )
        decode(data, source, name=f"{path}, not yet written,", exchange=None)
        with self._writing():
            with storage_errors(self._folder), suppress(FileNotFoundError):
                for left in self._folder.glob(f".{path.name}.*.tmp"):  # of a writer that was killed
                    discard(left)
            if self._origin is None:
                self._must_not_be_later(path, source, decode)
                with self._permit.holding():
                    make_way(path)
                    write_atomically(path, data)
            else:
                # The later of two publications is the one that stays, as in a folder.
                origin, copy = self._origin, self._copy(path, source, decode)

                def change() -> None:
                    replaced = origin.latest(copy)
                    self._must_not_be_later(path, source, decode)
                    origin.publish(copy, data, replaced)

                origin.change(copy, change)
        if self._news is not None:
            self._news.tell(MODELS)

    def _must_not_be_later(self, path: Path, source: str, decode: Decode[object]) -> None:
        """Raise :class:`LaterArtefactError` where a later release wrote the file that would be replaced."""
        try:
            if self._origin is not None:
                self._origin.must_be_sound(self._copy(path, source, decode))
            self._decoded(path, source, decode)
        except LaterArtefactError:
            raise
        except (ArtefactError, StorageError, FileNotFoundError):  # it is about to be replaced
            return

    def _writing(self) -> AbstractContextManager[None]:
        """Be the folder's only writer."""
        remedy = "Wait for the other training run or refresh to end, or stop it."
        return exclusive(self._folder / ".lock", self._threads, remedy=remedy)
