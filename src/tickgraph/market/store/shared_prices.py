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
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from tickgraph.errors import LaterPricesError, PriceDataError, StorageError
from tickgraph.market.calendar import NEW_YORK
from tickgraph.market.store.layout import FileStamp, file_stamp, source_folder
from tickgraph.object_contact import Contact
from tickgraph.object_store import Overtaken, TooLarge, Unchanged, Unreachable, Version
from tickgraph.permit import FREE, Permit
from tickgraph.schema_version import later_in
from tickgraph.storage import (
    MAX_BYTES,
    HeldError,
    discard,
    names_in,
    read_regular,
    storage_errors,
    write_atomically,
)

MANIFESTS, FILES = "sources", "files"
SIDE_BY_SIDE = 16  # files on the way at one time
KEPT = timedelta(days=1)
SCHEMA = 1  # of manifests

_RECENT = "recent/sessions.parquet"
_SOURCE = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_NAME = re.compile(r"[A-Z0-9][A-Z0-9&]*(?:-[A-Z0-9]+)?\.parquet|recent/sessions\.parquet")
_MAX_MANIFEST_BYTES = 64 * 1024 * 1024
_LOOKS = 4


class Alone(Protocol):
    """Makes the caller the only writer of a source on this machine, within so many seconds."""

    def __call__(self, source: str, wait: float | None = None) -> AbstractContextManager[None]:
        """As :func:`tickgraph.storage.exclusive`."""
        ...


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")

    key: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Manifest(BaseModel):
    """Which files the prices of a source are; fields of a later release are kept as they are."""

    model_config = ConfigDict(frozen=True, extra="allow")

    schema_version: Literal[1] = Field(default=1, exclude=True)  # the first releases wrote none
    exchange: Annotated[str, Field(pattern=r"^[A-Za-z0-9_/]{2,20}$")] = NEW_YORK
    files: dict[str, _File] = Field(default_factory=dict)

    @field_validator("files")
    @classmethod
    def _names_lead_nowhere_else(cls, files: dict[str, _File]) -> dict[str, _File]:
        if not all(map(_NAME.fullmatch, files)):
            raise ValueError("it names a file that is none of a price store")
        return files


