"""Parquet and Feather files, whose columns have types."""

from __future__ import annotations

import ast
from io import BytesIO

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet

from tickgraph.errors import PriceDataError
from tickgraph.market.sources.files.folders import Piece
from tickgraph.market.sources.files.table import Table

_INDEX = "__index_level_"


def is_typed(head: bytes, file: str) -> bool:
    """Whether a file's first bytes are those of Parquet or Feather.

    Raises
    ------
    PriceDataError
        Its name says so, and its bytes do not.
    """
    typed = head.startswith((b"PAR1", b"ARROW1", b"FEA1"))
    if not typed and file.lower().endswith((".parquet", ".pq", ".feather")):
        raise PriceDataError(f"Cannot read {file}: it is no Parquet or Feather file, whatever its name says.")
    return typed


def read_typed(piece: Piece) -> tuple[Table, list[list[str]]]:
    """Read a Parquet or Feather file; levels of its columns' names as :func:`read_text` gives them.

    Raises
    ------
    PriceDataError
        It is damaged.
    """
    try:
        with piece.open() as file:
            content = file if file.seekable() else BytesIO(file.read())
            parquet = content.read(4) == b"PAR1"
            content.seek(0)
            read = pa.parquet.ParquetFile(content).read() if parquet else pa.feather.read_table(content)
    except (OSError, pa.ArrowException) as error:
        raise PriceDataError(
            f"Cannot read {piece.file}: it is damaged or was not written to its end. Write or fetch it again."
        ) from error
    read = _with_range(read)
    names, levels = _levels(["" if name.startswith(_INDEX) else name for name in read.column_names])
    columns = [_plain(column) for column in read.columns]
    return Table(piece.file, names, columns, given=piece.given, stem=piece.stem), levels


def _with_range(read: pa.Table) -> pa.Table:
    """A table with its named index of pandas that is a range: 20221229 and 20221230 are one, and no column."""
    for index in (read.schema.pandas_metadata or {}).get("index_columns", []):
        if isinstance(index, dict) and index.get("name"):
            values = range(index["start"], index["stop"], index["step"])
            if len(values) == len(read):
                read = read.append_column(str(index["name"]), pa.array(values, pa.int64()))
    return read


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
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


def _levels(names: list[str]) -> tuple[list[str], list[list[str]]]:
    """Take names such as ``('Close', 'AAPL')`` apart, which pandas gives columns of two levels."""
    parts = [_parts(name) for name in names]
    if not any(len(part) == 2 for part in parts):
        return names, []
    upper, lower = ([part[level] if len(part) == 2 else "" for part in parts] for level in (0, 1))
    plain = [
        name if len(part) == 1 else upper[place]
        for place, (name, part) in enumerate(zip(names, parts, strict=True))
    ]
    return plain, [lower]


def _parts(name: str) -> tuple[str, ...]:
    if name.startswith("('") and name.endswith(")"):
        try:
            read = ast.literal_eval(name)
        except (ValueError, SyntaxError):
            return (name,)
        if isinstance(read, tuple):
            return tuple(str(part) for part in read)
    return (name,)
