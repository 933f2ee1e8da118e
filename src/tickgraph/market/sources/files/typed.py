"""Parquet and Feather files, whose columns have types."""

from __future__ import annotations

import ast
from io import BytesIO

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet

from tickgraph.errors import PriceDataError
from tickgraph.market.sources.files.folders import PriceFile
from tickgraph.market.sources.files.table import Table

_INDEX = "__index_level_"


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
