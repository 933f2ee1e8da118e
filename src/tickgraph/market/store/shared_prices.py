"""Prices of a store that are on object storage: files that never change, and a manifest of each source that names them.

The store's folder is a copy on this machine, and everything that reads prices reads it. The rules:

- A file is written once, under a key of its own. The manifest of a source names the key and the sha256 of each of its
  files. The write of the manifest is the commit of an update: the storage carries it out only if the manifest is still
  the one that the update began with.
- A copy is brought up to date under the lock of the source's writer: the exchange, then histories, then the recent
  file. A history says which appended sessions it holds, so a reader in between counts each session once.
- The record of what a copy holds is removed before the copy changes and written after it. Where there is none, a writer
  has died, and the files are compared by their sha256.
- A file that no manifest names any more is removed when it is a day old and the source is written once more. So a
  reader of the former manifest still finds it, and an update that was cut short leaves nothing for good. What is to be
  removed is settled before the commit and removed after it: no later manifest can name it, however late that is.
"""

from __future__ import annotations

import copy
import hashlib
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import timedelta
from typing import Protocol

from tickgraph.errors import StorageError
from tickgraph.market.store.layout import FileStamp
from tickgraph.market.store.manifest import (
    FILES,
    MANIFESTS,
    MAX_MANIFEST_BYTES,
    Manifest,
    ManifestFile,
    damaged_object,
    file_key,
    manifest_key,
    read_manifest,
)
from tickgraph.market.store.source_copy import NOTHING, Record, SourceCopy, recorded_sources, side_by_side
from tickgraph.object_contact import Contact
from tickgraph.object_store import Overtaken, Stored, TooLarge, Unchanged, Unreachable, Version
from tickgraph.permit import FREE, Permit
from tickgraph.storage import MAX_BYTES, HeldError, names_in, read_regular

KEPT = timedelta(days=1)

_SOURCE = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_LOOKS = 4


class Alone(Protocol):
    """Makes the caller the only writer of a source on this machine, within so many seconds."""

    def __call__(self, source: str, wait: float | None = None) -> AbstractContextManager[None]:
        """As :func:`tickgraph.storage.exclusive`."""
        ...


