"""The copy of a source's prices on this machine: its files, and a record of which manifest they are of."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from tickgraph.market.store.layout import FileStamp, file_stamp, source_folder
from tickgraph.market.store.manifest import FILE_NAME, RECENT, Manifest, ManifestFile
from tickgraph.object_store import Version
from tickgraph.storage import discard, names_in, read_regular, storage_errors, write_atomically

SIDE_BY_SIDE = 16  # files on the way at one time

_RECORDS = ".origin"

Sent = TypeVar("Sent")


class Record(BaseModel):
    """What a copy holds: the manifest, and which version of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    e_tag: str | None
    number: str | None
    manifest: Manifest

    @classmethod
    def of(cls, version: Version, manifest: Manifest) -> Record:
        """Give the record of a manifest that was read or written."""
        return cls(e_tag=version.e_tag, number=version.number, manifest=manifest)

    @property
    def version(self) -> Version | None:
        """Version of the manifest; None where none was published."""
        return Version(self.e_tag, self.number) if self.e_tag is not None else None


NOTHING = Record(e_tag=None, number=None, manifest=Manifest())
"""What a copy holds where nothing was published."""


class SourceCopy:
    """Files of a source in a folder that is a copy. Only the source's writer on this machine changes them.

    Parameters
    ----------
    root
        Folder of the copies of all sources.
    source
        Whose prices; :class:`PriceDataError` for a name that leads elsewhere.
    """

    def __init__(self, root: Path, source: str) -> None:
        self._root = root
        self.folder = source_folder(root, source)
        self._record_path = root / _RECORDS / f"{source}.json"

    def files(self) -> dict[str, FileStamp]:
        """Identity of each file, by name."""
        names = [name for name in names_in(self.folder) if FILE_NAME.fullmatch(name)]
        stamps = {name: file_stamp(self.folder / name) for name in (*names, RECENT)}
        return {name: stamp for name, stamp in stamps.items() if stamp is not None}

    def is_there(self) -> bool:
        """Whether there are files, or a record that there are none."""
        return self.has_record() or bool(self.files())

    def has_record(self) -> bool:
        """Whether what the copy holds is recorded: no writer is changing it, nor has one died."""
        return self._record_path.exists()

    def record(self) -> Record | None:
        """What the copy holds; None where that is not recorded."""
        try:
            with storage_errors(self._record_path):
                return Record.model_validate_json(read_regular(self._record_path))
        except (FileNotFoundError, ValidationError):
            return None

    def write_record(self, record: Record) -> None:
        """Record what the copy holds, now that it holds it."""
        write_atomically(self._record_path, record.model_dump_json().encode())

    def forget_record(self) -> None:
        """Remove the record, before the copy is changed."""
        self._record_path.unlink(missing_ok=True)

    def take(
        self,
        manifest: Manifest,
        record: Record | None,
        fetched: Callable[[str, ManifestFile], bytes | None],
    ) -> bool:
        """Make the copy what a manifest says; False if one of its files has gone.

        Parameters
        ----------
        manifest
            What the copy is to hold.
        record
            What it holds; None where its files have to be compared.
        fetched
            Gives the bytes of a file, verified; None if it has gone. It is called from several threads.
        """
        known = {name: each.sha256 for name, each in record.manifest.files.items()} if record else {}
        wanted = [
            name
            for name, each in manifest.files.items()
            if (known[name] if name in known else _sha256_of(self.folder / name)) != each.sha256
        ]
        if manifest.files:
            write_atomically(self._root / "exchange", f"{manifest.exchange}\n".encode())

        def fetch(name: str) -> bool:
            data = fetched(name, manifest.files[name])
            if data is not None:
                write_atomically(self.folder / name, data)
            return data is not None

        if not all(side_by_side(fetch, (name for name in wanted if name != RECENT))):
            return False
        if RECENT in wanted and not fetch(RECENT):
            return False
        for name in self.files().keys() - manifest.files.keys():
            with storage_errors(self.folder):
                discard(self.folder / name)
        return True


def recorded_sources(root: Path) -> set[str]:
    """Names that copies under a folder are recorded under."""
    return {name.removesuffix(".json") for name in names_in(root / _RECORDS)}


def side_by_side(send: Callable[[str], Sent], names: Iterable[str]) -> list[Sent]:
    """Send or fetch several files at one time; the first error is raised when all have ended."""
    with ThreadPoolExecutor(SIDE_BY_SIDE, "tickgraph-prices") as threads:
        return list(threads.map(send, names))


def _sha256_of(path: Path) -> str | None:
    try:
        return hashlib.sha256(read_regular(path)).hexdigest()
    except OSError:
        return None
