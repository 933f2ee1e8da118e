"""Which files there are to read: one, or those of a folder or an archive."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import Path, PurePath, PurePosixPath
from typing import Any, BinaryIO
from urllib.parse import unquote

from tickgraph.errors import PriceDataError
from tickgraph.market.sources.files.dialects import meaning_of

_TABLES = (".parquet", ".pq", ".feather", ".csv", ".tsv", ".txt")
_PACKED = (".gz", ".bz2", ".xz", ".zip")
_OTHER_TABLES = re.compile(r"\.(?:xlsx?|ods|jsonl?|pkl|pickle|h5|hdf5|orc|avro|7z|rar)")
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"

_PACKERS: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
_ZIP = b"PK\x03\x04"


@dataclass(frozen=True)
class PriceFile:
    """A file to read."""

    name: str  # in messages: the path that a person gave, or the path inside the folder that they gave
    stem: str  # its name without folders and endings
    open: Callable[[], BinaryIO]  # opens it, unpacked
    constants: dict[str, str] = field(default_factory=dict)  # what its folders say of its rows: symbol=AAPL


@dataclass(frozen=True)
class LeftOut:
    """A file that is not read, and why."""

    name: str
    reason: str


def price_files(path: Path) -> Iterator[PriceFile | LeftOut]:
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
    is_empty = True
    for file in sorted(path.rglob("*")):
        inside, last = file.relative_to(path), file.suffix.lower()
        endings = {ending.lower() for ending in file.suffixes[-2:]}
        if not (endings & {*_TABLES} and last in (*_TABLES, *_PACKED)) and last != ".zip":
            if _OTHER_TABLES.fullmatch(last):
                yield LeftOut(str(inside), f"{last} files are not read. Save it as CSV or Parquet")
            continue
        if not file.is_file():  # a Spark folder is named like a file; its parts are looked at by themselves
            continue
        is_empty = False
        if hidden := _hidden(inside):
            yield LeftOut(str(inside), f"{hidden} is hidden or of another program")
        else:
            yield from _unpacked(file, str(inside), _partitions(inside))
    if is_empty:
        raise PriceDataError(
            f"No .parquet or .csv file in {path} (nor .feather, .tsv, .txt, .gz, .zip). Check --source-path."
        )


def _hidden(inside: PurePath) -> str | None:
    """First part of a path that tools keep to themselves: .ipynb_checkpoints, __MACOSX, _delta_log."""
    return next((part for part in inside.parts if part.startswith((".", "_"))), None)


def _partitions(inside: PurePath) -> dict[str, str]:
    """What the folders of a file say of it: ``symbol=AAPL/year=2021``."""
    constants: dict[str, str] = {}
    for part in inside.parts[:-1]:
        key, equals, value = part.partition("=")
        meant = meaning_of(key) if equals else None
        if meant and value != _NO_VALUE:
            constants[meant[0]] = unquote(value)
    return constants


def _unpacked(path: Path, name: str, constants: dict[str, str]) -> Iterator[PriceFile | LeftOut]:
    try:
        with path.open("rb") as file:
            head = file.read(6)
    except OSError as error:
        yield LeftOut(name, f"it cannot be opened: {error.strerror or error}")
        return
    if not head.startswith(_ZIP):
        opener = next((packer for magic, packer in _PACKERS.items() if head.startswith(magic)), Path.open)
        yield PriceFile(name, _stem(path), partial(opener, path, "rb"), constants)
        return
    try:
        with zipfile.ZipFile(path) as archive:
            members = [info.filename for info in archive.infolist() if not info.is_dir()]
    except (OSError, zipfile.BadZipFile):
        yield LeftOut(name, "the archive is damaged. Fetch it again")
        return
    if "[Content_Types].xml" in members:
        yield LeftOut(name, "it is a workbook. Save its sheet as CSV")
        return
    for member in members:
        inside = PurePosixPath(member)
        if inside.suffix.lower() not in _TABLES:
            continue
        if hidden := _hidden(inside):
            yield LeftOut(f"{name}/{member}", f"{hidden} is hidden or of another program")
        else:
            content = partial(_member, path, member)
            yield PriceFile(f"{name}/{member}", _stem(inside), content, constants | _partitions(inside))


def _member(archive: Path, name: str) -> BinaryIO:
    with zipfile.ZipFile(archive) as opened:
        return BytesIO(opened.read(name))


def _stem(path: PurePath) -> str:
    while path.suffix.lower() in (*_TABLES, *_PACKED):
        path = path.with_suffix("")
    return path.name
