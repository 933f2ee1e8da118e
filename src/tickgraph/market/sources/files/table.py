"""A file's columns as they are written, and Parquet and Feather files, which have such columns."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
from numpy.typing import NDArray

from tickgraph.errors import PriceDataError
from tickgraph.wording import listed

if TYPE_CHECKING:
    from tickgraph.market.sources.files.folders import PriceFile

SHOWN = 5  # places that a remark names
_INDEX = "__index_level_"


@dataclass(frozen=True)
class Malformed:
    """A line of text with more or fewer cells than the header."""

    line: int
    text: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """Columns of one file: ``[c]`` columns of ``[n]`` cells."""

    file: str  # as messages name it
    names: list[str]  # [c] as they are written; empty for a column without one
    columns: list[pa.ChunkedArray]  # [c]; those of a text file hold text, the empty text included
    second: list[str] = field(default_factory=list)  # [c] the header's second line, as pandas writes one
    unit: Literal["line", "row"] = "row"  # what a message calls a row
    first: int = 1  # number of the first row: a text file's lines count from 1, header included
    constants: dict[str, str] = field(default_factory=dict)  # of all rows, by meaning
    stem: str = ""  # the file's name without its ending
    malformed: tuple[Malformed, ...] = ()  # lines that could not be split into the columns

    def __len__(self) -> int:
        return len(self.columns[0]) if self.columns else 0

    def where(self, row: int) -> str:
        """Name a row as a person counts it in the file: ``prices.csv line 12``."""
        place = self.first + int(row)
        return f"{self.file} {self.unit} {place + int(np.searchsorted(self._before, place, side='right'))}"

    @cached_property
    def _before(self) -> NDArray[np.int64]:
        """``[m]`` for each malformed line, the place among the rows before which it stands."""
        return np.array([bad.line - count for count, bad in enumerate(self.malformed)], np.int64)

    def cell(self, column: int, row: int) -> str:
        """One cell as text."""
        value = self.columns[column][int(row)].as_py()
        return "" if value is None else str(value)


@dataclass(frozen=True)
class Remark:
    """One thing that was noticed."""

    what: str  # a sentence; what is noticed in many files or rows has the same one
    where: str  # file, or file and line
    more: int = 0  # how many more places there are that are not named


def sentences(remarks: Iterable[Remark]) -> tuple[str, ...]:
    """Say each thing once, with the first places where it was noticed and how many more there are."""
    places: dict[str, dict[str, None]] = {}
    more: dict[str, int] = {}
    for remark in remarks:
        places.setdefault(remark.what, {})[remark.where] = None
        more[remark.what] = more.get(remark.what, 0) + remark.more
    return tuple(f"{what}: {listed(list(where), SHOWN, more[what])}." for what, where in places.items())


def is_text(kind: pa.DataType) -> bool:
    """Whether cells of this type are text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def encoded(column: pa.ChunkedArray) -> tuple[NDArray[np.int64], pa.Array]:
    """Split a column into ``[n]`` codes and ``[u]`` different values; the code of an empty cell is -1."""
    whole = column.dictionary_encode().unify_dictionaries()
    if not whole.num_chunks:
        return np.array([], np.int64), pa.array([], column.type)
    codes = [chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False) for chunk in whole.chunks]
    return np.concatenate(codes).astype(np.int64), whole.chunk(0).dictionary


def is_typed(head: bytes, name: str) -> bool:
    """Whether a file's first bytes are those of Parquet or Feather.

    Raises
    ------
    PriceDataError
        Its name says so, and its bytes do not.
    """
    typed = head.startswith((b"PAR1", b"ARROW1", b"FEA1"))
    if not typed and name.lower().endswith((".parquet", ".pq", ".feather")):
        raise PriceDataError(f"Cannot read {name}: it is no Parquet or Feather file, whatever its name says.")
    return typed


def read_typed(file: PriceFile) -> Table:
    """Read a Parquet or Feather file; :class:`PriceDataError` where it is damaged."""
    try:
        with file.open() as opened:
            content = opened if opened.seekable() else BytesIO(opened.read())
            parquet = content.read(4) == b"PAR1"
            content.seek(0)
            read = pa.parquet.ParquetFile(content).read() if parquet else pa.feather.read_table(content)
    except (OSError, pa.ArrowException) as error:
        raise PriceDataError(
            f"Cannot read {file.name}: it is damaged or was not written to its end. Write or fetch it again."
        ) from error
    # An index of pandas may be a range and no column: 20221229 and 20221230 are one.
    for index in (read.schema.pandas_metadata or {}).get("index_columns", []):
        if isinstance(index, dict) and index.get("name"):
            values = range(index["start"], index["stop"], index["step"])
            if len(values) == len(read):
                read = read.append_column(str(index["name"]), pa.array(values, pa.int64()))
    names, second = _levels(["" if name.startswith(_INDEX) else name for name in read.column_names])
    columns = [_bare(column) for column in read.columns]
    return Table(file.name, names, columns, second, constants=file.constants, stem=file.stem)


def _bare(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column without wrappings: categories as their values, bytes as text."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if isinstance(column.type, pa.BaseExtensionType):
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)
    kind = column.type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_string_view(kind):
        try:
            return column.cast(pa.large_string())
        except pa.ArrowInvalid:
            return column
    return column


def _levels(names: list[str]) -> tuple[list[str], list[str]]:
    """Take names such as ``('Close', 'AAPL')`` apart, which pandas gives columns of two levels."""
    pairs = [_pair(name) for name in names]
    if not any(pairs):
        return names, []
    upper = [pair[0] if pair else name for name, pair in zip(names, pairs, strict=True)]
    return upper, [pair[1] if pair else "" for pair in pairs]


def _pair(name: str) -> tuple[str, str] | None:
    if not (name.startswith("('") and name.endswith(")")):
        return None
    try:
        pair = ast.literal_eval(name)
    except (ValueError, SyntaxError):
        return None
    return (str(pair[0]), str(pair[1])) if isinstance(pair, tuple) and len(pair) == 2 else None