class SharedPrices:
    """Object storage behind a price store's folder; safe for threads and processes.

    Parameters
    ----------
    contact
        With the place where the objects are.
    alone
        Makes the caller a source's only writer on this machine.
    """

    def __init__(self, contact: Contact, alone: Alone) -> None:
        self.place, self.root = contact.place, contact.place.copies
        self.contact = contact
        self._alone, self._permit = alone, FREE
        self._seen: dict[str, float] = {}
        self._sources: tuple[float, frozenset[str]] | None = None
        self._copied: set[str] = set()
        self._writing: set[str] = set()

    def under(self, permit: Permit) -> SharedPrices:
        """Give the same prices, which are published under a permit."""
        other = copy.copy(self)
        other._permit = permit
        return other

    def sources(self) -> Iterable[str]:
        """Sources that have a manifest; while the storage is away, those that had one or have a copy."""
        is_recent = self._sources is not None and self.contact.is_recent(self._sources[0])
        if not is_recent and not self.contact.is_left_alone:
            moment = self.contact.monotonic()
            with suppress(Unreachable):
                found = self.contact.ask(lambda store: store.list(MANIFESTS))
                names = frozenset(filter(_SOURCE.fullmatch, (name.removesuffix(".json") for name in found)))
                self._sources = moment, names
        if self._sources is not None:
            return self._sources[1]
        recorded = filter(_SOURCE.fullmatch, recorded_sources(self.root))
        folders = {name for name in names_in(self.root) if (self.root / name).is_dir() and name[0] != "."}
        return {*recorded, *(name for name in folders if self._copy(name).files())}

    def refresh(self, source: str) -> None:
        """Bring the copy of a source up to date, if the storage answers and no writer of this machine is at work.

        Raises
        ------
        PriceDataError
            The manifest or a file is damaged or foreign.
        LaterPricesError
            A later release wrote the manifest.
        Unreachable
            The storage does not answer, and there is no copy.
        """
        if source in self._writing or self._is_recent(source):
            return
        is_copied = self._is_copied(source)
        if not self.contact.is_left_alone:
            with ExitStack() as lock:
                try:
                    lock.enter_context(self._alone(source, 0 if is_copied else None))
                except HeldError:
                    if is_copied:  # a writer is at work, and brings it up to date
                        return
                    raise
                if self._is_recent(source):
                    return
                with suppress(Unreachable):
                    self._pull(source)
                    return
        if not is_copied:
            raise Unreachable(
                f"{self.contact.fault} There is no copy of prices from {source} on this machine."
            )

    @contextmanager
    def changing(self, source: str) -> Iterator[None]:
        """Publish what the caller writes into the copy of a source; the caller is its only writer on this machine.

        Raises
        ------
        StorageError
            The storage does not answer, another machine has published prices of the source meanwhile, or the permit
            has ended. The copy goes back to what is published when it is next read.
        """
        began, held = self._pull(source), self._copy(source)
        self._writing.add(source)
        try:
            held.forget_record()
            before = held.files()
            yield
            self._push(source, began, before)
        finally:
            self._writing.discard(source)
            if not held.has_record():
                self._seen.pop(source, None)

    # From the storage

    def _pull(self, source: str) -> Record:
        """Bring the copy of a source up to date now; its lock is held."""
        held, key, failed = self._copy(source), manifest_key(source), None
        record = held.record()
        for _ in range(_LOOKS):
            moment = self.contact.monotonic()
            try:
                stored = self._asked(key, MAX_MANIFEST_BYTES, unless=record.version if record else None)
            except Unchanged:
                self._seen[source] = moment
                return record or NOTHING
            except TooLarge as error:
                raise damaged_object(self.place, key, str(error)) from None
            version = stored.version if stored else None
            if stored and version == failed:  # nobody has replaced it since
                raise damaged_object(self.place, key, "it names a file that is not there")
            manifest = read_manifest(stored.data, source, self.place) if stored else Manifest()
            held.forget_record()
            if held.take(manifest, record, lambda name, file: self._fetched(source, name, file)):
                record = Record.of(stored.version, manifest) if stored else NOTHING
                if stored:
                    held.write_record(record)
                self._seen[source] = moment
                return record
            record, failed = None, version  # a file has gone since: there should be a newer manifest
        raise StorageError(
            f"Prices from {source} in {self.place} changed at each of {_LOOKS} looks. Try again."
        )

    def _fetched(self, source: str, name: str, file: ManifestFile) -> bytes | None:
        """Bytes of a file, verified; None if it has gone."""
        key = file_key(source, name, file)
        try:
            stored = self._asked(key, MAX_BYTES)
        except TooLarge as error:
            raise damaged_object(self.place, key, str(error)) from None
        if stored is None:
            return None
        if hashlib.sha256(stored.data).hexdigest() != file.sha256:
            raise damaged_object(self.place, key, "its sha256 is not the manifest's")
        return stored.data

    def _asked(self, key: str, max_bytes: int, unless: Version | None = None) -> Stored | None:
        return self.contact.ask(lambda store: store.get(key, unless=unless, max_bytes=max_bytes))

    # To the storage

    def _push(self, source: str, began: Record, before: dict[str, FileStamp]) -> None:
        """Publish what the copy holds now: files that are not those from before, and then the manifest."""
        held, key = self._copy(source), manifest_key(source)
        after = held.files()
        kept = {
            name: each for name, each in began.manifest.files.items() if before.get(name) == after.get(name)
        }
        changed = [name for name in after if name not in kept]
        if not changed and kept.keys() == began.manifest.files.keys():
            if began.version is not None:
                held.write_record(began)
            return

        def send(name: str) -> tuple[str, ManifestFile]:
            data = read_regular(held.folder / name)
            file = ManifestFile(key=secrets.token_hex(8), sha256=hashlib.sha256(data).hexdigest())
            self.contact.ask(lambda store: store.put(file_key(source, name, file), data))
            return name, file

        sent = dict(side_by_side(send, changed))
        exchange = read_regular(self.root / "exchange").decode("ascii").strip()
        manifest = began.manifest.model_copy(update={"exchange": exchange, "files": kept | sent})
        data = manifest.model_dump_json().encode()
        left: list[str] = []
        with suppress(Unreachable):
            left = self._left(source, began.manifest, manifest)
        try:
            with self._permit.holding():
                version = self.contact.ask(
                    lambda store: store.replace(key, data, began.version, self._permit)
                )
        except Overtaken:
            raise StorageError(
                f"Another machine updated prices from {source} in {self.place} meanwhile. Run it again."
            ) from None
        held.write_record(Record.of(version, manifest))
        self._seen[source] = self.contact.monotonic()
        with suppress(Unreachable):
            for former in left:
                self._remove(former)

    def _left(self, source: str, *manifests: Manifest) -> list[str]:
        """Keys of files that none of these manifests names, and that are a day older than the newest file there is."""
        folder = f"{FILES}/{source}"
        named = {key for manifest in manifests for key in manifest.object_keys(source)}
        written = self.contact.ask(lambda store: store.written_at(folder))
        newest = max(written.values(), default=None)  # the storage's clock alone counts
        return [
            key
            for name, moment in written.items()
            if (key := f"{folder}/{name}") not in named and newest is not None and moment < newest - KEPT
        ]

    def _remove(self, key: str) -> None:
        self.contact.ask(lambda store: store.delete(key))

    # What is known

    def _copy(self, source: str) -> SourceCopy:
        return SourceCopy(self.root, source)

    def _is_copied(self, source: str) -> bool:
        if source not in self._copied and self._copy(source).is_there():
            self._copied.add(source)  # while the storage is away, every look at a symbol asks
        return source in self._copied

    def _is_recent(self, source: str) -> bool:
        seen = self._seen.get(source)
        return seen is not None and self.contact.is_recent(seen)
