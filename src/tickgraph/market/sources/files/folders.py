"""Which files there are to read: one, or those of a folder or an archive."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO
from urllib.parse import unquote

from tickgraph.errors import PriceDataError
from tickgraph.market.sources.files.dialects import meaning_of

TABLES = (".parquet", ".pq", ".feather", ".csv", ".tsv", ".txt")
PACKED = (".gz", ".bz2", ".xz", ".zip")
_OTHER_TABLES = (
    ".xlsx",
    ".xls",
    ".ods",
    ".json",
    ".jsonl",
    ".pkl",
    ".pickle",
    ".h5",
    ".hdf5",
    ".orc",
    ".avro",
    ".7z",
    ".rar",
)
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"

_PACKERS: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
_ZIP = b"PK\x03\x04"


@dataclass(frozen=True)
class Piece:
    """A file to read.

    Attributes
    ----------
    file
        Its name in messages: the path that a person gave, or the path inside the folder that they gave.
    stem
        Its name without folders and endings.
    open
        Opens it, unpacked.
    given
        What its folders say of its rows, by meaning: ``symbol=AAPL``.
    """

    file: str
    stem: str
    open: Callable[[], BinaryIO]
    given: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Stray:
    """A file that is not read, and why."""

    file: str
    reason: str


def find_pieces(path: Path) -> Iterator[Piece | Stray]:
    """Look at a file or a folder for what may hold prices.

    Raises
    ------
    PriceDataError
        A folder without any such file, or a path to something else.
    """
    if not path.is_dir():
        if not path.is_file():
            raise PriceDataError(f"{path} is neither a file nor a folder. Check --source-path.")
        yield from _unpacked(path, str(path), {})
        return
    found = False
    for file in sorted(path.rglob("*")):
        inside = file.relative_to(path)
        endings = {ending.lower() for ending in file.suffixes[-2:]}
        last = file.suffix.lower()
        if not (endings & {*TABLES} and last in (*TABLES, *PACKED)) and last != ".zip":
            if last in _OTHER_TABLES:
                yield Stray(str(inside), f"{last} files are not read. Save it as CSV or Parquet")
            continue
        if not file.is_file():  # a Spark folder is named like a file; its parts are looked at by themselves
            continue
        found = True
        if hidden := _hidden(inside):
            yield Stray(str(inside), f"{hidden} is hidden or of another program")
        else:
            yield from _unpacked(file, str(inside), _partitions(inside))
    if not found:
        raise PriceDataError(
            f"No .parquet or .csv file in {path} (nor .feather, .tsv, .txt, .gz, .zip). Check --source-path."
        )


def _hidden(inside: Path) -> str | None:
    """First part of a path that tools keep to themselves: .ipynb_checkpoints, __MACOSX, _delta_log."""
    return next((part for part in inside.parts if part.startswith((".", "_"))), None)


def _partitions(inside: Path) -> dict[str, str]:
    """What the folders of a file say of it: ``symbol=AAPL/year=2021``."""
    given: dict[str, str] = {}
    for part in inside.parts[:-1]:
        key, equals, value = part.partition("=")
        meant = meaning_of(key) if equals else None
        if meant and value != _NO_VALUE:
            given[meant[0]] = unquote(value)
    return given


def _unpacked(path: Path, name: str, given: dict[str, str]) -> Iterator[Piece | Stray]:
    try:
        with path.open("rb") as file:
            head = file.read(6)
    except OSError as error:
        yield Stray(name, f"it cannot be opened: {error.strerror or error}")
        return
    if not head.startswith(_ZIP):
        pack = next((pack for magic, pack in _PACKERS.items() if head.startswith(magic)), None)
        yield Piece(name, _stem(path.name), lambda: pack(path) if pack else path.open("rb"), given)
        return
    try:
        with zipfile.ZipFile(path) as archive:
            members = [info.filename for info in archive.infolist() if not info.is_dir()]
    except (OSError, zipfile.BadZipFile):
        yield Stray(name, "the archive is damaged. Fetch it again")
        return
    if "[Content_Types].xml" in members:
        yield Stray(name, "it is a workbook. Save its sheet as CSV")
        return
    for member in members:
        inside = PurePosixPath(member)
        if inside.suffix.lower() in TABLES:
            if hidden := _hidden(Path(inside)):
                yield Stray(f"{name}/{member}", f"{hidden} is hidden or of another program")
            else:
                given_there = given | _partitions(Path(inside))
                yield Piece(f"{name}/{member}", _stem(inside.name), _Member(path, member), given_there)


@dataclass(frozen=True)
class _Member:
    archive: Path
    name: str

    def __call__(self) -> BinaryIO:
        with zipfile.ZipFile(self.archive) as archive:
            return BytesIO(archive.read(self.name))


def _stem(name: str) -> str:
    path = PurePosixPath(name)
    while path.suffix.lower() in (*TABLES, *PACKED):
        path = path.with_suffix("")
    return path.name
