"""Which version of its object each copy is, on disk: a process that begins need not read every object again."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from tickgraph.errors import StorageError
from tickgraph.object_store import Version
from tickgraph.registry.object_copies import Copy
from tickgraph.storage import FileRefused, read_regular, storage_errors

_FOLDER = ".origin"
_MAX_BYTES = 4096


class _Record(BaseModel):
    """A version of an object, and the identity of the copy that was made of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    e_tag: str | None
    number: str | None
    identity: str


class CopyRecords:
    """Records of the copies in a folder. A copy's only writer writes and removes its record."""

    def __init__(self, root: Path) -> None:
        self._folder = root / _FOLDER

    def version_of(self, copy: Copy) -> Version | None:
        """Version that a copy is of; None without a copy, or if it is of none that is known."""
        path = self._path(copy)
        try:
            with storage_errors(path):
                record = _Record.model_validate_json(read_regular(path, _MAX_BYTES))
        except (FileNotFoundError, FileRefused, ValidationError, StorageError):
            return None
        return Version(record.e_tag, record.number) if record.identity == copy.identity() else None

    def write(self, copy: Copy, version: Version) -> None:
        """Record the version that a copy was made of; :class:`StorageError` if that cannot be written."""
        identity = copy.identity()
        if identity is None:
            return
        record, path = (
            _Record(e_tag=version.e_tag, number=version.number, identity=identity),
            self._path(copy),
        )
        # A record that is cut short counts as none, so that it need not be written atomically.
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(record.model_dump_json(), "utf-8")

    def remove(self, copy: Copy) -> None:
        """Remove the record of a copy that was removed."""
        self._path(copy).unlink(missing_ok=True)

    def _path(self, copy: Copy) -> Path:
        return self._folder / f"{copy.key}.json"