class _Record(BaseModel):
    """What a copy holds: the manifest, and which version of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    e_tag: str | None
    number: str | None
    manifest: _Manifest


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
        recorded = filter(
            _SOURCE.fullmatch, (name.removesuffix(".json") for name in names_in(self.root / ".origin"))
        )
        folders = {name for name in names_in(self.root) if (self.root / name).is_dir() and name[0] != "."}
        return {*recorded, *(name for name in folders if self._scan(name))}

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
        began = self._pull(source)
        self._writing.add(source)
        try:
            self._record_path(source).unlink(missing_ok=True)
            before = self._scan(source)
            yield
            self._push(source, began, before)
        finally:
            self._writing.discard(source)
            if not self._record_path(source).exists():
                self._seen.pop(source, None)

    # From the storage

    def _pull(self, source: str) -> _Record:
        """Bring the copy of a source up to date now; its lock is held."""
        record, failed = self._record(source), None
        for _ in range(_LOOKS):
            moment = self.contact.monotonic()
            try:
                unless = Version(record.e_tag, record.number) if record else None
                stored = self.contact.ask(
                    lambda store, unless=unless: store.get(  # type: ignore[misc]
                        self._key(source), unless=unless, max_bytes=_MAX_MANIFEST_BYTES
                    )
                )
            except Unchanged:
                self._seen[source] = moment
                return record or self._none()
            except TooLarge as error:
                raise self._damaged(self._key(source), str(error)) from None
            version = stored.version if stored else Version(None)
            if stored and version == failed:  # nobody has replaced it since
                raise self._damaged(self._key(source), "it names a file that is not there")
            manifest = self._read(source, stored.data) if stored else _Manifest()
            self._record_path(source).unlink(missing_ok=True)
            if self._take(source, manifest, record):
                record = _Record(e_tag=version.e_tag, number=version.number, manifest=manifest)
                if stored:
                    self._write_record(source, record)
                self._seen[source] = moment
                return record
            record, failed = None, version  # a file has gone since: there should be a newer manifest
        raise StorageError(
            f"Prices from {source} in {self.place} changed at each of {_LOOKS} looks. Try again."
        )

    def _read(self, source: str, data: bytes) -> _Manifest:
        try:
            return _Manifest.model_validate_json(data)
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]["msg"]
        if later := later_in(data, SCHEMA):
            raise LaterPricesError(f"{self.place}/{self._key(source)} cannot be read: {later}.")
        raise self._damaged(self._key(source), fault)

    def _take(self, source: str, manifest: _Manifest, record: _Record | None) -> bool:
        """Make the copy what a manifest says; False if one of its files has gone."""
        folder = source_folder(self.root, source)
        known = {name: each.sha256 for name, each in record.manifest.files.items()} if record else {}
        wanted = [
            name
            for name, each in manifest.files.items()
            if (known[name] if name in known else _sha256_of(folder / name)) != each.sha256
        ]
        if manifest.files:
            write_atomically(self.root / "exchange", f"{manifest.exchange}\n".encode())
        with ThreadPoolExecutor(SIDE_BY_SIDE, "tickgraph-prices") as threads:

            def fetch(name: str) -> bool:
                data = self._fetched(source, name, manifest.files[name])
                if data is not None:
                    write_atomically(folder / name, data)
                return data is not None

            if not all(list(threads.map(fetch, (name for name in wanted if name != _RECENT)))):
                return False
        if _RECENT in wanted and not fetch(_RECENT):
            return False
        for name in self._scan(source).keys() - manifest.files.keys():
            with storage_errors(folder):
                discard(folder / name)
        return True

    def _fetched(self, source: str, name: str, file: _File) -> bytes | None:
        """Bytes of a file, verified; None if it has gone."""
        key = _file_key(source, name, file)
        try:
            stored = self.contact.ask(lambda store: store.get(key, max_bytes=MAX_BYTES))
        except TooLarge as error:
            raise self._damaged(key, str(error)) from None
        if stored is None:
            return None
        if hashlib.sha256(stored.data).hexdigest() != file.sha256:
            raise self._damaged(key, "its sha256 is not the manifest's")
        return stored.data

    # To the storage

    def _push(self, source: str, began: _Record, before: dict[str, FileStamp]) -> None:
        folder, after = source_folder(self.root, source), self._scan(source)
        kept = {
            name: each for name, each in began.manifest.files.items() if before.get(name) == after.get(name)
        }
        changed = [name for name in after if name not in kept]
        if not changed and kept.keys() == began.manifest.files.keys():
            if began.e_tag is not None:
                self._write_record(source, began)
            return

        def send(name: str) -> tuple[str, _File]:
            data = read_regular(folder / name)
            file = _File(key=secrets.token_hex(8), sha256=hashlib.sha256(data).hexdigest())
            self.contact.ask(lambda store: store.put(_file_key(source, name, file), data))
            return name, file

        with ThreadPoolExecutor(SIDE_BY_SIDE, "tickgraph-prices") as threads:
            sent = dict(threads.map(send, changed))
        exchange = read_regular(self.root / "exchange").decode("ascii").strip()
        manifest = began.manifest.model_copy(update={"exchange": exchange, "files": kept | sent})
        replaced = Version(began.e_tag, began.number) if began.e_tag is not None else None
        data = manifest.model_dump_json().encode()
        left: list[str] = []
        with suppress(Unreachable):
            left = self._left(source, began.manifest, manifest)
        try:
            with self._permit.holding():
                version = self.contact.ask(
                    lambda store: store.replace(self._key(source), data, replaced, self._permit)
                )
        except Overtaken:
            raise StorageError(
                f"Another machine updated prices from {source} in {self.place} meanwhile. Run it again."
            ) from None
        record = _Record(e_tag=version.e_tag, number=version.number, manifest=manifest)
        self._write_record(source, record)
        self._seen[source] = self.contact.monotonic()
        with suppress(Unreachable):
            for key in left:
                self.contact.ask(lambda store, key=key: store.delete(key))  # type: ignore[misc]

    def _left(self, source: str, *manifests: _Manifest) -> list[str]:
        """Keys of files that none of these manifests names, and that are a day older than the newest file there is."""
        folder = f"{FILES}/{source}"
        named = {
            _file_key(source, name, each) for manifest in manifests for name, each in manifest.files.items()
        }
        written = self.contact.ask(lambda store: store.written_at(folder))
        newest = max(written.values(), default=None)  # the storage's clock alone counts
        return [
            key
            for name, moment in written.items()
            if (key := f"{folder}/{name}") not in named and newest is not None and moment < newest - KEPT
        ]

    # The copy

    def _scan(self, source: str) -> dict[str, FileStamp]:
        folder = source_folder(self.root, source)
        names = [name for name in names_in(folder) if _NAME.fullmatch(name)]
        stamps = {name: file_stamp(folder / name) for name in (*names, _RECENT)}
        return {name: stamp for name, stamp in stamps.items() if stamp is not None}

    def _is_copied(self, source: str) -> bool:
        if source not in self._copied and (self._record_path(source).exists() or self._scan(source)):
            self._copied.add(source)  # while the storage is away, every look at a symbol asks
        return source in self._copied

    def _is_recent(self, source: str) -> bool:
        seen = self._seen.get(source)
        return seen is not None and self.contact.is_recent(seen)

    def _record_path(self, source: str) -> Path:
        source_folder(self.root, source)  # raises for a name that leads elsewhere
        return self.root / ".origin" / f"{source}.json"

    def _record(self, source: str) -> _Record | None:
        try:
            with storage_errors(self._record_path(source)):
                return _Record.model_validate_json(read_regular(self._record_path(source)))
        except (FileNotFoundError, ValidationError):
            return None

    def _write_record(self, source: str, record: _Record) -> None:
        write_atomically(self._record_path(source), record.model_dump_json().encode())

    @staticmethod
    def _none() -> _Record:
        return _Record(e_tag=None, number=None, manifest=_Manifest())

    @staticmethod
    def _key(source: str) -> str:
        return f"{MANIFESTS}/{source}.json"

    def _damaged(self, key: str, fault: str) -> PriceDataError:
        return PriceDataError(
            f"{self.place}/{key} is damaged or foreign: {fault}. Restore it, or remove it and publish the prices again."
        )


def _file_key(source: str, name: str, file: _File) -> str:
    return f"{FILES}/{source}/{name}.{file.key}"


def _sha256_of(path: Path) -> str | None:
    try:
        return hashlib.sha256(read_regular(path)).hexdigest()
    except OSError:
        return None
